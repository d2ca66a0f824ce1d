//! The names of what is counted.

use crate::reply::Problem;

macro_rules! counters {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A counter. Each is defined once per root context, in the order of
        /// [`Metric::ALL`]; Envoy shows it as `wasmcustom.<name>`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Metric {
            $($(#[$doc])* $variant,)*
        }

        impl Metric {
            /// Every counter; a metric's index here is `metric as usize`.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The counter's name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("token_relay.", $name),)*
                }
            }
        }
    };
}

counters! {
    /// Requests that went on with their session's token.
    Injected = "requests.injected",
    /// Requests answered 401 `no_session`.
    NoSession = "requests.no_session",
    /// Requests answered 401 `session_ambiguous`.
    SessionAmbiguous = "requests.session_ambiguous",
    /// Requests answered 401 `session_ended`.
    SessionEnded = "requests.session_ended",
    /// Requests answered 403 `cross_site`.
    CrossSite = "requests.cross_site",
    /// Requests answered 503 `store_unavailable`.
    StoreUnavailable = "requests.store_unavailable",
    /// Requests answered 503 `issuer_unavailable`.
    IssuerUnavailable = "requests.issuer_unavailable",
    /// Requests answered 503 `refresh_timeout`.
    RefreshTimeout = "requests.refresh_timeout",
    /// Requests answered 502 `record_invalid`.
    RecordInvalid = "requests.record_invalid",
    /// Requests answered 400 `path_ambiguous`.
    PathAmbiguous = "requests.path_ambiguous",
    /// Requests answered 404 `not_found`: a path of the issuer.
    NotFound = "requests.not_found",
    /// Requests to an endpoint of the relay that it does not take as they are:
    /// 400, 405, 408, 413, 415.
    EndpointRejected = "endpoints.rejected",
    /// Calls to the issuer's obtain endpoint.
    LoginCalls = "login.calls",
    /// Logins that the issuer accepted.
    LoginAccepted = "login.accepted",
    /// Logins that the issuer refused: wrong password, throttled and the like.
    LoginRefused = "login.refused",
    /// Logins that the issuer could not answer.
    LoginUnavailable = "login.unavailable",
    /// Logins answered as no issuer answers: a wrong configuration.
    LoginMisconfigured = "login.misconfigured",
    /// Sessions made by the endpoints login and adopt.
    SessionsCreated = "sessions.created",
    /// Sessions ended by a logout, or by a login that replaced them.
    SessionsLoggedOut = "sessions.logged_out",
    /// Calls to the store, repeated ones included.
    StoreCalls = "store.calls",
    /// Calls to the store that failed, whatever the reason.
    StoreFailures = "store.failures",
    /// Answers of the store thrown away because their nonce was another call's.
    NonceMismatch = "store.nonce_mismatch",
    /// Leases taken.
    LeaseClaimed = "lease.claimed",
    /// Leases found held by another worker or proxy.
    LeaseHeld = "lease.held",
    /// Claims that found the record already changed.
    LeaseChanged = "lease.changed",
    /// Calls to the issuer's refresh endpoint.
    RefreshCalls = "refresh.calls",
    /// Refreshes that the issuer accepted.
    RefreshAccepted = "refresh.accepted",
    /// Refreshes that the issuer refused.
    RefreshRefused = "refresh.refused",
    /// Refreshes that the issuer could not answer.
    RefreshUnavailable = "refresh.unavailable",
    /// Refreshes answered as no issuer answers: a wrong configuration.
    RefreshMisconfigured = "refresh.misconfigured",
    /// Refreshes whose answer was lost: the issuer may have rotated.
    RefreshOutcomeUnknown = "refresh_outcome_unknown",
    /// Refresh tokens presented, perhaps again, although whoever claimed them before left no
    /// word of how that ended.
    RefreshCutOff = "refresh.cut_off",
    /// Write-backs that had to be repeated.
    WritebackRetries = "writeback.retries",
    /// Write-backs given up because the refresh token expired meanwhile.
    WritebackAbandoned = "writeback.abandoned",
    /// Refresh tokens revoked because their session was gone or had moved on.
    Revocations = "revocations",
    /// Records deleted because the issuer refused their refresh token for good.
    SessionsDeleted = "sessions.deleted",
    /// Records deleted because the issuer refused a refresh token that an attempt
    /// without an answer had spent.
    SessionsLost = "sessions.lost",
}

impl From<Problem> for Metric {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::NoSession => Self::NoSession,
            Problem::SessionAmbiguous => Self::SessionAmbiguous,
            Problem::SessionEnded => Self::SessionEnded,
            Problem::CrossSite => Self::CrossSite,
            Problem::StoreUnavailable => Self::StoreUnavailable,
            Problem::IssuerUnavailable => Self::IssuerUnavailable,
            Problem::RefreshTimeout => Self::RefreshTimeout,
            Problem::RecordInvalid => Self::RecordInvalid,
            Problem::PathAmbiguous => Self::PathAmbiguous,
            Problem::NotFound => Self::NotFound,
            Problem::MethodNotAllowed
            | Problem::BodyTimeout
            | Problem::BodyTooLarge
            | Problem::MediaTypeUnsupported
            | Problem::BodyInvalid => Self::EndpointRejected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_counter_has_its_own_name_and_its_index() {
        let names: HashSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names.len(), Metric::ALL.len());
        for (index, metric) in Metric::ALL.iter().enumerate() {
            assert_eq!(*metric as usize, index);
        }
    }
}
