//! Seals session tokens for tests, from the RFCs and not with the code under
//! test; only the derivation of keys is shared, which has known answers.

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha512;

use super::keys::{derive, thumbprint};

pub(super) const V4_HEADER: &str = r#"{"alg":"dir","enc":"A256GCM"}"#;
pub(super) const SECRET: &str = "nextauth-secret-for-tests-0123456789abcdef0123456789abcdef";
pub(super) const OLDER: &str = "an-older-secret-for-tests-fedcba9876543210fedcba9876543210";

/// As next-auth 4 does.
pub(super) fn v4(secret: &str, claims: &str) -> String {
    gcm(&v4_key(secret), V4_HEADER, claims)
}

/// As Auth.js 5 does.
pub(super) fn v5(secret: &str, name: &str, claims: &str) -> String {
    let key = v5_key::<64>(secret, name);
    let kid = thumbprint::<Sha512>(&key);
    let header = format!(r#"{{"alg":"dir","enc":"A256CBC-HS512","kid":"{kid}"}}"#);
    cbc(&key, &header, claims)
}

pub(super) fn v4_key(secret: &str) -> [u8; 32] {
    let info = "NextAuth.js Generated Encryption Key";
    derive(&secret.to_owned().into(), "", info).unwrap()
}

pub(super) fn v5_key<const N: usize>(secret: &str, name: &str) -> [u8; N] {
    let info = format!("Auth.js Generated Encryption Key ({name})");
    derive(&secret.to_owned().into(), name, &info).unwrap()
}

/// `A256GCM` (RFC 7518, section 5.3).
pub(super) fn gcm(key: &[u8; 32], header: &str, claims: &str) -> String {
    let aad = encode(header);
    let iv = [7; 12];
    let payload = Payload {
        msg: claims.as_bytes(),
        aad: aad.as_bytes(),
    };
    let sealed = Aes256Gcm::new(key.into())
        .encrypt(&iv.into(), payload)
        .unwrap();
    let (ciphertext, tag) = sealed.split_at(sealed.len() - 16);
    compact(&aad, &iv, ciphertext, tag)
}

/// `A256CBC-HS512` (RFC 7518, section 5.2).
pub(super) fn cbc(key: &[u8; 64], header: &str, claims: &str) -> String {
    let iv = [9; 16];
    let cipher_key: [u8; 32] = key[32..].try_into().unwrap();
    let ciphertext = cbc::Encryptor::<Aes256>::new(&cipher_key.into(), &iv.into())
        .encrypt_padded_vec::<Pkcs7>(claims.as_bytes());
    let aad = encode(header);
    let tag = cbc_tag(key, &aad, &iv, &ciphertext);
    compact(&aad, &iv, &ciphertext, &tag)
}

/// The authentication tag of `A256CBC-HS512`, for any ciphertext.
pub(super) fn cbc_tag(key: &[u8; 64], aad: &str, iv: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha512>::new_from_slice(&key[..32])
        .unwrap()
        .chain_update(aad)
        .chain_update(iv)
        .chain_update(ciphertext)
        .chain_update((aad.len() as u64 * 8).to_be_bytes())
        .finalize();
    mac.as_bytes()[..32].to_vec()
}

pub(super) fn compact(aad: &str, iv: &[u8], ciphertext: &[u8], tag: &[u8]) -> String {
    let [iv, ciphertext, tag] = [iv, ciphertext, tag].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{aad}..{iv}.{ciphertext}.{tag}")
}

pub(super) fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}
