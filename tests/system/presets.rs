//! The presets beside SimpleJWT, each with the real package (section 6.6):
//! refresh, refusal and revocation. How credentials become tokens is in
//! [`crate::credentials`].

use std::time::Duration;

use serde_json::json;

use crate::common::assert_problem;
use crate::stack::act::Act;
use crate::stack::client::Request;
use crate::stack::dialect::Dialect;
use crate::stack::django::WHOAMI;
use crate::stack::http::Response;
use crate::stack::session::Session;
use crate::stack::{Stack, jwt, wait};

const DIALECTS: [Dialect; 3] = [Dialect::DjRestAuth, Dialect::OAuth2, Dialect::Allauth];

fn stack(dialect: Dialect) -> Stack {
    Stack::build().dialect(dialect).start()
}

/// A session of somebody who logged in at Django itself. By its record, the
/// access token has just run out.
pub fn expired(stack: &Stack) -> Session {
    let session = stack.session().without_times();
    session
        .member("access_exp", jwt::now() - 5)
        .ttl(3600)
        .save()
}

fn refresh_path(dialect: Dialect) -> &'static str {
    dialect.paths()[1]
}

fn revoke_path(dialect: Dialect) -> &'static str {
    dialect.paths()[2]
}

/// Whether Django still takes this refresh token; it is spent then.
fn is_good(stack: &Stack, refresh: &str) -> bool {
    stack.django.refresh(refresh).status == 200
}

/// The refresh token that Django gave last.
fn given_last(stack: &Stack) -> String {
    stack.issuer.tokens().pop().expect("a token")
}

#[test]
fn many_requests_with_an_expired_token_refresh_once() {
    for dialect in DIALECTS {
        let stack = Stack::build().dialect(dialect).envoys(2).start();
        let session = expired(&stack);
        let slow = Act::forward().delayed(Duration::from_millis(400));
        stack.issuer.once(refresh_path(dialect), slow);
        for answer in stack.whoami_many(&session, 20) {
            session.assert_is_me(&answer);
        }
        assert_eq!(stack.issuer.calls(refresh_path(dialect)), 1, "{dialect:?}");
        let record = stack.redis.record(&session.key).expect("a record");
        assert_ne!(record["access"], session.access.as_str(), "{dialect:?}");
        assert_eq!(record["refresh"], given_last(&stack).as_str());
        for request in stack.issuer.seen_at(WHOAMI) {
            let access = record["access"].as_str().expect("a token");
            assert_eq!(request.bearer(), access, "{dialect:?}");
        }
        let life = record["access_exp"].as_i64().expect("seconds") - jwt::now();
        assert!((200..=300).contains(&life), "{dialect:?}: {life} s");
        stack.whoami_ok(&session);
        assert_eq!(stack.issuer.calls(refresh_path(dialect)), 1);
        assert!(is_good(&stack, &given_last(&stack)), "{dialect:?}");
    }
}

#[test]
fn a_spent_refresh_token_ends_the_session() {
    for dialect in DIALECTS {
        let stack = stack(dialect);
        let session = expired(&stack);
        assert!(is_good(&stack, &session.refresh), "somebody spends it");
        assert_problem(&stack.whoami(&session), 401, "session_ended");
        assert_eq!(stack.redis.record(&session.key), None, "{dialect:?}");
        stack.wait_for_counted("refresh.calls", "refused", 1);
    }
}

/// Nothing of this says that the refresh token is bad.
#[test]
fn nothing_else_ends_a_session() {
    let html = |status| Response::html(status, "<h1>No</h1>");
    let body = |status, body| Response::json_body(status, &body);
    for dialect in DIALECTS {
        let stack = stack(dialect);
        for answer in [
            html(400),
            html(401),
            html(404),
            html(500),
            body(400, json!({"detail": "Token is expired"})),
            body(401, json!({"error": "invalid_grant"})),
            body(401, json!({"error": "invalid_client"})),
            body(400, json!({"error": "invalid_client"})),
            body(401, json!({"status": 400})),
            body(400, json!({"status": "400"})),
            body(429, json!({"detail": "Request was throttled."})),
            body(503, json!({"status": 503})),
        ] {
            let session = expired(&stack);
            let before = stack.redis.get(&session.key);
            stack
                .issuer
                .once(refresh_path(dialect), Act::answer(answer.clone()));
            let shown = format!("{dialect:?}: {} {}", answer.status, answer.text());
            let answer = stack.whoami(&session);
            assert_eq!(answer.code(), "issuer_unavailable", "{shown}");
            assert_eq!(stack.redis.get(&session.key), before, "{shown}");
        }
    }
}

