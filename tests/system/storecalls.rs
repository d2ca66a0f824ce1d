//! How the store is asked (section 5), seen by a gate before Webdis: how often,
//! in which words, and what becomes of an answer that belongs to another call.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::common::assert_problem;
use crate::stack::Stack;
use crate::stack::act::Act;
use crate::stack::django::REFRESH;
use crate::stack::gate::Gate;
use crate::stack::http::{Received, Response};
use crate::stack::redis::Reply;

/// A stack of one worker with a gate before Webdis, whose Redis already knows
/// the scripts.
fn stack(change: impl FnOnce(&mut Value) + 'static) -> Stack {
    let stack = Stack::build()
        .workers(1)
        .store_gate()
        .config(change)
        .start();
    let (fresh, expired) = (stack.login(), stack.expired());
    stack.whoami_ok(&fresh);
    stack.whoami_ok(&expired);
    written(&stack, &expired.key, &expired.access);
    stack
}

/// Waits until the write-back has changed the access token.
fn written(stack: &Stack, key: &str, access: &str) {
    crate::stack::wait::until("the new tokens are in Redis", || {
        stack.redis.record(key).expect("a record")["access"] != access
    });
    gate(stack).wait_until_quiet();
}

fn gate(stack: &Stack) -> &Gate {
    stack.store.as_ref().expect("a store gate")
}

/// What the store was asked while `work` ran.
fn calls(stack: &Stack, work: impl FnOnce()) -> Vec<Received> {
    gate(stack).wait_until_quiet();
    let before = gate(stack).seen().len();
    work();
    gate(stack).wait_until_quiet();
    gate(stack).seen().split_off(before)
}

#[test]
fn a_fresh_session_costs_one_call_and_a_cached_one_none() {
    let stack = stack(|config| config["cache"] = json!({"max_age": "30s"}));
    let session = stack.login();
    assert_eq!(calls(&stack, || drop(stack.whoami_ok(&session))).len(), 1);
    let cached = calls(&stack, || {
        for _ in 0..5 {
            stack.whoami_ok(&session);
        }
    });
    assert_eq!(cached.len(), 0);
    assert_eq!(stack.verdicts(8)[3..], ["cache"; 5]);
}

#[test]
fn after_max_age_the_store_is_asked_again() {
    let stack = stack(|config| config["cache"] = json!({"max_age": "100ms"}));
    let session = stack.login();
    stack.whoami_ok(&session);
    stack.redis.delete(&session.key);
    // A logout is seen after max_age at the latest.
    let seen = crate::stack::wait::within(std::time::Duration::from_secs(10), || {
        stack.whoami(&session).status == 401
    });
    assert!(seen);
    assert_problem(&stack.whoami(&session), 401, "session_ended");
}

#[test]
fn without_a_cache_every_request_costs_one_call() {
    let stack = stack(|config| config["cache"] = json!({"max_sessions": 0}));
    let session = stack.login();
    let made = calls(&stack, || {
        for _ in 0..3 {
            stack.whoami_ok(&session);
        }
    });
    assert_eq!(made.len(), 3);
}

#[test]
fn a_bounded_cache_forgets_the_oldest_session() {
    let stack = stack(|config| config["cache"] = json!({"max_sessions": 2, "max_age": "60s"}));
    let sessions = [stack.login(), stack.login(), stack.login()];
    for session in &sessions {
        stack.whoami_ok(session);
    }
    assert_eq!(
        calls(&stack, || drop(stack.whoami_ok(&sessions[2]))).len(),
        0
    );
    assert_eq!(
        calls(&stack, || drop(stack.whoami_ok(&sessions[0]))).len(),
        1
    );
}

#[test]
fn a_refresh_costs_three_calls_besides_the_issuers() {
    let stack = stack(|_| {});
    let session = stack.expired();
    let issuer_calls = stack.issuer.calls(REFRESH);
    let made = calls(&stack, || {
        stack.whoami_ok(&session);
        written(&stack, &session.key, &session.access);
    });
    assert_eq!(made.len(), 3, "read, claim, write-back");
    assert_eq!(stack.issuer.calls(REFRESH), issuer_calls + 1);
}

