//! The protected header of a token, to be shown, and what is wrong with a value
//! that is no token at all.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// What the header of a token says; none of it is secret, nor authentic.
pub struct Header {
    /// `alg`.
    pub alg: String,
    /// `enc`.
    pub enc: String,
    /// `kid`: names a key without telling it.
    pub kid: Option<String>,
}

impl Header {
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let header = members(value)?;
        let text = |name: &str| header.get(name)?.as_str().map(str::to_owned);
        Some(Self {
            alg: text("alg")?,
            enc: text("enc")?,
            kid: text("kid"),
        })
    }
}

fn members(value: &[u8]) -> Option<Value> {
    let first = value.split(|byte| *byte == b'.').next()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(first).ok()?).ok()
}

/// Why the filter does not take a value for a token of Auth.js. The order is
/// that of what is most likely meant.
pub(super) fn flaw(value: &[u8]) -> &'static str {
    if value.contains(&b'%') || value.contains(&b'"') {
        return "it has quotes or percent signs, which a session token never has: was it copied in encoded form?";
    }
    let parts = value.split(|byte| *byte == b'.').count();
    if parts == 3 {
        return "it has three parts: a signed JWT (a token of an API, or NextAuth with a jwt.encode of its own), not an encrypted one";
    }
    if parts == 1 {
        return "it is no JWE: an opaque value, as of NextAuth's strategy \"database\" (session.format: opaque reads those)";
    }
    if parts != 5 {
        return "it has not the five parts of a JWE: cut off, or no session token";
    }
    let Some(header) = members(value) else {
        return "its first part is no JSON in base64url: cut off, or no session token";
    };
    if header.get("alg").and_then(Value::as_str) != Some("dir") {
        return "its alg is not dir: not made by NextAuth or Auth.js";
    }
    if !matches!(
        header.get("enc").and_then(Value::as_str),
        Some("A256GCM" | "A256CBC-HS512")
    ) {
        return "its enc is neither A256GCM nor A256CBC-HS512: not made by NextAuth or Auth.js";
    }
    if header.get("zip").is_some() || header.get("crit").is_some() {
        return "its header has zip or crit, which NextAuth and Auth.js never set";
    }
    "it is damaged: a part is no base64url, has the wrong length, or stands where none belongs"
}
