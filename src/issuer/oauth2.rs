//! django-oauth-toolkit 3.4 (RFC 6749): one token endpoint for the grants
//! `password` and `refresh_token`, and the revocation endpoint of RFC 7009. All
//! take forms, from a client that shows who it is. The tokens are opaque.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::{Serializer, byte_serialize};
use serde_json::Value;

use super::dialect::{Ask, Dialect, Endpoint, Members, issued};
use super::{BadCredentials, Misconfiguration};
use crate::config::Client;
use crate::redacted::Redacted;
use crate::tokens::IssuedTokens;

pub(super) struct OAuth2 {
    authorization: Option<Redacted<String>>,
}

impl OAuth2 {
    pub(super) fn new(client: Option<&Client>) -> Self {
        Self {
            authorization: client.map(basic),
        }
    }

    fn ask(&self, endpoint: Endpoint, pairs: &[(&str, &str)]) -> Ask {
        let body = Serializer::new(String::new()).extend_pairs(pairs).finish();
        Ask {
            endpoint,
            method: "POST",
            content_type: Some("application/x-www-form-urlencoded"),
            authorization: self.authorization.clone(),
            body: body.into_bytes(),
        }
    }
}

/// RFC 6749, section 2.3.1: both are encoded as in a form before they are joined.
fn basic(client: &Client) -> Redacted<String> {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let (id, secret) = (encoded(client.id.expose()), encoded(client.secret.expose()));
    Redacted::new(format!(
        "Basic {}",
        STANDARD.encode(format!("{id}:{secret}"))
    ))
}

impl Dialect for OAuth2 {
    /// The caller's JSON becomes a password grant: `username`, `password` and
    /// perhaps `scope`.
    fn obtain(&self, credentials: &[u8]) -> Result<Ask, BadCredentials> {
        let members: Members = serde_json::from_slice(credentials).map_err(|_| BadCredentials)?;
        let text = |name: &str| match members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(BadCredentials),
        };
        let mut pairs = vec![("grant_type", "password")];
        for name in ["username", "password"] {
            pairs.push((name, text(name)?.ok_or(BadCredentials)?));
        }
        if let Some(scope) = text("scope")? {
            pairs.push(("scope", scope));
        }
        Ok(self.ask(Endpoint::Obtain, &pairs))
    }

    fn refresh(&self, refresh: &str) -> Ask {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        self.ask(Endpoint::Refresh, &pairs)
    }

    /// The access token ends with it.
    fn revoke(&self, refresh: &str, _access: Option<&str>) -> Ask {
        let pairs = [("token", refresh), ("token_type_hint", "refresh_token")];
        self.ask(Endpoint::Revoke, &pairs)
    }

    /// `access_token`, `refresh_token` and, in seconds from now, `expires_in`.
    fn refreshed(&self, members: &Members, now: Duration) -> Option<IssuedTokens> {
        let tokens = issued(members.get("access_token"), members.get("refresh_token"))?;
        let life = members.get("expires_in").and_then(Value::as_u64);
        Some(IssuedTokens {
            access_exp: life.map(|life| now.as_secs().saturating_add(life)),
            ..tokens
        })
    }

    fn is_refusal(&self, status: u16, members: &Members) -> bool {
        status == 400 && error(members) == Some("invalid_grant")
    }

    fn mistake(&self, status: u16, members: &Members) -> Option<Misconfiguration> {
        let client = matches!(
            error(members),
            Some("invalid_client" | "unauthorized_client" | "unsupported_grant_type")
        );
        (matches!(status, 400 | 401) && client).then_some(Misconfiguration::Client(status))
    }
}

fn error(members: &Members) -> Option<&str> {
    members.get("error")?.as_str()
}
