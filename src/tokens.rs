//! What a session holds (contract, section 5): the record, its times, and how
//! fresh its access token is.

use std::rc::Rc;
use std::time::Duration;

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
#[derive(Clone, Debug)]
pub struct Record {}

/// The record cannot be understood; says why without quoting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not a JSON object.
    #[error("the record is not a JSON object")]
    NotAnObject,
    /// The access token is missing, empty, not a string or not fit for a header.
    #[error("the record's access token is missing or no token")]
    Access,
    /// The refresh token is not a string.
    #[error("the record's refresh token is not a string")]
    Refresh,
    /// A time is not a number of seconds.
    #[error("one of the record's times is not a number of seconds")]
    Time,
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

impl Record {
    /// Reads a record's JSON text.
    pub fn parse(_text: &str, _fields: &Fields) -> Result<Self, RecordError> {
        todo!()
    }

    /// This record with new tokens and both times; unknown members are kept to
    /// the letter.
    pub fn with_tokens(&self, _tokens: &IssuedTokens, _fields: &Fields) -> Self {
        todo!()
    }

    /// The JSON text, exactly as read or as it is to be written.
    pub fn text(&self) -> &Redacted<String> {
        todo!()
    }

    /// `Bearer <access>`, ready to be sent.
    pub fn authorization(&self) -> Rc<Redacted<String>> {
        todo!()
    }

    /// The access token.
    pub fn access(&self) -> &Redacted<String> {
        todo!()
    }

    /// The refresh token; `None` when missing or empty.
    pub fn refresh(&self) -> Option<&Redacted<String>> {
        todo!()
    }

    /// The access token's expiry in Unix seconds, where it is to be had.
    pub fn access_exp(&self) -> Option<u64> {
        todo!()
    }

    /// The refresh token's expiry in Unix seconds, where it is to be had.
    pub fn refresh_exp(&self) -> Option<u64> {
        todo!()
    }

    /// stub
    pub fn remaining_life(&self, _unix: Duration) -> Option<Duration> {
        todo!()
    }

    /// How fresh the access token is at `unix` (system time since the epoch).
    pub fn freshness(&self, _unix: Duration, _refresh: &RefreshConfig) -> Freshness {
        todo!()
    }
}