#[test]
fn requests_that_come_together_share_one_call() {
    let stack = stack(|_| {});
    let session = stack.login();
    let latch = crate::stack::act::Latch::default();
    gate(&stack).once("/", Act::forward().until(&latch));
    let made = calls(&stack, || {
        std::thread::scope(|scope| {
            let many = scope.spawn(|| stack.whoami_many(&session, 20));
            crate::stack::wait::until("all twenty are there", || {
                stack.envoy().stat("http.ingress.downstream_rq_active") >= 20
            });
            latch.open();
            for answer in many.join().expect("requests") {
                session.assert_is_me(&answer);
            }
        });
    });
    assert_eq!(made.len(), 1);
}

#[test]
fn every_call_is_a_script_call_with_a_nonce_and_plain_bytes() {
    let stack = stack(|_| {});
    let made = gate(&stack).seen();
    assert!(made.len() >= 4);
    let mut arguments = HashSet::new();
    for call in &made {
        assert_eq!((call.method.as_str(), call.target.as_str()), ("POST", "/"));
        assert_eq!(call.header("host").as_deref(), Some("webdis"));
        assert!(
            call.header("authorization")
                .expect("credentials")
                .starts_with("Basic ")
        );
        assert_eq!(call.header("cookie"), None);
        let body = String::from_utf8(call.body.clone()).expect("ASCII");
        assert!(
            body.starts_with("EVALSHA/") || body.starts_with("EVAL/"),
            "a script"
        );
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-%/".contains(c);
        assert!(
            body.chars().all(plain),
            "every other byte is percent-encoded"
        );
        let parts: Vec<&str> = body.split('/').collect();
        let keys: usize = parts[2].parse().expect("the number of keys");
        assert!(parts[3].starts_with("session%3A") || parts[3].starts_with("%7Bsession%3A"));
        assert!(
            arguments.insert(parts[3 + keys].to_owned()),
            "no nonce is used twice"
        );
    }
    let names: HashSet<&str> = made
        .iter()
        .map(|call| {
            if call.body.starts_with(b"EVALSHA/") {
                "EVALSHA"
            } else {
                "EVAL"
            }
        })
        .collect();
    assert_eq!(
        names.len(),
        2,
        "a script that Redis does not know is sent whole"
    );
}

#[test]
fn a_forgotten_script_is_sent_again() {
    let stack = stack(|_| {});
    stack.redis.command(&["SCRIPT", "FLUSH"]);
    let session = stack.login();
    let made = calls(&stack, || drop(stack.whoami_ok(&session)));
    assert_eq!(made.len(), 2);
    assert!(made[0].body.starts_with(b"EVALSHA/") && made[1].body.starts_with(b"EVAL/"));
}

#[test]
fn an_answer_to_another_call_is_thrown_away_and_the_call_made_again() {
    let stack = stack(|_| {});
    let (victim, other) = (stack.login(), stack.login());
    let record = stack.redis.get(&other.key).expect("a record");
    let foreign = json!({"EVALSHA": ["AAAAAAAAAAAAAAAAAAAAAA", "found", record]});
    gate(&stack).once("/", Act::answer(Response::json_body(200, &foreign)));
    stack.whoami_ok(&victim);
    assert_eq!(stack.counted("store.calls", "nonce_mismatch"), 1);

    let another = stack.login();
    gate(&stack).times(2, "/", Act::answer(Response::json_body(200, &foreign)));
    assert_problem(&stack.whoami(&another), 503, "store_unavailable");
    assert_eq!(stack.counted("store.calls", "nonce_mismatch"), 3);
    stack.whoami_ok(&another);
}

