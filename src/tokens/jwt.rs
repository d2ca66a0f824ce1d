//! The times inside a JWT (RFC 7519, 4.1), read without verifying it: Django
//! does that. Whoever could forge a token here could write the record itself.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD_INDIFFERENT;
use serde_json::Value;
use serde_json::value::RawValue;

use super::seconds;

/// Tokens with a longer payload are taken for opaque: no request could carry
/// them.
const MAX_PAYLOAD: usize = 64 << 10;

/// What a token says about its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// `exp` in Unix seconds.
    pub(super) exp: Option<u64>,
    /// `exp - iat` in seconds, where both are there and in this order.
    pub(super) lifetime: Option<u64>,
}

impl Times {
    /// Reads a token's payload; an opaque token says nothing.
    pub(super) fn of(token: &str) -> Self {
        Self::read(token).unwrap_or_default()
    }

    fn read(token: &str) -> Option<Self> {
        let payload = payload(token)?;
        let claims: BTreeMap<String, &RawValue> = serde_json::from_slice(&payload).ok()?;
        let time = |name: &str| seconds(claims.get(name)?.get()).ok();
        let exp = time("exp");
        let lifetime = exp
            .zip(time("iat"))
            .and_then(|(exp, iat)| exp.checked_sub(iat))
            .filter(|lifetime| *lifetime > 0);
        Some(Self { exp, lifetime })
    }
}

/// The claim `user_id` (SimpleJWT's), else `sub`: a string or a number.
pub(super) fn user_id(token: &str) -> Option<Value> {
    let mut claims: serde_json::Map<String, Value> =
        serde_json::from_slice(&payload(token)?).ok()?;
    let mut claim = |name: &str| {
        claims
            .remove(name)
            .filter(|value| value.is_string() || value.is_number())
    };
    claim("user_id").or_else(|| claim("sub"))
}

fn payload(token: &str) -> Option<Vec<u8>> {
    let mut parts = token.split('.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || payload.len() > MAX_PAYLOAD {
        return None;
    }
    URL_SAFE_NO_PAD_INDIFFERENT.decode(payload).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tokens::tests::jwt;

    fn times(payload: &str) -> (Option<u64>, Option<u64>) {
        let times = Times::of(&jwt(payload));
        (times.exp, times.lifetime)
    }

    #[test]
    fn expiry_and_lifetime_are_read() {
        let claims = r#"{"token_type":"access","exp":1795363123,"iat":1795362823,"user_id":"1"}"#;
        assert_eq!(times(claims), (Some(1795363123), Some(300)));
        assert_eq!(
            times(r#"{"exp":1.7e9,"iat":1699999990.9}"#),
            (Some(1700000000), Some(10))
        );
    }

    #[test]
    fn a_lifetime_needs_both_times_in_order() {
        assert_eq!(times(r#"{"exp":100}"#), (Some(100), None));
        assert_eq!(times(r#"{"exp":100,"iat":100}"#), (Some(100), None));
        assert_eq!(times(r#"{"exp":100,"iat":200}"#), (Some(100), None));
        assert_eq!(times(r#"{"iat":100}"#), (None, None));
    }

    #[test]
    fn claims_that_are_no_times_are_none() {
        for claims in [
            r#"{"exp":"100","iat":null}"#,
            r#"{"exp":[1]}"#,
            "[1,2]",
            "1",
            "",
            "{",
        ] {
            assert_eq!(times(claims), (None, None), "{claims}");
        }
    }

    #[test]
    fn a_token_of_other_parts_is_opaque() {
        let token = jwt(r#"{"exp":100}"#);
        let payload = token.split('.').nth(1).unwrap();
        for opaque in [
            "",
            "abc",
            payload,
            &format!("h.{payload}"),
            &format!("h.{payload}.s.t.u"),
            &format!("h.{payload}!.s"),
        ] {
            assert_eq!(Times::of(opaque), Times::default(), "{opaque}");
        }
        assert_eq!(Times::of(&format!("h.{payload}.s")).exp, Some(100));
        assert_eq!(Times::of(&format!("h.{payload}==.s")).exp, None);
    }

    #[test]
    fn an_oversized_payload_is_opaque() {
        let claims = |fill: usize| format!(r#"{{"exp":100,"x":"{}"}}"#, "x".repeat(fill));
        assert_eq!(Times::of(&jwt(&claims(1000))).exp, Some(100));
        assert_eq!(Times::of(&jwt(&claims(MAX_PAYLOAD))).exp, None);
    }

    proptest! {
        #[test]
        fn any_token_is_read_without_harm(token in "\\PC{0,64}", claims in "\\PC{0,64}") {
            Times::of(&token);
            times(&claims);
        }
    }
}
