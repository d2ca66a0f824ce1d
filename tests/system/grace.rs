//! Answers that get lost after the issuer has rotated (section 6.8), where it
//! has a grace period: the example's for SimpleJWT, or django-oauth-toolkit's.
//! Without one such a session ends: [`crate::issuer`].

use std::sync::Arc;
use std::thread;

use serde_json::json;

use crate::common::{assert_problem, counter};
use crate::presets::expired;
use crate::stack::act::Act;
use crate::stack::client::Request;
use crate::stack::dialect::{Dialect, as_client};
use crate::stack::django::{self, Django, REFRESH, REVOKE, WHOAMI};
use crate::stack::http::Response;
use crate::stack::session::Session;
use crate::stack::setup::{Builder, PROVIDER};
use crate::stack::{Stack, jwt, wait};

const OAUTH2: [Dialect; 2] = [Dialect::OAuth2, Dialect::OAuth2ReuseProtection];

fn options(dialect: Dialect) -> django::Options {
    django::Options {
        dialect,
        grace: 120,
        ..Default::default()
    }
}

fn build(dialect: Dialect) -> Builder {
    Stack::build().django(options(dialect)).dialect(dialect)
}

/// The refresh token in the session's record.
fn refresh_token(stack: &Stack, session: &Session) -> String {
    let record = stack.redis.record(&session.key).expect("the session lives");
    record["refresh"].as_str().expect("a token").to_owned()
}

/// Requests go on before their token has arrived in Redis.
fn wait_for_refresh_token(stack: &Stack, session: &Session, token: &str) {
    wait::until("the token is in Redis", || {
        refresh_token(stack, session) == token
    });
}

#[test]
fn a_refresh_whose_answer_was_lost_is_repeated_and_the_session_goes_on() {
    let lost = [
        Act::forward().losing_the_answer(),
        Act::forward().breaking_the_answer(),
    ];
    for dialect in [Dialect::SimpleJwt, Dialect::DjRestAuth]
        .into_iter()
        .chain(OAUTH2)
    {
        let stack = build(dialect).start();
        let refresh = dialect.paths()[1];
        for act in lost.clone() {
            let session = expired(&stack);
            let tokens = stack.issuer.tokens().len();
            let calls = stack.issuer.calls(refresh);
            stack.issuer.once(refresh, act);
            assert_problem(&stack.whoami(&session), 503, "issuer_unavailable");
            wait::until("the refresh was repeated", || {
                stack.whoami(&session).status == 200
            });
            let given = stack.issuer.tokens().split_off(tokens);
            let [_, lost, _, again] = given.as_slice() else {
                panic!("{dialect:?}: {} tokens", given.len());
            };
            assert!(lost == again, "{dialect:?}: the very same");
            assert!(*lost != session.refresh, "{dialect:?}: another one");
            wait_for_refresh_token(&stack, &session, lost);

            let run_out = jwt::now() - 5;
            stack.redis.set_member(&session.key, "access_exp", run_out);
            // A worker that was not answered makes no new attempt for a second.
            wait::until("the next refresh", || {
                stack.whoami(&session).status == 200 && refresh_token(&stack, &session) != *lost
            });
            assert_eq!(stack.issuer.calls(refresh), calls + 3, "{dialect:?}");
            if !OAUTH2.contains(&dialect) {
                assert_eq!(stack.django.live(&session.user), 1, "{dialect:?}");
                assert_eq!(stack.refreshes(&session), 2, "{dialect:?}");
            }
            let last = refresh_token(&stack, &session);
            assert_eq!(stack.django.refresh(&last).status, 200, "{dialect:?}");
        }
        assert_eq!(stack.stat(&counter("refresh_outcome_unknown")), 2);
        assert_eq!(stack.counted("refresh.calls", "refused"), 0, "{dialect:?}");
        assert_eq!(stack.stat(&counter("sessions.deleted")), 0, "{dialect:?}");
    }
}

#[test]
fn an_answer_that_comes_too_late_costs_no_session() {
    let stack = build(Dialect::SimpleJwt)
        .config(|config| config["issuer"]["timeout"] = json!("2s"))
        .start();
    let session = stack.expired();
    stack
        .issuer
        .once(REFRESH, Act::forward().keeping_the_answer());
    assert_problem(&stack.whoami(&session), 503, "issuer_unavailable");
    wait::until("the refresh was repeated", || {
        stack.whoami(&session).status == 200
    });
    assert_one_successor(&stack, &session);
}

#[test]
fn a_holder_that_dies_after_the_rotation_costs_no_session() {
    let stack = build(Dialect::SimpleJwt)
        .envoys(2)
        .config(|config| {
            config["issuer"]["timeout"] = json!("3s");
            config["store"]["timeout"] = json!("300ms");
        })
        .start();
    let session = stack.expired();
    stack
        .issuer
        .once(REFRESH, Act::forward().keeping_the_answer());
    let pending = stack
        .request(WHOAMI, &session)
        .start(stack.envoys[1].at.ingress);
    wait::until("Django has rotated", || !stack.issuer.tokens().is_empty());
    stack.envoys[1].part.kill();
    assert!(pending.try_answer().is_err());
    assert!(refresh_token(&stack, &session) == session.refresh);
    wait::until("the lease has ended, and the refresh was repeated", || {
        stack.whoami(&session).status == 200
    });
    assert_one_successor(&stack, &session);
}

