//! JSON Web Tokens as SimpleJWT makes them: HS256 with Django's `SECRET_KEY`.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use hmac::{KeyInit as _, Mac as _};
use serde_json::{Value, json};

/// Unix seconds.
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(now.expect("after 1970").as_secs()).expect("before the sun dies")
}

pub fn sign(key: &str, claims: &Value) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let text = [header, claims.clone()]
        .map(|part| B64.encode(part.to_string()))
        .join(".");
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).expect("any size");
    mac.update(text.as_bytes());
    format!("{text}.{}", B64.encode(mac.finalize().into_bytes()))
}

/// The claims, unchecked.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&B64.decode(payload).expect("base64url")).expect("JSON")
}

/// The expiry in Unix seconds.
pub fn exp(token: &str) -> i64 {
    claims(token)["exp"].as_i64().expect("an expiry")
}
