//! How the issuer is asked (contract, section 6.6), and its kinds of answer.
//!
//! What all packages share is here: transport, status codes that say nothing
//! about a token, and whether an answer that brought no tokens may have spent
//! one. What differs from package to package is in one file for each preset.

mod allauth;
mod dialect;
mod dj_rest_auth;
mod misconfiguration;
mod oauth2;
mod refusal;
mod simplejwt;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::misconfiguration::Misconfiguration;
pub use self::refusal::Refusal;

use self::allauth::Allauth;
use self::dialect::{Ask, Dialect, Endpoint, Members};
use self::dj_rest_auth::DjRestAuth;
use self::oauth2::OAuth2;
use self::simplejwt::SimpleJwt;
use crate::callout::{Answer, Callout, CalloutResult, Failure, Peer};
use crate::config::{IssuerConfig, IssuerPaths, Preset};
use crate::redacted::Redacted;
use crate::tokens::IssuedTokens;

/// The longest that an issuer's `Retry-After` is followed.
const MAX_RETRY_AFTER: u64 = 60;

/// The issuer, ready to be asked.
pub struct Issuer {
    dialect: Box<dyn Dialect>,
    paths: IssuerPaths,
    authority: String,
    /// Configured headers of every call.
    headers: Vec<(String, Redacted<String>)>,
    timeout: Duration,
}

/// What an issuer made of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshAnswer {
    /// It gave new tokens.
    Accepted {
        /// The tokens.
        tokens: IssuedTokens,
        /// What the operator should look at all the same.
        doubt: Option<Misconfiguration>,
    },
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

/// What an issuer made of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObtainAnswer {
    /// It gave tokens.
    Accepted(IssuedTokens),
    /// It does not take them, or wants more.
    Refused(Refusal),
    /// It cannot answer now.
    Unavailable {
        /// How long it asks to be left alone: 1 to 60 s.
        retry_after: Option<Duration>,
    },
    /// It answers, but not as the configured issuer does.
    Misconfigured {
        /// What the operator should look at.
        why: Misconfiguration,
    },
}

/// Credentials that the issuer could not even be asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCredentials;

impl Issuer {
    /// Prepares the calls.
    pub fn new(config: &IssuerConfig) -> Self {
        let headers = config.headers.iter();
        Self {
            dialect: match config.preset {
                Preset::SimpleJwt => Box::new(SimpleJwt),
                Preset::DjRestAuth => Box::new(DjRestAuth),
                Preset::OAuth2 => Box::new(OAuth2::new(config.client.as_ref())),
                Preset::Allauth => Box::new(Allauth),
            },
            paths: config.paths.clone(),
            authority: config.authority.clone(),
            headers: headers
                .map(|(name, value)| (name.clone(), value.clone().into()))
                .collect(),
            timeout: config.timeout.max(Duration::from_millis(1)),
        }
    }

    /// The call that trades credentials, as the caller's JSON has them, for
    /// tokens. `client` is the caller's address: the issuer may count attempts
    /// by it.
    ///
    /// # Errors
    ///
    /// The credentials are no JSON object, or lack what the issuer asks for.
    pub fn obtain(
        &self,
        credentials: &[u8],
        client: Option<&str>,
    ) -> Result<Callout, BadCredentials> {
        const FORWARDED: &str = "x-forwarded-for";
        let mut callout = self.call(self.dialect.obtain(credentials)?);
        let configured = self.headers.iter().any(|(name, _)| name == FORWARDED);
        if let Some(client) = client.filter(|_| !configured) {
            let header = (FORWARDED.to_owned(), client.to_owned().into());
            callout.headers.push(header);
        }
        Ok(callout)
    }

    /// The call that trades a refresh token for new tokens. It must not be
    /// sent twice.
    pub fn refresh(&self, refresh: &Redacted<String>) -> Callout {
        self.call(self.dialect.refresh(refresh.expose()))
    }

    /// The call that ends a refresh token. `access`: an access token of the same
    /// login that has not expired, where the whole login is to end.
    pub fn revoke(&self, refresh: &Redacted<String>, access: Option<&Redacted<String>>) -> Callout {
        let access = access.map(|token| token.expose().as_str());
        self.call(self.dialect.revoke(refresh.expose(), access))
    }

