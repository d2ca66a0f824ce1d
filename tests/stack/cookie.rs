//! Auth.js session cookies, written from the format's description and with
//! nothing of the relay's own code (next-auth 4, Auth.js 5).

use aes_gcm::aead::{Aead, KeyInit, Payload};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7};
use hmac::Mac;
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

/// Default cookie names over http.
pub const V4: &str = "next-auth.session-token";
pub const V5: &str = "authjs.session-token";

/// The cookie value of next-auth 4.
pub fn v4(secret: &str, claims: &Value) -> String {
    let key = derive(secret, "", "NextAuth.js Generated Encryption Key", 32);
    gcm(&key, &json!({"alg": "dir", "enc": "A256GCM"}), claims)
}

/// The cookie value of Auth.js 5 under a cookie's name, with its `kid`.
pub fn v5(secret: &str, name: &str, claims: &Value) -> String {
    let key = v5_key(secret, name, 64);
    let thumbprint = format!(r#"{{"k":"{}","kty":"oct"}}"#, B64.encode(&key));
    let kid = B64.encode(Sha512::digest(thumbprint));
    cbc_hs512(
        &key,
        &json!({"alg": "dir", "enc": "A256CBC-HS512", "kid": kid}),
        claims,
    )
}

/// The same without `kid`: only the first secret may open it.
pub fn v5_without_kid(secret: &str, name: &str, claims: &Value) -> String {
    let header = json!({"alg": "dir", "enc": "A256CBC-HS512"});
    cbc_hs512(&v5_key(secret, name, 64), &header, claims)
}

/// Early betas of Auth.js 5.
pub fn v5_beta(secret: &str, name: &str, claims: &Value) -> String {
    let key = v5_key(secret, name, 32);
    gcm(&key, &json!({"alg": "dir", "enc": "A256GCM"}), claims)
}

/// A v4 value with extra members in its protected header.
pub fn v4_with_header(secret: &str, extra: &Value, claims: &Value) -> String {
    let key = derive(secret, "", "NextAuth.js Generated Encryption Key", 32);
    let mut header = json!({"alg": "dir", "enc": "A256GCM"});
    for (name, value) in extra.as_object().expect("an object") {
        header[name] = value.clone();
    }
    gcm(&key, &header, claims)
}

/// Cuts a value into chunks as the libraries do: `name.0=…; name.1=…`.
pub fn chunks(name: &str, value: &str, size: usize) -> Vec<String> {
    let pieces = value.as_bytes().chunks(size).enumerate();
    pieces
        .map(|(i, piece)| format!("{name}.{i}={}", String::from_utf8_lossy(piece)))
        .collect()
}

fn v5_key(secret: &str, name: &str, length: usize) -> Vec<u8> {
    let info = format!("Auth.js Generated Encryption Key ({name})");
    derive(secret, name, &info, length)
}

fn derive(secret: &str, salt: &str, info: &str, length: usize) -> Vec<u8> {
    let hkdf = hkdf::Hkdf::<Sha256>::new(Some(salt.as_bytes()), secret.as_bytes());
    let mut key = vec![0; length];
    hkdf.expand(info.as_bytes(), &mut key).expect("a short key");
    key
}

fn gcm(key: &[u8], header: &Value, claims: &Value) -> String {
    let head = B64.encode(header.to_string());
    let iv: [u8; 12] = random();
    let cipher = aes_gcm::Aes256Gcm::new_from_slice(key).expect("32 bytes");
    let text = claims.to_string();
    let payload = Payload {
        msg: text.as_bytes(),
        aad: head.as_bytes(),
    };
    let sealed = cipher.encrypt(&iv.into(), payload).expect("sealed");
    let (body, tag) = sealed.split_at(sealed.len() - 16);
    jwe(&head, &iv, body, tag)
}

fn cbc_hs512(key: &[u8], header: &Value, claims: &Value) -> String {
    let head = B64.encode(header.to_string());
    let iv: [u8; 16] = random();
    let (mac_key, enc_key) = key.split_at(32);
    let cipher = cbc::Encryptor::<aes::Aes256>::new_from_slices(enc_key, &iv).expect("sizes");
    let body = cipher.encrypt_padded_vec::<Pkcs7>(claims.to_string().as_bytes());
    let mut mac = hmac::Hmac::<Sha512>::new_from_slice(mac_key).expect("any size");
    mac.update(head.as_bytes());
    mac.update(&iv);
    mac.update(&body);
    mac.update(&(head.len() as u64 * 8).to_be_bytes());
    let tag = mac.finalize().into_bytes();
    jwe(&head, &iv, &body, &tag[..32])
}

fn jwe(head: &str, iv: &[u8], body: &[u8], tag: &[u8]) -> String {
    format!(
        "{head}..{}.{}.{}",
        B64.encode(iv),
        B64.encode(body),
        B64.encode(tag)
    )
}

/// Random bytes from the system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("randomness");
    bytes
}

/// A random id in the session id's alphabet, 43 characters.
pub fn random_id() -> String {
    B64.encode(random::<32>())
}
