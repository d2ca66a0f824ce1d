//! Colours, for a terminal only.

use std::io::IsTerminal as _;

/// Whether, and how, text is coloured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    on: bool,
}

impl Style {
    /// Coloured on a terminal, unless `NO_COLOR` says no (no-color.org).
    pub(crate) fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            on: std::io::stdout().is_terminal() && !refused && !dumb,
        }
    }

    /// For what is wrong.
    pub(crate) fn red(self, text: &str) -> String {
        self.with("1;31", text)
    }

    /// For what is likely not meant.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    /// For what is well.
    pub(crate) fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    /// For headings.
    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// For what matters less.
    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
