//! Nonces, owners and jitter from one seed.

use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::session::SessionId;

/// The relay's only source of chance, so that a seed repeats a run.
#[derive(Debug)]
pub(super) struct Random(ChaCha12Rng);

impl Random {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    /// 128 random bits in hexadecimal: a nonce, or an owner.
    pub(super) fn token(&mut self) -> String {
        format!("{:016x}{:016x}", self.0.next_u64(), self.0.next_u64())
    }

    /// A new session id: 256 random bits in base64url (RFC 4648, 5).
    pub(super) fn session_id(&mut self) -> SessionId {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        SessionId::new(&bytes)
    }

    /// A duration between the two, in milliseconds.
    pub(super) fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = high.saturating_sub(low).as_millis() as u64;
        low + Duration::from_millis(self.0.next_u64() % (span + 1))
    }
}
