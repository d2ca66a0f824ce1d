//! `issuer` (contract, sections 2 and 4).

use std::time::Duration;

use super::*;
use crate::config::{IssuerPaths, Preset};

#[test]
fn the_defaults_are_simplejwts() {
    let issuer = accepted(&minimal()).issuer;
    assert_eq!(issuer.preset, Preset::SimpleJwt);
    assert_eq!(issuer.paths.obtain, "/api/token/");
    assert_eq!(issuer.paths.refresh, "/api/token/refresh/");
    assert_eq!(issuer.paths.revoke, "/api/token/blacklist/");
    assert!(issuer.headers.is_empty());
    assert!(!issuer.expose);
    assert_eq!(issuer.timeout, Duration::from_secs(35));
}

#[test]
fn cluster_and_authority_are_required() {
    let lines = refused(&with("issuer", json!({})));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("issuer.cluster: found nothing"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("issuer.authority: found nothing"),
        "{lines:?}"
    );
}

#[test]
fn an_authority_that_django_refuses_is_refused() {
    for authority in [
        "my_api",
        "",
        "https://api.example.com",
        "a/b",
        "a:b",
        "u@a",
        "a b",
        "ü.de",
    ] {
        refuses_each("issuer.authority", [json!(authority)]);
    }
    for authority in ["api.example.com", "localhost:8000", "[::1]:8000"] {
        accepted(&with("issuer.authority", json!(authority)));
    }
}

/// [`minimal`] with preset oauth2 and its client.
fn oauth2() -> Json {
    let client = json!({"id": "relay", "secret": {"env": "AUTH_SECRET"}});
    and(
        with("issuer.preset", json!("oauth2")),
        "issuer.client",
        client,
    )
}

#[test]
fn each_preset_has_its_packages_paths() {
    let config = |preset: &str| match preset {
        "oauth2" => oauth2(),
        preset => with("issuer.preset", json!(preset)),
    };
    for (preset, paths) in [
        (
            "simplejwt",
            [
                "/api/token/",
                "/api/token/refresh/",
                "/api/token/blacklist/",
            ],
        ),
        (
            "dj-rest-auth",
            [
                "/dj-rest-auth/login/",
                "/dj-rest-auth/token/refresh/",
                "/dj-rest-auth/logout/",
            ],
        ),
        ("oauth2", ["/o/token/", "/o/token/", "/o/revoke_token/"]),
        (
            "allauth",
            [
                "/_allauth/app/v1/auth/login",
                "/_allauth/app/v1/tokens/refresh",
                "/_allauth/app/v1/auth/session",
            ],
        ),
    ] {
        let IssuerPaths {
            obtain,
            refresh,
            revoke,
        } = accepted(&config(preset)).issuer.paths;
        assert_eq!([obtain, refresh, revoke], paths);
    }
    assert_eq!(
        mistake(&with("issuer.preset", json!("keycloak"))),
        "issuer.preset: found \"keycloak\"; allowed: simplejwt, dj-rest-auth, oauth2 or allauth"
    );
    // An unknown preset's paths and times are nobody's.
    let config = and(
        with("issuer.preset", json!("keycloak")),
        "issuer.paths",
        json!({"obtain": "/api/token/refresh/"}),
    );
    mistake(&and(config, "refresh", json!({"leeway": "2m"})));
}

#[test]
fn oauth2_has_a_client_and_nobody_else() {
    let client = accepted(&oauth2()).issuer.client.expect("a client");
    assert_eq!(client.id.expose(), "relay");
    assert_eq!(client.secret.expose(), "correct horse battery staple");
    let line = mistake(&with("issuer.preset", json!("oauth2")));
    assert!(line.starts_with("issuer.client: found nothing"), "{line}");
    for preset in ["simplejwt", "dj-rest-auth", "allauth"] {
        let config = and(oauth2(), "issuer.preset", json!(preset));
        assert_eq!(
            mistake(&config),
            "issuer.client: found client credentials; allowed: nothing here: only preset oauth2 has a client"
        );
    }
}

