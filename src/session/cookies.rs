//! The folded `Cookie` header as bytes (RFC 6265, section 5.4 is what browsers
//! write, 4.2 what servers read).
//!
//! Lenient like the parsers of Auth.js and Next.js: pairs end at `;`, the name
//! at the first `=`, spaces and tabs around both are no part of them. Names
//! match exactly, with their case. Quotes and percent signs belong to the
//! value, as for browsers and for Auth.js's own reading of its cookies; a
//! session cookie has neither. A part without `=` is a cookie without a name
//! and never a session cookie.

use memchr::{memchr, memchr_iter};

/// The highest index of a chunk (contract, section 3).
const LAST_CHUNK: usize = 31;

/// What a cookie is to a session cookie's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `name`: the whole value.
    Whole,
    /// `name.<index>`: one chunk of it.
    Chunk(usize),
}

/// The named cookies of a header in order, as (name, value).
pub(super) fn pairs(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    segments(header).filter_map(pair)
}

/// What the cookie `cookie` is to the session cookie `name`, if anything.
/// Indices are decimal without leading zeros, 0 to 31.
pub(super) fn part_of(cookie: &[u8], name: &str) -> Option<Part> {
    match cookie.strip_prefix(name.as_bytes())? {
        [] => Some(Part::Whole),
        [b'.', index @ ..] => chunk_index(index).map(Part::Chunk),
        _ => None,
    }
}

/// The header without the session cookies of these names: `name` itself and
/// `name.<digits>`, whatever the number, because a left-over chunk is part of a
/// credential too. All else stays byte for byte; `None` when nothing is left.
pub(super) fn strip(header: &[u8], names: &[String]) -> Option<Vec<u8>> {
    let mut kept = Vec::with_capacity(header.len());
    let others = segments(header).filter(|segment| {
        !pair(segment).is_some_and(|(cookie, _)| is_session_cookie(cookie, names))
    });
    for segment in others {
        if kept.is_empty() {
            // What is left begins with its first cookie, not with a separator.
            kept.extend_from_slice(trim_start(segment));
        } else {
            kept.push(b';');
            kept.extend_from_slice(segment);
        }
    }
    (!kept.is_empty()).then_some(kept)
}

fn is_session_cookie(cookie: &[u8], names: &[String]) -> bool {
    names
        .iter()
        .filter_map(|name| cookie.strip_prefix(name.as_bytes()))
        .any(|rest| match rest {
            [] => true,
            [b'.', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
            _ => false,
        })
}

fn chunk_index(digits: &[u8]) -> Option<usize> {
    let index = match digits {
        [unit @ b'0'..=b'9'] => usize::from(unit - b'0'),
        [ten @ b'1'..=b'9', unit @ b'0'..=b'9'] => {
            usize::from(ten - b'0') * 10 + usize::from(unit - b'0')
        }
        _ => return None,
    };
    (index <= LAST_CHUNK).then_some(index)
}

fn segments(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr_iter(b';', header).chain([header.len()]);
    ends.scan(0, |start, end| {
        let segment = header.get(*start..end);
        *start = end + 1;
        segment
    })
}

fn pair(segment: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = split_around(segment, memchr(b'=', segment)?)?;
    Some((trim(name), trim(value)))
}

/// The text before and behind the byte at `at`.
fn split_around(text: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    Some((text.get(..at)?, text.get(at + 1..)?))
}

fn trim(text: &[u8]) -> &[u8] {
    let mut text = trim_start(text);
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests;
