//! Bytes → values, and what is wrong with the shape of a configuration.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct};

use super::*;

/// JSON as the Struct that Envoy makes of it.
pub(super) fn to_struct(config: &Json) -> Vec<u8> {
    let Some(Kind::StructValue(object)) = kind(config).kind else {
        panic!("an object");
    };
    object.encode_to_vec()
}

fn kind(value: &Json) -> prost_types::Value {
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(value) => Kind::NumberValue(value.as_f64().unwrap()),
        Json::String(value) => Kind::StringValue(value.clone()),
        Json::Array(values) => Kind::ListValue(ListValue {
            values: values.iter().map(kind).collect(),
        }),
        Json::Object(members) => Kind::StructValue(Struct {
            fields: members
                .iter()
                .map(|(name, value)| (name.clone(), kind(value)))
                .collect(),
        }),
    };
    prost_types::Value { kind: Some(kind) }
}

/// A Struct with `number` as `cache.max_sessions`.
fn struct_with_max_sessions(number: f64) -> Vec<u8> {
    let mut config = Struct::decode(to_struct(&minimal()).as_slice()).unwrap();
    let value = |kind| prost_types::Value { kind: Some(kind) };
    let cache = Struct {
        fields: BTreeMap::from([("max_sessions".to_owned(), value(Kind::NumberValue(number)))]),
    };
    config
        .fields
        .insert("cache".to_owned(), value(Kind::StructValue(cache)));
    config.encode_to_vec()
}

fn whole(bytes: &[u8]) -> String {
    let mistakes = Config::parse(bytes, &env).unwrap_err();
    assert_eq!(mistakes.len(), 1);
    lines(&mistakes).remove(0)
}

#[test]
fn a_struct_means_the_same_as_the_json_of_a_string_value() {
    let mut config = with("cache", json!({"max_sessions": 5, "max_age": "1s"}));
    config["routes"][0]["methods"] = json!(["GET"]);
    let bytes = to_struct(&config);
    assert_eq!(bytes[0], 0x0a);
    let from_struct = Config::parse(&bytes, &env).unwrap();
    let from_json = parse(&config).unwrap();
    assert_eq!(format!("{from_struct:?}"), format!("{from_json:?}"));
    assert_eq!(from_struct.config.cache.max_sessions, 5);
}

#[test]
fn json_may_start_with_a_line_feed_as_a_struct_does() {
    let text = format!("\n\n  {}\n", minimal());
    assert!(Config::parse(text.as_bytes(), &env).is_ok());
    assert!(whole(b"\n{\"session\": ").contains("broken JSON (EOF while parsing a value"));
}

#[test]
fn a_number_given_as_5_0_is_5() {
    let text = minimal().to_string();
    let five = |number: &str| {
        let text = text.replacen(
            '{',
            &format!(r#"{{"cache":{{"max_sessions":{number}}},"#),
            1,
        );
        Config::parse(text.as_bytes(), &env)
    };
    // Envoy hands a YAML 5.0 over as a string.
    for number in ["5", "5.0", "0.5e1", "\"5.0\"", "\"5\""] {
        assert_eq!(
            five(number).unwrap().config.cache.max_sessions,
            5,
            "{number}"
        );
    }
    for number in [
        "5.5", "-1", "1000001", "1e300", "true", "\"\"", "\".\"", "\"5s\"", "\"1e3\"", "null",
    ] {
        assert!(five(number).is_err(), "{number}");
    }
}

#[test]
fn a_number_that_is_none_is_refused() {
    assert!(Config::parse(&struct_with_max_sessions(7.0), &env).is_ok());
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -0.5] {
        let mistakes = Config::parse(&struct_with_max_sessions(number), &env).unwrap_err();
        let line = mistakes[0].to_string();
        assert!(
            line.starts_with("cache.max_sessions: found the number "),
            "{line}"
        );
    }
}

