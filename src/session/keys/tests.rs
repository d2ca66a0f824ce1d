use sha2::{Sha256, Sha512};

use super::*;
use crate::session::sealing::{self, OLDER, SECRET};

const NAME: &str = "authjs.session-token";
const CLAIMS: &str = r#"{"sid":"abcdefghijklmnop"}"#;

fn ring(secrets: &[&str]) -> KeyRing {
    let secrets: Vec<Redacted<String>> = secrets.iter().map(|s| (*s).to_owned().into()).collect();
    KeyRing::new(&secrets, &[NAME.to_owned(), "other".to_owned()])
}

fn opens(ring: &KeyRing, token: &str) -> bool {
    ring.open(0, token.as_bytes()).as_deref() == Some(CLAIMS.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Made with both libraries.
#[test]
fn keys_and_kids_are_those_of_the_libraries() {
    assert_eq!(
        hex(&sealing::v4_key(SECRET)),
        "0255a60102c8fa05fecfbef3b540e79a784a9f9deb5a363dbf5365f95896236d"
    );
    let key = sealing::v5_key::<64>(SECRET, NAME);
    assert_eq!(
        hex(&key),
        "09bdefdf80d02dfde865d056e9b4f6b1fefaca259a19f56885db04a203937fa1\
         37a5a39e6cb110f7d8c60d8c8f03309ee1887706f3b61d7eac76943789d46041"
    );
    assert_eq!(
        thumbprint::<Sha512>(&key),
        "HNz-tfsFdOTQJaNrVb7kGrEucdH_C0B0FxvjOoa9oj9es3PAm9jcou6hCg7dHHyx0OaO2t8RzlG6oqsc7NTHEQ"
    );
    let secure = sealing::v5_key::<64>(SECRET, "__Secure-authjs.session-token");
    assert_eq!(
        thumbprint::<Sha512>(&secure),
        "uY3wEkHeeJA4PzM85N1enctqYbcBOJkZpHdu50KMO3KPhUAxj_TL8ImzLfZjOpuDiVZ8ylfcSYMlY9knYxCgGA"
    );
}

#[test]
fn next_auth_4_every_secret_is_tried() {
    let ring = ring(&["newest", SECRET, OLDER]);
    assert!(opens(&ring, &sealing::v4(OLDER, CLAIMS)));
    assert!(!opens(&ring, &sealing::v4("unknown", CLAIMS)));
}

#[test]
fn auth_js_5_the_kid_names_the_secret() {
    let ring = ring(&["newest", SECRET, OLDER]);
    assert!(opens(&ring, &sealing::v5(OLDER, NAME, CLAIMS)));
    assert!(!opens(&ring, &sealing::v5(OLDER, "other", CLAIMS)));
    let key = sealing::v5_key::<64>(OLDER, NAME);
    for kid in [
        "",
        "unknown",
        &thumbprint::<Sha512>(&sealing::v5_key::<64>(SECRET, NAME)),
    ] {
        let header = format!(r#"{{"alg":"dir","enc":"A256CBC-HS512","kid":"{kid}"}}"#);
        assert!(!opens(&ring, &sealing::cbc(&key, &header, CLAIMS)));
    }
}

#[test]
fn auth_js_5_without_kid_only_the_first_secret_counts() {
    let header = r#"{"alg":"dir","enc":"A256CBC-HS512"}"#;
    let token = sealing::cbc(&sealing::v5_key(SECRET, NAME), header, CLAIMS);
    assert!(opens(&ring(&[SECRET, OLDER]), &token));
    assert!(!opens(&ring(&[OLDER, SECRET]), &token));
}

#[test]
fn early_betas_without_kid_only_the_first_secret_counts() {
    let token = sealing::gcm(&sealing::v5_key(SECRET, NAME), sealing::V4_HEADER, CLAIMS);
    assert!(opens(&ring(&[SECRET, OLDER]), &token));
    assert!(!opens(&ring(&[OLDER, SECRET]), &token));
}

#[test]
fn a256gcm_with_a_kid_is_opened_by_the_named_key_alone() {
    let key = sealing::v5_key::<32>(OLDER, NAME);
    let header = |kid: &str| format!(r#"{{"alg":"dir","enc":"A256GCM","kid":"{kid}"}}"#);
    let kid = thumbprint::<Sha256>(&key);
    let ring = ring(&[SECRET, OLDER]);
    assert!(opens(&ring, &sealing::gcm(&key, &header(&kid), CLAIMS)));
    let wrong = thumbprint::<Sha512>(&key);
    assert!(!opens(&ring, &sealing::gcm(&key, &header(&wrong), CLAIMS)));
    // A kid is Auth.js 5; next-auth 4's keys are not tried.
    let v4 = sealing::v4_key(SECRET);
    assert!(!opens(&ring, &sealing::gcm(&v4, &header(&kid), CLAIMS)));
}

#[test]
fn an_unknown_name_has_no_keys() {
    assert!(
        ring(&[SECRET])
            .open(2, sealing::v4(SECRET, CLAIMS).as_bytes())
            .is_none()
    );
}
