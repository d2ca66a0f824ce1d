//! Logins that come to nothing.

use serde_json::json;

use super::*;
use crate::common::{assert_problem, counter};
use crate::stack::act::{Act, Latch};
use crate::stack::client::Request;
use crate::stack::django::REVOKE;
use crate::stack::http::Response;
use crate::stack::wait;

#[test]
fn a_wrong_password_is_djangos_answer() {
    let stack = for_browsers();
    let user = stack.django.new_user();
    let wrong = json!({"username": user.name, "password": "wrong"});
    let answer = stack.send(&Request::post(LOGIN).json(&wrong));
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.get("content-type").as_deref(),
        Some("application/json")
    );
    let detail = &answer.json()["detail"];
    assert_eq!(detail, "No active account found with the given credentials");
    assert_eq!(answer.get("set-cookie"), None);
    let missing = stack.send(&Request::post(LOGIN).json(&json!({"username": user.name})));
    assert_eq!(missing.status, 400);
    assert!(missing.json()["password"].is_array());
}

#[test]
fn a_throttled_login_is_passed_on_with_its_wait() {
    let stack = for_browsers();
    let throttled = Response::json_body(429, &json!({"detail": "Request was throttled."}))
        .header("retry-after", "60");
    stack.issuer.once(OBTAIN, Act::answer(throttled));
    let user = stack.django.new_user();
    let answer = stack.send(&Request::post(LOGIN).json(&credentials(&stack, &user)));
    assert_eq!(answer.status, 429);
    assert_eq!(answer.get("retry-after").as_deref(), Some("60"));
}

#[test]
fn without_a_store_nobody_logs_in_and_the_new_token_is_revoked() {
    let stack = for_browsers();
    let made = log_in(&stack);
    stack.redis.freeze();
    let user = stack.django.new_user();
    let login = Request::post(LOGIN).json(&credentials(&stack, &user));
    assert_problem(&stack.send(&login), 503, "store_unavailable");
    let logout = Request::post(LOGOUT).cookie(made.cookie());
    assert_problem(&stack.send(&logout), 503, "store_unavailable");
    let session = Request::get(SESSION).cookie(made.cookie());
    assert_problem(&stack.send(&session), 503, "store_unavailable");
    wait::until("the new refresh token is revoked", || {
        stack
            .django
            .is_blacklisted(&stack.django.newest_refresh(&user))
    });
    stack.redis.thaw();
    assert_eq!(stack.send(&logout).status, 204);
}

#[test]
fn without_an_issuer_nobody_logs_in_and_everybody_logs_out() {
    let stack = for_browsers();
    let made = log_in(&stack);
    stack.issuer.shut();
    let login = Request::post(LOGIN).json(&credentials(&stack, &made.user));
    assert_problem(&stack.send(&login), 503, "issuer_unavailable");
    let logout = Request::post(LOGOUT).cookie(made.cookie());
    assert_eq!(stack.send(&logout).status, 204);
    assert_eq!(stack.redis.get(&made.key()), None);
    stack.issuer.open();
}

#[test]
fn a_client_that_leaves_during_its_login_leaves_no_session_behind() {
    let stack = for_browsers();
    let user = stack.django.new_user();
    let latch = Latch::default();
    stack.issuer.once(OBTAIN, Act::forward().until(&latch));
    let pending = stack.start(&Request::post(LOGIN).json(&credentials(&stack, &user)));
    stack.issuer.wait_for_calls(OBTAIN, 1);
    pending.leave();
    // Envoy has noticed when the request is in its access log.
    stack.verdicts(1);
    latch.open();
    stack.issuer.wait_for_calls(REVOKE, 1);
    stack.issuer.wait_until_quiet();
    assert!(
        stack
            .django
            .is_blacklisted(&stack.django.newest_refresh(&user))
    );
    assert_eq!(stack.stat(&counter("sessions.created")), 0);
}
