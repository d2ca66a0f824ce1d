//! `login_url`: where a page navigation without a session is sent (section 4).

use serde_json::json;

use crate::common::{THING, assert_problem, stack_with_optional};
use crate::stack::Stack;
use crate::stack::client::Request;

fn stack() -> Stack {
    stack_with_optional(|config| config["login_url"] = json!("/login"))
}

#[test]
fn a_page_navigation_without_a_session_is_sent_to_the_login_page() {
    let stack = stack();
    let target = "/api/thing?tab=a&next=/x";
    let all = "/login?callbackUrl=%2Fapi%2Fthing%3Ftab%3Da%26next%3D%2Fx";
    let navigations = [
        Request::get(target).header("sec-fetch-mode", "navigate"),
        Request::get(target).header("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
        Request::new("HEAD", target).header("sec-fetch-mode", "navigate"),
    ];
    for navigation in navigations {
        let answer = stack.send(&navigation);
        assert_eq!(answer.status, 302);
        assert_eq!(answer.get("location").as_deref(), Some(all));
        assert_eq!(answer.get("cache-control").as_deref(), Some("no-store"));
    }
    assert_eq!(stack.issuer.calls(THING), 0);
}

#[test]
fn the_end_of_a_session_and_ambiguous_cookies_are_redirects_too() {
    let stack = stack();
    let (one, other) = (stack.login(), stack.login());
    let navigate = || Request::get(THING).header("sec-fetch-mode", "navigate");
    let both = format!("{}; {}", one.cookie(), other.cookie());
    assert_eq!(stack.send(&navigate().cookie(both)).status, 302);
    stack.redis.delete(&one.key);
    let answer = stack.send(&navigate().cookie(one.cookie()));
    assert_eq!(answer.status, 302);
    assert_eq!(
        answer.get("location").as_deref(),
        Some("/login?callbackUrl=%2Fapi%2Fthing")
    );
}

#[test]
fn a_fetch_never_gets_a_redirect() {
    let stack = stack();
    let html = "text/html";
    let fetches = [
        Request::get(THING),
        Request::get(THING).header("accept", "*/*"),
        Request::get(THING).header("accept", "application/json"),
        // A browser's fetch() says so, whatever it accepts.
        Request::get(THING)
            .header("sec-fetch-mode", "cors")
            .header("accept", html),
        Request::get(THING)
            .header("sec-fetch-site", "same-origin")
            .header("accept", html),
        Request::post(THING).header("sec-fetch-mode", "navigate"),
        Request::post(THING).header("accept", html),
    ];
    for fetch in fetches {
        assert_problem(&stack.send(&fetch), 401, "no_session");
    }
}

#[test]
fn other_problems_are_no_redirects() {
    let stack = stack();
    let session = stack.session().raw("no json").save();
    let request = stack
        .request(THING, &session)
        .header("sec-fetch-mode", "navigate");
    assert_problem(&stack.send(&request), 502, "record_invalid");
}

#[test]
fn a_login_page_elsewhere_is_an_https_address() {
    let stack = stack_with_optional(|config| {
        config["login_url"] = json!("https://login.example.com/start");
    });
    let answer = stack.send(&Request::get(THING).header("sec-fetch-mode", "navigate"));
    assert_eq!(answer.status, 302);
    let location = answer.get("location").expect("a location");
    assert_eq!(
        location,
        "https://login.example.com/start?callbackUrl=%2Fapi%2Fthing"
    );
}
