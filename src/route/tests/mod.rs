//! The contract's section 4: routes, paths, preflights.

mod csrf;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::{IssuerPaths, Preset};

const REQUIRED: Routing = session(true);
const OPTIONAL: Routing = session(false);

const fn session(required: bool) -> Routing {
    Routing::Session {
        required,
        cross_site: false,
    }
}

fn issuer(expose: bool) -> IssuerConfig {
    IssuerConfig {
        cluster: "django".into(),
        authority: "api.example.com".into(),
        preset: Preset::SimpleJwt,
        client: None,
        paths: IssuerPaths {
            obtain: "/api/token/".into(),
            refresh: "/api/token/refresh/".into(),
            revoke: "/api/token/blacklist/".into(),
        },
        headers: Vec::new(),
        expose,
        timeout: Duration::from_secs(35),
    }
}

fn prefix(path: &str, session: SessionRule) -> RouteRule {
    RouteRule {
        path: PathMatch::Prefix(path.into()),
        methods: Vec::new(),
        session,
    }
}

fn exact(path: &str, methods: &[&str], session: SessionRule) -> RouteRule {
    RouteRule {
        path: PathMatch::Exact(path.into()),
        methods: methods.iter().map(|method| (*method).into()).collect(),
        session,
    }
}

fn csrf_config(enabled: bool) -> CsrfConfig {
    CsrfConfig {
        enabled,
        origins: vec![
            "https://app.example.com".into(),
            "http://localhost:3000".into(),
            "capacitor://localhost".into(),
        ],
    }
}

fn routes() -> Routes {
    let rules = [
        prefix("/api/auth/", SessionRule::Off),
        exact("/api/once", &["GET", "POST"], SessionRule::Optional),
        prefix("/api/public/", SessionRule::Optional),
        prefix("/api/", SessionRule::Required),
        prefix("/caf%C3%A9/", SessionRule::Required),
    ];
    Routes::build(&rules, &issuer(false), &csrf_config(true))
}

fn request<'a>(headers: &[(&'a str, &'a str)]) -> RequestHead<'a> {
    let defaults = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "www.example.com"),
        (":path", "/"),
    ];
    let all = defaults.iter().chain(headers);
    RequestHead::from_headers(all.map(|(name, value)| (name.as_bytes(), value.as_bytes())))
}

fn get(path: &str) -> Routing {
    routes().route(&request(&[(":path", path)]))
}

#[test]
fn the_first_matching_rule_wins_and_no_match_is_off() {
    for (path, expected) in [
        ("/api/", REQUIRED),
        ("/api/x", REQUIRED),
        ("/api/auth/session", Routing::Off),
        ("/api/public/x", OPTIONAL),
        ("/api/once", OPTIONAL),
        ("/api/once/", REQUIRED),
        ("/api", Routing::Off),
        ("/apix", Routing::Off),
        ("/", Routing::Off),
        ("/x/api/", Routing::Off),
    ] {
        assert_eq!(get(path), expected, "{path}");
    }
}

#[test]
fn matching_is_case_sensitive() {
    assert_eq!(get("/API/x"), Routing::Off);
}

#[test]
fn the_query_takes_no_part() {
    assert_eq!(get("/api/x?next=//..%2f\\"), REQUIRED);
    assert_eq!(get("/x?/api/"), Routing::Off);
    assert_eq!(get("/api/once?a=1?b"), OPTIONAL);
}

#[test]
fn methods_are_exact_and_head_is_not_get() {
    let by = |method| routes().route(&request(&[(":method", method), (":path", "/api/once")]));
    assert_eq!(by("GET"), OPTIONAL);
    assert_eq!(by("POST"), OPTIONAL);
    assert_eq!(by("HEAD"), REQUIRED);
    assert_eq!(by("get"), by("DELETE"));
}

#[test]
fn a_request_without_a_path_is_off() {
    let connect = request(&[(":method", "CONNECT"), (":path", "")]);
    assert_eq!(routes().route(&connect), Routing::Off);
    let asterisk = request(&[(":method", "OPTIONS"), (":path", "*")]);
    assert_eq!(routes().route(&asterisk), Routing::Off);
}

#[test]
fn a_path_that_is_no_path_is_ambiguous() {
    for path in [
        "api/x",
        "http://www.example.com/api/x",
        "?x",
        "%2fapi/x",
        "\\api\\",
    ] {
        assert_eq!(get(path), Routing::PathAmbiguous, "{path}");
    }
}

