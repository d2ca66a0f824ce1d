//! Which route a path falls under, and paths that two readers may read
//! differently (section 4, Paths).

use serde_json::json;

use crate::common::{assert_problem, upstream_at};
use crate::stack::Stack;
use crate::stack::client::{Request, raw};
use crate::stack::django::{REFRESH, REVOKE, WHOAMI};
use crate::stack::envoy::connection_manager;
use crate::stack::http::Response;
use crate::stack::session::Session;

/// The target as it is on the wire, with the session's cookie.
fn get(stack: &Stack, session: &Session, target: &str) -> Response {
    let cookie = session.cookie();
    let text = format!(
        "GET {target} HTTP/1.1\r\nhost: app.example.com\r\ncookie: {cookie}\r\n\
         connection: close\r\n\r\n"
    );
    let answer = raw(stack.ingress(), text.as_bytes());
    stack
        .secrets
        .check("an answer through Envoy", &answer.everything());
    answer
}

#[test]
fn a_path_that_another_may_read_differently_is_400() {
    let stack = Stack::new();
    let session = stack.login();
    let ambiguous = [
        "/api//whoami/",
        "//api/whoami/",
        "/api/whoami//",
        "/pages//..//../api//whoami/",
        "/pages%2f..%2fapi/whoami/",
        "/pages/%2F../api/whoami/",
        "/pages%5C..%5Capi/whoami/",
        "/api/x%2f..%2f..%2fpages",
        "/api/whoami%2f",
        "/api%2fwhoami/",
        "/api%5cwhoami/",
        "/%2fapi/whoami/",
    ];
    for target in ambiguous {
        let answer = get(&stack, &session, target);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "path_ambiguous"),
            "{target}"
        );
        assert_problem(&answer, 400, "path_ambiguous");
    }
    assert_eq!(stack.issuer.seen().len(), 0, "none reaches the upstream");
}

#[test]
fn what_envoy_normalises_arrives_as_one_plain_path() {
    let stack = Stack::new();
    let session = stack.login();
    let plain = [
        "/pages/../api/whoami/",
        "/pages/%2e%2e/api/whoami/",
        "/pages/%2E%2E/api/./whoami/",
        "/api\\whoami/",
        "/pages\\..\\api\\whoami/",
    ];
    for target in plain {
        let answer = get(&stack, &session, target);
        session.assert_is_me(&answer);
        assert_eq!(stack.issuer.last(WHOAMI).target, WHOAMI, "{target}");
    }
}

#[test]
fn without_envoys_normalisation_the_relay_sees_for_itself() {
    let stack = Stack::build()
        .bootstrap(|bootstrap| connection_manager(bootstrap)["normalize_path"] = json!(false))
        .start();
    let session = stack.login();
    for target in [
        "/pages/../api/whoami/",
        "/pages/%2e%2e/api/whoami/",
        "/api/./whoami/",
        "/api\\whoami/",
        "/pages\\..\\api\\whoami/",
        "/api/..",
    ] {
        let answer = get(&stack, &session, target);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "path_ambiguous"),
            "{target}"
        );
    }
    assert_eq!(stack.issuer.seen().len(), 0);
}

#[test]
fn what_is_off_both_before_and_after_is_nobodys_business() {
    let stack = Stack::new();
    let session = stack.login();
    for target in ["/pages//thing", "/pages/a%2fb", "/a%5cb"] {
        upstream_at(&stack, target);
        assert_eq!(get(&stack, &session, target).status, 200, "{target}");
        assert_eq!(stack.issuer.last(target).header("authorization"), None);
    }
}

#[test]
fn only_the_path_before_the_question_mark_counts() {
    let stack = Stack::new();
    let session = stack.login();
    for target in ["/api/whoami/?next=//x/../y%2fz\\", "/api/whoami/?"] {
        session.assert_is_me(&get(&stack, &session, target));
    }
    upstream_at(&stack, "/pages");
    assert_eq!(get(&stack, &session, "/pages?/api/whoami/").status, 200);
    assert_eq!(stack.issuer.last("/pages").header("authorization"), None);
}

#[test]
fn matching_is_case_sensitive() {
    let stack = Stack::new();
    let session = stack.login();
    upstream_at(&stack, "/API/whoami/");
    // Envoy's own route for /api/ is case-sensitive as well.
    assert_eq!(get(&stack, &session, "/API/whoami/").status, 200);
    assert_eq!(
        stack.issuer.last("/API/whoami/").header("authorization"),
        None
    );
}

#[test]
fn headers_that_name_another_path_are_never_read() {
    let stack = Stack::new();
    for name in [
        "x-original-url",
        "x-rewrite-url",
        "x-forwarded-uri",
        "x-envoy-original-path",
    ] {
        let answer = stack.send(&Request::get(WHOAMI).header(name, "/pages/"));
        assert_problem(&answer, 401, "no_session");
    }
}

#[test]
fn the_first_match_wins_by_prefix_path_and_method() {
    let stack = Stack::with(|config| {
        config["routes"] = json!([
            {"path": "/api/health", "session": "off"},
            {"prefix": "/api/items", "methods": ["GET", "HEAD"], "session": "optional"},
            {"prefix": "/api/", "session": "required"},
        ]);
    });
    for path in ["/api/health", "/api/health2", "/api/items/1", "/apix"] {
        upstream_at(&stack, path);
    }
    let status = |method, path| stack.send(&Request::new(method, path)).status;
    assert_eq!(status("GET", "/api/health"), 200);
    assert_eq!(status("GET", "/api/health2"), 401);
    assert_eq!(status("GET", "/api/items/1"), 200);
    assert_eq!(status("HEAD", "/api/items/1"), 200);
    assert_eq!(status("DELETE", "/api/items/1"), 401);
    assert_eq!(status("GET", "/apix"), 200, "nothing matches: off");
}

#[test]
fn the_issuers_own_paths_do_not_exist_from_outside() {
    let stack = Stack::new();
    let session = stack.login();
    for path in ["/api/token/", REFRESH, REVOKE] {
        for method in ["GET", "POST", "OPTIONS", "DELETE"] {
            let request = Request::new(method, path).cookie(session.cookie());
            assert_problem(&stack.send(&request), 404, "not_found");
            let preflight = Request::new(method, path)
                .header("origin", "https://evil.example")
                .header("access-control-request-method", "POST");
            assert_problem(&stack.send(&preflight), 404, "not_found");
        }
        assert_problem(
            &get(&stack, &session, &format!("{path}?x=1")),
            404,
            "not_found",
        );
    }
    // Other ways to write them that Django would understand.
    for target in [
        "/api/%74oken/",
        "/api/token%2Frefresh/",
        "/api/token//refresh/",
        "//api/token/",
        "/pages/..%2fapi/token/",
        "/api/x/../token/",
        "/api/./token/",
        "/%61pi/token/",
    ] {
        let answer = get(&stack, &session, target);
        assert!(
            matches!(answer.status, 400 | 404),
            "{target}: {}",
            answer.status
        );
    }
    assert_eq!(stack.issuer.seen().len(), 0, "none reaches the upstream");
}

#[test]
fn an_exposed_issuer_can_be_reached() {
    let stack = Stack::with(|config| {
        config["issuer"]["expose"] = json!(true);
        let routes = config["routes"].as_array_mut().expect("routes");
        routes.insert(0, json!({"prefix": "/api/token/", "session": "off"}));
    });
    let answer = stack.send(&Request::post(REFRESH).json(&json!({"refresh": "x"})));
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["code"], "token_not_valid", "it is Django's");
}
