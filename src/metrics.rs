//! What is counted and measured, and under which names.
//!
//! A name is a family, then pairs of a label and its value:
//! `token_relay.store.calls.script.read.outcome.ok`. Envoy shows it with
//! `wasmcustom.` in front; the `stats_tags` of the shipped bootstrap turn the pairs
//! into labels of Prometheus: `token_relay_store_calls{script="read",outcome="ok"}`.

use crate::store::{Command, StoreError};

/// Something that is counted, once each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Requests that fell under a rule, by what became of them: the word of the
    /// access log.
    Request(&'static str),
    /// Requests with a session's cookie, by whether this worker's memory was enough
    /// to answer them.
    CacheLookup(CacheLookup),
    /// Calls to the store, repeated ones included.
    StoreCall {
        /// The [script's name](Command::name).
        script: &'static str,
        /// [`STORE_OK`], or the [error's word](StoreError::word).
        outcome: &'static str,
    },
    /// Claims that the store answered.
    LeaseClaim(LeaseClaim),
    /// Answers of the issuer's refresh endpoint, or their absence.
    Refresh {
        /// Why the refresh began.
        trigger: Trigger,
        /// How it ended.
        outcome: IssuerOutcome,
    },
    /// Refreshes whose answer was lost: the issuer may have rotated. They are
    /// also [`IssuerOutcome::Unavailable`] or [`IssuerOutcome::Misconfigured`].
    RefreshOutcomeUnknown,
    /// Refresh tokens presented, perhaps again, although whoever claimed them
    /// before left no word of how that ended.
    RefreshCutOff,
    /// Answers of the issuer's obtain endpoint, or their absence.
    Login(IssuerOutcome),
    /// Refresh tokens that no session holds any more, by whether the issuer has
    /// revoked them.
    Revocation(Revocation),
    /// Write-backs that had to be repeated.
    WritebackRetries,
    /// Write-backs given up because the refresh token expired meanwhile.
    WritebackAbandoned,
    /// Sessions made by the endpoints login and adopt.
    SessionsCreated,
    /// Sessions ended by a logout, or by a login that replaced them.
    SessionsLoggedOut,
    /// Records deleted because the issuer refused their refresh token for good.
    SessionsDeleted,
    /// Records deleted because the issuer refused a refresh token that an attempt
    /// without an answer had spent.
    SessionsLost,
}

/// The outcome of a call to the store that was answered.
pub const STORE_OK: &str = "ok";

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
            pub enum $name {
                $($(#[$variant_doc])* $variant,)*
            }

            impl $name {
                /// Every value.
                pub const ALL: &[Self] = &[$(Self::$variant,)*];

                /// The value as it is in the metric's name.
                pub const fn word(self) -> &'static str {
                    match self {
                        $(Self::$variant => $word,)*
                    }
                }
            }
        )*
    };
}

labels! {
    /// What a look into this worker's memory gave.
    CacheLookup {
        /// The request could be answered at once.
        Hit = "hit",
        /// It had to wait for the store, or for a refresh.
        Miss = "miss",
    }
    /// How a claim of the lease was answered.
    LeaseClaim {
        /// The lease is ours.
        Claimed = "claimed",
        /// Another worker or proxy has it.
        Held = "held",
        /// The record is another already.
        Changed = "changed",
        /// There is no record any more.
        Gone = "gone",
    }
    /// Why a refresh began.
    Trigger {
        /// A request needed it.
        OnDemand = "on_demand",
        /// The token was to expire soon; no request waited.
        Ahead = "ahead",
    }
    /// How the issuer answered.
    IssuerOutcome {
        /// With tokens.
        Accepted = "accepted",
        /// With its refusal of what was presented.
        Refused = "refused",
        /// Not, or that it could not.
        Unavailable = "unavailable",
        /// As no issuer of its kind does: a wrong configuration.
        Misconfigured = "misconfigured",
    }
    /// How a revocation ended.
    Revocation {
        /// The issuer revoked the token, or did not know it any more.
        Done = "done",
        /// The token ends with its expiry.
        Failed = "failed",
    }
    /// A number that rises and falls, summed over all workers.
    Gauge {
        /// Requests that are held.
        RequestsWaiting = "token_relay.requests_waiting",
        /// Calls to the store in flight.
        StoreCallsInFlight = "token_relay.calls_in_flight.peer.store",
        /// Calls to the issuer in flight.
        IssuerCallsInFlight = "token_relay.calls_in_flight.peer.issuer",
    }
    /// Times in microseconds, whose distribution is kept.
    Histogram {
        /// From sending a call to the store until it ended.
        StoreCall = "token_relay.store_call_us",
        /// From sending a call to the issuer until it ended.
        IssuerCall = "token_relay.issuer_call_us",
        /// How long requests were held, those that were not held left out.
        RequestWait = "token_relay.request_wait_us",
    }
}