    /// Configured headers come after those the preset needs.
    fn call(&self, ask: Ask) -> Callout {
        let path = match ask.endpoint {
            Endpoint::Obtain => &self.paths.obtain,
            Endpoint::Refresh => &self.paths.refresh,
            Endpoint::Revoke => &self.paths.revoke,
        };
        let mut headers: Vec<(String, Redacted<String>)> = Vec::new();
        let mut set = |name: &str, value: &str| {
            headers.push((name.to_owned(), value.to_owned().into()));
        };
        set(":method", ask.method);
        set(":path", path);
        set(":authority", &self.authority);
        if let Some(content_type) = ask.content_type {
            set("content-type", content_type);
        }
        set("accept", "application/json");
        if let Some(authorization) = ask.authorization {
            set("authorization", authorization.expose());
        }
        headers.extend(self.headers.iter().cloned());
        Callout {
            peer: Peer::Issuer,
            headers,
            body: ask.body.into(),
            timeout: self.timeout,
        }
    }

    /// Reads how the call of [`Issuer::obtain`] ended. `now` is system time
    /// since the epoch.
    pub fn read_obtain(&self, result: &CalloutResult, now: Duration) -> ObtainAnswer {
        let answer = match result {
            CalloutResult::Answer(answer) => answer,
            CalloutResult::Failure(_) => return ObtainAnswer::Unavailable { retry_after: None },
        };
        let status = answer.status;
        let members = members(answer);
        let unavailable = || ObtainAnswer::Unavailable {
            retry_after: retry_after(answer),
        };
        let misconfigured = |why: Option<Misconfiguration>| ObtainAnswer::Misconfigured {
            why: why.unwrap_or_else(|| Misconfiguration::of(status)),
        };
        match status {
            500..=599 => unavailable(),
            200 | 201 => match self.dialect.obtained(&members, now) {
                Some(tokens) => ObtainAnswer::Accepted(tokens),
                None => misconfigured(self.dialect.mistake(status, &members)),
            },
            400 | 401 | 429 => match (
                self.dialect.mistake(status, &members),
                Refusal::read(answer),
            ) {
                (None, Some(refusal)) => ObtainAnswer::Refused(refusal),
                // A page, or a proxy's.
                (None, None) if status == 429 => unavailable(),
                (mistake, _) => misconfigured(mistake),
            },
            _ => misconfigured(None),
        }
    }

    /// Reads how the call of [`Issuer::refresh`] ended. `now` is system time
    /// since the epoch.
    pub fn read_refresh(&self, result: &CalloutResult, now: Duration) -> RefreshAnswer {
        let answer = match result {
            CalloutResult::Answer(answer) => answer,
            CalloutResult::Failure(failure) => {
                return RefreshAnswer::Unavailable {
                    retry_after: None,
                    outcome_unknown: *failure != Failure::NotSent,
                };
            }
        };
        let status = answer.status;
        let members = members(answer);
        let tokens = match status {
            429 | 500..=599 => {
                return RefreshAnswer::Unavailable {
                    retry_after: retry_after(answer),
                    outcome_unknown: may_have_rotated(answer),
                };
            }
            200 | 201 => self.dialect.refreshed(&members, now),
            _ => None,
        };
        if let Some(tokens) = tokens {
            let doubt = self.dialect.doubt(status, answer.sets_cookie, &tokens);
            return RefreshAnswer::Accepted { tokens, doubt };
        }
        if self.dialect.is_refusal(status, &members) {
            return RefreshAnswer::Refused;
        }
        let mistake = self.dialect.mistake(status, &members);
        RefreshAnswer::Misconfigured {
            why: mistake.unwrap_or_else(|| Misconfiguration::of(status)),
            // Redirects and client errors come before any work; of other
            // statuses nothing is known.
            outcome_unknown: !(300..=499).contains(&status),
        }
    }

    /// Whether the call of [`Issuer::revoke`] was carried out.
    pub fn is_revoked(&self, result: &CalloutResult) -> bool {
        match result {
            CalloutResult::Answer(answer) => {
                self.dialect.is_revoked(answer.status, &members(answer))
            }
            CalloutResult::Failure(_) => false,
        }
    }
}

/// The members of the answer's JSON object; none if it is no such thing.
fn members(answer: &Answer) -> Members {
    serde_json::from_slice(answer.body.expose()).unwrap_or_default()
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
