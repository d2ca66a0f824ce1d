//! The keys of NextAuth and Auth.js (contract, section 3; next-auth 4.24.15,
//! `@auth/core` 0.41.3): HKDF-SHA256 over the secret's UTF-8 bytes. Derived once
//! per secret and cookie name, when the plugin starts.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use sha2::{Digest, Sha256, Sha512};

use super::jwe::{CbcKey, Enc, GcmKey, Token};
use crate::redacted::Redacted;

/// Every key that a session cookie may be encrypted with.
pub(super) struct KeyRing {
    /// next-auth 4: one key per secret, the same for every cookie name.
    v4: Vec<GcmKey>,
    /// Auth.js 5, in the order of the cookie names.
    v5: Vec<NameKeys>,
}

/// The keys of Auth.js 5 for one cookie name, one per secret.
struct NameKeys {
    cbc: Vec<Named<CbcKey>>,
    /// Early betas of next-auth 5.
    gcm: Vec<Named<GcmKey>>,
}

struct Named<K> {
    kid: String,
    key: K,
}

impl KeyRing {
    /// Derives the keys of all secrets, newest first, for all names.
    pub(super) fn new(secrets: &[Redacted<String>], names: &[String]) -> Self {
        Self {
            v4: secrets.iter().filter_map(v4_key).collect(),
            v5: names
                .iter()
                .map(|name| NameKeys::new(secrets, name))
                .collect(),
        }
    }

    /// Decrypts the value of the cookie with the `name`-th name.
    pub(super) fn open(&self, name: usize, value: &[u8]) -> Option<Vec<u8>> {
        let token = Token::parse(value)?;
        let keys = self.v5.get(name)?;
        match (token.enc, &token.kid) {
            (Enc::A256CbcHs512, kid) => pick(&keys.cbc, kid.as_deref())?.open(&token),
            (Enc::A256Gcm, Some(kid)) => pick(&keys.gcm, Some(kid))?.open(&token),
            (Enc::A256Gcm, None) => self
                .v4
                .iter()
                .chain(pick(&keys.gcm, None))
                .find_map(|key| key.open(&token)),
        }
    }
}

/// The key that a `kid` names; without one the first secret's, as in Auth.js.
fn pick<'k, K>(keys: &'k [Named<K>], kid: Option<&str>) -> Option<&'k K> {
    keys.iter()
        .find(|named| kid.is_none_or(|kid| named.kid == kid))
        .map(|named| &named.key)
}

impl NameKeys {
    fn new(secrets: &[Redacted<String>], name: &str) -> Self {
        let info = format!("Auth.js Generated Encryption Key ({name})");
        let cbc = |secret| {
            let key: [u8; 64] = derive(secret, name, &info)?;
            Some(Named {
                kid: thumbprint::<Sha512>(&key),
                key: CbcKey::new(&key)?,
            })
        };
        let gcm = |secret| {
            let key: [u8; 32] = derive(secret, name, &info)?;
            Some(Named {
                kid: thumbprint::<Sha256>(&key),
                key: GcmKey::new(&key),
            })
        };
        Self {
            cbc: secrets.iter().filter_map(cbc).collect(),
            gcm: secrets.iter().filter_map(gcm).collect(),
        }
    }
}

fn v4_key(secret: &Redacted<String>) -> Option<GcmKey> {
    derive(secret, "", "NextAuth.js Generated Encryption Key").map(|key| GcmKey::new(&key))
}

/// `None` is not to be expected: HKDF-SHA256 gives up to 8160 bytes. A key that
/// could not be derived must be missing, never be zeros.
pub(super) fn derive<const N: usize>(
    secret: &Redacted<String>,
    salt: &str,
    info: &str,
) -> Option<[u8; N]> {
    let mut key = [0; N];
    Hkdf::<Sha256>::new(Some(salt.as_bytes()), secret.expose().as_bytes())
        .expand(info.as_bytes(), &mut key)
        .ok()?;
    Some(key)
}

/// The JWK thumbprint (RFC 7638) of a symmetric key: Auth.js's `kid`.
pub(super) fn thumbprint<D: Digest>(key: &[u8]) -> String {
    let jwk = format!(r#"{{"k":"{}","kty":"oct"}}"#, URL_SAFE_NO_PAD.encode(key));
    URL_SAFE_NO_PAD.encode(D::digest(jwk))
}

#[cfg(test)]
mod tests;
