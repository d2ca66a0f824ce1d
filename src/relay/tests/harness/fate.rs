//! What becomes of a call on its way.

use std::time::Duration;

use crate::callout::Failure;

/// Which calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Read,
    Claim,
    Commit,
    Release,
    Delete,
    Create,
    Look,
    Obtain,
    Refresh,
    Revoke,
}

impl Target {
    pub(crate) const STORE: [Self; 7] = [
        Self::Read,
        Self::Claim,
        Self::Commit,
        Self::Release,
        Self::Delete,
        Self::Create,
        Self::Look,
    ];

    pub(super) fn is_store(self) -> bool {
        Self::STORE.contains(&self)
    }
}

/// The fate of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// Carried out after `there`, answered after `back` more. Where that takes
    /// longer than the call's time-out, the host makes up a 504 then; the call
    /// is carried out nevertheless.
    Takes { there: Duration, back: Duration },
    /// Never arrives; the host makes up a 504.
    Lost,
    /// Carried out, but the answer carries another call's nonce.
    OtherNonce,
    /// Not carried out; this status and body instead.
    Status(u16, &'static str),
    /// Not carried out; this status and `Retry-After`.
    RetryAfter(u16, &'static str),
    /// Not carried out; the gateway passes on this error of Redis.
    Redis(&'static str),
    /// Carried out, answered with this status and body.
    Garbled(u16, &'static str),
    /// Another call's answer comes at once; carried out after this long.
    Crossed(Duration, &'static str),
    /// The host says so at once. Carried out unless it was not sent.
    Fails(Failure),
}

impl Fate {
    /// Carried out, but the answer is lost.
    pub(crate) const UNANSWERED: Self = Self::Takes {
        there: Duration::from_millis(1),
        back: Duration::from_secs(1_000_000),
    };

    /// Carried out and answered after this long in all.
    pub(crate) const fn slow(there: Duration) -> Self {
        Self::Takes {
            there,
            back: Duration::ZERO,
        }
    }
}
