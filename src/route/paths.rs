//! How a path may be read (contract, section 4, "Paths").
//!
//! Proxies and servers differ in what they make of `//`, `\`, dot segments and
//! escapes, and in the order in which they do it.

use crate::config::decode_where;

/// The path of a request target: what stands before the `?`.
pub(super) fn without_query(target: &[u8]) -> &[u8] {
    before(target, b'?')
}

/// True where every server reads the same path: no escape, no `\`, no `#`, no
/// empty and no dot segment.
pub(super) fn is_plain(path: &[u8]) -> bool {
    // The current segment's length, and how many of its bytes are dots.
    let (mut length, mut dots) = (0_usize, 0_usize);
    for byte in path.iter().skip(1) {
        match byte {
            b'%' | b'\\' | b'#' => return false,
            b'/' if length == dots && length <= 2 => return false,
            b'/' => (length, dots) = (0, 0),
            b'.' => (length, dots) = (length + 1, dots + 1),
            _ => length += 1,
        }
    }
    // The last segment may be empty.
    length == 0 || length != dots || length > 2
}

/// What `path` becomes when `%2e %2f %5c` are decoded, `\` read as `/`, `//`
/// collapsed and dot segments removed (RFC 3986, 5.2.4). Servers collapse
/// before or after removing the dots, and `/a//../b` differs then: both.
///
/// A `#` cannot occur in a request target; servers that parse it as an URL
/// stop there.
pub(super) fn resolve(path: &[u8]) -> [Vec<u8>; 2] {
    let decoded: Vec<u8> = decode_where(before(path, b'#'), |byte| {
        matches!(byte, b'.' | b'/' | b'\\')
    })
    .map(|byte| if byte == b'\\' { b'/' } else { byte })
    .collect();
    [remove_dots(&decoded, true), remove_dots(&decoded, false)]
}

/// `path` with every percent-escape decoded, once.
pub(super) fn decode(path: &[u8]) -> Vec<u8> {
    decode_where(path, |_| true).collect()
}

fn remove_dots(path: &[u8], collapse_first: bool) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut ends_open = false;
    for segment in path.split(|byte| *byte == b'/').skip(1) {
        ends_open = matches!(segment, b"" | b"." | b"..");
        match segment {
            b"." => {}
            b".." => drop(kept.pop()),
            b"" if collapse_first => {}
            _ => kept.push(segment),
        }
    }
    let mut resolved = Vec::with_capacity(path.len());
    for segment in kept.into_iter().filter(|segment| !segment.is_empty()) {
        resolved.push(b'/');
        resolved.extend_from_slice(segment);
    }
    if ends_open || resolved.is_empty() {
        resolved.push(b'/');
    }
    resolved
}

fn before(text: &[u8], end: u8) -> &[u8] {
    text.split(|byte| *byte == end).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resolved(path: &str) -> [String; 2] {
        resolve(path.as_bytes()).map(|path| String::from_utf8(path).unwrap())
    }

    #[test]
    fn dot_segments_slashes_and_escapes_are_resolved() {
        for (path, expected) in [
            ("/", "/"),
            ("/api", "/api"),
            ("/api/", "/api/"),
            ("/api/...", "/api/..."),
            ("/.hidden/x", "/.hidden/x"),
            ("/a/b/c/./../../g", "/a/g"), // RFC 3986, 5.2.4
            ("/a/.", "/a/"),
            ("/a/b/..", "/a/"),
            ("/..", "/"),
            ("/../../api", "/api"),
            ("//api///x//", "/api/x/"),
            ("/x\\..\\api", "/api"),
            ("/x/%2e%2E/api", "/api"),
            ("/x/.%2e/api", "/api"),
            ("/x%2F..%5capi", "/api"),
            ("/%252e%252e/api", "/%252e%252e/api"), // decoded once, not twice
            ("/a%20b", "/a%20b"),
            ("/a%", "/a%"),
            ("/a%2", "/a%2"),
            ("/a%2g", "/a%2g"),
            ("/api#x/..", "/api"),
        ] {
            assert_eq!(resolved(path), [expected, expected], "{path}");
        }
    }

    #[test]
    fn both_orders_of_collapsing_and_dot_removal_are_given() {
        assert_eq!(resolved("/a//../b"), ["/b", "/a/b"]);
        assert_eq!(resolved("/x/..//api//../y"), ["/y", "/api/y"]);
    }

    #[test]
    fn every_escape_is_decoded_once() {
        assert_eq!(decode(b"/%74%6Fken%2525%ff%zz%"), b"/token%25\xff%zz%");
    }

    #[test]
    fn plain_paths_are_told_apart() {
        for plain in ["/", "/a", "/a/", "/a.b/..c/...", "/.a", "/a../b."] {
            assert!(is_plain(plain.as_bytes()), "{plain}");
        }
        for not in [
            "//", "/a//", "/.", "/..", "/a/./b", "/a/../b", "/a/..", "/a%20", "/\\", "/#",
        ] {
            assert!(!is_plain(not.as_bytes()), "{not}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_path_has_one_reading(path in "/[a-z./%\\\\#]{0,24}") {
            let path = path.as_bytes();
            if is_plain(path) {
                prop_assert_eq!(resolve(path), [path.to_vec(), path.to_vec()]);
                prop_assert_eq!(decode(path), path);
            }
        }

        #[test]
        fn a_path_without_escapes_that_is_not_plain_changes(path in "/[a./]{0,24}") {
            let path = path.as_bytes();
            prop_assert_eq!(is_plain(path), resolve(path).iter().all(|r| r == path));
        }

        #[test]
        fn resolving_is_done_in_one_go(path in "/([a.%/\\\\]|%2e|%2F|%5c|\\.\\.){0,24}") {
            for resolved in resolve(path.as_bytes()) {
                prop_assert_eq!(&resolved[..1], b"/");
                let again = remove_dots(&resolved, true);
                prop_assert_eq!(again, resolved);
            }
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            is_plain(&bytes);
            resolve(&bytes);
            decode(&bytes);
        }
    }
}
