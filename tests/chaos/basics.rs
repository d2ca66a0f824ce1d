//! What everything here is made of: time, chance, the name of a session.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest, Sha256};

/// Unix time in milliseconds: what all parts of one machine agree on.
pub type Ms = i64;

pub fn now() -> Ms {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Ms::try_from(now.expect("after 1970").as_millis()).expect("before the sun dies")
}

/// A session as logs name it: the first 8 hex digits of the SHA-256 of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(u32);

impl Tag {
    pub fn of(id: &str) -> Self {
        let digest = Sha256::digest(id);
        Self(u32::from_be_bytes([
            digest[0], digest[1], digest[2], digest[3],
        ]))
    }

    /// From those 8 digits.
    pub fn parse(hex: &str) -> Option<Self> {
        u32::from_str_radix(hex.get(..8)?, 16).ok().map(Self)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Chance that a seed repeats.
pub struct Chance(ChaCha8Rng);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number from 0, below this one.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a number");
        usize::try_from(self.0.next_u64() % end).expect("a number")
    }

    /// One of these.
    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// True so many times in a thousand.
    pub fn in_thousand(&mut self, times: usize) -> bool {
        self.below(1000) < times
    }

    /// A time between the two.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = usize::try_from(high.saturating_sub(low).as_millis()).expect("a short time");
        low + Duration::from_millis(u64::try_from(self.below(span + 1)).expect("a number"))
    }

    pub fn seed(&mut self) -> u64 {
        self.0.next_u64()
    }
}
