use proptest::prelude::*;

use super::*;

fn all(header: &[u8]) -> Vec<(&[u8], &[u8])> {
    pairs(header).collect()
}

fn names() -> Vec<String> {
    vec!["s".to_owned(), "__Host-t".to_owned()]
}

fn stripped(header: &str) -> Option<String> {
    strip(header.as_bytes(), &names()).map(|kept| String::from_utf8(kept).unwrap())
}

fn one(name: &'static str, value: &'static str) -> (&'static [u8], &'static [u8]) {
    (name.as_bytes(), value.as_bytes())
}

#[test]
fn pairs_end_at_semicolons_and_names_at_the_first_equals_sign() {
    assert_eq!(
        all(b"a=1; b=2;c=3=4"),
        [one("a", "1"), one("b", "2"), one("c", "3=4")]
    );
}

#[test]
fn spaces_and_tabs_around_names_and_values_do_not_count() {
    assert_eq!(
        all(b" \ta \t= \t1 2\t ;\tb=2 "),
        [one("a", "1 2"), one("b", "2")]
    );
}

#[test]
fn parts_without_an_equals_sign_are_no_named_cookies() {
    assert_eq!(all(b";; a ;=v; b=;"), [one("", "v"), one("b", "")]);
    assert_eq!(all(b""), []);
}

#[test]
fn quotes_commas_and_percent_signs_are_data() {
    assert_eq!(
        all(b"a=\"1\"; b=1,2; c=%41"),
        [one("a", "\"1\""), one("b", "1,2"), one("c", "%41")]
    );
}

#[test]
fn bytes_that_are_not_utf8_are_data() {
    assert_eq!(
        all(b"\xff=\xfe; a=\x80"),
        [(&b"\xff"[..], &b"\xfe"[..]), (b"a", b"\x80")]
    );
}

#[test]
fn names_match_exactly() {
    let name = "authjs.session-token";
    assert_eq!(part_of(name.as_bytes(), name), Some(Part::Whole));
    for other in [
        "xauthjs.session-token",
        "authjs.session-token-x",
        "authjs.session-tokenx",
        "authjs.session-toke",
        "Authjs.session-token",
        "authjs.session-token.",
        "authjs.session-token.x",
        "authjs.session-token.1x",
        "authjs.session-token..1",
        "authjs.session-token.1.1",
        "authjs.session-token.+1",
        "authjs.session-token.-1",
        "authjs.session-token.00",
        "authjs.session-token.01",
        "authjs.session-token.32",
        "authjs.session-token.100",
        "authjs.session-token.18446744073709551616",
        "",
    ] {
        assert_eq!(part_of(other.as_bytes(), name), None, "{other}");
    }
}

#[test]
fn chunks_are_numbered_from_0_to_31() {
    for index in 0..32 {
        let chunk = format!("s.{index}");
        assert_eq!(part_of(chunk.as_bytes(), "s"), Some(Part::Chunk(index)));
    }
}

#[test]
fn stripping_removes_every_session_cookie_and_nothing_else() {
    for (header, left) in [
        ("a=1; s=x; b=2", "a=1; b=2"),
        ("s=x; a=1; s=y; b=2; __Host-t=z", "a=1; b=2"),
        ("s.0=x; a=1; s.1=y; s.31=z; s.32=z; s.007=z", "a=1"),
        ("a=1;s=x;b=2", "a=1;b=2"),
        ("a=1;  s = x  ;\tb=2 ", "a=1;\tb=2 "),
        (
            "s-x=1; xs=2; S=3; s.=4; s.x=5; s=; s.1x=6",
            "s-x=1; xs=2; S=3; s.=4; s.x=5; s.1x=6",
        ),
        ("s; a=1", "s; a=1"),
        ("=s; s=x", "=s"),
        ("a=\"s=1\"; s=x", "a=\"s=1\""),
        ("; s=x; a=1;", "a=1;"),
        ("a=1", "a=1"),
    ] {
        assert_eq!(stripped(header).as_deref(), Some(left), "{header}");
    }
}

#[test]
fn nothing_is_left_of_session_cookies_alone() {
    for header in [
        "",
        "s=x",
        "s=x; s=y",
        " s=x ;; s.0=y; \t",
        "__Host-t=",
        ";;; ",
    ] {
        assert_eq!(stripped(header), None, "{header}");
    }
}

#[test]
fn stripping_keeps_foreign_bytes() {
    let left = strip(b"a=\xff\x80; s=\xfe; \xf0=1", &names());
    assert_eq!(left.as_deref(), Some(&b"a=\xff\x80; \xf0=1"[..]));
}

proptest! {
    #[test]
    fn stripping_keeps_the_other_pairs_and_no_session_cookie(
        parts in proptest::collection::vec("(s|s\\.[0-9]{1,3}|__Host-t|s-x|xs|a|b|)[ \t]?=?[a-z=\" ]{0,4}", 0..12),
        separator in "; ?",
    ) {
        let header = parts.join(&separator);
        let kept = strip(header.as_bytes(), &names()).unwrap_or_default();
        let expected: Vec<_> = all(header.as_bytes())
            .into_iter()
            .filter(|(name, _)| {
                let name = str::from_utf8(name).unwrap();
                let is_number = |rest: &str| rest.parse::<u16>().is_ok();
                !(name == "s" || name == "__Host-t" || name.strip_prefix("s.").is_some_and(is_number))
            })
            .collect();
        prop_assert_eq!(all(&kept), expected);
        prop_assert_eq!(strip(&kept, &names()).unwrap_or_default(), kept);
    }

    #[test]
    fn no_header_panics(header in proptest::collection::vec(prop_oneof![Just(b';'), Just(b'='), Just(b's'), Just(b'.'), any::<u8>()], 0..200)) {
        let kept = strip(&header, &names());
        prop_assert!(kept.is_none_or(|kept| kept.len() <= header.len()));
        prop_assert!(all(&header).len() <= header.len());
    }
}
