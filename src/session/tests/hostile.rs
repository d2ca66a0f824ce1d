//! Headers as a sub-domain or a hostile client may write them: planted and
//! look-alike cookies, tampering, size, noise.

use proptest::prelude::*;

use super::*;

#[test]
fn look_alike_names_are_other_cookies() {
    let token = v5(ALICE);
    for name in ["-x", "x", ".", ".01", ".00", ".32", ".0x", ".a", ".0.0"] {
        assert_eq!(read(format!("{V5}{name}={token}")), Lookup::None, "{name}");
        let both = format!("{V5}{name}={}; {V5}={token}; x{V5}=1", v5(BOB));
        assert_eq!(read(both), found(ALICE), "{name}");
    }
    assert_eq!(
        read(format!("x{V5}={token}; {}={token}", V5.to_lowercase())),
        Lookup::None
    );
}

#[test]
fn planted_cookies_before_and_behind_do_not_lock_the_user_out() {
    let token = v5(ALICE);
    let other_secret = sealing::v5("attacker", V5, &claims(BOB, NOW + 60));
    let other_name = sealing::v5(SECRET, V4, &claims(BOB, NOW + 60));
    let no_id = sealing::v5(SECRET, V5, r#"{"sub":"1"}"#);
    let bad_id = sealing::v5(SECRET, V5, r#"{"sid":"../../etc/passwd00"}"#);
    let bad_exp = sealing::v5(SECRET, V5, &format!(r#"{{"sid":"{BOB}","exp":"never"}}"#));
    for planted in [
        "x",
        "",
        &other_secret,
        &other_name,
        &no_id,
        &bad_id,
        &bad_exp,
        &expired(BOB),
    ] {
        assert_eq!(read(format!("{V5}={planted}; {V5}={token}")), found(ALICE));
        assert_eq!(read(format!("{V5}={token}; {V5}={planted}")), found(ALICE));
        assert_eq!(
            read(format!("{V5}={planted}; {V4}={}", v4(ALICE))),
            found(ALICE)
        );
        assert_eq!(read(format!("{V5}={planted}")), Lookup::None);
    }
}

#[test]
fn planted_chunks_do_not_lock_the_user_out() {
    let token = v5(ALICE);
    let ours = chunks(V5, &token, 300);
    for planted in [
        format!("{V5}.2=x"),
        format!("{V5}.0=x"),
        format!("{V5}.1=x; {V5}.2=x; {V5}.3=x"),
        format!("{V5}=x"),
        chunks(V5, &expired(BOB), 200),
        (2..32).map(|index| format!("{V5}.{index}=eyJ; ")).collect(),
    ] {
        assert_eq!(read(format!("{planted}; {ours}")), found(ALICE), "before");
        assert_eq!(read(format!("{ours}; {planted}")), found(ALICE), "behind");
    }
}

#[test]
fn the_ninth_candidate_is_not_tried() {
    let token = v5(ALICE);
    let planted = |n: usize| -> String { (0..n).map(|i| format!("{V5}=planted{i}; ")).collect() };
    assert_eq!(read(format!("{}{V5}={token}", planted(7))), found(ALICE));
    assert_eq!(read(format!("{}{V5}={token}", planted(8))), Lookup::None);
    // All names together.
    assert_eq!(
        read(format!("{}{V4}={}", planted(7), v4(ALICE))),
        found(ALICE)
    );
    assert_eq!(
        read(format!("{}{V4}={}", planted(8), v4(ALICE))),
        Lookup::None
    );
    // Repetitions and empty values are no candidates.
    assert_eq!(
        read(format!(
            "{}{V5}={token}",
            planted(1).repeat(9) + &format!("{V5}=; ").repeat(9)
        )),
        found(ALICE)
    );
}

#[test]
fn no_byte_of_a_cookie_can_be_changed() {
    for token in [v4(ALICE), v5(ALICE)] {
        let mut reader = nextauth_with(10);
        assert_eq!(at(&mut reader, format!("{V5}={token}"), NOW), found(ALICE));
        for index in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[index] ^= if changed[index] == b'A' { 4 } else { 1 };
            let header = [V5.as_bytes(), b"=", &changed].concat();
            assert_eq!(at(&mut reader, header, NOW), Lookup::None, "{index}");
        }
    }
}

#[test]
fn a_60_kb_header_is_read() {
    let mut header = b"a=\xff\xfe; ".repeat(4000);
    header.extend_from_slice(&b";=".repeat(20_000));
    header.extend_from_slice(format!("; {V5}={}", v5(ALICE)).as_bytes());
    assert!(header.len() > 60_000);
    assert_eq!(read(&header), found(ALICE));
    let giant = sealing::v5(
        SECRET,
        V5,
        &format!(r#"{{"p":"{}","sid":"{ALICE}"}}"#, "p".repeat(45_000)),
    );
    assert!(giant.len() > 60_000);
    assert_eq!(read(chunks(V5, &giant, 3936)), found(ALICE));
}

proptest! {
    #[test]
    fn no_header_panics(
        parts in proptest::collection::vec(
            prop_oneof![
                "(__Secure-authjs\\.session-token|next-auth\\.session-token)(\\.[0-9]{1,2})?=[eyJ.A-Z]{0,60}; ".prop_map(String::into_bytes),
                proptest::collection::vec(any::<u8>(), 0..40),
            ],
            0..20,
        ),
        now in any::<u64>(),
    ) {
        let header = parts.concat();
        prop_assert_eq!(at(&mut nextauth_with(4), &header, now), Lookup::None);
        at(&mut opaque(&[V5, V4]), &header, now);
        nextauth_with(0).strip(&header);
    }
}
