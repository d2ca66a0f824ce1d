//! Section 3 of the contract, header in and lookup out.

use super::sealing::{self, OLDER, SECRET};
use super::*;

mod hostile;
mod memo;

const V5: &str = "__Secure-authjs.session-token";
const V4: &str = "next-auth.session-token";
const NOW: u64 = 1_900_000_000;
const ALICE: &str = "alice-0123456789";
const BOB: &str = "bob-0123456789ab";

fn reader_of(format: SessionFormat, names: &[&str], memo: usize) -> SessionReader {
    let config = SessionConfig {
        format,
        cookies: names.iter().map(|name| (*name).to_owned()).collect(),
        lifetime: Duration::from_secs(3600),
    };
    SessionReader::new(&config, memo)
}

fn nextauth_with(memo: usize) -> SessionReader {
    let format = SessionFormat::NextAuth {
        secrets: [SECRET, OLDER]
            .map(|secret| secret.to_owned().into())
            .to_vec(),
        claim: "sid".to_owned(),
    };
    reader_of(format, &[V5, V4], memo)
}

fn opaque(names: &[&str]) -> SessionReader {
    reader_of(SessionFormat::Opaque, names, 10)
}

fn at(reader: &mut SessionReader, header: impl AsRef<[u8]>, now: u64) -> Lookup {
    reader.read(header.as_ref(), Duration::from_secs(now))
}

/// Reads with a memo and without; both must agree, the second time too.
fn read(header: impl AsRef<[u8]>) -> Lookup {
    let lookup = at(&mut nextauth_with(0), header.as_ref(), NOW);
    let mut remembering = nextauth_with(10);
    for _ in 0..2 {
        assert!(at(&mut remembering, header.as_ref(), NOW) == lookup);
    }
    lookup
}

fn found(id: &str) -> Lookup {
    Lookup::Found(SessionId::parse(id).unwrap())
}

