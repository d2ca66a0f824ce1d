//! The derivation of keys, written once more: what the unit tests' sealing needs
//! of `src/session/keys.rs`, which is not to be had from outside.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use token_relay::redacted::Redacted;

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

pub(super) fn thumbprint<D: Digest>(key: &[u8]) -> String {
    let jwk = format!(r#"{{"k":"{}","kty":"oct"}}"#, URL_SAFE_NO_PAD.encode(key));
    URL_SAFE_NO_PAD.encode(D::digest(jwk))
}
