//! What caches may do with the response to an injected request (contract,
//! section 4, "Caching").
//!
//! A cache outside sees only a cookie, while the answer depends on the token
//! made of it. `Vary: Cookie` and `Cache-Control: private` (RFC 9111, 4.1 and
//! 5.2.2.7) keep it from serving one user's answer to another.

/// How a response's headers are changed; `None` leaves a header as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseEdit {
    /// The one `Vary` value that replaces all.
    pub vary: Option<Vec<u8>>,
    /// The one `Cache-Control` value that replaces all.
    pub cache_control: Option<Vec<u8>>,
}

/// Marks a response as private to the cookie, given all values of its
/// `Cache-Control` and `Vary`. An upstream that says `public` or `s-maxage`
/// has decided for itself.
pub fn private_headers(cache_control: &[&[u8]], vary: &[&[u8]]) -> ResponseEdit {
    let varies = members(vary).any(|name| name == b"*" || name.eq_ignore_ascii_case(b"cookie"));
    let decided = members(cache_control).any(decides);
    ResponseEdit {
        vary: (!varies).then(|| with(b"Cookie", vary)),
        cache_control: (!decided).then(|| with(b"private", cache_control)),
    }
}

/// `public` and `s-maxage` with or without an argument, `private` without one:
/// `private="x"` is about the field `x` only.
fn decides(directive: &[u8]) -> bool {
    let (name, qualified) = match directive.iter().position(|byte| *byte == b'=') {
        Some(at) => (directive.get(..at).unwrap_or_default().trim_ascii(), true),
        None => (directive, false),
    };
    name.eq_ignore_ascii_case(b"public")
        || name.eq_ignore_ascii_case(b"s-maxage")
        || (name.eq_ignore_ascii_case(b"private") && !qualified)
}

/// The members of a list header (RFC 9110, 5.6.1), trimmed. A comma inside a
/// quoted string separates nothing.
fn members<'a>(values: &[&'a [u8]]) -> impl Iterator<Item = &'a [u8]> {
    values.iter().flat_map(|value| {
        let (mut quoted, mut escaped) = (false, false);
        value
            .split(move |byte| {
                let separates = *byte == b',' && !quoted;
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' if quoted => escaped = true,
                    b'"' => quoted = !quoted,
                    _ => {}
                }
                separates
            })
            .map(<[u8]>::trim_ascii)
    })
}

/// The list with one more member: in front, where no unclosed quote swallows it.
fn with(member: &[u8], values: &[&[u8]]) -> Vec<u8> {
    let filled = values.iter().filter(|value| !value.trim_ascii().is_empty());
    let all: Vec<&[u8]> = [member].into_iter().chain(filled.copied()).collect();
    all.join(b", ".as_slice())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vary(values: &[&str]) -> Option<String> {
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        let vary = private_headers(&[], &values).vary;
        vary.map(|value| String::from_utf8(value).unwrap())
    }

    fn cache_control(values: &[&str]) -> Option<String> {
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        let cache_control = private_headers(&values, &[]).cache_control;
        cache_control.map(|value| String::from_utf8(value).unwrap())
    }

    #[test]
    fn vary_gets_cookie_beside_what_it_has() {
        for (values, expected) in [
            (&[] as &[&str], "Cookie"),
            (&[""], "Cookie"),
            (&["Accept"], "Cookie, Accept"),
            (
                &["Accept, Origin", "Accept-Language"],
                "Cookie, Accept, Origin, Accept-Language",
            ),
            (&["Set-Cookie"], "Cookie, Set-Cookie"),
            (&["x-*"], "Cookie, x-*"),
        ] {
            assert_eq!(vary(values).as_deref(), Some(expected), "{values:?}");
        }
    }

    #[test]
    fn vary_stays_where_it_names_cookie_or_everything() {
        for values in [
            &["Cookie"] as &[&str],
            &["accept,COOKIE"],
            &["Accept", " cookie "],
            &["*"],
            &["Accept, *"],
        ] {
            assert_eq!(vary(values), None, "{values:?}");
        }
    }

    #[test]
    fn cache_control_gets_private_beside_what_it_has() {
        for (values, expected) in [
            (&[] as &[&str], "private"),
            (&[""], "private"),
            (&["max-age=60"], "private, max-age=60"),
            (&["no-store", "max-age=0"], "private, no-store, max-age=0"),
            (&["private=\"x\""], "private, private=\"x\""),
            (&["private=x"], "private, private=x"),
            (
                &["publicity, x-public, s-maxage2"],
                "private, publicity, x-public, s-maxage2",
            ),
            (&["x=\"a, public, b\""], "private, x=\"a, public, b\""),
            (&["x=\"\\\", public\""], "private, x=\"\\\", public\""),
            (&["x=public"], "private, x=public"),
            (&["x=\"open, public"], "private, x=\"open, public"),
        ] {
            assert_eq!(
                cache_control(values).as_deref(),
                Some(expected),
                "{values:?}"
            );
        }
    }

    #[test]
    fn cache_control_stays_where_the_upstream_decided() {
        for values in [
            &["public"] as &[&str],
            &["max-age=60, PUBLIC"],
            &["s-maxage=10"],
            &["S-MaxAge = 10"],
            &["max-age=60", "private"],
            &["Private,max-age=0"],
            &["x=\"a\\\"b\", public"],
            &["x=\"open", "public"],
        ] {
            assert_eq!(cache_control(values), None, "{values:?}");
        }
    }

    proptest! {
        #[test]
        fn marking_once_is_enough(cache_control in ".{0,40}", vary in ".{0,40}") {
            let edit = private_headers(&[cache_control.as_bytes()], &[vary.as_bytes()]);
            let cache_control = edit.cache_control.unwrap_or(cache_control.into());
            let vary = edit.vary.unwrap_or(vary.into());
            prop_assert_eq!(private_headers(&[&cache_control], &[&vary]), ResponseEdit::default());
        }
    }
}
