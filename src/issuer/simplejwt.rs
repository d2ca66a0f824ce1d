//! djangorestframework-simplejwt 5.5: `TokenObtainPairView`, `TokenRefreshView`
//! and `TokenBlacklistView`. No answer names an expiry: it is in the JWT.

use std::time::Duration;

use serde_json::{Value, json};

use super::dialect::{Ask, Dialect, Endpoint, Members, issued};
use crate::tokens::IssuedTokens;

pub(super) struct SimpleJwt;

impl Dialect for SimpleJwt {
    fn refresh(&self, refresh: &str) -> Ask {
        ask(Endpoint::Refresh, refresh)
    }

    fn revoke(&self, refresh: &str, _access: Option<&str>) -> Ask {
        ask(Endpoint::Revoke, refresh)
    }

    /// `access`, and with rotation `refresh`.
    fn refreshed(&self, members: &Members, _now: Duration) -> Option<IssuedTokens> {
        issued(members.get("access"), members.get("refresh"))
    }

    fn is_refusal(&self, status: u16, members: &Members) -> bool {
        is_refusal(status, members)
    }

    /// Or it was not taken any more before: rotated, revoked or expired. A view that
    /// wants to know who asks answers 401 without that `code`.
    fn is_revoked(&self, status: u16, members: &Members) -> bool {
        let spent = members.get("code").and_then(Value::as_str) == Some("token_not_valid");
        (200..300).contains(&status) || (status == 401 && spent)
    }
}

/// What both endpoints take.
pub(super) fn ask(endpoint: Endpoint, refresh: &str) -> Ask {
    let body = json!({"refresh": refresh}).to_string();
    Ask::json(endpoint, body.into_bytes())
}

/// 401 with `detail` ("Token is blacklisted", "Token is expired", "Token is
/// invalid", "No active account found …").
pub(super) fn is_refusal(status: u16, members: &Members) -> bool {
    let detail = members.get("detail");
    status == 401 && detail.is_some_and(|detail| detail.is_string())
}
