//! How the issuer is asked (contract, section 6.6), and its kinds of answer.
//!
//! What all packages share is here: transport, status codes that say nothing
//! about a token, and whether an answer that brought no tokens may have spent
//! one. What differs from package to package is in one file for each preset.

mod simplejwt;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_json::{Map, Value};

use crate::callout::{Answer, Callout, CalloutResult, Failure, Peer};
use crate::config::{IssuerConfig, Preset};
use crate::redacted::Redacted;
use crate::tokens::{IssuedTokens, fits_header};

/// The longest that an issuer's `Retry-After` is followed.
const MAX_RETRY_AFTER: u64 = 60;

/// The issuer, ready to be asked.
pub struct Issuer {
    preset: Preset,
    refresh: Endpoint,
    revoke: Endpoint,
}

/// Everything of a call but its body.
struct Endpoint {
    headers: Vec<(String, Redacted<String>)>,
    timeout: Duration,
}

/// What an issuer made of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshAnswer {
    /// It gave new tokens.
    Accepted(IssuedTokens),
    /// It will never take this refresh token (again).
    Refused,
    /// It cannot answer now.
    Unavailable {
        /// How long it asks to be left alone: 1 to 60 s.
        retry_after: Option<Duration>,
        /// The refresh token may be spent all the same.
        outcome_unknown: bool,
    },
    /// It answers, but not as the configured issuer does.
    Misconfigured {
        /// What the operator should look at.
        why: Misconfiguration,
        /// The refresh token may be spent all the same.
        outcome_unknown: bool,
    },
}

/// An answer that the configured issuer does not give. Its text tells the
/// operator where to look and quotes nothing of the answer but the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misconfiguration {
    /// 3xx.
    #[error(
        "the issuer redirects (status {0}): check the trailing slashes of issuer.paths, and \
         whether Django wants x-forwarded-proto: https in issuer.headers"
    )]
    Redirect(u16),
    /// 400.
    #[error(
        "the issuer does not understand the call (status 400): check that issuer.authority is in \
         Django's ALLOWED_HOSTS, and issuer.preset"
    )]
    BadRequest,
    /// 401 that says nothing about the refresh token.
    #[error(
        "something else than the token endpoint asks for credentials (status 401): check \
         issuer.cluster and issuer.paths"
    )]
    Unauthorized,
    /// Any other status.
    #[error("the issuer has no such endpoint (status {0}): check issuer.cluster and issuer.paths")]
    Status(u16),
    /// A success without tokens that can be used.
    #[error(
        "the issuer's answer (status {0}) holds no usable tokens: check issuer.preset and \
         issuer.paths"
    )]
    NoTokens(u16),
}

impl Issuer {
    /// Prepares the calls.
    pub fn new(config: &IssuerConfig) -> Self {
        let content_type = match config.preset {
            Preset::SimpleJwt => simplejwt::CONTENT_TYPE,
        };
        Self {
            preset: config.preset,
            refresh: Endpoint::new(config, &config.paths.refresh, content_type),
            revoke: Endpoint::new(config, &config.paths.revoke, content_type),
        }
    }

    /// The call that trades a refresh token for new tokens. It must not be
    /// sent twice.
    pub fn refresh(&self, refresh: &Redacted<String>) -> Callout {
        self.refresh.call(match self.preset {
            Preset::SimpleJwt => simplejwt::body(refresh),
        })
    }

    /// The call that ends a refresh token. Nothing depends on its answer.
    pub fn revoke(&self, refresh: &Redacted<String>) -> Callout {
        self.revoke.call(match self.preset {
            Preset::SimpleJwt => simplejwt::body(refresh),
        })
    }

    /// Reads how the call of [`Issuer::refresh`] ended.
    pub fn read_refresh(&self, result: &CalloutResult) -> RefreshAnswer {
        let answer = match result {
            CalloutResult::Answer(answer) => answer,
            CalloutResult::Failure(failure) => {
                return RefreshAnswer::Unavailable {
                    retry_after: None,
                    outcome_unknown: *failure != Failure::NotSent,
                };
            }
        };
        match answer.status {
            429 | 500..=599 => RefreshAnswer::Unavailable {
                retry_after: retry_after(answer),
                outcome_unknown: may_have_rotated(answer),
            },
            _ => match self.preset {
                Preset::SimpleJwt => simplejwt::read(answer),
            },
        }
    }
}

impl Endpoint {
    /// Configured headers come after those the preset needs.
    fn new(config: &IssuerConfig, path: &str, content_type: &str) -> Self {
        let own = [
            (":method", "POST"),
            (":path", path),
            (":authority", &config.authority),
            ("content-type", content_type),
            ("accept", "application/json"),
        ];
        let configured = config
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        Self {
            headers: own
                .into_iter()
                .chain(configured)
                .map(|(name, value)| (name.to_owned(), value.to_owned().into()))
                .collect(),
            timeout: config.timeout.max(Duration::from_millis(1)),
        }
    }

    fn call(&self, body: Vec<u8>) -> Callout {
        Callout {
            peer: Peer::Issuer,
            headers: self.headers.clone(),
            body: body.into(),
            timeout: self.timeout,
        }
    }
}

/// Seconds only; a date would need the issuer's clock.
fn retry_after(answer: &Answer) -> Option<Duration> {
    let text = answer.retry_after.as_deref()?.trim_ascii();
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = str::from_utf8(text).ok()?.parse().unwrap_or(u64::MAX);
    Some(Duration::from_secs(seconds.clamp(1, MAX_RETRY_AFTER)))
}

