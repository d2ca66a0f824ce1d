//! What `check` has to say about one place in a file.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grade {
    /// The filter, or Envoy around it, would not do what is meant.
    Mistake,
    /// It works, but is likely not meant.
    Warning,
}

/// One mistake or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) grade: Grade,
    pub(crate) line: usize,
    /// The field, as the filter or Envoy calls it.
    pub(crate) path: String,
    /// What stands there, or the warning's text.
    pub(crate) found: String,
    /// What may stand there.
    pub(crate) allowed: Option<String>,
}

impl Finding {
    /// A mistake, worded as the filter words its own.
    pub(crate) fn mistake(
        line: usize,
        path: impl Into<String>,
        found: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Self {
        Self {
            grade: Grade::Mistake,
            line,
            path: path.into(),
            found: format!("found {}", found.into()),
            allowed: Some(format!("allowed: {}", allowed.into())),
        }
    }

    /// A warning.
    pub(crate) fn warning(line: usize, path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            grade: Grade::Warning,
            line,
            path: path.into(),
            found: text.into(),
            allowed: None,
        }
    }
}
