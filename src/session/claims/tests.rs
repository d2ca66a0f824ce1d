use super::*;

const ID: &str = "a01mlcZieTETrvY719V8NWYmFf52buB8JnLZl8Rj4xc";

fn read(json: &str) -> Option<Claims> {
    Claims::read(json.as_bytes(), "sid")
}

fn valid(times: &str, now: u64) -> bool {
    let claims = read(&format!(r#"{{"sid":"{ID}",{times}}}"#)).unwrap();
    claims.valid_at(Duration::from_secs(now))
}

#[test]
fn the_id_is_the_claim_of_the_configured_name() {
    let json = format!(
        r#"{{"jti":"{}","sub":"1","own":"{ID}","sid":"x"}}"#,
        "j".repeat(36)
    );
    let claims = Claims::read(json.as_bytes(), "own").unwrap();
    assert!(claims.id.expose() == ID);
    assert!(Claims::read(json.as_bytes(), "sub").is_none());
    assert!(Claims::read(json.as_bytes(), "").is_none());
}

#[test]
fn a_claim_that_is_no_session_id_is_no_session() {
    let short = "a".repeat(15);
    let long = "a".repeat(129);
    for id in [
        "null",
        "7",
        "true",
        "[]",
        "{}",
        r#""""#,
        &format!("[{ID:?}]"),
        &format!("{short:?}"),
        &format!("{long:?}"),
        r#""abcdefghijklmnop ""#,
        r#""abcdefgh/ijklmnop""#,
        r#""abcdefghijklmnöp""#,
        r#""abcdefghijklmno\u0000""#,
    ] {
        assert!(read(&format!(r#"{{"sid":{id}}}"#)).is_none(), "{id}");
    }
    for id in ["a".repeat(16), "_-aZ09".repeat(20) + "12345678"] {
        assert!(read(&format!(r#"{{"sid":"{id}"}}"#)).is_some(), "{id}");
    }
}

#[test]
fn plaintext_that_is_no_object_is_no_session() {
    let trailing = format!(r#"{{"sid":"{ID}"}}x"#);
    let cut = format!(r#"{{"sid":"{ID}""#);
    for json in ["", "null", "[]", &trailing, &cut, &format!("{ID:?}")] {
        assert!(read(json).is_none(), "{json}");
    }
    assert!(Claims::read(b"{\"sid\":\"abcdefghijklmnop\xff\"}", "sid").is_none());
    let spaced = format!("\n {{ \"sid\" : \"{ID}\" }} \n");
    assert!(read(&spaced).is_some());
}

/// Measured with both libraries: valid at exp + 14, refused at exp + 15.
#[test]
fn expired_means_15_seconds_past_exp() {
    assert!(valid(r#""exp":1000"#, 0));
    assert!(valid(r#""exp":1000"#, 1000));
    assert!(valid(r#""exp":1000"#, 1014));
    assert!(!valid(r#""exp":1000"#, 1015));
    assert!(!valid(r#""exp":1000"#, u64::MAX));
    assert!(!valid(r#""exp":0"#, 15));
    assert!(!valid(r#""exp":-1000"#, 0));
}

#[test]
fn not_yet_valid_means_more_than_15_seconds_before_nbf() {
    assert!(!valid(r#""nbf":1000"#, 984));
    assert!(valid(r#""nbf":1000"#, 985));
    assert!(valid(r#""nbf":1000"#, 5000));
    assert!(!valid(r#""nbf":1000,"exp":2000"#, 984));
    assert!(!valid(r#""nbf":1000,"exp":2000"#, 2015));
    assert!(valid(r#""nbf":1000,"exp":2000"#, 1500));
}

#[test]
fn fractions_of_a_second_count_in_exp_but_not_in_now() {
    assert!(valid(r#""exp":1000.5"#, 1015));
    assert!(!valid(r#""exp":1000.5"#, 1016));
    assert!(!valid(r#""nbf":1000.5"#, 985));
    let claims = read(&format!(r#"{{"sid":"{ID}","exp":1000.5}}"#)).unwrap();
    assert!(claims.valid_at(Duration::from_millis(1_015_900)));
}

#[test]
fn without_times_a_token_never_expires() {
    assert!(valid(r#""iat":4102444800"#, 0));
    assert!(valid(r#""iat":0"#, u64::MAX));
}

#[test]
fn iat_is_not_checked() {
    assert!(valid(r#""iat":"yesterday","exp":1000"#, 1000));
}

#[test]
fn a_time_that_is_no_number_is_refused() {
    for time in ["null", r#""4102444800""#, "true", "[1]", "{}"] {
        for name in ["exp", "nbf"] {
            let json = format!(r#"{{"sid":"{ID}","{name}":{time}}}"#);
            assert!(read(&json).is_none(), "{json}");
        }
    }
}

#[test]
fn of_a_member_given_twice_the_last_counts() {
    assert!(!valid(r#""exp":5000,"exp":1000"#, 2000));
    let json = format!(r#"{{"sid":"{ID}","sid":"{}"}}"#, "b".repeat(20));
    assert!(read(&json).unwrap().id.expose() == "b".repeat(20));
    assert!(read(&format!(r#"{{"sid":"{ID}","sid":"short"}}"#)).is_none());
}

#[test]
fn other_claims_may_be_anything() {
    let nested = "[".repeat(100) + &"]".repeat(100);
    let json = format!(
        r#"{{"a":{nested},"b":{{"exp":"x","sid":1}},"c":1e300,"ü":"\ud83e\udd8a","sid":"{ID}"}}"#
    );
    assert!(read(&json).is_some());
}
