//! `store` (contract, sections 2 and 5).

use std::time::Duration;

use super::*;
use crate::config::{Fields, KeyTemplate};

fn credentials(username: &str, password: Json) -> Json {
    with(
        "store.credentials",
        json!({"username": username, "password": password}),
    )
}

#[test]
fn the_defaults_are_the_contracts() {
    let store = accepted(&minimal()).store;
    assert_eq!(store.cluster, "webdis");
    assert_eq!(store.authority, "webdis");
    assert!(store.credentials.is_none());
    assert_eq!(store.timeout, Duration::from_millis(500));
    assert_eq!(
        store.key,
        KeyTemplate {
            prefix: "session:".to_owned(),
            suffix: String::new()
        }
    );
    assert!(!store.hash_id);
    assert_eq!(
        store.fields,
        Fields {
            access: "access".to_owned(),
            refresh: "refresh".to_owned(),
            access_exp: "access_exp".to_owned(),
            refresh_exp: "refresh_exp".to_owned(),
        }
    );
}

#[test]
fn the_cluster_is_required() {
    let line = mistake(&with("store", json!({})));
    assert!(
        line.starts_with(
            "store.cluster: found nothing; allowed: the name of the gateway's cluster"
        ),
        "{line}"
    );
    refuses_each(
        "store.cluster",
        [
            json!(""),
            json!(" a"),
            json!("a\n"),
            json!(1),
            json!("x".repeat(257)),
        ],
    );
    accepted(&with(
        "store.cluster",
        json!("outbound|7379||webdis.ns.svc.cluster.local"),
    ));
}

#[test]
fn the_authority_is_a_host_and_a_port() {
    for good in ["web_dis", "webdis:7379", "[::1]:7379", "10.0.0.1"] {
        assert_eq!(
            accepted(&with("store.authority", json!(good)))
                .store
                .authority,
            good
        );
    }
    refuses_each(
        "store.authority",
        ["", "http://webdis", "webdis/", "webdis:0", "a b"].map(|a| json!(a)),
    );
}

#[test]
fn a_call_to_the_store_has_a_time_out() {
    for good in ["1ms", "0.25s", "10m"] {
        parse(&with("store.timeout", json!(good))).unwrap();
    }
    refuses_each(
        "store.timeout",
        ["0s", "0.5ms", "601s", "500"].map(|t| json!(t)),
    );
}

#[test]
fn a_time_out_of_the_store_that_never_shows_is_warned_about() {
    assert!(
        warned(&with("store.timeout", json!("2.5s")))
            .starts_with("store.timeout: 2500ms is not less than half of refresh.wait 5s")
    );
    accepted(&with("store.timeout", json!("2.4s")));
}

#[test]
fn credentials_have_a_name_and_a_password() {
    let config = accepted(&credentials("relay", json!({"env": "WEBDIS_PASSWORD"})));
    let credentials = config.store.credentials.unwrap();
    assert_eq!(credentials.username, "relay");
    assert_eq!(credentials.password.expose(), "tr0ub4dor");
    assert_eq!(refused(&with("store.credentials", json!({}))).len(), 2);
    refuses_each(
        "store.credentials",
        [json!("relay:tr0ub4dor"), json!(null), json!([])],
    );
}

#[test]
fn a_user_name_has_no_colon_and_is_not_empty() {
    for name in ["", "relay:tr0ub4dor", "a\tb"] {
        let line = mistake(&credentials(name, json!({"env": "WEBDIS_PASSWORD"})));
        assert!(line.starts_with("store.credentials.username: "), "{line}");
        assert!(!line.contains("tr0ub4dor"), "{line}");
    }
}

#[test]
fn a_password_has_no_control_characters() {
    let line = mistake(&credentials("relay", json!({"value": "a\u{7f}"})));
    assert!(line.starts_with("store.credentials.password: "), "{line}");
    let lines = refused(&credentials("relay", json!({"env": "WITH_LINE_FEED"})));
    assert!(lines[0].contains("line feed"), "{lines:?}");
}

#[test]
fn credentials_that_webdis_0_1_9_cannot_take_are_warned_about() {
    let password = json!({"env": "LONG"});
    assert!(warned(&credentials("relay", password)).contains("more than 53 bytes"));
    let exactly = |length: usize| {
        let env = move |_: &str| Some("x".repeat(length));
        let config = credentials("relay", json!({"env": "P"})).to_string();
        Config::parse(config.as_bytes(), &env)
            .unwrap()
            .warnings
            .len()
    };
    assert_eq!((exactly(53 - 6), exactly(54 - 6)), (0, 1));
}

#[test]
fn the_key_has_the_id_once_and_no_other_brace() {
    for (text, prefix, suffix) in [
        ("session:{id}", "session:", ""),
        ("{id}", "", ""),
        ("a{id}b", "a", "b"),
        ("a b/{id}%", "a b/", "%"),
    ] {
        let key = accepted(&with("store.key", json!(text))).store.key;
        assert_eq!((key.prefix.as_str(), key.suffix.as_str()), (prefix, suffix));
    }
    let long = format!("{}{{id}}", "x".repeat(253));
    for text in [
        "", "session", "{id}{id}", "{{id}}", "{a}{id}", "{id", "id}", "{ID}", "{id}}", "a\n{id}",
        &long,
    ] {
        refuses_each("store.key", [json!(text)]);
    }
}

#[test]
fn the_fields_of_a_record_differ_and_are_not_empty() {
    let config = with("store.fields", json!({"access": "a", "refresh": "access"}));
    let fields = accepted(&config).store.fields;
    assert_eq!(
        (fields.access.as_str(), fields.refresh.as_str()),
        ("a", "access")
    );
    let line = mistake(&with("store.fields", json!({"refresh": "access"})));
    assert!(
        line.starts_with("store.fields.refresh: found \"access\", as in access"),
        "{line}"
    );
    refuses_each(
        "store.fields.access",
        [json!(""), json!(1), json!("a\u{0}")],
    );
}

#[test]
fn the_id_may_be_hashed() {
    assert!(accepted(&with("store.hash_id", json!(true))).store.hash_id);
}
