//! Logging in and out with a cookie.

use serde_json::json;

use super::*;
use crate::common::{assert_problem, counter};
use crate::stack::client::Request;
use crate::stack::django::{self, WHOAMI};
use crate::stack::{Stack, envoy, wait};

#[test]
fn a_browser_logs_in_calls_the_api_and_logs_out() {
    let stack = for_browsers();
    let user = stack.django.new_user();
    let answer = stack.send(&Request::post(LOGIN).json(&credentials(&stack, &user)));
    assert_eq!(answer.status, 200);
    let cookie = set_cookie(&answer);
    let (value, attributes) = cookie.split_once("; ").expect("attributes");
    assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(answer.get("cache-control").as_deref(), Some("no-store"));
    let body = answer.json();
    assert_eq!(body["authenticated"], true);
    assert_eq!(body["user_id"], user.id.to_string());
    let id = value.strip_prefix("__Host-session=").expect("the name");
    let made = Made::of(&stack, user, id);
    assert_eq!(body["expires_at"], made.record["refresh_exp"]);

    let whoami = || stack.send(&Request::get(WHOAMI).cookie(made.cookie()));
    assert_eq!(whoami().json()["username"], made.user.name.as_str());

    let answer = stack.send(&Request::post(LOGOUT).cookie(made.cookie()));
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert!(set_cookie(&answer).starts_with("__Host-session=; "));
    assert!(set_cookie(&answer).ends_with("; Max-Age=0"));
    assert_eq!(stack.redis.get(&made.key()), None);
    wait::until("the refresh token is revoked", || {
        stack.django.is_blacklisted(made.refresh())
    });
    wait::until("every worker knows", || whoami().status == 401);
    assert_eq!(stack.stat(&counter("sessions.created")), 1);
    assert_eq!(stack.stat(&counter("sessions.logged_out")), 1);
}

#[test]
fn django_hears_from_whom_a_login_comes() {
    let stack = for_browsers();
    log_in(&stack);
    let obtain = stack.issuer.last(OBTAIN);
    assert_eq!(
        obtain.header("x-forwarded-for").as_deref(),
        Some("127.0.0.1")
    );
    assert_eq!(obtain.header("cookie"), None);
}

#[test]
fn a_login_ends_the_session_that_its_cookie_named() {
    let stack = for_browsers();
    let first = log_in(&stack);
    let login = Request::post(LOGIN).json(&credentials(&stack, &first.user));
    let answer = stack.send(&login.cookie(first.cookie()));
    assert_eq!(answer.status, 200);
    assert!(!set_cookie(&answer).contains(&first.id));
    wait::until("the first session is gone", || {
        stack.redis.get(&first.key()).is_none()
    });
    wait::until("the first refresh token is revoked", || {
        stack.django.is_blacklisted(first.refresh())
    });
}

#[test]
fn another_sites_page_can_neither_log_in_nor_out() {
    let stack = for_browsers();
    let made = log_in(&stack);
    for path in [LOGIN, LOGOUT] {
        let request = Request::post(path)
            .header("origin", "https://evil.example")
            .cookie(made.cookie());
        assert_problem(&stack.send(&request), 403, "cross_site");
    }
    assert!(stack.redis.get(&made.key()).is_some());
}

#[test]
fn the_session_endpoint_says_whether_there_is_one_and_no_more() {
    let stack = for_browsers();
    let made = log_in(&stack);
    let ask = |request: Request| stack.send(&request).json();
    let there = json!({"authenticated": true, "expires_at": made.record["refresh_exp"]});
    assert_eq!(ask(Request::get(SESSION).cookie(made.cookie())), there);
    let none = json!({"authenticated": false, "expires_at": null});
    assert_eq!(ask(Request::get(SESSION)), none);
    stack.redis.delete(&made.key());
    assert_eq!(ask(Request::get(SESSION).cookie(made.cookie())), none);
    assert_eq!(stack.verdicts(4)[1..], ["session", "session", "session"]);
}

#[test]
fn sessions_made_by_a_login_are_refreshed_like_any_other() {
    let stack = Stack::build()
        .django(django::Options {
            // Refreshed ahead after half of it; long enough to survive the way to Django.
            access: 10,
            ..django::Options::default()
        })
        .bootstrap(|bootstrap| {
            envoy::wasm_config(bootstrap)["allow_on_headers_stop_iteration"] = true.into();
            let config = envoy::plugin_config(bootstrap);
            config["session"] = json!({"format": "opaque"});
            config["endpoints"] = endpoints("cookie");
        })
        .start();
    let made = log_in(&stack);
    wait::until("the access token has been refreshed", || {
        let answer = stack.send(&Request::get(WHOAMI).cookie(made.cookie()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let record = stack.redis.record(&made.key()).expect("a record");
        record["refresh"] != made.record["refresh"]
    });
}
