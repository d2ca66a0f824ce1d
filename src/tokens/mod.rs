//! What a session holds (contract, section 5): the record, its times, and how
//! fresh its access token is.

mod jwt;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde_json::value::{RawValue, to_raw_value};

use crate::config::{Fields, RefreshConfig};
use crate::redacted::Redacted;

/// Tokens as an issuer just gave them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedTokens {
    /// The new access token.
    pub access: Redacted<String>,
    /// The new refresh token; `None` without rotation.
    pub refresh: Option<Redacted<String>>,
    /// The access token's expiry in Unix seconds when the answer named it
    /// beside the token; else the JWT's `exp` counts.
    pub access_exp: Option<u64>,
}

/// A session's record, as read from the store or as it is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    text: Redacted<String>,
    access: Redacted<String>,
    refresh: Option<Redacted<String>>,
    access_exp: Option<u64>,
    refresh_exp: Option<u64>,
    /// The access token's whole life in seconds, where it is a JWT.
    lifetime: Option<u64>,
    authorization: Rc<Redacted<String>>,
}

/// The members of a record, each value as it was written.
type Members = BTreeMap<String, Box<RawValue>>;

/// The record cannot be understood; says why without quoting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Longer than [`MAX_RECORD`].
    #[error("the record is larger than 128 KiB")]
    TooLarge,
    /// Not a JSON object.
    #[error("the record is not a JSON object")]
    NotAnObject,
    /// The access token is missing, empty, not a string or not fit for a header.
    #[error("the record's access token is missing or no token")]
    Access,
    /// The refresh token is not a string, or longer than 16 KiB.
    #[error("the record's refresh token is not a string, or longer than 16 KiB")]
    Refresh,
    /// A time is not a number of seconds.
    #[error("one of the record's times is not a number of seconds")]
    Time,
    /// What the gateway shows is not what the store compares.
    #[error("the record holds bytes that the gateway does not show, such as NUL")]
    Unfaithful,
}

/// What may be done with an access token now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Send it.
    Fresh,
    /// Send it, and refresh it in the background.
    Ahead,
    /// Do not send it.
    Stale,
}

/// A longer record is not taken, in bytes. A write-back carries two of them, each
/// byte as up to three: it must fit into what the gateway takes, or a refresh
/// could not be stored after the issuer has rotated. `envoy/webdis.json` allows
/// 1 MiB (`http_max_request_size`).
const MAX_RECORD: usize = 128 << 10;

/// A longer token is none, in bytes: Envoy takes 60 KiB of headers.
const MAX_TOKEN: usize = 16 << 10;

/// What a live access token still has at least: time for a call, and for clocks
/// that differ. Allauth answers the end of a login with the same 401 whether the
/// token was taken or had expired.
const ON_THE_WAY: Duration = Duration::from_secs(10);

/// The last second of the year 9999. A greater time is in milliseconds, a
/// smaller one may be somebody's "never".
const END_OF_TIME: u64 = 253_402_300_799;

impl Record {
    /// Reads a record's JSON text.
    pub fn parse(text: &str, fields: &Fields) -> Result<Self, RecordError> {
        if text.len() > MAX_RECORD {
            return Err(RecordError::TooLarge);
        }
        let members: Members = serde_json::from_str(text).map_err(|_| RecordError::NotAnObject)?;
        let access = string(&members, &fields.access).map_err(|_| RecordError::Access)?;
        let refresh = string(&members, &fields.refresh).map_err(|_| RecordError::Refresh)?;
        if refresh
            .as_ref()
            .is_some_and(|token| token.len() > MAX_TOKEN)
        {
            return Err(RecordError::Refresh);
        }
        let access = access
            .filter(|token| fits_header(token))
            .ok_or(RecordError::Access)?;
        Ok(Self::assemble(
            text.to_owned(),
            access.into(),
            refresh.map(Redacted::new),
            time(&members, &fields.access_exp)?,
            time(&members, &fields.refresh_exp)?,
        ))
    }

