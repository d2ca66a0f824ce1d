//! Forms of text that several fields share.

use std::net::Ipv6Addr;

/// What [`is_label`] accepts.
pub(super) const LABEL: &str =
    "1 to 256 bytes without control characters, and without white space at its ends";

/// A name that somebody else chose: a cluster, a claim, a member of a record.
pub(super) fn is_label(text: &str) -> bool {
    (1..=256).contains(&text.len()) && !text.chars().any(char::is_control) && text.trim() == text
}

/// A token of RFC 9110, section 5.6.2: cookie names (RFC 6265, section 4.1.1),
/// methods and header names are tokens.
pub(super) fn is_token(text: &str) -> bool {
    let special = b"!#$%&'*+-.^_`|~";
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || special.contains(&b))
}

/// What a host name may be made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Underscore {
    /// As Django's `ALLOWED_HOSTS` check has it.
    Refused,
    /// Names inside a cluster or a compose file have them.
    Allowed,
}

/// Cuts `host[:port]`; the host may be an IPv6 address in brackets.
pub(super) fn host_and_port(text: &str, underscore: Underscore) -> Option<(&str, Option<u16>)> {
    let (host, port) = if text.starts_with('[') {
        let (host, port) = text.split_at_checked(text.find(']')? + 1)?;
        match port.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if port.is_empty() => (host, None),
            None => return None,
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if !is_host(host, underscore) {
        return None;
    }
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|port| *port != 0)?)
        }
        Some(_) => return None,
    };
    Some((host, port))
}

fn is_host(host: &str, underscore: Underscore) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let underscore = underscore == Underscore::Allowed;
    // Labels are separated by single dots; one dot may end the name.
    host.len() <= 253
        && host
            .strip_suffix('.')
            .unwrap_or(host)
            .split('.')
            .all(|label| {
                !label.is_empty()
                    && label.bytes().all(|b| {
                        b.is_ascii_alphanumeric() || b == b'-' || (underscore && b == b'_')
                    })
            })
}

/// What [`is_plain_path`] accepts.
pub(super) const PLAIN_PATH: &str = "a path that starts with \"/\" and that everybody reads alike: visible ASCII (else percent-encoded) \
     without \"?\", \"#\", \"\\\", \"//\", \"/./\", \"/../\", %2e, %2f or %5c";

/// A path that means the same before and after resolving (contract, section 4,
/// "Paths"); any other could match nothing but what is refused as ambiguous.
pub(super) fn is_plain_path(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else {
        return false;
    };
    let lower = text.to_ascii_lowercase();
    text.len() <= 1024
        && text.bytes().all(|b| b.is_ascii_graphic())
        && !text.contains(['?', '#', '\\'])
        && !text.contains("//")
        && !["%2e", "%2f", "%5c"]
            .iter()
            .any(|code| lower.contains(code))
        && !rest
            .split('/')
            .any(|segment| segment == "." || segment == "..")
}

/// A path as Django reads it: with every escape decoded, once.
pub(super) fn decoded(path: &str) -> Vec<u8> {
    decode_where(path.as_bytes(), |_| true).collect()
}

/// Decodes the escapes whose byte `wanted` names; others stay as written.
pub(crate) fn decode_where(path: &[u8], wanted: fn(u8) -> bool) -> impl Iterator<Item = u8> {
    let mut rest = path;
    std::iter::from_fn(move || {
        if let [b'%', high, low, after @ ..] = rest
            && let Some(byte) = hex(*high, *low).filter(|byte| wanted(*byte))
        {
            rest = after;
            return Some(byte);
        }
        let (first, after) = rest.split_first()?;
        rest = after;
        Some(*first)
    })
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_no_separators() {
        assert!(is_token("__Host-session"));
        assert!(is_token("a.b!#$%&'*+-.^_`|~9"));
        for text in [
            "", "a b", "a;b", "a=b", "a,b", "a\"", "a/b", "a\t", "ü", "a:b", "a(b)", "a@b",
        ] {
            assert!(!is_token(text), "{text}");
        }
    }

    #[test]
    fn host_and_port_are_cut_apart() {
        let cut = |text| host_and_port(text, Underscore::Refused);
        assert_eq!(cut("api.example.com"), Some(("api.example.com", None)));
        assert_eq!(cut("localhost:8000"), Some(("localhost", Some(8000))));
        assert_eq!(cut("10.0.0.1:1"), Some(("10.0.0.1", Some(1))));
        assert_eq!(cut("[::1]"), Some(("[::1]", None)));
        assert_eq!(cut("[2001:db8::1]:443"), Some(("[2001:db8::1]", Some(443))));
        assert_eq!(cut("example.com."), Some(("example.com.", None)));
        for text in [
            "", ".", ":80", "a:", "a:0", "a:65536", "a:+80", "a:80:80", "a b", "a/b", "http://a",
            "::1", "[::1", "[::1]80", "[::1]:", "[g::]", "u@a", "a..b", ".a", "ü.de", "my_api",
        ] {
            assert_eq!(cut(text), None, "{text}");
        }
        assert!(host_and_port("my_api:80", Underscore::Allowed).is_some());
    }

    #[test]
    fn a_plain_path_reads_the_same_for_everybody() {
        for text in [
            "/",
            "/api/",
            "/a.b/..c/.well-known",
            "/a%20b",
            "/~x/%c3%bc",
            "/a:b@c;d=e",
        ] {
            assert!(is_plain_path(text), "{text}");
        }
        for text in [
            "", "api", "//", "/a//b", "/a\\b", "/./a", "/a/.", "/a/..", "/../a", "/a%2fb",
            "/a%2Fb", "/%2e", "/a%5Cb", "/a?b", "/a#b", "/a b", "/ü", "/a\n", "/\u{7f}",
        ] {
            assert!(!is_plain_path(text), "{text}");
        }
    }
}