impl Metric {
    /// Every counter; `verdicts` are the words of [`Metric::Request`].
    pub fn all(verdicts: impl Iterator<Item = &'static str>) -> Vec<Self> {
        let mut all: Vec<_> = verdicts.map(Self::Request).collect();
        all.extend(CacheLookup::ALL.iter().copied().map(Self::CacheLookup));
        for script in Command::NAMES {
            let outcomes = [STORE_OK].iter().chain(StoreError::WORDS);
            all.extend(outcomes.map(|outcome| Self::StoreCall { script, outcome }));
        }
        all.extend(LeaseClaim::ALL.iter().copied().map(Self::LeaseClaim));
        for trigger in Trigger::ALL.iter().copied() {
            let outcomes = IssuerOutcome::ALL.iter().copied();
            all.extend(outcomes.map(|outcome| Self::Refresh { trigger, outcome }));
        }
        all.extend(IssuerOutcome::ALL.iter().copied().map(Self::Login));
        all.extend(Revocation::ALL.iter().copied().map(Self::Revocation));
        all.extend([
            Self::RefreshOutcomeUnknown,
            Self::RefreshCutOff,
            Self::WritebackRetries,
            Self::WritebackAbandoned,
            Self::SessionsCreated,
            Self::SessionsLoggedOut,
            Self::SessionsDeleted,
            Self::SessionsLost,
        ]);
        all
    }

    /// The name without labels.
    pub const fn family(self) -> &'static str {
        match self {
            Self::Request(_) => "token_relay.requests",
            // No part `cache`: Istio's bootstrap makes a label of it and what follows.
            Self::CacheLookup(_) => "token_relay.cache_lookups",
            Self::StoreCall { .. } => "token_relay.store.calls",
            Self::LeaseClaim(_) => "token_relay.lease.claims",
            Self::Refresh { .. } => "token_relay.refresh.calls",
            Self::RefreshOutcomeUnknown => "token_relay.refresh_outcome_unknown",
            Self::RefreshCutOff => "token_relay.refresh.cut_off",
            Self::Login(_) => "token_relay.login.calls",
            Self::Revocation(_) => "token_relay.revocation.calls",
            Self::WritebackRetries => "token_relay.writeback.retries",
            Self::WritebackAbandoned => "token_relay.writeback.abandoned",
            Self::SessionsCreated => "token_relay.sessions.created",
            Self::SessionsLoggedOut => "token_relay.sessions.logged_out",
            Self::SessionsDeleted => "token_relay.sessions.deleted",
            Self::SessionsLost => "token_relay.sessions.lost",
        }
    }

    /// The whole name.
    pub fn name(self) -> String {
        let family = self.family();
        match self {
            Self::Request(verdict) => format!("{family}.verdict.{verdict}"),
            Self::CacheLookup(result) => format!("{family}.result.{}", result.word()),
            Self::StoreCall { script, outcome } => {
                format!("{family}.script.{script}.outcome.{outcome}")
            }
            Self::LeaseClaim(outcome) => format!("{family}.outcome.{}", outcome.word()),
            Self::Refresh { trigger, outcome } => {
                let (trigger, outcome) = (trigger.word(), outcome.word());
                format!("{family}.trigger.{trigger}.outcome.{outcome}")
            }
            Self::Login(outcome) => format!("{family}.outcome.{}", outcome.word()),
            Self::Revocation(outcome) => format!("{family}.outcome.{}", outcome.word()),
            Self::RefreshOutcomeUnknown
            | Self::RefreshCutOff
            | Self::WritebackRetries
            | Self::WritebackAbandoned
            | Self::SessionsCreated
            | Self::SessionsLoggedOut
            | Self::SessionsDeleted
            | Self::SessionsLost => family.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_metric_has_a_name_of_its_own_that_envoy_can_show() {
        let all = Metric::all(["pass", "no_session"].into_iter());
        let mut names: Vec<_> = all.iter().map(|metric| metric.name()).collect();
        names.extend(Gauge::ALL.iter().map(|gauge| gauge.word().to_owned()));
        names.extend(Histogram::ALL.iter().map(|times| times.word().to_owned()));
        let fit = |byte: u8| byte.is_ascii_lowercase() || b"._".contains(&byte);
        for name in &names {
            assert!(name.starts_with("token_relay."), "{name}");
            assert!(name.bytes().all(fit), "{name}");
        }
        let different: HashSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
    }
}