    /// The record of a new session. `refresh_exp` is the refresh token's expiry
    /// in Unix seconds where it is known otherwise than by the token itself.
    pub fn new(tokens: &IssuedTokens, refresh_exp: Option<u64>, fields: &Fields) -> Self {
        let mut new = Self::assemble(
            String::new(),
            tokens.access.clone(),
            tokens.refresh.clone(),
            tokens.access_exp,
            refresh_exp,
        );
        let mut members = serde_json::Map::new();
        let mut set = |name: &str, value: Option<serde_json::Value>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        };
        set(&fields.access, Some(new.access.expose().as_str().into()));
        let refresh = new.refresh.as_ref().map(|token| token.expose().as_str());
        set(&fields.refresh, refresh.map(Into::into));
        set(&fields.access_exp, new.access_exp.map(Into::into));
        set(&fields.refresh_exp, new.refresh_exp.map(Into::into));
        new.text = serde_json::Value::Object(members).to_string().into();
        new
    }

    /// This record with new tokens and both times; unknown members are kept to
    /// the letter.
    ///
    /// Without a new refresh token the old one stays, with what was known of
    /// its expiry. A time that is not known of a new token is removed rather
    /// than left to the old one's.
    pub fn with_tokens(&self, tokens: &IssuedTokens, fields: &Fields) -> Self {
        // The text was read as an object before, so the default is never used.
        let mut members: Members = serde_json::from_str(self.text.expose()).unwrap_or_default();
        let issued = tokens
            .refresh
            .as_ref()
            .filter(|token| !token.expose().is_empty());
        let refresh_time = match issued {
            Some(token) if Some(token) != self.refresh.as_ref() => None,
            _ => self.refresh_exp,
        };
        let mut new = Self::assemble(
            String::new(),
            tokens.access.clone(),
            issued.or(self.refresh.as_ref()).cloned(),
            tokens.access_exp,
            refresh_time,
        );

        let mut set = |name: &str, value: Option<Box<RawValue>>| match value {
            Some(value) => drop(members.insert(name.to_owned(), value)),
            None => drop(members.remove(name)),
        };
        set(&fields.access, to_raw_value(new.access.expose()).ok());
        if let Some(token) = issued {
            set(&fields.refresh, to_raw_value(token.expose()).ok());
        }
        let number = |time: Option<u64>| to_raw_value(&time?).ok();
        set(&fields.access_exp, number(new.access_exp));
        set(&fields.refresh_exp, number(new.refresh_exp));
        // A map with string keys always serialises.
        new.text = serde_json::to_string(&members).unwrap_or_default().into();
        new
    }

    fn assemble(
        text: String,
        access: Redacted<String>,
        refresh: Option<Redacted<String>>,
        access_time: Option<u64>,
        refresh_time: Option<u64>,
    ) -> Self {
        let refresh = refresh.filter(|token| !token.expose().is_empty());
        let access_jwt = jwt::Times::of(access.expose());
        let refresh_jwt = refresh
            .as_ref()
            .map(|token| jwt::Times::of(token.expose()))
            .unwrap_or_default();
        let authorization = format!("Bearer {}", access.expose());
        Self {
            text: text.into(),
            access,
            refresh,
            access_exp: expiry(access_time, access_jwt.exp),
            refresh_exp: expiry(refresh_time, refresh_jwt.exp),
            lifetime: access_jwt.lifetime,
            authorization: Rc::new(authorization.into()),
        }
    }

    /// The JSON text, exactly as read or as it is to be written.
    pub fn text(&self) -> &Redacted<String> {
        &self.text
    }

    /// `Bearer <access>`, ready to be sent.
    pub fn authorization(&self) -> Rc<Redacted<String>> {
        Rc::clone(&self.authorization)
    }

    /// The access token.
    pub fn access(&self) -> &Redacted<String> {
        &self.access
    }

    /// The access token, unless it has expired at `unix` (system time since the
    /// epoch) or may do so before a call with it has arrived.
    pub fn live_access(&self, unix: Duration) -> Option<&Redacted<String>> {
        let lives = |exp| Duration::from_secs(exp) > unix.saturating_add(ON_THE_WAY);
        self.access_exp.is_none_or(lives).then_some(&self.access)
    }

    /// The refresh token; `None` when missing or empty.
    pub fn refresh(&self) -> Option<&Redacted<String>> {
        self.refresh.as_ref()
    }

    /// The access token's expiry in Unix seconds, where it is to be had.
    pub fn access_exp(&self) -> Option<u64> {
        self.access_exp
    }

    /// The refresh token's expiry in Unix seconds, where it is to be had.
    pub fn refresh_exp(&self) -> Option<u64> {
        self.refresh_exp
    }

    /// The user whose access token this is: the claim `user_id`, else `sub`, a
    /// string or a number. For a token that is no JWT there is none.
    pub fn user_id(&self) -> Option<serde_json::Value> {
        jwt::user_id(self.access.expose())
    }

    /// What is left of the refresh token's life at `unix` (system time since
    /// the epoch), at least a second: the TTL of the record's key. `None` when
    /// its expiry is unknown, or in the past: this is asked about a token that
    /// the issuer has just given or taken, so then the time is wrong, or a clock.
    pub fn remaining_life(&self, unix: Duration) -> Option<Duration> {
        let life = Duration::from_secs(self.refresh_exp?).checked_sub(unix)?;
        (!life.is_zero()).then_some(life.max(Duration::from_secs(1)))
    }

    /// What is left of the session's life at `unix`: of its refresh token's, or of
    /// its access token's where there is nothing to refresh it with. `None` where
    /// that is unknown, or in the past.
    pub fn session_life(&self, unix: Duration) -> Option<Duration> {
        if self.refresh.is_some() {
            return self.remaining_life(unix);
        }
        let life = Duration::from_secs(self.access_exp?).checked_sub(unix)?;
        (!life.is_zero()).then_some(life.max(Duration::from_secs(1)))
    }

    /// When the session ends, in Unix seconds: with its refresh token, or its access
    /// token where there is none, else with its record, which has `ttl` left at
    /// `unix`.
    pub fn session_end(&self, unix: Duration, ttl: Option<Duration>) -> Option<u64> {
        let token = match self.refresh {
            Some(_) => self.refresh_exp,
            None => self.access_exp,
        };
        token.or_else(|| ttl.map(|ttl| (unix + ttl).as_secs()))
    }

    /// Whether nothing can be done with it any more: the access token has expired,
    /// and so has what could refresh it, if there is any.
    pub fn is_over(&self, unix: Duration) -> bool {
        let expired = |exp: Option<u64>| exp.is_some_and(|exp| Duration::from_secs(exp) <= unix);
        expired(self.access_exp) && (self.refresh.is_none() || expired(self.refresh_exp))
    }

    /// How fresh the access token is at `unix` (system time since the epoch).
    ///
    /// A token of a short life shrinks `leeway` to a tenth and `ahead` to half
    /// of it. Without an expiry it is sent as it is; without a refresh token
    /// it is used up to its last moment, since nothing would replace it.
    pub fn freshness(&self, unix: Duration, refresh: &RefreshConfig) -> Freshness {
        let Some(exp) = self.access_exp else {
            return Freshness::Fresh;
        };
        let remaining = Duration::from_secs(exp).saturating_sub(unix);
        let (leeway, ahead) = match (&self.refresh, self.lifetime) {
            (None, _) => (Duration::ZERO, Duration::ZERO),
            (Some(_), None) => (refresh.leeway, refresh.ahead),
            (Some(_), Some(lifetime)) => {
                let lifetime = Duration::from_secs(lifetime);
                (
                    refresh.leeway.min(lifetime / 10),
                    refresh.ahead.min(lifetime / 2),
                )
            }
        };
        if remaining.is_zero() || remaining < leeway {
            Freshness::Stale
        } else if remaining < ahead {
            Freshness::Ahead
        } else {
            Freshness::Fresh
        }
    }
}

