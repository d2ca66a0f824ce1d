//! djangorestframework-simplejwt 5.5: `TokenRefreshView` and
//! `TokenBlacklistView`. No answer names an expiry: it is in the JWT.

use serde_json::json;

use super::{RefreshAnswer, issued, misconfigured, object};
use crate::callout::Answer;
use crate::redacted::Redacted;

pub(super) const CONTENT_TYPE: &str = "application/json";

/// What both endpoints take.
pub(super) fn body(refresh: &Redacted<String>) -> Vec<u8> {
    json!({"refresh": refresh.expose()})
        .to_string()
        .into_bytes()
}

/// Accepted: 200 with `access`, and with rotation `refresh`. Refused: 401 with
/// `detail` ("Token is blacklisted", "Token is expired", "Token is invalid",
/// "No active account found …").
pub(super) fn read(answer: &Answer) -> RefreshAnswer {
    let members = object(answer).unwrap_or_default();
    match answer.status {
        200 | 201 => issued(members.get("access"), members.get("refresh"))
            .map_or_else(|| misconfigured(answer.status), RefreshAnswer::Accepted),
        401 if members
            .get("detail")
            .is_some_and(|detail| detail.is_string()) =>
        {
            RefreshAnswer::Refused
        }
        status => misconfigured(status),
    }
}