#[test]
fn a_path_that_changes_and_matches_before_or_after_is_ambiguous() {
    for path in [
        "//api/x",
        "/api//x",
        "/x/../api/y",
        "/api/../x",
        "/api/auth/../x",
        "/api/auth/..",
        "/x/%2e%2e/api/",
        "/x/%2E./api/",
        "/x%2f..%2Fapi/",
        "/api%2fx",
        "\\api\\x",
        "/\\api/x",
        "/api%5Cx",
        "/api/.",
        "/api/./x",
        "/api/#",
        "/x/..//api//../y", // only where dots go before slashes are collapsed
    ] {
        assert_eq!(get(path), Routing::PathAmbiguous, "{path}");
        let preflight = request(&[
            (":method", "OPTIONS"),
            (":path", path),
            ("access-control-request-method", "GET"),
        ]);
        assert_eq!(routes().route(&preflight), Routing::PathAmbiguous, "{path}");
    }
}

#[test]
fn a_path_that_changes_from_off_to_off_is_off() {
    for path in [
        "//static//x.js",
        "/static/../x",
        "/a/%2e/x",
        "/a\\x",
        "/api/auth/./x",
    ] {
        assert_eq!(get(path), Routing::Off, "{path}");
    }
}

#[test]
fn the_rule_of_the_requests_method_says_whether_a_changing_path_is_ambiguous() {
    let rules = [exact("/pay", &["POST"], SessionRule::Required)];
    let routes = Routes::build(&rules, &issuer(false), &csrf_config(true));
    let by = |method| routes.route(&request(&[(":method", method), (":path", "//pay")]));
    assert_eq!(by("POST"), Routing::PathAmbiguous);
    assert_eq!(by("GET"), Routing::Off);
}

#[test]
fn an_escape_cannot_lead_past_a_rule() {
    // Django decodes every escape.
    assert_eq!(get("/%61pi/x"), Routing::PathAmbiguous);
    assert_eq!(get("/api/%61uth/x"), Routing::PathAmbiguous);
    assert_eq!(get("/%2561pi/x"), Routing::Off);
}

#[test]
fn escapes_that_change_no_rule_are_welcome() {
    assert_eq!(get("/api/caf%C3%A9?q=%2e"), REQUIRED);
    assert_eq!(get("/api/a%20b%25%"), REQUIRED);
    assert_eq!(get("/caf%C3%A9/x"), REQUIRED);
    assert_eq!(get("/x%20y"), Routing::Off);
}

#[test]
fn the_issuers_own_paths_are_hidden() {
    for path in [
        "/api/token/",
        "/api/token",
        "/api/token/?x=1",
        "/api/token/refresh/",
        "/api/token/refresh",
        "/api/token/blacklist/",
        "/api/%74oken/",
        "/%61%70%69/%74%6f%6B%65%6e/%72efresh/",
        "//api/token/",
        "/api//token//",
        "/api/x/../token/",
        "/api/x//../../token/", // only where dots go first
        "/api%2ftoken%2F",
        "/api\\token\\",
        "/api/token/.",
        "/api/token/#x",
        "/api/x/%2e%2e/%74oken/",
    ] {
        for method in ["GET", "POST", "OPTIONS"] {
            let request = request(&[
                (":method", method),
                (":path", path),
                ("access-control-request-method", "POST"),
            ]);
            assert_eq!(routes().route(&request), Routing::Hidden, "{method} {path}");
        }
    }
}

#[test]
fn the_issuers_paths_are_hidden_under_off_routes_too() {
    let routes = Routes::build(&[], &issuer(false), &csrf_config(true));
    let request = request(&[(":path", "/api/token/")]);
    assert_eq!(routes.route(&request), Routing::Hidden);
}

#[test]
fn other_paths_beside_the_issuers_are_not_hidden() {
    for path in [
        "/api/token/verify/",
        "/api/tokens/",
        "/api/TOKEN/",
        "/api/token/x",
    ] {
        assert_eq!(get(path), REQUIRED, "{path}");
    }
    // Decoded once, as Django does.
    assert_eq!(get("/api/%2574oken/"), REQUIRED);
}

#[test]
fn the_issuers_paths_are_served_when_exposed() {
    let rules = [prefix("/api/", SessionRule::Required)];
    let routes = Routes::build(&rules, &issuer(true), &csrf_config(true));
    let request = request(&[(":path", "/api/token/")]);
    assert_eq!(routes.route(&request), REQUIRED);
}