fn claims(id: &str, exp: u64) -> String {
    format!(r#"{{"sub":"1","sid":"{id}","exp":{exp}}}"#)
}

fn v4(id: &str) -> String {
    sealing::v4(SECRET, &claims(id, NOW + 60))
}

fn v5(id: &str) -> String {
    sealing::v5(SECRET, V5, &claims(id, NOW + 60))
}

fn expired(id: &str) -> String {
    sealing::v5(SECRET, V5, &claims(id, NOW - 60))
}

fn chunks(name: &str, token: &str, size: usize) -> String {
    let parts = token.as_bytes().chunks(size).enumerate();
    parts
        .map(|(index, part)| format!("{name}.{index}={}", str::from_utf8(part).unwrap()))
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn a_session_id_has_16_to_128_characters_of_its_alphabet() {
    for good in ["a".repeat(16), "Z9_-".repeat(32)] {
        assert!(SessionId::parse(&good).is_some());
    }
    for bad in [
        "a".repeat(15),
        "a".repeat(129),
        "a".repeat(16) + ".",
        "a".repeat(16) + "é",
        String::new(),
    ] {
        assert!(SessionId::parse(&bad).is_none());
    }
}

#[test]
fn what_is_found_does_not_show_in_debug_output() {
    assert_eq!(format!("{:?}", found(ALICE)), "Found([session id])");
}

#[test]
fn no_cookie_no_session() {
    for header in ["", ";", "a=b", V5, "=", "authjs.session-token-x=1"] {
        assert_eq!(read(header), Lookup::None);
    }
}

#[test]
fn both_generations_are_read_under_every_name() {
    assert_eq!(read(format!("{V5}={}", v5(ALICE))), found(ALICE));
    assert_eq!(read(format!("{V4}={}", v4(ALICE))), found(ALICE));
    assert_eq!(read(format!("{V5}={}", v4(ALICE))), found(ALICE));
    let migrated = sealing::v5(SECRET, V4, &claims(ALICE, NOW));
    assert_eq!(read(format!("{V4}={migrated}")), found(ALICE));
}

#[test]
fn the_memo_does_not_carry_a_cookie_over_to_another_name() {
    let token = v5(ALICE);
    let mut reader = nextauth_with(10);
    assert_eq!(at(&mut reader, format!("{V5}={token}"), NOW), found(ALICE));
    assert_eq!(at(&mut reader, format!("{V4}={token}"), NOW), Lookup::None);
    assert_eq!(at(&mut reader, format!("{V5}={token}"), NOW), found(ALICE));
}

#[test]
fn quoted_values_are_no_session() {
    assert_eq!(read(format!("{V5}=\"{}\"", v5(ALICE))), Lookup::None);
}

#[test]
fn the_first_name_with_a_valid_candidate_decides() {
    let (ours, theirs) = (v5(ALICE), v4(BOB));
    assert_eq!(read(format!("{V4}={theirs}; {V5}={ours}")), found(ALICE));
    assert_eq!(
        read(format!("{V4}={theirs}; {V5}={}", expired(ALICE))),
        found(BOB)
    );
}

#[test]
fn different_sessions_under_one_name_are_ambiguous() {
    let header = format!("{V5}={}; {V5}={}", v5(ALICE), v5(BOB));
    assert_eq!(read(&header), Lookup::Ambiguous);
    // A later name does not settle it.
    assert_eq!(
        read(format!("{header}; {V4}={}", v4(ALICE))),
        Lookup::Ambiguous
    );
    // Plain and chunks are the same name.
    let mixed = format!("{V5}={}; {}", v5(ALICE), chunks(V5, &v5(BOB), 200));
    assert_eq!(read(mixed), Lookup::Ambiguous);
}

#[test]
fn different_cookies_of_one_session_are_not_ambiguous() {
    let older = sealing::v5(OLDER, V5, &claims(ALICE, NOW + 600));
    assert_eq!(
        read(format!(
            "{V5}={}; {V5}={older}; {V5}={}",
            v5(ALICE),
            v4(ALICE)
        )),
        found(ALICE)
    );
}

#[test]
fn times_are_judged_at_every_use() {
    let token = sealing::v5(
        SECRET,
        V5,
        &format!(r#"{{"sid":"{ALICE}","nbf":1000,"exp":2000}}"#),
    );
    let header = format!("{V5}={token}");
    for memo in [0, 10] {
        let mut reader = nextauth_with(memo);
        for (now, lookup) in [
            (984, Lookup::None),
            (985, found(ALICE)),
            (2014, found(ALICE)),
            (2015, Lookup::None),
            (1500, found(ALICE)), // the clock was set back
        ] {
            assert_eq!(at(&mut reader, &header, now), lookup, "{now}");
        }
    }
}

#[test]
fn opaque_the_value_is_the_session_id() {
    let mut reader = opaque(&["__Host-session", "old"]);
    let mut read = |header: &str| at(&mut reader, header, NOW);
    let uuid = "3b241101-e2bb-4255-8caf-4136c566a962";
    assert_eq!(read(&format!("__Host-session={uuid}")), found(uuid));
    assert_eq!(
        read(&format!("old={BOB}; __Host-session={uuid}")),
        found(uuid)
    );
    assert_eq!(
        read(&format!("__Host-session=short; old={BOB}")),
        found(BOB)
    );
    assert_eq!(
        read(&format!(
            "__Host-session=no.id.at.all.0123456; __Host-session={uuid}"
        )),
        found(uuid)
    );
    assert_eq!(
        read(&format!("__Host-session={uuid}; __Host-session={uuid}")),
        found(uuid)
    );
    assert_eq!(
        read(&format!("__Host-session={uuid}; __Host-session={BOB}")),
        Lookup::Ambiguous
    );
    assert_eq!(
        read(&format!("__Host-session-x={uuid}; x__Host-session={uuid}")),
        Lookup::None
    );
}

#[test]
fn opaque_chunks_do_not_count() {
    let mut reader = opaque(&["s"]);
    assert_eq!(
        at(&mut reader, format!("s.0={ALICE}; s.1={BOB}"), NOW),
        Lookup::None
    );
    assert_eq!(
        at(&mut reader, format!("s.0={ALICE}; s={BOB}"), NOW),
        found(BOB)
    );
}

#[test]
fn opaque_bytes_that_are_not_utf8_are_no_session_id() {
    let mut reader = opaque(&["s"]);
    assert_eq!(
        at(&mut reader, b"s=\xff123456789abcdef0", NOW),
        Lookup::None
    );
    assert_eq!(
        at(&mut reader, b"\xff=\xfe; s=\xff; s=0123456789abcdef", NOW),
        found("0123456789abcdef")
    );
}

#[test]
fn stripping_goes_by_the_configured_names() {
    let reader = nextauth_with(0);
    let header = format!("a=1; {V5}=x; {V4}.0=y; {V4}.12=y; authjs.session-token=z; {V5}-x=1; b=2");
    let left = reader.strip(header.as_bytes()).unwrap();
    assert_eq!(
        left,
        format!("a=1; authjs.session-token=z; {V5}-x=1; b=2").as_bytes()
    );
    assert_eq!(reader.strip(format!("{V5}=x; {V4}.0=y").as_bytes()), None);
}
