//! The contract's section 5: the record, its members and times.

mod freshness;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A JWT with this payload, unsigned.
pub(in crate::tokens) fn jwt(payload: &str) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2ln", encode(r#"{"alg":"HS256"}"#), encode(payload))
}

fn token(iat: u64, exp: u64) -> String {
    jwt(&json!({"iat": iat, "exp": exp}).to_string())
}

fn fields() -> Fields {
    Fields {
        access: "access".into(),
        refresh: "refresh".into(),
        access_exp: "access_exp".into(),
        refresh_exp: "refresh_exp".into(),
    }
}

fn parse(record: &Value) -> Result<Record, RecordError> {
    Record::parse(&record.to_string(), &fields())
}

fn refresh_config() -> RefreshConfig {
    RefreshConfig {
        leeway: Duration::from_secs(10),
        ahead: Duration::from_secs(60),
        wait: Duration::from_secs(5),
    }
}

fn issued(access: &str, refresh: Option<&str>) -> IssuedTokens {
    IssuedTokens {
        access: access.to_owned().into(),
        refresh: refresh.map(|token| token.to_owned().into()),
        access_exp: None,
    }
}

fn json_of(record: &Record) -> Value {
    serde_json::from_str(record.text().expose()).unwrap()
}

#[test]
fn a_record_is_read_and_its_text_kept() {
    let text = "{ \"access\":\"acc\", \"refresh\":\"ref\",\n\"access_exp\":1795363123,\"refresh_exp\":1795449223 }";
    let record = Record::parse(text, &fields()).unwrap();
    assert_eq!(record.text().expose(), text);
    assert_eq!(record.access().expose(), "acc");
    assert_eq!(record.refresh().unwrap().expose(), "ref");
    assert_eq!(record.authorization().expose(), "Bearer acc");
    assert_eq!(record.access_exp(), Some(1795363123));
    assert_eq!(record.refresh_exp(), Some(1795449223));
}

#[test]
fn member_names_are_the_configured_ones() {
    let fields = Fields {
        access: "a".into(),
        refresh: "r".into(),
        access_exp: "ae".into(),
        refresh_exp: "re".into(),
    };
    let text = r#"{"a":"acc","r":"ref","ae":1,"re":2,"access":7}"#;
    let record = Record::parse(text, &fields).unwrap();
    assert_eq!(record.access().expose(), "acc");
    assert_eq!(
        (record.access_exp(), record.refresh_exp()),
        (Some(1), Some(2))
    );
    let next = record.with_tokens(&issued("new", None), &fields);
    assert_eq!(
        json_of(&next),
        json!({"a": "new", "r": "ref", "re": 2, "access": 7})
    );
}

#[test]
fn debug_shows_no_token() {
    let record = parse(&json!({"access": "acc-1", "refresh": "ref-1", "other": "oth-1"})).unwrap();
    let shown = format!("{record:?}");
    assert!(!shown.contains("-1"), "{shown}");
}

#[test]
fn what_is_no_object_is_refused() {
    for text in [
        "",
        "null",
        "[]",
        "\"x\"",
        "1",
        "{",
        "{}x",
        "{\"access\":\"a\",}",
    ] {
        let refused = Record::parse(text, &fields());
        assert_eq!(refused, Err(RecordError::NotAnObject), "{text}");
    }
}

#[test]
fn an_access_token_must_be_fit_for_a_header() {
    for access in [
        json!(null),
        json!(""),
        json!(1),
        json!(["a"]),
        json!("a b"),
        json!("a\r\nx: y"),
        json!("a\u{0}"),
        json!("a\u{7f}"),
        json!("é"),
    ] {
        let refused = parse(&json!({"access": access, "refresh": "r"}));
        assert_eq!(refused, Err(RecordError::Access), "{access}");
    }
    assert_eq!(parse(&json!({"refresh": "r"})), Err(RecordError::Access));
    assert!(parse(&json!({"access": "!~"})).is_ok());
}

#[test]
fn a_refresh_token_is_optional_but_a_string() {
    for none in [
        json!({"access": "a"}),
        json!({"access": "a", "refresh": null}),
        json!({"access": "a", "refresh": ""}),
    ] {
        assert_eq!(parse(&none).unwrap().refresh(), None, "{none}");
    }
    for wrong in [json!(1), json!(true), json!({})] {
        let refused = parse(&json!({"access": "a", "refresh": wrong}));
        assert_eq!(refused, Err(RecordError::Refresh), "{wrong}");
    }
}

