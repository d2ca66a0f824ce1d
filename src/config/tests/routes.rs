//! `routes` (contract, sections 2 and 4).

use super::*;
use crate::config::{PathMatch, RouteRule, SessionRule};

/// The one mistake of a list of routes.
#[track_caller]
fn wrong(routes: Json) -> String {
    mistake(&with("routes", routes))
}

/// A route beside one that works.
#[track_caller]
fn wrong_route(route: Json) -> String {
    let line = wrong(json!([{"prefix": "/ok/", "session": "required"}, route]));
    assert!(line.starts_with("routes[1]"), "{line}");
    line
}

#[test]
fn routes_keep_their_order() {
    let routes = json!([
        {"prefix": "/api/auth/", "session": "off"},
        {"path": "/api/me", "methods": ["GET", "HEAD"], "session": "optional"},
        {"prefix": "/api/", "session": "required"},
    ]);
    assert_eq!(
        accepted(&with("routes", routes)).routes,
        [
            RouteRule {
                path: PathMatch::Prefix("/api/auth/".to_owned()),
                methods: vec![],
                session: SessionRule::Off,
            },
            RouteRule {
                path: PathMatch::Exact("/api/me".to_owned()),
                methods: vec!["GET".to_owned(), "HEAD".to_owned()],
                session: SessionRule::Optional,
            },
            RouteRule {
                path: PathMatch::Prefix("/api/".to_owned()),
                methods: vec![],
                session: SessionRule::Required,
            },
        ]
    );
}

#[test]
fn a_plain_yaml_off_which_arrives_as_false_is_off() {
    let routes = json!([
        {"prefix": "/api/auth/", "session": false},
        {"prefix": "/api/", "session": "required"},
    ]);
    assert_eq!(
        accepted(&with("routes", routes)).routes[0].session,
        SessionRule::Off
    );
    assert!(wrong_route(json!({"prefix": "/a", "session": true})).contains("found true"));
}

#[test]
fn a_relay_that_does_nothing_is_refused() {
    let mut without = minimal();
    without.as_object_mut().unwrap().remove("routes");
    assert!(mistake(&without).starts_with("routes: found nothing"));
    assert!(wrong(json!([])).starts_with("routes: found an empty list"));
    let off = json!([{"prefix": "/", "session": "off"}]);
    assert!(wrong(off).starts_with("routes: found only routes with session off"));
    assert!(wrong(json!({})).starts_with("routes: found an object"));
}

#[test]
fn a_route_has_a_prefix_or_a_path() {
    assert!(wrong_route(json!({"session": "off"})).contains("neither prefix nor path"));
    let both = json!({"prefix": "/a", "path": "/a", "session": "off"});
    assert!(wrong_route(both).contains("both prefix and path"));
}

#[test]
fn a_path_that_could_only_match_ambiguously_is_refused() {
    for path in [
        "", "api/", "//", "/a//b", "/a?x=1", "/a#b", "/a\\b", "/./a", "/a/..", "/a%2e", "/a%2Fb",
        "/a%5cb", "/a b", "/ü", "/a\n", "*",
    ] {
        for field in ["path", "prefix"] {
            let line = wrong_route(json!({field: path, "session": "off"}));
            assert!(line.starts_with(&format!("routes[1].{field}: ")), "{line}");
        }
    }
}

#[test]
fn methods_are_upper_case_tokens_each_once() {
    for methods in [
        json!([]),
        json!(["get"]),
        json!(["GE T"]),
        json!([""]),
        json!(["GET", "GET"]),
        json!("GET"),
    ] {
        let line = wrong_route(json!({"path": "/a", "methods": methods, "session": "off"}));
        assert!(line.starts_with("routes[1].methods"), "{line}");
    }
}

#[test]
fn the_session_of_a_route_is_said() {
    assert!(
        wrong_route(json!({"path": "/a"}))
            .starts_with("routes[1].session: found nothing; allowed: off, optional or required")
    );
    for session in [json!("on"), json!("Required"), json!(null), json!(1)] {
        let line = wrong_route(json!({"path": "/a", "session": session}));
        assert!(line.starts_with("routes[1].session: "), "{line}");
    }
}

#[test]
fn a_route_that_is_never_reached_is_warned_about() {
    let covered = |first: Json, second: Json| {
        let rest = json!({"prefix": "/z/", "session": "required"});
        parse(&with("routes", json!([first, second, rest])))
            .unwrap()
            .warnings
    };
    for (first, second) in [
        (
            json!({"prefix": "/a", "session": "off"}),
            json!({"prefix": "/a/b", "session": "required"}),
        ),
        (
            json!({"prefix": "/a", "session": "off"}),
            json!({"path": "/abc", "session": "required"}),
        ),
        (
            json!({"path": "/a", "session": "off"}),
            json!({"path": "/a", "methods": ["GET"], "session": "required"}),
        ),
        (
            json!({"prefix": "/a", "methods": ["GET", "HEAD"], "session": "off"}),
            json!({"prefix": "/a", "methods": ["HEAD"], "session": "required"}),
        ),
    ] {
        let warnings = covered(first, second);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0].starts_with("routes[1]: never reached: routes[0] "),
            "{warnings:?}"
        );
    }
    for (first, second) in [
        (
            json!({"path": "/a", "session": "off"}),
            json!({"prefix": "/a", "session": "required"}),
        ),
        (
            json!({"prefix": "/a/b", "session": "off"}),
            json!({"prefix": "/a", "session": "required"}),
        ),
        (
            json!({"prefix": "/a", "methods": ["GET"], "session": "off"}),
            json!({"prefix": "/a", "session": "required"}),
        ),
        (
            json!({"prefix": "/a", "methods": ["GET"], "session": "off"}),
            json!({"prefix": "/a", "methods": ["GET", "POST"], "session": "required"}),
        ),
    ] {
        assert_eq!(covered(first, second), [""; 0]);
    }
}

#[test]
fn the_number_of_routes_is_bounded() {
    let routes = |count: usize| {
        let routes = (0..count).map(|n| json!({"path": format!("/{n}"), "session": "required"}));
        with("routes", routes.collect())
    };
    accepted(&routes(256));
    assert!(mistake(&routes(257)).starts_with("routes: found a list of 257 entries"));
}