/// A token that can stand in a header behind `Bearer `: visible ASCII, not
/// empty, at most 16 KiB.
pub(crate) fn fits_header(token: &str) -> bool {
    (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// When both are known, the earlier counts. A time that stands alone and lies
/// beyond the year 9999 was written in milliseconds.
fn expiry(member: Option<u64>, jwt: Option<u64>) -> Option<u64> {
    match (member, jwt) {
        (Some(member), Some(jwt)) => Some(member.min(jwt)),
        (Some(millis), None) if millis > END_OF_TIME => Some((millis / 1000).min(END_OF_TIME)),
        (member, jwt) => member.or(jwt),
    }
}

/// A string member; `None` when missing, null or empty.
fn string(members: &Members, name: &str) -> serde_json::Result<Option<String>> {
    let Some(value) = members.get(name) else {
        return Ok(None);
    };
    let text: Option<String> = serde_json::from_str(value.get())?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// A time member in seconds; `None` when missing or null.
fn time(members: &Members, name: &str) -> Result<Option<u64>, RecordError> {
    match members.get(name).map(|value| value.get()) {
        None | Some("null") => Ok(None),
        Some(text) => seconds(text).map(Some).map_err(|_| RecordError::Time),
    }
}

/// A JSON number as whole seconds: rounded down, never below zero. A string of
/// digits is none.
fn seconds(text: &str) -> serde_json::Result<u64> {
    serde_json::from_str(text).or_else(|_| {
        // `as` saturates.
        serde_json::from_str::<f64>(text).map(|seconds| seconds as u64)
    })
}