#[test]
fn a_logout_during_a_refresh_revokes_the_new_token() {
    for dialect in DIALECTS {
        let stack = stack(dialect);
        let session = expired(&stack);
        let (redis, key) = (stack.redis.clone(), session.key.clone());
        let logout = Act::forward().after(move || redis.delete(&key));
        stack.issuer.once(refresh_path(dialect), logout);
        let answer = stack.whoami(&session);
        assert!(matches!(answer.status, 200 | 401), "{}", answer.status);
        stack.issuer.wait_for_calls(revoke_path(dialect), 1);
        stack.issuer.wait_until_quiet();
        assert_eq!(stack.redis.record(&session.key), None, "{dialect:?}");
        assert!(!is_good(&stack, &given_last(&stack)), "{dialect:?}");
        assert_eq!(told_of_revocations(&stack), 0, "{dialect:?}");
    }
}

/// How many lines say that a revocation failed.
fn told_of_revocations(stack: &Stack) -> usize {
    let log = stack.envoy().log();
    log.matches("could not be revoked").count()
}

/// Others' tokens may be of the same login, which allauth would end as a whole.
#[test]
fn tokens_that_lost_against_others_are_spent_and_their_login_goes_on() {
    let stack = stack(Dialect::Allauth);
    let session = expired(&stack);
    let (redis, key) = (stack.redis.clone(), session.key.clone());
    let other = json!({
        "access": session.access,
        "refresh": "another",
        "access_exp": jwt::now() + 200,
    });
    let overtaken = Act::forward().after(move || {
        redis.command(&["SET", &key, &other.to_string(), "EX", "60"]);
    });
    let refresh = refresh_path(Dialect::Allauth);
    stack.issuer.once(refresh, overtaken);
    session.assert_is_me(&stack.whoami(&session));
    stack.issuer.wait_for_calls(refresh, 2);
    stack.issuer.wait_until_quiet();
    let given = stack.issuer.tokens();
    let [_, lost, _, thrown_away] = given.as_slice() else {
        panic!("{} tokens", given.len());
    };
    assert!(!is_good(&stack, lost), "it was spent");
    assert!(is_good(&stack, thrown_away), "the login was not ended");
    assert_eq!(stack.issuer.calls(revoke_path(Dialect::Allauth)), 0);
    assert_eq!(told_of_revocations(&stack), 0);
}

/// With a live access token, and with one that has run out.
#[test]
fn a_logout_revokes_the_refresh_token() {
    for dialect in DIALECTS {
        let stack = Stack::build()
            .dialect(dialect)
            .config(|plugin| {
                plugin["session"] = json!({"format": "opaque"});
                plugin["endpoints"] = json!({
                    "login": {"path": "/auth/login", "reply": "cookie"},
                    "logout": {"path": "/auth/logout"},
                });
            })
            .start();
        let live = stack.session().without_times().ttl(3600);
        let live = live.member("access_exp", jwt::now() + 200).save();
        for (revoked, session) in (1..).zip([live, expired(&stack)]) {
            let logout = Request::post("/auth/logout").cookie(session.opaque());
            assert_eq!(stack.send(&logout).status, 204, "{dialect:?}");
            wait::until("the issuer is told", || {
                let paths = [revoke_path(dialect), refresh_path(dialect)];
                paths
                    .map(|path| stack.issuer.calls(path))
                    .iter()
                    .sum::<usize>()
                    == revoked
            });
            stack.issuer.wait_until_quiet();
            assert_eq!(stack.redis.record(&session.key), None, "{dialect:?}");
            assert!(!is_good(&stack, &session.refresh), "{dialect:?}");
        }
        assert_eq!(told_of_revocations(&stack), 0, "{dialect:?}");
    }
}

#[test]
fn a_wrong_client_secret_is_told_to_the_operator_and_ends_no_session() {
    let stack = Stack::build()
        .dialect(Dialect::OAuth2)
        .config(|plugin| {
            plugin["issuer"]["client"]["secret"] = json!({"value": "not the secret at all"});
        })
        .start();
    let session = expired(&stack);
    let before = stack.redis.get(&session.key);
    assert_problem(&stack.whoami(&session), 503, "issuer_unavailable");
    assert_eq!(stack.redis.get(&session.key), before);
    stack.wait_for_counted("refresh.calls", "misconfigured", 1);
    let log = stack.envoy().log();
    assert!(log.contains("check issuer.client"), "{log}");
    assert!(is_good(&stack, &session.refresh), "it was not spent");
}

#[test]
fn a_refresh_token_in_a_cookie_is_told_to_the_operator_and_ends_no_session() {
    let stack = stack(Dialect::DjRestAuthHttpOnly);
    let session = expired(&stack);
    stack.whoami_ok(&session);
    let record = stack.redis.record(&session.key).expect("a record");
    assert_ne!(record["access"], session.access.as_str());
    assert_eq!(record["refresh"], session.refresh.as_str());
    let log = stack.envoy().log();
    let setting = r#"REST_AUTH = {"JWT_AUTH_HTTPONLY": False}"#;
    assert!(log.contains(setting), "{log}");
}