#[test]
fn a_preflight_is_told_apart_on_session_routes() {
    let options = |path, preflight: bool| {
        let mut head = request(&[(":method", "OPTIONS"), (":path", path)]);
        head.has_request_method = preflight;
        routes().route(&head)
    };
    assert_eq!(
        options("/api/x", true),
        Routing::Preflight { required: true }
    );
    assert_eq!(
        options("/api/public/x", true),
        Routing::Preflight { required: false }
    );
    assert_eq!(options("/x", true), Routing::Off);
    assert_eq!(options("/api/x", false), REQUIRED);
    let get = request(&[
        (":path", "/api/x"),
        ("access-control-request-method", "GET"),
    ]);
    assert_eq!(routes().route(&get), REQUIRED);
}

proptest! {
    /// However the path is written: if Django reads it as one of the API, it
    /// is not off; if it reads it as one of the issuer, it is hidden.
    #[test]
    fn no_spelling_of_a_guarded_path_gets_through(
        spelling in spellings("/api/item"),
        token in spellings("/api/token/"),
    ) {
        prop_assert!(matches!(get(&spelling), REQUIRED | Routing::PathAmbiguous), "{}", spelling);
        let refused = if token.starts_with('/') { Routing::Hidden } else { Routing::PathAmbiguous };
        prop_assert_eq!(get(&token), refused, "{}", token);
    }

    #[test]
    fn any_bytes_find_a_route(path in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut head = request(&[(":method", "POST")]);
        head.origin = Some(path.clone().into());
        head.path = path.into();
        routes().route(&head);
    }
}

/// Ways to write `path` that some server reads as `path`.
fn spellings(path: &'static str) -> impl Strategy<Value = String> {
    let byte = |byte: u8| {
        let plain = char::from(byte).to_string();
        let escaped = format!("%{byte:02x}");
        if byte == b'/' {
            let slashes = ["/", "//", "\\", "%2f", "%5C", "/./", "/x/../", "/%2e/"];
            prop::sample::select(slashes.map(String::from).to_vec()).boxed()
        } else {
            prop::sample::select(vec![plain, escaped]).boxed()
        }
    };
    let bytes: Vec<_> = path.bytes().map(byte).collect();
    bytes.prop_map(|parts| parts.concat())
}

mod endpoints {
    //! Section 7: the relay's own paths.

    use super::*;
    use crate::config::Endpoint;

    fn route(headers: &[(&str, &str)]) -> Routing {
        let mut routes = routes();
        routes.endpoints = vec![
            (b"/auth/login".to_vec(), Endpoint::Login),
            (b"/api/session".to_vec(), Endpoint::Session),
        ];
        routes.route(&request(headers))
    }

    fn own(endpoint: Endpoint, cross_site: bool) -> Routing {
        Routing::Endpoint {
            endpoint,
            cross_site,
        }
    }

    #[test]
    fn an_endpoint_comes_before_the_routes_and_takes_its_very_path_only() {
        let get = |path| route(&[(":path", path)]);
        assert_eq!(get("/auth/login"), own(Endpoint::Login, false));
        assert_eq!(get("/auth/login?next=/"), own(Endpoint::Login, false));
        assert_eq!(get("/api/session"), own(Endpoint::Session, false));
        assert_eq!(get("/auth/login/"), Routing::Off);
        assert_eq!(get("/auth/Login"), Routing::Off);
    }

    #[test]
    fn another_spelling_of_an_endpoint_is_ambiguous() {
        for path in [
            "/auth//login",
            "/auth/./login",
            "/auth/x/../login",
            "/auth%2flogin",
            "/auth/%6Cogin",
            "/auth\\login",
        ] {
            assert_eq!(route(&[(":path", path)]), Routing::PathAmbiguous, "{path}");
        }
    }

    #[test]
    fn an_unsafe_request_of_another_site_is_known_as_such() {
        let post = [(":path", "/auth/login"), (":method", "POST")];
        let with = |name, value| {
            let mut headers = post.to_vec();
            headers.push((name, value));
            route(&headers)
        };
        assert_eq!(route(&post), own(Endpoint::Login, false));
        let evil = with("origin", "https://evil.example");
        assert_eq!(evil, own(Endpoint::Login, true));
        let own_site = with("sec-fetch-site", "same-origin");
        assert_eq!(own_site, own(Endpoint::Login, false));
    }
}
