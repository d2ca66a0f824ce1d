//! Servers that keep the session id themselves.

use serde_json::json;

use super::*;
use crate::common::assert_problem;
use crate::stack::client::Request;
use crate::stack::django::WHOAMI;
use crate::stack::{Stack, cookie, jwt, wait};

#[test]
fn a_server_logs_in_and_out_by_the_session_id() {
    let stack = for_servers();
    let user = stack.django.new_user();
    let answer = stack.send(&Request::post(LOGIN).json(&credentials(&stack, &user)));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.get("set-cookie"), None);
    let body = answer.json();
    let id = body["session_id"].as_str().expect("an id");
    assert_eq!(body["user_id"], user.id.to_string());
    let made = Made::of(&stack, user, id);
    assert_eq!(body["expires_at"], made.record["refresh_exp"]);
    let logout = Request::post(LOGOUT).json(&json!({"session_id": made.id}));
    assert_eq!(stack.send(&logout).status, 204);
    assert_eq!(stack.redis.get(&made.key()), None);
    wait::until("the refresh token is revoked", || {
        stack.django.is_blacklisted(made.refresh())
    });
    // Without a body, and again: done already.
    assert_eq!(stack.send(&Request::post(LOGOUT)).status, 204);
    assert_eq!(stack.send(&logout).status, 204);
}

#[test]
fn tokens_that_a_server_got_elsewhere_become_a_session() {
    let stack = for_servers();
    let user = stack.django.new_user();
    let (access, refresh) = stack.django.login(&user);
    let adopt = Request::post(ADOPT).json(&json!({"access": access, "refresh": refresh}));
    let answer = stack.send(&adopt);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.json()["session_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let made = Made::of(&stack, user, &id);
    assert_eq!(made.refresh(), refresh);
    let nothing = Request::post(ADOPT).json(&json!({"refresh": refresh}));
    assert_problem(&stack.send(&nothing), 400, "body_invalid");
}

/// As shipped: Next.js's server logs in at the internal listener, and the
/// browser's requests come in at the other one.
#[test]
fn the_shipped_internal_listener_serves_a_server_and_the_other_one_does_not() {
    let stack = Stack::new();
    let internal = stack.envoy().at.internal;
    let user = stack.django.new_user();
    let login = Request::post(LOGIN)
        .json(&credentials(&stack, &user))
        .header("x-forwarded-for", "192.0.2.66, 203.0.113.5");
    let answer = login.send(internal);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.json()["session_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let made = Made::of(&stack, user, &id);
    // The last one is whom the public listener saw.
    let obtain = stack.issuer.last(OBTAIN);
    assert_eq!(
        obtain.header("x-forwarded-for").as_deref(),
        Some("203.0.113.5")
    );

    let claims = json!({"sid": made.id, "exp": jwt::now() + 60});
    let value = cookie::v5(&stack.auth_secret, cookie::V5, &claims);
    let line = format!("{}={value}", cookie::V5);
    let whoami = || Request::get(WHOAMI).cookie(&line);
    assert_eq!(
        stack.send(&whoami()).json()["username"],
        made.user.name.as_str()
    );
    let server_component = whoami().send(internal);
    assert_eq!(server_component.json()["username"], made.user.name.as_str());
    let session = Request::get(SESSION).cookie(&line).send(internal);
    assert_eq!(session.json()["authenticated"], true);

    // Outside there are no endpoints: these paths are Next.js's.
    for path in [LOGIN, LOGOUT, ADOPT] {
        let before = stack.issuer.calls(path);
        stack.send(&Request::post(path).body("{}"));
        assert_eq!(stack.issuer.calls(path), before + 1, "{path}");
    }
    let logout = Request::post(LOGOUT).json(&json!({"session_id": made.id}));
    assert_eq!(logout.send(internal).status, 204);
    assert_eq!(stack.redis.get(&made.key()), None);
}
