//! A wrapper that keeps private values out of logs.

use std::fmt;

/// A token, session id or secret. `Debug` prints a placeholder and there is no
/// `Display`, so that a value gets out only where [`Redacted::expose`] is
/// written.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Wraps a private value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The private value. Every use is a place to check in review.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Redacted<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_value() {
        let shown = format!("{:?}", Some(Redacted::new("eyJsecret")));
        assert_eq!(shown, "Some([redacted])");
    }
}
