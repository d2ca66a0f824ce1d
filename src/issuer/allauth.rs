//! django-allauth 65's headless API for apps, with `JWTTokenStrategy`. A login
//! is a session of Django's; the tokens are JWTs that name it.

use std::time::Duration;

use serde_json::{Value, json};

use super::Misconfiguration;
use super::dialect::{Ask, Dialect, Endpoint, Members, issued};
use crate::redacted::Redacted;
use crate::tokens::IssuedTokens;

pub(super) struct Allauth;

impl Dialect for Allauth {
    fn refresh(&self, refresh: &str) -> Ask {
        let body = json!({"refresh_token": refresh}).to_string();
        Ask::json(Endpoint::Refresh, body.into_bytes())
    }

    /// No endpoint ends a refresh token. A live access token ends its whole
    /// login. Without one the refresh token is spent, and what it gave thrown
    /// away: then nobody holds one.
    fn revoke(&self, refresh: &str, access: Option<&str>) -> Ask {
        let Some(access) = access else {
            return self.refresh(refresh);
        };
        Ask {
            endpoint: Endpoint::Revoke,
            method: "DELETE",
            content_type: None,
            authorization: Some(Redacted::new(format!("Bearer {access}"))),
            body: Vec::new(),
        }
    }

    /// In `meta`, beside a session token that nobody needs.
    fn obtained(&self, members: &Members, _now: Duration) -> Option<IssuedTokens> {
        let meta = members.get("meta")?;
        issued(meta.get("access_token"), meta.get("refresh_token"))
    }

    /// In `data`; `refresh_token` only if it rotated.
    fn refreshed(&self, members: &Members, _now: Duration) -> Option<IssuedTokens> {
        let data = members.get("data")?;
        issued(data.get("access_token"), data.get("refresh_token"))
    }

    fn is_refusal(&self, status: u16, members: &Members) -> bool {
        status == 400 && says(status, members)
    }

    fn mistake(&self, status: u16, members: &Members) -> Option<Misconfiguration> {
        let meta = members.get("meta")?;
        let session_only =
            meta.get("session_token").is_some() && meta.get("access_token").is_none();
        (status == 200 && session_only).then_some(Misconfiguration::SessionToken(status))
    }

    /// The end of a login is answered with what could begin another (401), or
    /// was there before (410). A refresh token is spent if it rotated, or was
    /// before (400).
    fn is_revoked(&self, status: u16, members: &Members) -> bool {
        let rotated = || {
            let data = members.get("data");
            data.is_some_and(|data| data.get("refresh_token").is_some_and(Value::is_string))
        };
        says(status, members) && (matches!(status, 400 | 401 | 410) || status == 200 && rotated())
    }
}

/// Every answer of allauth's repeats its status.
fn says(status: u16, members: &Members) -> bool {
    members.get("status").and_then(Value::as_u64) == Some(status.into())
}