#[test]
fn times_are_numbers_rounded_down() {
    for (text, expected) in [
        ("1700000000", Some(1_700_000_000)),
        ("1.7e9", Some(1_700_000_000)),
        ("1700000000.999", Some(1_700_000_000)),
        ("-5", Some(0)),
        ("0", Some(0)),
        ("null", None),
    ] {
        let text = format!(r#"{{"access":"a","access_exp":{text},"refresh_exp": {text}}}"#);
        let record = Record::parse(&text, &fields()).unwrap();
        assert_eq!(record.access_exp(), expected, "{text}");
        assert_eq!(record.refresh_exp(), expected, "{text}");
    }
    for wrong in [
        json!("1700000000"),
        json!(true),
        json!([1]),
        json!("2026-11-22"),
    ] {
        for name in ["access_exp", "refresh_exp"] {
            let refused = parse(&json!({"access": "a", name: wrong}));
            assert_eq!(refused, Err(RecordError::Time), "{wrong}");
        }
    }
}

#[test]
fn a_missing_time_is_read_from_the_jwt() {
    let record = parse(&json!({"access": token(0, 500), "refresh": token(0, 900)})).unwrap();
    assert_eq!(
        (record.access_exp(), record.refresh_exp()),
        (Some(500), Some(900))
    );
    let opaque = parse(&json!({"access": "a", "refresh": "r"})).unwrap();
    assert_eq!((opaque.access_exp(), opaque.refresh_exp()), (None, None));
}

#[test]
fn the_earlier_of_two_times_counts() {
    let with = |time: u64| {
        let record = json!({"access": token(0, 500), "refresh": token(0, 500), "access_exp": time, "refresh_exp": time});
        let record = parse(&record).unwrap();
        assert_eq!(record.access_exp(), record.refresh_exp());
        record.access_exp()
    };
    assert_eq!(with(400), Some(400));
    assert_eq!(with(600), Some(500));
    assert_eq!(with(500_000), Some(500)); // milliseconds
}

#[test]
fn milliseconds_are_told_from_seconds_where_no_jwt_helps() {
    let with = |time: u64| {
        parse(&json!({"access": "a", "access_exp": time}))
            .unwrap()
            .access_exp()
    };
    assert_eq!(with(1_795_363_123_000), Some(1_795_363_123));
    assert_eq!(with(9_999_999_999), Some(9_999_999_999));
    assert_eq!(with(END_OF_TIME), Some(END_OF_TIME));
    assert_eq!(with(u64::MAX), Some(END_OF_TIME));
}

#[test]
fn a_record_that_a_write_back_could_not_carry_is_refused() {
    let with = |size: usize| parse(&json!({"access": "a", "note": "x".repeat(size)}));
    let frame = json!({"access": "a", "note": ""}).to_string().len();
    assert!(with(MAX_RECORD - frame).is_ok());
    assert_eq!(with(MAX_RECORD - frame + 1), Err(RecordError::TooLarge));
    let token = |size: usize| parse(&json!({"access": "a".repeat(size)}));
    assert!(token(MAX_TOKEN).is_ok());
    assert_eq!(token(MAX_TOKEN + 1), Err(RecordError::Access));
    let token = |size: usize| parse(&json!({"access": "a", "refresh": "r".repeat(size)}));
    assert!(token(MAX_TOKEN).is_ok());
    assert_eq!(token(MAX_TOKEN + 1), Err(RecordError::Refresh));
}

#[test]
fn the_life_of_the_key_is_the_refresh_tokens_and_at_least_a_second() {
    let record = parse(&json!({"access": "a", "refresh": token(0, 900)})).unwrap();
    let life = |millis| record.remaining_life(Duration::from_millis(millis));
    assert_eq!(life(0), Some(Duration::from_secs(900)));
    assert_eq!(life(898_500), Some(Duration::from_millis(1500)));
    assert_eq!(life(899_500), Some(Duration::from_secs(1)));
    // The issuer has just taken it: the time is wrong, or a clock.
    assert_eq!(life(900_000), None);
    assert_eq!(life(5_000_000), None);
    let opaque = parse(&json!({"access": "a", "refresh": "r"})).unwrap();
    assert_eq!(opaque.remaining_life(Duration::ZERO), None);
}

#[test]
fn an_access_token_lives_while_a_call_with_it_can_arrive() {
    let record = parse(&json!({"access": token(0, 900), "refresh": "r"})).unwrap();
    let lives = |record: &Record, seconds| {
        let access = record.live_access(Duration::from_secs(seconds));
        assert!(access.is_none_or(|access| access == record.access()));
        access.is_some()
    };
    assert!(lives(&record, 0) && lives(&record, 889));
    assert!(!lives(&record, 890) && !lives(&record, 900) && !lives(&record, 5000));
    // Who knows how long this one lives?
    let opaque = parse(&json!({"access": "a", "refresh": "r"})).unwrap();
    assert!(lives(&opaque, u64::MAX - 10));
}

#[test]
fn new_tokens_replace_the_old_ones_and_both_times() {
    let old =
        parse(&json!({"access": "a", "refresh": "r", "access_exp": 1, "refresh_exp": 2})).unwrap();
    let (access, refresh) = (token(0, 500), token(0, 900));
    let new = old.with_tokens(&issued(&access, Some(&refresh)), &fields());
    let expected =
        json!({"access": access, "refresh": refresh, "access_exp": 500, "refresh_exp": 900});
    assert_eq!(json_of(&new), expected);
    assert_eq!(new.authorization().expose(), &format!("Bearer {access}"));
}

#[test]
fn without_rotation_the_refresh_token_and_its_time_stay() {
    let old = parse(&json!({"access": "a", "refresh": "r", "access_exp": 1, "refresh_exp": 900}))
        .unwrap();
    let expected = json!({"access": "b", "refresh": "r", "refresh_exp": 900});
    for repeated in [None, Some(""), Some("r")] {
        let new = old.with_tokens(&issued("b", repeated), &fields());
        assert_eq!(json_of(&new), expected, "{repeated:?}");
        assert_eq!(new.refresh_exp(), Some(900));
    }
}

#[test]
fn an_empty_refresh_token_is_none_in_a_new_record_either() {
    let new = Record::new(&issued("a", Some("")), None, &fields());
    assert_eq!(new.refresh(), None);
    assert_eq!(json_of(&new), json!({"access": "a"}));
}

#[test]
fn a_time_unknown_for_the_new_token_is_removed() {
    let old =
        parse(&json!({"access": "a", "refresh": "r", "access_exp": 1, "refresh_exp": 2})).unwrap();
    let new = old.with_tokens(&issued("b", Some("s")), &fields());
    assert_eq!(json_of(&new), json!({"access": "b", "refresh": "s"}));
    assert_eq!((new.access_exp(), new.refresh_exp()), (None, None));
}

#[test]
fn an_expiry_beside_the_token_counts_where_it_is_earlier() {
    let old = parse(&json!({"access": "a"})).unwrap();
    let with = |access: &str, time| {
        let tokens = IssuedTokens {
            access_exp: Some(time),
            ..issued(access, None)
        };
        let new = old.with_tokens(&tokens, &fields());
        assert_eq!(json_of(&new)["access_exp"], json!(new.access_exp()));
        new.access_exp()
    };
    assert_eq!(with("opaque", 300), Some(300));
    assert_eq!(with(&token(0, 500), 300), Some(300));
    assert_eq!(with(&token(0, 500), 700), Some(500));
}

#[test]
fn both_times_are_written_where_the_record_had_none() {
    let old = parse(&json!({"access": token(0, 1), "refresh": token(0, 900)})).unwrap();
    let new = old.with_tokens(&issued(&token(0, 500), None), &fields());
    assert_eq!(json_of(&new)["access_exp"], json!(500));
    assert_eq!(json_of(&new)["refresh_exp"], json!(900));
}

#[test]
fn unknown_members_are_kept_to_the_letter() {
    let text = r#"{"n": 1.10, "big":123456789012345678901234567890, "access":"a","o":{ "é":"\u00e9" , "a":[1, 2]},"null":null}"#;
    let old = Record::parse(text, &fields()).unwrap();
    let new = old.with_tokens(&issued("b", None), &fields());
    for kept in [
        r#""n":1.10"#,
        r#""big":123456789012345678901234567890"#,
        r#""o":{ "é":"\u00e9" , "a":[1, 2]}"#,
        r#""null":null"#,
    ] {
        assert!(new.text().expose().contains(kept), "{kept}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,4}", inner, 0..4)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn any_time() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..2_000_000_000_u64, any::<u64>()]
}

fn any_token() -> impl Strategy<Value = String> {
    prop_oneof![
        "[!-~]{1,20}",
        (any_time(), any_time()).prop_map(|(iat, exp)| token(iat, exp)),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back_as_the_same_record(
        others in prop::collection::btree_map("\\PC{0,6}", any_json(), 0..4),
        access in any_token(),
        refresh in prop::option::of(any_token()),
        access_exp in prop::option::of(any_time()),
        refresh_exp in prop::option::of(any_time()),
        new_access in any_token(),
        new_refresh in prop::option::of(any_token()),
        new_access_exp in prop::option::of(any_time()),
    ) {
        let mut members: serde_json::Map<_, _> = others.into_iter().collect();
        let others: Vec<String> = members.keys().cloned().collect();
        members.insert("access".into(), access.into());
        members.insert("refresh".into(), refresh.into());
        members.insert("access_exp".into(), access_exp.into());
        members.insert("refresh_exp".into(), refresh_exp.into());
        let old = parse(&members.into()).unwrap();
        let tokens = IssuedTokens {
            access_exp: new_access_exp,
            ..issued(&new_access, new_refresh.as_deref())
        };
        let new = old.with_tokens(&tokens, &fields());
        let read = Record::parse(new.text().expose(), &fields());
        prop_assert_eq!(Ok(new.clone()), read);
        let members = |record: &Record| -> Members {
            serde_json::from_str(record.text().expose()).unwrap()
        };
        let (before, after) = (members(&old), members(&new));
        for name in others {
            prop_assert_eq!(before[&name].get(), after[&name].get());
        }
    }

    #[test]
    fn any_text_is_read_without_harm(text in "\\PC{0,64}", value in any_json(), now in any::<u64>()) {
        let _ = Record::parse(&text, &fields());
        for name in ["access", "refresh", "access_exp", "refresh_exp"] {
            let mut record = json!({"access": token(1, 2), "refresh": "r"});
            record[name] = value.clone();
            if let Ok(record) = parse(&record) {
                record.freshness(Duration::from_secs(now), &refresh_config());
                record.remaining_life(Duration::from_secs(now));
            }
        }
    }
}
