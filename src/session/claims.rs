//! What the relay reads of a decrypted session token: the session id and the
//! two times that bound its life (contract, section 3; RFC 7519, sections 4.1.4
//! and 4.1.5).

use std::fmt;
use std::time::Duration;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::SessionId;

/// Clocks of the application and of the proxy may differ by this many seconds;
/// the same as in both libraries.
const TOLERANCE: f64 = 15.0;

/// The claims of an authentic token.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Claims {
    /// The claim that carries the session id.
    pub(super) id: SessionId,
    /// Unix seconds; absent: never expires, as in the libraries.
    exp: Option<f64>,
    /// Unix seconds.
    nbf: Option<f64>,
}

impl Claims {
    /// Reads the plaintext, a JSON object. `None` when a time is no number or
    /// the claim named `claim` is no session id.
    pub(super) fn read(plaintext: &[u8], claim: &str) -> Option<Self> {
        let mut json = serde_json::Deserializer::from_slice(plaintext);
        let claims = Wanted { claim }.deserialize(&mut json).ok()?;
        json.end().ok()?;
        claims
    }

    /// Whether the token counts at `unix`, the time since the epoch; judged in
    /// whole seconds, as in the libraries.
    pub(super) fn valid_at(&self, unix: Duration) -> bool {
        let now = Duration::from_secs(unix.as_secs()).as_secs_f64();
        let expired = self.exp.is_some_and(|exp| exp <= now - TOLERANCE);
        let early = self.nbf.is_some_and(|nbf| nbf > now + TOLERANCE);
        !expired && !early
    }
}

/// Picks the wanted members and skips the rest without building it. Of a member
/// given twice the last counts, as for `JSON.parse`.
struct Wanted<'c> {
    claim: &'c str,
}

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = Option<Claims>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = Option<Claims>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut id, mut exp, mut nbf) = (None, None, None);
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "exp" => exp = Some(map.next_value()?),
                "nbf" => nbf = Some(map.next_value()?),
                claim if claim == self.claim => {
                    id = SessionId::parse(&map.next_value::<String>()?);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(id.map(|id| Claims { id, exp, nbf }))
    }
}

#[cfg(test)]
mod tests;
