//! The rules of the contract's section 4: paths, preflights, CSRF.

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

fn csrf(enabled: bool) -> CsrfConfig {
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
    Routes::build(&rules, &issuer(false), &csrf(true))
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
    let routes = Routes::build(&rules, &issuer(false), &csrf(true));
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
    let routes = Routes::build(&[], &issuer(false), &csrf(true));
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
    let routes = Routes::build(&rules, &issuer(true), &csrf(true));
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

fn is_cross_site(headers: &[(&str, &str)]) -> bool {
    let mut all = vec![(":path", "/api/x"), (":method", "POST")];
    all.extend_from_slice(headers);
    match routes().route(&request(&all)) {
        Routing::Session { cross_site, .. } => cross_site,
        other => panic!("{other:?}"),
    }
}

#[test]
fn unsafe_methods_and_upgrades_are_checked_and_safe_ones_are_not() {
    let foreign = ("sec-fetch-site", "cross-site");
    for (method, checked) in [
        ("GET", false),
        ("HEAD", false),
        ("OPTIONS", false),
        ("TRACE", false),
        ("POST", true),
        ("PUT", true),
        ("PATCH", true),
        ("DELETE", true),
        ("get", true),
        ("QUERY", true),
        ("CONNECT", true),
    ] {
        assert_eq!(
            is_cross_site(&[(":method", method), foreign]),
            checked,
            "{method}"
        );
    }
    assert!(is_cross_site(&[
        (":method", "GET"),
        ("upgrade", "websocket"),
        foreign
    ]));
    assert!(is_cross_site(&[
        (":method", "GET"),
        (":protocol", "websocket"),
        foreign
    ]));
}

#[test]
fn without_both_headers_it_is_no_browser() {
    assert!(!is_cross_site(&[]));
}

#[test]
fn sec_fetch_site_must_be_exactly_same_origin_or_none() {
    for (site, foreign) in [
        ("same-origin", false),
        ("none", false),
        ("same-site", true),
        ("cross-site", true),
        ("Same-Origin", true),
        ("same-origin ", true),
        ("", true),
    ] {
        assert_eq!(
            is_cross_site(&[("sec-fetch-site", site)]),
            foreign,
            "{site:?}"
        );
    }
    let twice = [
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "same-origin"),
    ];
    assert!(is_cross_site(&twice));
}

#[test]
fn an_origin_must_be_this_host_or_listed() {
    for (origin, foreign) in [
        ("https://www.example.com", false),
        ("https://WWW.Example.com", false),
        ("https://www.example.com:443", false),
        ("https://app.example.com", false),
        ("https://app.example.com:443", false),
        ("http://localhost:3000", false),
        ("capacitor://localhost", false),
        ("http://www.example.com", true),
        ("https://www.example.com:80", true),
        ("https://www.example.com:8443", true),
        ("https://example.com", true),
        ("https://www.example.com.evil.com", true),
        ("https://evil.com/https://www.example.com", true),
        ("https://www.example.com@evil.com", true),
        ("https://evil.com@www.example.com", true),
        ("https://www.example.com/", true),
        ("http://localhost", true),
        ("www.example.com", true),
        ("https:www.example.com", true),
        ("https://", true),
        ("null", true),
        ("", true),
    ] {
        assert_eq!(is_cross_site(&[("origin", origin)]), foreign, "{origin:?}");
    }
}

#[test]
fn ports_that_are_the_default_count_as_none_on_both_sides() {
    let own = |scheme, authority, origin| {
        !is_cross_site(&[
            (":scheme", scheme),
            (":authority", authority),
            ("origin", origin),
        ])
    };
    assert!(own("https", "a.example:443", "https://a.example"));
    assert!(own("http", "a.example:80", "http://a.example"));
    assert!(own("http", "127.0.0.1:8080", "http://127.0.0.1:8080"));
    assert!(own("https", "[::1]", "https://[::1]:443"));
    assert!(!own("http", "a.example:443", "http://a.example"));
    assert!(!own("https", "a.example:80", "https://a.example"));
    assert!(!own("https", "", "https://"));
}

#[test]
fn folded_origins_never_match() {
    let origin = ("origin", "https://www.example.com");
    assert!(is_cross_site(&[origin, origin]));
    assert!(is_cross_site(&[origin, ("origin", "https://evil.com")]));
    let both = "www.example.com, https://www.example.com";
    assert!(is_cross_site(&[(":authority", both), origin, origin]));
}

#[test]
fn one_good_header_is_enough() {
    // Sec-Fetch-Site is out of a script's reach, a listed origin is invited.
    let listed = ("origin", "https://app.example.com");
    assert!(!is_cross_site(&[("sec-fetch-site", "cross-site"), listed]));
    assert!(!is_cross_site(&[
        ("sec-fetch-site", "same-origin"),
        ("origin", "null")
    ]));
    assert!(is_cross_site(&[
        ("sec-fetch-site", "same-site"),
        ("origin", "null")
    ]));
}

#[test]
fn a_listed_null_invites_nobody() {
    let config = CsrfConfig {
        enabled: true,
        origins: vec!["null".into()],
    };
    let routes = Routes::build(
        &[prefix("/", SessionRule::Required)],
        &issuer(false),
        &config,
    );
    let request = request(&[(":method", "POST"), ("origin", "null")]);
    let cross_site = Routing::Session {
        required: true,
        cross_site: true,
    };
    assert_eq!(routes.route(&request), cross_site);
}

#[test]
fn switched_off_nothing_is_cross_site() {
    let rules = [prefix("/", SessionRule::Required)];
    let routes = Routes::build(&rules, &issuer(false), &csrf(false));
    let request = request(&[(":method", "POST"), ("origin", "https://evil.com")]);
    assert_eq!(routes.route(&request), REQUIRED);
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