#[test]
fn bytes_that_are_no_configuration_are_explained() {
    assert!(whole(b"").starts_with(
        "configuration: found nothing; allowed: a JSON object in a google.protobuf.StringValue"
    ));
    assert!(whole(b" \n ").starts_with("configuration: found nothing"));
    assert!(whole(b"session: {}").contains("YAML is understood as a Struct only"));
    assert!(whole(b"\x0a\xff\xff\xff").contains("bytes that are neither JSON nor a Struct"));
    assert!(whole(b"\x80\x81").contains("neither JSON nor a Struct"));
    assert!(whole(b"{\"a\": 1,}").contains("broken JSON (trailing comma at line 1 column 9)"));
    assert!(whole(b"[]").starts_with("configuration: found a list; allowed: an object"));
    assert!(whole(b"\"{}\"").starts_with("configuration: found a string; allowed: an object"));
}

#[test]
fn nesting_is_bounded() {
    for depth in [200, 100_000] {
        assert!(whole("[".repeat(depth).as_bytes()).contains("no JSON object"));
        let text = format!("{{\"a\":{}", "[".repeat(depth));
        assert!(whole(text.as_bytes()).contains("recursion limit"));
    }
    let mut value = prost_types::Value {
        kind: Some(Kind::BoolValue(true)),
    };
    for _ in 0..200 {
        value = prost_types::Value {
            kind: Some(Kind::ListValue(ListValue {
                values: vec![value],
            })),
        };
    }
    let deep = Struct {
        fields: BTreeMap::from([("session".to_owned(), value)]),
    };
    assert!(Config::parse(&deep.encode_to_vec(), &env).is_err());
}

#[test]
fn every_mistake_is_reported_at_once() {
    let config = json!({
        "sesion": {},
        "session": {"format": "next-auth", "lifetime": 5},
        "store": {"timeout": "0s", "key": "session"},
        "issuer": {"cluster": "", "authority": "my_api", "expose": "yes"},
        "refresh": {"wait": "5"},
        "cache": {"max_sessions": -1},
        "routes": [{"prefix": "api"}, {"path": "/a", "session": "on"}],
        "csrf": {"origins": ["*"]},
        "upstream": {"strip": true},
        "login_url": "//evil",
        "endpoints": {"login": {}},
    });
    let paths: Vec<String> = parse(&config)
        .unwrap_err()
        .into_iter()
        .map(|m| m.path)
        .collect();
    assert_eq!(
        paths,
        [
            "session.format",
            "session.lifetime",
            "store.cluster",
            "store.timeout",
            "store.key",
            "issuer.cluster",
            "issuer.authority",
            "issuer.expose",
            "refresh.wait",
            "cache.max_sessions",
            "endpoints.login.path",
            "endpoints.login.reply",
            "routes[0].prefix",
            "routes[0].session",
            "routes[1].session",
            "csrf.origins[0]",
            "upstream.strip",
            "login_url",
            "sesion",
        ]
    );
}

#[test]
fn an_unknown_field_is_named_with_its_neighbours() {
    assert_eq!(
        mistake(&with("cache", json!({"maxAge": "2s"}))),
        "cache.maxAge: found an unknown field (did you mean \"max_age\"?); allowed: max_sessions, max_age, max_stale"
    );
    assert_eq!(
        mistake(&with("cache", json!({"re\ndis": 1}))),
        "cache.re\\ndis: found an unknown field; allowed: max_sessions, max_age, max_stale"
    );
}

#[test]
fn a_wrong_type_is_refused_with_what_is_there() {
    assert_eq!(
        mistake(&with("issuer.expose", json!("true"))),
        "issuer.expose: found \"true\"; allowed: true or false"
    );
    assert_eq!(
        mistake(&with("cache", json!([]))),
        "cache: found a list; allowed: an object"
    );
    assert_eq!(
        mistake(&with("login_url", json!(null))).split(';').next(),
        Some("login_url: found null")
    );
    // `claim: no` in YAML.
    let line = mistake(&with("session.claim", json!(false)));
    assert!(
        line.contains("found false") && line.contains("put quotes around it"),
        "{line}"
    );
}

#[test]
fn a_field_that_comes_twice_is_refused() {
    let text = minimal().to_string().replace(
        r#""cluster":"webdis""#,
        r#""cluster":"webdis","cluster":"redis""#,
    );
    let mistakes = Config::parse(text.as_bytes(), &env).unwrap_err();
    assert_eq!(
        lines(&mistakes),
        ["store.cluster: found this field twice; allowed: each field once"]
    );
}
