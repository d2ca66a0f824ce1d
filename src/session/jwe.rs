//! Compact JWE (RFC 7516, section 7.1) as far as Auth.js uses it: `alg: dir`,
//! hence an empty second part, and `enc` `A256GCM` or `A256CBC-HS512`
//! (RFC 7518, sections 5.3 and 5.2). Everything else is refused, as is base64url
//! with padding or with bits left over, so that no byte of a token can change.

use aes::Aes256Dec;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, InnerIvInit};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use memchr::{memchr_iter, memrchr};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use sha2::Sha512;

/// The longest token that is looked at: 32 chunks of a cookie's 4096 bytes.
const MAX_TOKEN: usize = 32 * 4096;
/// The longest header, encoded. Auth.js's has 173 characters.
const MAX_HEADER: usize = 1024;

const DOTS: usize = 4;
/// Characters of a 16-byte tag (`A256GCM`) and a 32-byte one (`A256CBC-HS512`).
const TAG_CHARS: [usize; 2] = [22, 43];

/// What a text looks like from afar: how many dots, and how much behind the
/// last one. Enough to tell where a token that was cut into chunks may end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outline {
    dots: usize,
    tail: usize,
}

impl Outline {
    /// The outline of the text so far with `more` behind it.
    pub(super) fn followed_by(self, more: &[u8]) -> Self {
        let tail = match memrchr(b'.', more) {
            Some(dot) => more.len() - dot - 1,
            None => self.tail + more.len(),
        };
        let dots = self.dots + memchr_iter(b'.', more).count();
        Self { dots, tail }
    }

    /// Five parts, the last of a tag's length.
    pub(super) fn is_complete(self) -> bool {
        self.dots == DOTS && TAG_CHARS.contains(&self.tail)
    }

    /// Further text could complete it.
    pub(super) fn may_grow(self) -> bool {
        self.dots < DOTS || (self.dots == DOTS && TAG_CHARS.iter().any(|chars| self.tail < *chars))
    }
}

/// `enc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Enc {
    A256Gcm,
    A256CbcHs512,
}

/// A token taken apart; nothing in it is authentic yet.
pub(super) struct Token<'t> {
    /// The first part as it came: the additional authenticated data.
    aad: &'t [u8],
    pub(super) enc: Enc,
    pub(super) kid: Option<String>,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

impl<'t> Token<'t> {
    /// `None` for anything but a token of the supported kind.
    pub(super) fn parse(text: &'t [u8]) -> Option<Self> {
        if text.len() > MAX_TOKEN {
            return None;
        }
        let mut parts = text.split(|byte| *byte == b'.');
        let [aad, key, iv, ciphertext, tag] = [(); DOTS + 1].map(|()| parts.next());
        let (aad, iv, ciphertext, tag) = (aad?, decode(iv?)?, decode(ciphertext?)?, decode(tag?)?);
        if parts.next().is_some() || !key?.is_empty() || aad.len() > MAX_HEADER {
            return None;
        }
        let header: Header = serde_json::from_slice(&decode(aad)?).ok()?;
        if header.alg != "dir" || header.zip.is_some() || header.crit.is_some() {
            return None;
        }
        let enc = match header.enc.as_str() {
            "A256GCM" => Enc::A256Gcm,
            "A256CBC-HS512" => Enc::A256CbcHs512,
            _ => return None,
        };
        Some(Self {
            aad,
            enc,
            kid: header.kid,
            iv,
            ciphertext,
            tag,
        })
    }
}

fn decode(part: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

/// The protected header. A member given twice is refused by serde, one that is
/// not named here has no meaning for decryption.
#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    #[serde(default, deserialize_with = "present")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    zip: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
}

/// Unlike serde's own reading of an `Option`, `null` is not absence.
fn present<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(from).map(Some)
}

/// A key for `A256GCM`.
pub(super) struct GcmKey(Aes256Gcm);

impl GcmKey {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    /// The plaintext, if the token is authentic under this key.
    pub(super) fn open(&self, token: &Token<'_>) -> Option<Vec<u8>> {
        let iv: &[u8; 12] = token.iv.as_slice().try_into().ok()?;
        let tag: &[u8; 16] = token.tag.as_slice().try_into().ok()?;
        let mut text = token.ciphertext.clone();
        self.0
            .decrypt_inout_detached(iv.into(), token.aad, text.as_mut_slice().into(), tag.into())
            .ok()?;
        Some(text)
    }
}

/// A key for `A256CBC-HS512`: 32 bytes for the MAC, then 32 for AES.
pub(super) struct CbcKey {
    mac: Hmac<Sha512>,
    cipher: Aes256Dec,
}

impl CbcKey {
    /// `None` is not to be expected: HMAC takes keys of any length.
    pub(super) fn new(key: &[u8; 64]) -> Option<Self> {
        let (mac, cipher) = key.split_first_chunk::<32>()?;
        let cipher: &[u8; 32] = cipher.try_into().ok()?;
        Some(Self {
            mac: Hmac::new_from_slice(mac).ok()?,
            cipher: Aes256Dec::new(cipher.into()),
        })
    }

    /// The plaintext, if the token is authentic under this key. The MAC is
    /// verified, in constant time, before anything is decrypted: the padding of
    /// a forged token is never looked at.
    pub(super) fn open(&self, token: &Token<'_>) -> Option<Vec<u8>> {
        let iv: &[u8; 16] = token.iv.as_slice().try_into().ok()?;
        let tag: &[u8; 32] = token.tag.as_slice().try_into().ok()?;
        let aad_bits = u64::try_from(token.aad.len()).ok()? * 8;
        self.mac
            .clone()
            .chain_update(token.aad)
            .chain_update(iv)
            .chain_update(&token.ciphertext)
            .chain_update(aad_bits.to_be_bytes())
            .verify_truncated_left(tag)
            .ok()?;
        cbc::Decryptor::inner_iv_init(self.cipher.clone(), iv.into())
            .decrypt_padded_vec::<Pkcs7>(&token.ciphertext)
            .ok()
    }
}

#[cfg(test)]
mod tests;
