//! Remembers decrypted cookies: a browser sends the same one with every
//! request, and decrypting it costs more than all the rest of reading it.
//!
//! The memo changes no outcome. The whole value is compared, not a hash of it;
//! it serves only the name under which it was decrypted, because Auth.js's keys
//! depend on the name; only authentic tokens are kept; and their times are
//! judged by the caller at every use.

use lru::LruCache;

use super::claims::Claims;

/// Longer values are decrypted each time: they are rare, and memory is bounded
/// by entries. A browser's cookie has at most 4096 bytes, so this holds two chunks.
const MAX_VALUE: usize = 8 * 1024;

/// The most recently used decrypted cookies of one worker.
pub(super) struct Memo {
    entries: LruCache<Box<[u8]>, Entry>,
    capacity: usize,
}

struct Entry {
    name: usize,
    claims: Claims,
}

impl Memo {
    /// Keeps at most `capacity` cookies; 0 keeps none. Memory is taken as it is
    /// needed.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: LruCache::unbounded(),
            capacity,
        }
    }

    /// The claims of a cookie decrypted before under the `name`-th name.
    pub(super) fn get(&mut self, name: usize, value: &[u8]) -> Option<&Claims> {
        self.entries
            .get(value)
            .filter(|entry| entry.name == name)
            .map(|entry| &entry.claims)
    }

    /// Remembers a decrypted cookie; the least recently used one has to go.
    pub(super) fn put(&mut self, name: usize, value: &[u8], claims: Claims) {
        if self.capacity == 0 || value.len() > MAX_VALUE {
            return;
        }
        self.entries.put(value.into(), Entry { name, claims });
        if self.entries.len() > self.capacity {
            self.entries.pop_lru();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
