//! `csrf`, `upstream` and `login_url` (contract, sections 2 and 4).

use super::*;

#[test]
fn the_defaults_are_the_contracts() {
    let config = accepted(&minimal());
    assert!(config.csrf.enabled && config.csrf.origins.is_empty());
    assert!(config.upstream.strip_session_cookie && config.upstream.private_responses);
    assert_eq!(config.login_url, None);
}

#[test]
fn origins_are_written_as_browsers_send_them() {
    for (given, sent) in [
        ("https://App.Example.com", "https://app.example.com"),
        ("HTTPS://example.com:443", "https://example.com"),
        ("http://example.com:80", "http://example.com"),
        ("https://example.com:80", "https://example.com:80"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[2001:DB8:0:0::1]:80", "http://[2001:db8::1]"),
        ("http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]"),
        ("capacitor://localhost", "capacitor://localhost"),
    ] {
        assert_eq!(
            accepted(&with("csrf.origins", json!([given]))).csrf.origins,
            [sent]
        );
    }
    let twice = json!([
        "https://b.example",
        "https://a.example",
        "https://B.example:443"
    ]);
    assert_eq!(
        accepted(&with("csrf.origins", twice)).csrf.origins,
        ["https://a.example", "https://b.example"]
    );
}

#[test]
fn what_is_no_origin_is_refused() {
    for origin in [
        "",
        "*",
        "null",
        "example.com",
        "https://",
        "https://example.com/",
        "https://a.example/x",
        "https://*.example.com",
        "https://u@example.com",
        "https://ü.de",
        "://a",
        "1a://b",
        "https://a:0",
        "https://a?b",
        "https://a b",
    ] {
        refuses_each("csrf.origins", [json!([origin])]);
    }
}

#[test]
fn origins_beside_a_check_that_is_off_are_a_contradiction() {
    let off = with(
        "csrf",
        json!({"enabled": false, "origins": ["https://a.example"]}),
    );
    assert!(mistake(&off).starts_with("csrf.origins: found origins beside enabled: false"));
}

#[test]
fn a_csrf_check_that_is_off_is_warned_about() {
    assert!(warned(&with("csrf", json!({"enabled": false}))).starts_with("csrf.enabled: "));
}

#[test]
fn the_login_url_is_a_path_or_a_https_url() {
    for good in [
        "/login",
        "/",
        "https://login.example.com",
        "https://login.example.com:8443/sso/",
    ] {
        let config = accepted(&with("login_url", json!(good)));
        assert_eq!(config.login_url.as_deref(), Some(good));
    }
    for bad in [
        "",
        "login",
        "//evil.example",
        "/\\evil.example",
        "/a b",
        "/a\r\nset-cookie: x",
        "/ü",
        "/login?next=/",
        "/login#a",
        "/../login",
        "http://login.example.com",
        "https://",
        "https:///login",
        "https://u:hunter2@example.com/",
        "https://a.example//x",
        "https://a.example?x",
        "javascript:alert(1)",
    ] {
        refuses_each("login_url", [json!(bad)]);
    }
}

#[test]
fn a_login_page_that_needs_a_session_is_refused() {
    let line = mistake(&with("login_url", json!("/api/login")));
    assert!(
        line.starts_with(
            "login_url: found \"/api/login\", which a route with session required matches"
        ),
        "{line}"
    );
    // An exception before it, or one for GET, makes it reachable.
    let exception = |route: Json| {
        let rest = json!({"prefix": "/api/", "session": "required"});
        and(
            with("routes", json!([route, rest])),
            "login_url",
            json!("/api/login"),
        )
    };
    accepted(&exception(json!({"path": "/api/login", "session": "off"})));
    accepted(&exception(
        json!({"path": "/api/login", "methods": ["GET"], "session": "optional"}),
    ));
    mistake(&exception(
        json!({"path": "/api/login", "methods": ["POST"], "session": "off"}),
    ));
}

/// Django decodes every escape, and so a request for it is judged by both readings.
#[test]
fn a_login_page_that_needs_a_session_when_it_is_decoded_is_refused() {
    let line = mistake(&with("login_url", json!("/%61pi/login")));
    assert!(
        line.contains("a route with session required matches"),
        "{line}"
    );
    let routes = json!([
        {"prefix": "/%61", "session": "optional"},
        {"prefix": "/b/", "session": "optional"},
        {"prefix": "/api/", "session": "required"},
    ]);
    let config = with("routes", routes);
    let line = mistake(&and(config.clone(), "login_url", json!("/%62/")));
    assert!(
        line.starts_with("login_url: found \"/%62/\", which may be read as another path"),
        "{line}"
    );
    accepted(&and(config.clone(), "login_url", json!("/%61")));
    accepted(&and(config, "login_url", json!("/%C3%BC")));
}

#[test]
fn a_login_page_that_is_hidden_is_refused() {
    let hidden = with("issuer.paths", json!({"obtain": "/login"}));
    let hidden = and(hidden, "login_url", json!("/login"));
    assert!(mistake(&hidden).contains("a path of the issuer"));
    accepted(&and(hidden.clone(), "issuer.expose", json!(true)));
    // As Django reads it, and with or without the slash at its end.
    for same in ["/login/", "/%6cogin"] {
        let same = and(hidden.clone(), "login_url", json!(same));
        assert!(mistake(&same).contains("a path of the issuer"));
    }
}
