//! Cross-site requests (section 4, CSRF).

use serde_json::json;

use crate::common::{THING, assert_problem, upstream_at};
use crate::stack::Stack;
use crate::stack::client::Request;

const OK: bool = true;
const REFUSED: bool = false;

#[test]
fn unsafe_methods_need_the_same_origin_or_one_that_is_listed() {
    let stack = Stack::with(|config| {
        config["csrf"] = json!({"origins": ["https://partner.example.com"]});
    });
    upstream_at(&stack, THING);
    let session = stack.login();
    let site = "sec-fetch-site";
    let cases: [(&[(&str, &str)], bool); 14] = [
        (&[], OK),
        (&[(site, "same-origin")], OK),
        (&[(site, "none")], OK),
        (&[(site, "same-site")], REFUSED),
        (&[(site, "cross-site")], REFUSED),
        (&[(site, "nonsense")], REFUSED),
        (&[("origin", "http://app.example.com")], OK),
        (&[("origin", "https://app.example.com")], REFUSED),
        (
            &[("origin", "http://app.example.com.evil.example")],
            REFUSED,
        ),
        (&[("origin", "http://app.example.com:8080")], REFUSED),
        (&[("origin", "null")], REFUSED),
        (&[("origin", "https://partner.example.com")], OK),
        (
            &[
                (site, "cross-site"),
                ("origin", "https://partner.example.com"),
            ],
            OK,
        ),
        (
            &[(site, "cross-site"), ("origin", "https://evil.example")],
            REFUSED,
        ),
    ];
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        for (headers, allowed) in &cases {
            let mut request = Request::new(method, THING).cookie(session.cookie());
            for (name, value) in *headers {
                request = request.header(name, value);
            }
            let answer = stack.send(&request);
            if *allowed {
                assert_eq!(answer.status, 200, "{method} {headers:?}");
            } else {
                assert_problem(&answer, 403, "cross_site");
            }
        }
    }
}

#[test]
fn safe_methods_may_come_from_anywhere_but_upgrades_may_not() {
    let stack = Stack::new();
    upstream_at(&stack, THING);
    let session = stack.login();
    for method in ["GET", "HEAD", "OPTIONS"] {
        let request = Request::new(method, THING).cookie(session.cookie());
        let answer = stack.send(&request.header("sec-fetch-site", "cross-site"));
        assert_eq!(answer.status, 200, "{method}");
    }
    let upgrade = stack
        .request(THING, &session)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("origin", "https://evil.example");
    assert_problem(&stack.send(&upgrade), 403, "cross_site");
}

#[test]
fn a_repeated_origin_line_does_not_help() {
    let stack = Stack::new();
    upstream_at(&stack, THING);
    let session = stack.login();
    let request = Request::post(THING)
        .cookie(session.cookie())
        .header("origin", "http://app.example.com")
        .header("origin", "https://evil.example");
    assert_problem(&stack.send(&request), 403, "cross_site");
}

#[test]
fn the_check_can_be_switched_off() {
    let stack = Stack::with(|config| config["csrf"] = json!({"enabled": false}));
    upstream_at(&stack, THING);
    let session = stack.login();
    let request = Request::post(THING).cookie(session.cookie());
    let answer = stack.send(&request.header("sec-fetch-site", "cross-site"));
    assert_eq!(answer.status, 200);
}