/// Of the session's refresh token, in Redis and at Django, after two refreshes.
fn assert_one_successor(stack: &Stack, session: &Session) {
    assert_eq!(stack.issuer.calls(REFRESH), 2);
    assert_eq!(stack.refreshes(session), 1);
    assert_eq!(stack.django.live(&session.user), 1);
    let successor = stack.django.newest_refresh(&session.user);
    assert!(successor != session.refresh);
    wait_for_refresh_token(stack, session, &successor);
}

/// With dj-rest-auth by SimpleJWT's endpoint, since its own ends one token only.
#[test]
fn a_logout_after_a_lost_answer_ends_the_successor_too() {
    for dialect in [Dialect::SimpleJwt, Dialect::DjRestAuth] {
        let stack = build(dialect)
            .config(|plugin| {
                plugin["session"] = json!({"format": "opaque"});
                plugin["endpoints"] = json!({
                    "login": {"path": "/auth/login", "reply": "cookie"},
                    "logout": {"path": "/auth/logout"},
                });
                plugin["issuer"]["paths"] = json!({"revoke": REVOKE});
            })
            .start();
        let session = expired(&stack);
        let lost = Act::forward().losing_the_answer();
        stack.issuer.once(dialect.paths()[1], lost);
        let request = Request::get(WHOAMI).cookie(session.opaque());
        assert_problem(&stack.send(&request), 503, "issuer_unavailable");
        assert_eq!(stack.django.live(&session.user), 1, "{dialect:?}");
        let logout = Request::post("/auth/logout").cookie(session.opaque());
        assert_eq!(stack.send(&logout).status, 204, "{dialect:?}");
        stack.issuer.wait_for_calls(REVOKE, 1);
        stack.issuer.wait_until_quiet();
        assert_eq!(stack.django.live(&session.user), 0, "{dialect:?}");
        let log = stack.envoy().log();
        assert!(!log.contains("could not be revoked"), "{dialect:?}: {log}");
    }
}

fn revoke(django: &Django, refresh: &str) -> Response {
    Request::post(REVOKE)
        .host("localhost")
        .json(&json!({"refresh": refresh}))
        .send(django.addr)
}

#[test]
fn twenty_who_present_one_token_at_once_get_one_successor() {
    let django = Django::shared(&PROVIDER, options(Dialect::SimpleJwt));
    for _ in 0..5 {
        let user = django.new_user();
        let (_, refresh) = django.login(&user);
        let answers: Vec<_> = thread::scope(|scope| {
            let calls = [(); 20].map(|()| scope.spawn(|| django.refresh(&refresh)));
            calls.map(|call| call.join().expect("a call")).into()
        });
        let successor = django.newest_refresh(&user);
        for answer in answers {
            assert_eq!(answer.status, 200);
            assert!(answer.json()["refresh"] == successor.as_str());
        }
        assert_eq!((django.outstanding(&user), django.live(&user)), (2, 1));
    }
}

#[test]
fn a_logout_among_refreshes_at_once_leaves_no_live_token() {
    let django = Django::shared(&PROVIDER, options(Dialect::SimpleJwt));
    for round in 0..10 {
        let user = django.new_user();
        let (_, refresh) = django.login(&user);
        thread::scope(|scope| {
            for call in 0..8 {
                let (django, refresh) = (Arc::clone(&django), &refresh);
                scope.spawn(move || {
                    if call == round % 8 {
                        assert_eq!(revoke(&django, refresh).status, 200);
                    } else {
                        let status = django.refresh(refresh).status;
                        assert!(matches!(status, 200 | 401), "{status}");
                    }
                });
            }
        });
        assert_eq!(django.live(&user), 0, "round {round}");
    }
}

/// What docs/operations.md says of it.
#[test]
fn django_oauth_toolkit_repeats_its_answer_until_the_successor_is_used() {
    for dialect in OAUTH2 {
        let django = Django::shared(&PROVIDER, options(dialect));
        let (_, first) = django.login(&django.new_user());
        let refresh = |token: &str| django.refresh(token);
        let successor = |answer: &Response| dialect.tokens(answer).1;

        let answer = refresh(&first);
        assert_eq!(answer.status, 200, "{dialect:?}");
        // The access token is as old as before, and said to be as good as new.
        assert_eq!(answer.json()["expires_in"], 300);
        assert!(refresh(&first).json() == answer.json(), "{dialect:?}");
        // A revocation of the old one is taken, and does nothing.
        let [_, _, path] = dialect.paths();
        let revocation = as_client(
            Request::post(path).host("localhost"),
            &[("token", &first), ("token_type_hint", "refresh_token")],
        );
        assert_eq!(revocation.send(django.addr).status, 200, "{dialect:?}");
        assert!(refresh(&first).json() == answer.json(), "{dialect:?}");

        let next = refresh(&successor(&answer));
        assert_eq!(next.status, 200, "{dialect:?}");
        assert_eq!(refresh(&first).status, 400, "{dialect:?}");
        // Which reuse protection takes for a theft.
        let status = if dialect == Dialect::OAuth2 { 200 } else { 400 };
        assert_eq!(refresh(&successor(&next)).status, status, "{dialect:?}");
    }
}