/// Whether a 429 or 5xx may hide a refresh that took place.
///
/// A 429 and the issuer's own 503 come before any work. A 503 that Envoy made,
/// here or in a mesh on the way, means that no answer came: harmless only if
/// no connection came about.
fn may_have_rotated(answer: &Answer) -> bool {
    let body = answer.body.expose();
    match answer.status {
        429 => false,
        503 if answer.from_peer && !body.starts_with(b"upstream connect error") => false,
        503 => !NEVER_SENT.iter().any(|reason| {
            body.windows(reason.len())
                .any(|window| window == reason.as_bytes())
        }),
        _ => true,
    }
}

/// Envoy's texts for a 503 where nothing left the proxy.
const NEVER_SENT: [&str; 5] = [
    "no healthy upstream",
    "reset reason: remote connection failure",
    "reset reason: local connection failure",
    "reset reason: connection timeout",
    "reset reason: overflow",
];

/// An answer below 500 that no preset expects. Redirects and client errors
/// come before any work; of other statuses nothing is known.
fn misconfigured(status: u16) -> RefreshAnswer {
    RefreshAnswer::Misconfigured {
        why: match status {
            200..=299 => Misconfiguration::NoTokens(status),
            300..=399 => Misconfiguration::Redirect(status),
            400 => Misconfiguration::BadRequest,
            401 => Misconfiguration::Unauthorized,
            _ => Misconfiguration::Status(status),
        },
        outcome_unknown: !(300..=499).contains(&status),
    }
}

/// The answer's JSON object.
fn object(answer: &Answer) -> Option<Map<String, Value>> {
    serde_json::from_slice(answer.body.expose()).ok()
}

/// Tokens out of an answer's members. `None` unless the access token is fit
/// for a header and the refresh token a string, empty, null or absent.
fn issued(access: Option<&Value>, refresh: Option<&Value>) -> Option<IssuedTokens> {
    let access = access?.as_str().filter(|token| fits_header(token))?;
    let refresh = match refresh {
        None | Some(Value::Null) => None,
        Some(refresh) => match refresh.as_str()? {
            "" => None,
            token => Some(Some(token).filter(|token| fits_header(token))?),
        },
    };
    Some(IssuedTokens {
        access: access.to_owned().into(),
        refresh: refresh.map(|token| token.to_owned().into()),
        access_exp: None,
    })
}

/// Credentials that are no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCredentials;

/// An issuer's refusal of credentials, fit to be passed on.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its status.
    pub status: u16,
    /// Its `Content-Type`.
    pub content_type: String,
    /// Its `Retry-After`.
    pub retry_after: Option<String>,
    /// Its body.
    pub body: String,
}

impl Refusal {
    /// Without what would finish an allauth login.
    #[must_use]
    pub fn without_session_token(self) -> Self {
        self
    }
}

/// What an issuer made of credentials.
pub enum ObtainAnswer {
    /// It gave tokens.
    Accepted(IssuedTokens),
    /// It does not take them.
    Refused(Refusal),
    /// It cannot answer now.
    Unavailable {
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// It answers, but not as the configured issuer does.
    Misconfigured {
        /// What the operator should look at.
        why: Misconfiguration,
    },
}

impl Issuer {
    /// The call that trades credentials for tokens.
    ///
    /// # Errors
    /// They are no JSON object.
    pub fn obtain(
        &self,
        credentials: &[u8],
        client: Option<&str>,
    ) -> Result<Callout, BadCredentials> {
        let _: Map<String, Value> =
            serde_json::from_slice(credentials).map_err(|_| BadCredentials)?;
        let mut callout = self.refresh.call(credentials.to_vec());
        if let Some(path) = callout.headers.get_mut(1) {
            path.1 = "/api/token/".to_owned().into();
        }
        if let Some(client) = client {
            let forwarded = ("x-forwarded-for".to_owned(), client.to_owned().into());
            callout.headers.push(forwarded);
        }
        Ok(callout)
    }

    /// Reads how the call of [`Issuer::obtain`] ended.
    pub fn read_obtain(&self, result: &CalloutResult, _now: Duration) -> ObtainAnswer {
        let CalloutResult::Answer(answer) = result else {
            return ObtainAnswer::Unavailable { retry_after: None };
        };
        let text = |value: &Option<Vec<u8>>| {
            value
                .as_deref()
                .and_then(|value| str::from_utf8(value).ok())
                .map(str::to_owned)
        };
        match answer.status {
            400 | 401 | 429 => ObtainAnswer::Refused(Refusal {
                status: answer.status,
                content_type: text(&answer.content_type)
                    .unwrap_or_else(|| "application/json".to_owned()),
                retry_after: text(&answer.retry_after),
                body: String::from_utf8_lossy(answer.body.expose()).into_owned(),
            }),
            500..=599 => ObtainAnswer::Unavailable {
                retry_after: retry_after(answer),
            },
            status => {
                let members = object(answer).unwrap_or_default();
                issued(members.get("access"), members.get("refresh")).map_or(
                    ObtainAnswer::Misconfigured {
                        why: Misconfiguration::Status(status),
                    },
                    ObtainAnswer::Accepted,
                )
            }
        }
    }
}
