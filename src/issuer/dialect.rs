//! What differs from package to package, and what they share of it.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{BadCredentials, Misconfiguration};
use crate::redacted::Redacted;
use crate::tokens::{IssuedTokens, fits_header};

/// A JSON object.
pub(super) type Members = Map<String, Value>;

/// One of the issuer's endpoints.
#[derive(Clone, Copy, Debug)]
pub(super) enum Endpoint {
    Obtain,
    Refresh,
    Revoke,
}

/// What is asked of an endpoint.
pub(super) struct Ask {
    pub(super) endpoint: Endpoint,
    pub(super) method: &'static str,
    pub(super) content_type: Option<&'static str>,
    pub(super) authorization: Option<Redacted<String>>,
    pub(super) body: Vec<u8>,
}

impl Ask {
    /// A POST of JSON text.
    pub(super) const fn json(endpoint: Endpoint, body: Vec<u8>) -> Self {
        Self {
            endpoint,
            method: "POST",
            content_type: Some("application/json"),
            authorization: None,
            body,
        }
    }
}

/// How a package is asked, and how it answers.
pub(super) trait Dialect {
    /// Trades credentials, as they came, for tokens.
    fn obtain(&self, credentials: &[u8]) -> Result<Ask, BadCredentials> {
        let _: Members = serde_json::from_slice(credentials).map_err(|_| BadCredentials)?;
        Ok(Ask::json(Endpoint::Obtain, credentials.to_vec()))
    }

    /// Trades a refresh token for new tokens.
    fn refresh(&self, refresh: &str) -> Ask;

    /// Ends a refresh token. `access`: one of the same login that has not
    /// expired, where the whole login is to end.
    fn revoke(&self, refresh: &str, access: Option<&str>) -> Ask;

    /// The tokens in a success at the obtain endpoint.
    fn obtained(&self, members: &Members, now: Duration) -> Option<IssuedTokens> {
        self.refreshed(members, now)
    }

    /// The tokens in a success at the refresh endpoint.
    fn refreshed(&self, members: &Members, now: Duration) -> Option<IssuedTokens>;

    /// Whether the refresh endpoint will never take this token (again).
    fn is_refusal(&self, status: u16, members: &Members) -> bool;

    /// A mistake in this package's settings that an answer gives away.
    fn mistake(&self, _status: u16, _members: &Members) -> Option<Misconfiguration> {
        None
    }

    /// The same for an answer whose tokens can be used all the same.
    fn doubt(
        &self,
        _status: u16,
        _sets_cookie: bool,
        _tokens: &IssuedTokens,
    ) -> Option<Misconfiguration> {
        None
    }

    /// Whether the call of [`Dialect::revoke`] was carried out.
    fn is_revoked(&self, status: u16, _members: &Members) -> bool {
        (200..300).contains(&status)
    }
}

/// Tokens out of an answer's members. `None` unless the access token is fit
/// for a header and the refresh token a string, empty, null or absent.
pub(super) fn issued(access: Option<&Value>, refresh: Option<&Value>) -> Option<IssuedTokens> {
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
