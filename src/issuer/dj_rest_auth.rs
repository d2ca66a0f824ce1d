//! dj-rest-auth 7.2 with `USE_JWT`: SimpleJWT's tokens behind `LoginView`,
//! `RefreshViewWithCookieSupport` and `LogoutView`.
//!
//! By default it keeps the refresh token for a cookie (`JWT_AUTH_HTTPONLY`), out
//! of the relay's reach.

use std::time::Duration;

use serde_json::Value;

use super::Misconfiguration;
use super::dialect::{Ask, Dialect, Endpoint, Members, issued};
use super::simplejwt;
use crate::tokens::IssuedTokens;

pub(super) struct DjRestAuth;

impl Dialect for DjRestAuth {
    fn refresh(&self, refresh: &str) -> Ask {
        simplejwt::ask(Endpoint::Refresh, refresh)
    }

    /// Without the access token: an expired one would make the logout fail.
    fn revoke(&self, refresh: &str, _access: Option<&str>) -> Ask {
        simplejwt::ask(Endpoint::Revoke, refresh)
    }

    /// A session that nothing could refresh is none.
    fn obtained(&self, members: &Members, now: Duration) -> Option<IssuedTokens> {
        self.refreshed(members, now)
            .filter(|tokens| tokens.refresh.is_some())
    }

    fn refreshed(&self, members: &Members, _now: Duration) -> Option<IssuedTokens> {
        issued(members.get("access"), members.get("refresh"))
    }

    fn is_refusal(&self, status: u16, members: &Members) -> bool {
        simplejwt::is_refusal(status, members)
    }

    fn mistake(&self, status: u16, members: &Members) -> Option<Misconfiguration> {
        if !matches!(status, 200 | 201) {
            return None;
        }
        match self.refreshed(members, Duration::ZERO) {
            Some(tokens) if tokens.refresh.is_none() => {
                Some(Misconfiguration::TokenInCookie(status))
            }
            None if members.get("key").is_some_and(Value::is_string) => {
                Some(Misconfiguration::NoJwt(status))
            }
            _ => None,
        }
    }

    /// If the refresh token rotated into that cookie, the one we have is spent.
    /// The access token is good all the same.
    fn doubt(
        &self,
        status: u16,
        sets_cookie: bool,
        tokens: &IssuedTokens,
    ) -> Option<Misconfiguration> {
        (sets_cookie && tokens.refresh.is_none()).then_some(Misconfiguration::TokenInCookie(status))
    }
}
