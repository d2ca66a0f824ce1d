//! An issuer's refusal of credentials, fit to be passed on.

use std::fmt;

use serde_json::Value;

use crate::callout::Answer;

/// An issuer's refusal of credentials, fit to be passed on.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 400, 401 or 429.
    pub status: u16,
    /// Its `Content-Type`: JSON.
    pub content_type: String,
    /// Its `Retry-After`.
    pub retry_after: Option<String>,
    /// Its body: JSON. With allauth, it may hold what finishes the login.
    pub body: String,
}

/// The body is for the caller only.
impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Refusal {
    /// `None`: what is not JSON does not come from a token endpoint.
    pub(super) fn read(answer: &Answer) -> Option<Self> {
        let content_type = answer.content_type.as_deref().and_then(plain)?;
        let body = str::from_utf8(answer.body.expose()).ok()?;
        serde_json::from_slice::<Value>(body.as_bytes()).ok()?;
        is_json(&content_type).then(|| Self {
            status: answer.status,
            content_type,
            retry_after: answer.retry_after.as_deref().and_then(plain),
            body: body.to_owned(),
        })
    }

    /// Without allauth's `meta.session_token`: with it and the missing factor, a
    /// browser could finish the login beside the relay.
    #[must_use]
    pub fn without_session_token(mut self) -> Self {
        if let Ok(mut body) = serde_json::from_slice::<Value>(self.body.as_bytes())
            && let Some(Value::Object(meta)) = body.get_mut("meta")
            && meta.remove("session_token").is_some()
        {
            self.body = body.to_string();
        }
        self
    }
}

/// A header's value that can be passed on: visible ASCII, with spaces inside.
fn plain(value: &[u8]) -> Option<String> {
    let value = str::from_utf8(value).ok()?.trim();
    let is_plain = |b: u8| b.is_ascii_graphic() || b == b' ';
    (!value.is_empty() && value.bytes().all(is_plain)).then(|| value.to_owned())
}

/// `application/json`, `application/problem+json` and the like.
fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let media_type = media_type.to_ascii_lowercase();
    media_type == "application/json"
        || media_type.starts_with("application/") && media_type.ends_with("+json")
}