#[test]
fn a_failed_call_is_made_once_more() {
    let stack = stack(|_| {});
    let failures = [
        Act::answer(Response::json_body(
            200,
            &json!({"EVALSHA": [false, "LOADING Redis is loading"]}),
        )),
        Act::answer(Response::json_body(
            200,
            &json!({"EVALSHA": [false, "upstream failure"]}),
        )),
        Act::answer(Response::json_body(200, &json!({"EVALSHA": Value::Null}))),
        Act::answer(Response::json_body(200, &json!({"EVALSHA": []}))),
        Act::answer(Response::json_body(200, &json!({}))),
        Act::answer(Response::json_body(200, &json!([1, 2, 3]))),
        Act::answer(Response::new(200).body("garbage \u{0}")),
        Act::answer(Response::new(200).body(vec![0xff; 5000])),
        Act::answer(Response::new(200)),
        Act::answer(Response::new(503)),
        Act::answer(Response::new(403)),
        Act::close(),
        Act::hang(),
        Act::forward().losing_the_answer(),
        Act::forward().breaking_the_answer(),
    ];
    for failure in failures {
        let session = stack.login();
        gate(&stack).once("/", failure.clone());
        stack.whoami_ok(&session);
        let session = stack.login();
        gate(&stack).times(2, "/", failure);
        assert_problem(&stack.whoami(&session), 503, "store_unavailable");
    }
}

#[test]
fn a_lost_answer_to_the_write_back_changes_nothing() {
    let stack = stack(|_| {});
    // The third call of a refresh is the write-back; it is carried out, and then
    // nobody hears of it. The second attempt finds its own record.
    let session = stack.expired();
    gate(&stack).times(2, "/", Act::forward());
    gate(&stack).once("/", Act::forward().losing_the_answer());
    stack.whoami_ok(&session);
    written(&stack, &session.key, &session.access);
    let record = stack.redis.record(&session.key).expect("a record");
    assert_eq!(
        record["refresh"],
        stack.django.newest_refresh(&session.user)
    );
    assert_eq!(stack.refreshes(&session), 1);
    assert!(
        !stack
            .django
            .is_blacklisted(record["refresh"].as_str().expect("a token"))
    );
    assert_eq!(stack.counted("revocation.calls", "done"), 0);
}

#[test]
fn a_lost_answer_to_the_claim_does_not_refresh_twice() {
    let stack = stack(|_| {});
    let session = stack.expired();
    gate(&stack).once("/", Act::forward());
    gate(&stack).once("/", Act::forward().losing_the_answer());
    stack.whoami_ok(&session);
    written(&stack, &session.key, &session.access);
    assert_eq!(stack.refreshes(&session), 1);

    // Both attempts unanswered: nobody knows who has the lease, so it is
    // released and the session can be refreshed soon.
    let session = stack.expired();
    gate(&stack).once("/", Act::forward());
    gate(&stack).times(2, "/", Act::forward().losing_the_answer());
    assert_problem(&stack.whoami(&session), 503, "store_unavailable");
    gate(&stack).wait_until_quiet();
    crate::stack::wait::until("the session is refreshed", || {
        stack.whoami(&session).status == 200
    });
    assert_eq!(stack.refreshes(&session), 1);
}

#[test]
fn wrong_credentials_are_a_store_that_cannot_answer() {
    let stack = Stack::build()
        .env("WRONG_PASSWORD", "this-is-not-webdis-password")
        .config(|config| {
            config["store"]["credentials"]["password"] = json!({"env": "WRONG_PASSWORD"});
        })
        .start();
    let session = stack.login();
    assert_problem(&stack.whoami(&session), 503, "store_unavailable");
}

#[test]
fn the_shipped_users_of_redis_can_do_what_they_need_and_no_more() {
    let stack = Stack::new();
    let session = stack.login();
    let refused = |user: &str, words: &[&str]| matches!(stack.redis.command_as(user, words), Reply::Error(e) if e.starts_with("NOPERM"));
    for words in [
        &["GET", "other"][..],
        &["KEYS", "*"],
        &["FLUSHALL"],
        &["CONFIG", "GET", "*"],
        &["SCRIPT", "FLUSH"],
        &["MONITOR"],
        &["ACL", "LIST"],
    ] {
        assert!(
            refused("relay", words) && refused("web", words),
            "{words:?}"
        );
    }
    let lease = session.lease();
    assert!(refused("web", &["GET", &lease]), "leases are the relay's");
    let record = stack.redis.command_as("web", &["GET", &session.key]);
    assert!(
        matches!(record, Reply::Text(_)),
        "the application reads its sessions"
    );
    assert_eq!(
        stack.redis.command_as("web", &["DEL", &session.key]),
        Reply::Int(1)
    );
    let default = crate::stack::redis::command(stack.redis.addr, ("default", "x"), &["PING"]);
    assert!(default.is_err(), "the default user is off");
}
