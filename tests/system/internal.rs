//! The shipped listener for Next.js's server, beside the browsers' one.

use serde_json::{Value, json};

use crate::common::{PAGE, assert_problem, upstream_at};
use crate::stack::client::Request;
use crate::stack::django::{User, WHOAMI};
use crate::stack::http::Response;
use crate::stack::jwt;
use crate::stack::{Stack, cookie, wait};

const LOGIN: &str = "/auth/login";
const LOGOUT: &str = "/auth/logout";
const SESSION: &str = "/auth/session";
const OBTAIN: &str = "/api/token/";

/// Sends a request as Next.js's server does.
fn inside(stack: &Stack, request: &Request) -> Response {
    stack.answer(request.start(stack.envoy().at.internal))
}

fn credentials(stack: &Stack, user: &User) -> Value {
    json!({"username": user.name, "password": stack.django.password()})
}

/// What NextAuth's `authorize` does, and the cookie that NextAuth makes of it.
fn sign_in(stack: &Stack, user: &User) -> String {
    let login = Request::post(LOGIN).json(&credentials(stack, user));
    let answer = inside(stack, &login);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.json()["session_id"].clone();
    stack
        .secrets
        .add("a session id", id.as_str().expect("an id"));
    let claims = json!({"sid": id, "exp": jwt::now() + 3600});
    let value = cookie::v5(&stack.auth_secret, cookie::V5, &claims);
    format!("{}={value}", cookie::V5)
}

#[test]
fn a_session_made_inside_serves_browser_and_server_until_it_ends_inside() {
    let stack = Stack::new();
    let user = stack.django.new_user();
    let cookie = sign_in(&stack, &user);
    let whoami = Request::get(WHOAMI).cookie(&cookie);
    for answer in [stack.send(&whoami), inside(&stack, &whoami)] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["username"], user.name.as_str());
    }
    let session = || inside(&stack, &Request::get(SESSION).cookie(&cookie)).json();
    assert_eq!(session()["authenticated"], true);

    let answer = inside(&stack, &Request::post(LOGOUT).cookie(&cookie));
    assert_eq!(answer.status, 204);
    assert_eq!(session()["authenticated"], false);
    wait::until("the browsers' listener knows as well", || {
        let answer = stack.send(&whoami);
        answer.status != 200 && answer.code() == "session_ended"
    });
}

#[test]
fn django_hears_of_the_browser_behind_next_js_and_not_of_what_it_made_up() {
    let stack = Stack::new();
    let user = stack.django.new_user();
    let login = || Request::post(LOGIN).json(&credentials(&stack, &user));
    for (line, heard) in [
        // Envoy's other listener has put the last one there.
        ("198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("203.0.113.9,2001:db8::7", "2001:db8::7"),
        // Next.js's own address is better than none.
        ("nonsense", "127.0.0.1"),
    ] {
        inside(&stack, &login().header("x-forwarded-for", line));
        let obtain = stack.issuer.last(OBTAIN);
        let forwarded = obtain.header("x-forwarded-for");
        assert_eq!(forwarded.as_deref(), Some(heard), "for {line:?}");
    }
    inside(&stack, &login());
    let forwarded = stack.issuer.last(OBTAIN).header("x-forwarded-for");
    assert_eq!(forwarded.as_deref(), Some("127.0.0.1"));
}

#[test]
fn inside_there_are_no_pages_and_the_issuers_paths_are_hidden_as_well() {
    let stack = Stack::new();
    upstream_at(&stack, PAGE);
    assert_eq!(inside(&stack, &Request::get(PAGE)).status, 404);
    let user = stack.django.new_user();
    let obtain = Request::post(OBTAIN).json(&credentials(&stack, &user));
    assert_eq!(inside(&stack, &obtain).status, 404);
    assert_eq!(stack.issuer.calls(OBTAIN), 0);
    let whoami = inside(&stack, &Request::get(WHOAMI));
    assert_problem(&whoami, 401, "no_session");
    assert_eq!(stack.issuer.seen().len(), 0);
}
