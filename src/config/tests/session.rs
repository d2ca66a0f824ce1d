//! `session` (contract, sections 2 and 3).

use super::*;
use crate::config::SessionFormat;
use std::time::Duration;

#[test]
fn nextauth_is_the_default_with_its_cookies_and_claim() {
    let session = accepted(&minimal()).session;
    let SessionFormat::NextAuth { secrets, claim } = &session.format else {
        panic!("nextauth");
    };
    assert_eq!(secrets[0].expose(), "correct horse battery staple");
    assert_eq!(claim, "sid");
    assert_eq!(
        session.cookies,
        [
            "__Secure-authjs.session-token",
            "authjs.session-token",
            "__Secure-next-auth.session-token",
            "next-auth.session-token"
        ]
    );
    assert_eq!(session.lifetime, Duration::from_hours(24));
}

#[test]
fn opaque_needs_no_secret_and_has_its_own_cookie() {
    let session = accepted(&opaque()).session;
    assert!(matches!(session.format, SessionFormat::Opaque));
    assert_eq!(session.cookies, ["__Host-session"]);
}

#[test]
fn opaque_with_secrets_or_claim_is_a_contradiction() {
    for (name, value) in [
        ("secrets", json!([{"env": "AUTH_SECRET"}])),
        ("secrets", json!([])),
        ("claim", json!("sid")),
    ] {
        let line = mistake(&and(opaque(), &format!("session.{name}"), value));
        assert!(line.starts_with(&format!("session.{name}: ")), "{line}");
        assert!(line.contains("beside format opaque"), "{line}");
    }
}

#[test]
fn nextauth_needs_at_least_one_secret() {
    for session in [
        json!({}),
        json!({"format": "nextauth", "claim": "sid"}),
        json!({"secrets": []}),
    ] {
        let line = mistake(&with("session", session));
        assert!(line.starts_with("session.secrets: found "), "{line}");
    }
    let mut without = minimal();
    without.as_object_mut().unwrap().remove("session");
    assert!(mistake(&without).starts_with("session.secrets: found nothing"));
}

#[test]
fn several_secrets_keep_their_order() {
    let secrets = json!([{"env": "WEBDIS_PASSWORD"}, {"env": "AUTH_SECRET"}]);
    let session = accepted(&with("session.secrets", secrets)).session;
    let SessionFormat::NextAuth { secrets, .. } = session.format else {
        panic!("nextauth");
    };
    assert_eq!(secrets[0].expose(), "tr0ub4dor");
    assert_eq!(secrets.len(), 2);
    refuses_each(
        "session.secrets",
        [json!(vec![json!({"env": "AUTH_SECRET"}); 9])],
    );
}

#[test]
fn a_secret_in_place_is_warned_about() {
    let warning = warned(&with("session.secrets", json!([{"value": "hunter2"}])));
    assert!(
        warning.starts_with("session.secrets[0].value: ") && warning.contains("/config_dump"),
        "{warning}"
    );
}

#[test]
fn a_secret_with_white_space_at_its_end_is_warned_about() {
    let warning = warned(&with("session.secrets", json!([{"env": "WITH_LINE_FEED"}])));
    assert!(
        warning.starts_with("session.secrets[0].env: ") && warning.contains("white space"),
        "{warning}"
    );
}

#[test]
fn an_unset_or_empty_variable_is_refused() {
    let line = mistake(&with("session.secrets", json!([{"env": "NOT_THERE"}])));
    assert!(
        line.starts_with("session.secrets[0].env: found \"NOT_THERE\" unset; allowed: "),
        "{line}"
    );
    let line = mistake(&with("session.secrets", json!([{"env": "EMPTY"}])));
    assert!(
        line.starts_with("session.secrets[0].env: found \"EMPTY\" empty; allowed: "),
        "{line}"
    );
}

#[test]
fn a_secret_is_either_a_variable_or_a_value() {
    for secret in [
        json!({}),
        json!({"env": "AUTH_SECRET", "value": "x"}),
        json!({"value": ""}),
        json!({"value": 5}),
        json!({"env": 5}),
        json!({"env": ""}),
        json!({"env": "A=B"}),
        json!({"env": "A\u{0}"}),
        json!("AUTH_SECRET"),
        json!(["AUTH_SECRET"]),
        json!(null),
    ] {
        let line = mistake(&with("session.secrets", json!([secret])));
        assert!(line.starts_with("session.secrets[0]"), "{line}");
    }
}

#[test]
fn a_claim_that_changes_within_a_session_cannot_serve() {
    refuses_each(
        "session.claim",
        ["jti", "exp", "iat", "nbf", "", " sid", "a\nb"].map(|c| json!(c)),
    );
    assert!(warned(&with("session.claim", json!("sub"))).starts_with("session.claim: "));
    accepted(&with("session.claim", json!("https://example.com/sid")));
}

#[test]
fn cookie_names_are_tokens_of_rfc_6265() {
    let long = "x".repeat(257);
    for name in [
        "",
        "a b",
        "a;b",
        "a=b",
        "a,b",
        "a\"",
        "ü",
        "a\n",
        "a/b",
        long.as_str(),
    ] {
        refuses_each("session.cookies", [json!([name])]);
    }
    let session = accepted(&with("session.cookies", json!(["__Host-s", "a.b"]))).session;
    assert_eq!(session.cookies, ["__Host-s", "a.b"]);
}

#[test]
fn a_cookie_name_stands_once() {
    let line = mistake(&with("session.cookies", json!(["a", "b", "a"])));
    assert!(
        line.starts_with("session.cookies[2]: found \"a\", which is there already"),
        "{line}"
    );
}

#[test]
fn a_cookie_name_is_no_chunk_of_another() {
    for names in [
        json!(["a", "a.0"]),
        json!(["a.31", "a"]),
        json!(["a", "b", "a.7"]),
    ] {
        let line = mistake(&with("session.cookies", names));
        assert!(line.contains(" beside \"a"), "{line}");
    }
    accepted(&with(
        "session.cookies",
        json!(["a", "a.x", "a.", "a0", "a.0x", "ab.0"]),
    ));
}

#[test]
fn an_empty_list_of_cookies_means_the_defaults() {
    assert_eq!(
        accepted(&with("session.cookies", json!([])))
            .session
            .cookies
            .len(),
        4
    );
}

#[test]
fn the_lifetime_is_bounded() {
    for good in ["1m", "9600h"] {
        accepted(&with("session.lifetime", json!(good)));
    }
    refuses_each(
        "session.lifetime",
        ["59s", "9601h", "24", "0s"].map(|d| json!(d)),
    );
}
