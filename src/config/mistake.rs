//! What a mistake says. Contract, section 8: text from outside is escaped and
//! cut at 64 bytes, and a secret is never shown.

use std::fmt;

/// One mistake in a configuration; `Display` makes one log line of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistake {
    /// Where, e.g. `session.secrets[0].env`; `configuration` for the whole.
    pub path: String,
    /// What stands there, without secrets.
    pub found: String,
    /// What may stand there, or what to do.
    pub allowed: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            found,
            allowed,
        } = self;
        write!(f, "{path}: found {found}; allowed: {allowed}")
    }
}

/// The longest quotation, in bytes after escaping.
const MAX_QUOTED: usize = 64;

/// Text of others in quotation marks, fit for a log line. Text with an `@` is
/// not shown: where an address is expected it may be `user:password@host`.
pub(super) fn quoted(text: &str) -> String {
    if text.contains('@') {
        return "a text with an \"@\" (not shown: it may hold a password)".to_owned();
    }
    format!("\"{}\"", escaped(text))
}

/// Escapes everything but printable ASCII, and cuts at 64 bytes.
pub(super) fn escaped(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        let start = shown.len();
        shown.extend(character.escape_default());
        if shown.len() > MAX_QUOTED {
            shown.truncate(start);
            shown.push('…');
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_is_one_printable_line() {
        assert_eq!(
            quoted("a\n\u{1b}[1mb\"\u{202e}ü"),
            r#""a\n\u{1b}[1mb\"\u{202e}\u{fc}""#
        );
    }

    #[test]
    fn a_quotation_is_cut_at_64_bytes() {
        assert_eq!(escaped(&"x".repeat(64)), "x".repeat(64));
        assert_eq!(escaped(&"x".repeat(65)), format!("{}…", "x".repeat(64)));
        // An escape is never cut in two.
        let cut = escaped(&format!("{}\n", "x".repeat(63)));
        assert_eq!(cut, format!("{}…", "x".repeat(63)));
    }

    #[test]
    fn an_address_with_a_user_part_is_not_quoted() {
        assert!(!quoted("relay:hunter2@webdis").contains("hunter2"));
    }
}
