//! Each way in which a cookie is no session is told apart from the others.

use super::*;
use crate::session::sealing::{self, OLDER, SECRET};

const V5: &str = "__Secure-authjs.session-token";
const V4: &str = "next-auth.session-token";
const NOW: u64 = 1_900_000_000;
const ALICE: &str = "alice-0123456789";

fn with_secrets(secrets: &[&str]) -> SessionConfig {
    SessionConfig {
        format: SessionFormat::NextAuth {
            secrets: secrets.iter().map(|s| (*s).to_owned().into()).collect(),
            claim: "sid".to_owned(),
        },
        cookies: vec![V5.to_owned(), V4.to_owned()],
        lifetime: Duration::from_secs(3600),
    }
}

fn told(secrets: &[&str], header: &str) -> Diagnosis {
    diagnose(
        &with_secrets(secrets),
        header.as_bytes(),
        Duration::from_secs(NOW),
    )
}

/// The only candidate of a header.
fn only(secrets: &[&str], header: &str) -> Outcome {
    let mut candidates: Vec<Candidate> = told(secrets, header)
        .names
        .into_iter()
        .flat_map(|name| name.candidates)
        .collect();
    assert_eq!(candidates.len(), 1);
    candidates.remove(0).outcome
}

fn claims() -> String {
    format!(
        r#"{{"sub":"1","sid":"{ALICE}","exp":{},"iat":{NOW}}}"#,
        NOW + 60
    )
}

fn refusal(claims: &str) -> String {
    let header = format!("{V4}={}", sealing::v4(SECRET, claims));
    match only(&[SECRET], &header) {
        Outcome::Opened(
            _,
            Opened {
                session: Err(why), ..
            },
        ) => why,
        _ => panic!("opened, and no session"),
    }
}

#[test]
fn a_good_cookie_is_opened_and_its_claims_are_named() {
    for (header, secret) in [
        (format!("{V5}={}", sealing::v5(SECRET, V5, &claims())), 0),
        (format!("{V4}={}", sealing::v4(OLDER, &claims())), 1),
    ] {
        let Outcome::Opened(header, opened) = only(&[SECRET, OLDER], &header) else {
            panic!("opened");
        };
        assert_eq!(header.alg, "dir");
        assert_eq!(opened.secret, secret);
        assert_eq!(opened.session.unwrap().expose(), ALICE);
        let mut shown: Vec<_> = opened
            .claims
            .iter()
            .map(|claim| (claim.name.as_str(), claim.kind, claim.time))
            .collect();
        shown.sort_by_key(|(name, ..)| *name);
        let now = NOW as f64;
        assert_eq!(
            shown,
            [
                ("exp", "a number", Some(now + 60.0)),
                ("iat", "a number", Some(now)),
                ("sid", "a string", None),
                ("sub", "a string", None),
            ]
        );
    }
}

#[test]
fn the_decision_is_the_filters_own() {
    let ours = sealing::v5(SECRET, V5, &claims());
    let header = format!("a=1; {V5}={ours}; {V5}=x; {V4}.0=y; {V4}.2=z");
    let told = told(&[SECRET], &header);
    assert!(matches!(told.lookup, Lookup::Found(ref id) if id.expose() == ALICE));
    assert_eq!(
        (told.names[0].whole, told.names[0].candidates.len()),
        (2, 2)
    );
    assert_eq!(told.names[1].chunks, [0, 2]);
    assert_eq!(told.others, ["a"]);
}

#[test]
fn what_does_not_open_says_why() {
    let ours = sealing::v5(SECRET, V5, &claims());
    let elsewhere = sealing::v5(SECRET, V4, &claims());
    let (cut, _) = ours.rsplit_once('.').unwrap();
    let damaged = format!("{cut}.{}", "A".repeat(43));
    assert!(matches!(
        only(&[OLDER], &format!("{V5}={ours}")),
        Outcome::Sealed(_, Seal::WrongSecret)
    ));
    assert!(matches!(
        only(
            &[OLDER],
            &format!("{V4}={}", sealing::v4(SECRET, &claims()))
        ),
        Outcome::Sealed(_, Seal::WrongSecret)
    ));
    assert!(matches!(
        only(&[OLDER, SECRET], &format!("{V5}={elsewhere}")),
        Outcome::Sealed(_, Seal::OtherName(1, name)) if name == V4
    ));
    assert!(matches!(
        only(&[OLDER, SECRET], &format!("{V5}={damaged}")),
        Outcome::Sealed(_, Seal::Damaged(1))
    ));
    let without_kid = sealing::cbc(
        &sealing::v5_key(OLDER, V5),
        r#"{"alg":"dir","enc":"A256CBC-HS512"}"#,
        &claims(),
    );
    assert!(matches!(
        only(&[SECRET, OLDER], &format!("{V5}={without_kid}")),
        Outcome::Sealed(_, Seal::NotFirst(1))
    ));
}

#[test]
fn a_token_without_a_session_says_why() {
    assert!(
        refusal(&format!(r#"{{"sid":"{ALICE}","exp":{}}}"#, NOW - 15)).contains("time is over")
    );
    assert!(refusal(&format!(r#"{{"sid":"{ALICE}","exp":"1"}}"#)).contains("\"exp\" is no number"));
    assert!(refusal(r#"{"sub":"1"}"#).contains("no claim \"sid\""));
    assert!(refusal(r#"{"sid":"short"}"#).contains("has 5 characters"));
    assert!(refusal(r#"{"sid":7}"#).contains("is a number and no string"));
    assert!(refusal("[]").contains("no JSON object"));
}

#[test]
fn what_is_no_token_says_why() {
    let ours = sealing::v5(SECRET, V5, &claims());
    let (_, rest) = ours.split_once('.').unwrap();
    let other = |header: &str| format!("{}.{rest}", sealing::encode(header));
    for (value, why) in [
        ("a.b.c".to_owned(), "three parts"),
        ("3b241101-e2bb-4255-8caf-4136c566a962".to_owned(), "opaque"),
        (format!("\"{ours}\""), "quotes"),
        ("a.b".to_owned(), "five parts"),
        ("?..a.b.c".to_owned(), "base64url"),
        (other(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#), "alg"),
        (other(r#"{"alg":"dir","enc":"A128GCM"}"#), "enc"),
        (other(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#), "zip"),
        (format!("{ours}="), "damaged"),
    ] {
        match only(&[SECRET], &format!("{V5}={value}")) {
            Outcome::NoToken(said) => assert!(said.contains(why), "{value}: {said}"),
            _ => panic!("{value} is no token"),
        }
    }
}

#[test]
fn an_opaque_cookie_is_an_id_or_none() {
    let config = SessionConfig {
        format: SessionFormat::Opaque,
        cookies: vec!["s".to_owned()],
        lifetime: Duration::from_secs(3600),
    };
    let header = format!("s={ALICE}; s=short");
    let told = diagnose(&config, header.as_bytes(), Duration::from_secs(NOW));
    let outcomes: Vec<bool> = told.names[0]
        .candidates
        .iter()
        .map(|candidate| matches!(candidate.outcome, Outcome::Opaque(Some(_))))
        .collect();
    assert_eq!(outcomes, [true, false]);
}
