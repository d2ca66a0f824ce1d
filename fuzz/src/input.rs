//! How the fuzzer's bytes become an input, and how a seed becomes such bytes.
//!
//! Everything is read from the front: a change of one byte changes one thing,
//! and a seed can be written down in the order in which it will be read.

use arbitrary::{Result, Unstructured};

/// A place in a list of `count`, which must be 2 to 256: one byte.
pub fn index(u: &mut Unstructured<'_>, count: usize) -> Result<usize> {
    assert!((2..=256).contains(&count), "one byte chooses");
    let byte: u8 = u.arbitrary()?;
    Ok(usize::from(byte) % count)
}

/// One of a list of 2 to 256: one byte.
pub fn one_of<'c, T>(u: &mut Unstructured<'_>, choices: &'c [T]) -> Result<&'c T> {
    let index = index(u, choices.len())?;
    Ok(&choices[index])
}

/// Yes or no: one byte.
pub fn flag(u: &mut Unstructured<'_>) -> Result<bool> {
    Ok(index(u, 2)? == 1)
}

/// One byte that says how many follow, and those: fewer where the input ends.
pub fn few<'a>(u: &mut Unstructured<'a>) -> Result<&'a [u8]> {
    let wanted: u8 = u.arbitrary()?;
    u.bytes(usize::from(wanted).min(u.len()))
}

/// All that is left.
pub fn rest<'a>(u: &mut Unstructured<'a>) -> Result<&'a [u8]> {
    u.bytes(u.len())
}

/// Bytes that are read as what was put in.
#[derive(Clone, Debug, Default)]
pub struct Seed(pub Vec<u8>);

impl Seed {
    /// For [`index`], [`one_of`] and [`flag`].
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.0.push(u8::try_from(index).expect("one byte"));
        self
    }

    /// For [`few`].
    #[must_use]
    pub fn few(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.0.push(u8::try_from(bytes.len()).expect("few bytes"));
        self.0.extend_from_slice(bytes);
        self
    }

    /// For [`rest`].
    #[must_use]
    pub fn rest(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(bytes.as_ref());
        self
    }
}

/// Bytes in which a byte below the space, and a number behind it, may stand for
/// something that no fuzzer would find. `known(byte, number)` says for what;
/// what it does not know stays as it is. The result is at most `limit` long.
pub fn expand(
    bytes: &[u8],
    limit: usize,
    mut known: impl FnMut(u8, u8) -> Option<Vec<u8>>,
) -> Vec<u8> {
    let mut expanded = Vec::new();
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        let stands_for = match tail {
            [number, ..] if *first < b' ' => known(*first, *number),
            _ => None,
        };
        match stands_for {
            Some(text) => {
                expanded.extend(text);
                rest = &tail[1..];
            }
            None => {
                expanded.push(*first);
                rest = tail;
            }
        }
        if expanded.len() >= limit {
            expanded.truncate(limit);
            break;
        }
    }
    expanded
}
