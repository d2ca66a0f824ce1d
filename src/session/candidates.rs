//! Which values may be the session cookie (contract, section 3): every value
//! under the plain name, then every complete set of chunks.
//!
//! A sub-domain can plant cookies under the same names, and the header does not
//! tell whose a cookie is. So nothing is decided here by position: values that
//! could be the session are all collected, within a bound, and those that do
//! not decrypt are skipped later. A set of chunks is *complete* when it starts
//! at `.0`, has no gap, and its join has the outline of a compact JWE (five
//! parts, the last as long as a tag is). The outline is what keeps a planted
//! `name.2` from spoiling a session of `name.0` and `name.1`: the longer join
//! is none, the shorter one is. Chunks that occur twice are alternatives.

use super::cookies::{self, Part};
use super::jwe::Outline;

/// How many candidates one request may have, all names together.
pub(super) const MAX_CANDIDATES: usize = 8;

/// How many beginnings of a set are followed at a time: bounds the work when
/// many chunks occur several times.
const MAX_OPEN: usize = 16;

/// The candidates under one name, without empty values and without repetition.
pub(super) struct Candidates<'h> {
    whole: Few<'h>,
    sets: Vec<Vec<u8>>,
}

impl<'h> Candidates<'h> {
    /// Collects at most `room` candidates under `name`. Chunks are looked at
    /// only with `chunked`: the value of an `opaque` cookie, a session id, has
    /// at most 128 characters and is never cut.
    pub(super) fn under(name: &str, header: &'h [u8], chunked: bool, room: usize) -> Self {
        let mut whole = Few::default();
        let mut chunks: Vec<Few<'h>> = Vec::new();
        for (cookie, value) in cookies::pairs(header) {
            match cookies::part_of(cookie, name) {
                Some(Part::Whole) if whole.len < room => whole.insert(value),
                Some(Part::Chunk(index)) if chunked => {
                    if chunks.len() <= index {
                        chunks.resize_with(index + 1, Few::default);
                    }
                    if let Some(alternatives) = chunks.get_mut(index) {
                        alternatives.insert(value);
                    }
                }
                _ => {}
            }
        }
        let sets = complete_sets(&chunks, &whole, room.saturating_sub(whole.len));
        Self { whole, sets }
    }

    pub(super) fn len(&self) -> usize {
        self.whole.len + self.sets.len()
    }

    /// How many of them stand under the plain name.
    #[cfg(not(target_os = "wasi"))]
    pub(super) fn wholes(&self) -> usize {
        self.whole.len
    }

    /// The values: whole ones in the order of the header, then joined sets,
    /// those of fewer chunks first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.whole.iter().chain(self.sets.iter().map(Vec::as_slice))
    }
}

/// A set's beginning.
#[derive(Default)]
struct Open<'h> {
    chunks: Vec<&'h [u8]>,
    outline: Outline,
}

/// Joins the complete sets, level by level: after step `i` all beginnings
/// `.0 … .i` that can still become one are open. An index without a chunk ends
/// the search, since it leaves nothing open.
fn complete_sets(chunks: &[Few<'_>], whole: &Few<'_>, room: usize) -> Vec<Vec<u8>> {
    let mut sets: Vec<Vec<u8>> = Vec::new();
    if chunks.is_empty() {
        return sets; // The usual case: nothing is allocated.
    }
    let mut open = vec![Open::default()];
    for alternatives in chunks {
        let mut longer = Vec::new();
        for (begun, chunk) in open
            .iter()
            .flat_map(|begun| alternatives.iter().map(move |chunk| (begun, chunk)))
        {
            let outline = begun.outline.followed_by(chunk);
            let chunks = || begun.chunks.iter().copied().chain([chunk]);
            if outline.is_complete() && sets.len() < room {
                let joined = chunks().collect::<Vec<_>>().concat();
                if !whole.contains(&joined) && !sets.contains(&joined) {
                    sets.push(joined);
                }
            }
            if outline.may_grow() && longer.len() < MAX_OPEN {
                longer.push(Open {
                    chunks: chunks().collect(),
                    outline,
                });
            }
        }
        open = longer;
    }
    sets
}

/// Up to [`MAX_CANDIDATES`] different values, kept without allocating.
#[derive(Clone, Copy, Default)]
struct Few<'h> {
    values: [&'h [u8]; MAX_CANDIDATES],
    len: usize,
}

impl<'h> Few<'h> {
    /// Adds a value unless it is empty, known, or one too many.
    fn insert(&mut self, value: &'h [u8]) {
        if value.is_empty() || self.contains(value) {
            return;
        }
        if let Some(slot) = self.values.get_mut(self.len) {
            *slot = value;
            self.len += 1;
        }
    }

    fn contains(&self, value: &[u8]) -> bool {
        self.iter().any(|known| known == value)
    }

    fn iter(&self) -> impl Iterator<Item = &'h [u8]> + use<'h> {
        self.values.into_iter().take(self.len)
    }
}

#[cfg(test)]
mod tests;