#[test]
fn both_parts_of_a_client_are_required_and_none_is_shown() {
    for (client, place) in [
        (json!({"id": "hunter2"}), "issuer.client.secret"),
        (
            json!({"secret": {"env": "AUTH_SECRET"}}),
            "issuer.client.id",
        ),
        (
            json!({"id": "", "secret": {"env": "AUTH_SECRET"}}),
            "issuer.client.id",
        ),
        (
            json!({"id": "hunter2\n", "secret": {"env": "AUTH_SECRET"}}),
            "issuer.client.id",
        ),
        (
            json!({"id": "a", "secret": "hunter2"}),
            "issuer.client.secret",
        ),
        (json!("hunter2"), "issuer.client"),
        (
            json!({"id": "a", "secret": {"env": "AUTH_SECRET"}, "hunter2": 1}),
            "issuer.client",
        ),
    ] {
        let line = mistake(&and(oauth2(), "issuer.client", client));
        assert!(line.starts_with(&format!("{place}: ")), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
    let in_place = json!({"id": "a", "secret": {"value": "hunter2"}});
    let line = warned(&and(oauth2(), "issuer.client", in_place));
    assert!(line.starts_with("issuer.client.secret.value: "), "{line}");
}

#[test]
fn oauth2_never_refreshes_ahead() {
    let refresh = |value| and(oauth2(), "refresh", value);
    for given in [json!({}), json!({"ahead": "0s"}), json!({"leeway": "2m"})] {
        assert_eq!(accepted(&refresh(given)).refresh.ahead, Duration::ZERO);
    }
    let line = mistake(&refresh(json!({"ahead": "60s"})));
    assert!(
        line.starts_with("refresh.ahead: found 1m beside issuer.preset oauth2; allowed: 0s: "),
        "{line}"
    );
}

#[test]
fn paths_override_the_presets() {
    let paths = accepted(&with(
        "issuer.paths",
        json!({"refresh": "/auth/jwt/refresh/"}),
    ))
    .issuer
    .paths;
    assert_eq!(paths.obtain, "/api/token/");
    assert_eq!(paths.refresh, "/auth/jwt/refresh/");
    for path in [
        "", "auth/", "//auth", "/a?b", "/a#b", "/a b", "/ü", "/a\\b", "/a/../b", "/a%2Fb", "/a\n",
    ] {
        refuses_each("issuer.paths.refresh", [json!(path)]);
    }
}

#[test]
fn each_endpoint_has_its_own_path() {
    let line = mistake(&with("issuer.paths", json!({"refresh": "/api/token/"})));
    assert!(
        line.starts_with("issuer.paths.refresh: found \"/api/token/\", as in obtain"),
        "{line}"
    );
    let config = with(
        "issuer.paths",
        json!({"obtain": "/t", "refresh": "/t", "revoke": "/t"}),
    );
    assert_eq!(refused(&config).len(), 2);
    // But for oauth2, where one takes both grants.
    let oauth2 = |paths| and(oauth2(), "issuer.paths", paths);
    accepted(&oauth2(
        json!({"obtain": "/login/", "refresh": "/o/token/"}),
    ));
    for paths in [
        json!({"revoke": "/o/token/"}),
        json!({"obtain": "/login/", "revoke": "/login/"}),
    ] {
        let line = mistake(&oauth2(paths));
        assert!(line.starts_with("issuer.paths.revoke: found "), "{line}");
    }
}

#[test]
fn headers_are_kept_with_names_in_lower_case() {
    let config = with("issuer.headers", json!({"X-Forwarded-Proto": "https"}));
    assert_eq!(
        accepted(&config).issuer.headers,
        [("x-forwarded-proto".to_owned(), "https".to_owned())]
    );
}

#[test]
fn headers_that_are_the_relays_are_refused() {
    for name in [
        "host",
        "Content-Length",
        "content-type",
        "Authorization",
        "transfer-encoding",
        "Connection",
        "accept",
        "accept-encoding",
        "te",
        "upgrade",
        "expect",
        "X-Envoy-Retry-On",
        "x-envoy-upstream-rq-timeout-ms",
    ] {
        let line = mistake(&with("issuer.headers", json!({name: "x"})));
        assert!(
            line.starts_with(&format!("issuer.headers.{name}: ")),
            "{line}"
        );
    }
    for name in [":path", ":authority", "", "a b", "a:hunter2", "ü"] {
        let line = mistake(&with("issuer.headers", json!({name: "x"})));
        assert!(
            line.starts_with("issuer.headers: found a name that is no header name"),
            "{line}"
        );
    }
}

#[test]
fn header_values_are_printable_and_never_quoted() {
    for value in ["", "hunter2\r\nx: y", "hunter2\u{0}", " hunter2", "hünter2"] {
        let line = mistake(&with("issuer.headers", json!({"x-key": value})));
        assert!(line.starts_with("issuer.headers.x-key: "), "{line}");
        assert!(!line.contains("unter2"), "{line}");
    }
    let line = mistake(&with("issuer.headers", json!({"x-key": 12345})));
    assert!(
        line.starts_with("issuer.headers.x-key: found a number"),
        "{line}"
    );
}

#[test]
fn a_header_stands_once_in_any_case() {
    let line = mistake(&with("issuer.headers", json!({"X-A": "1", "x-a": "1"})));
    assert!(
        line.starts_with("issuer.headers.x-a: found a header that is there already"),
        "{line}"
    );
    let text = minimal().to_string().replace(
        r#""authority":"#,
        r#""headers":{"x-a":"1","x-a":"2"},"authority":"#,
    );
    assert_eq!(Config::parse(text.as_bytes(), &env).unwrap_err().len(), 1);
}

#[test]
fn a_call_to_the_issuer_has_a_time_out() {
    for good in ["1ms", "10m"] {
        accepted(&with("issuer.timeout", json!(good)));
    }
    refuses_each("issuer.timeout", ["0s", "0ms", "11m"].map(|t| json!(t)));
}

#[test]
fn a_route_for_a_hidden_path_is_warned_about() {
    let routes = json!([
        {"path": "/api/token/", "session": "off"},
        {"prefix": "/api/", "session": "required"},
    ]);
    let config = with("routes", routes);
    assert!(warned(&config).starts_with("routes[0]: a path of the issuer is answered 404"));
    accepted(&and(config, "issuer.expose", json!(true)));
}
