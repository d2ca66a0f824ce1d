//! Webdis 0.1.9 hands an answer to whoever has the socket number of the caller
//! that left (section 5). The nonce in every answer keeps that harmless; with
//! the check switched off the same load injects foreign tokens, so the test can
//! fail.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::upstream_at;
use crate::stack::Stack;
use crate::stack::client::Request;
use crate::stack::cookie;
use crate::stack::places::PLACES;
use crate::stack::session::Session;

const USERS: usize = 12;

/// How long the load may last at most.
const LIMIT: Duration = Duration::from_secs(90);

/// What the load brought about.
struct Outcome {
    own: usize,
    foreign: usize,
    thrown_away: u64,
}

/// Twelve users ask for their own things, while Redis stands still for 150 ms
/// now and then and the relay waits for 100 ms; until `enough`.
fn load(wasm: &Path, enough: impl Fn(&Outcome) -> bool) -> Outcome {
    let stack = Stack::build()
        .wasm(wasm)
        .redis_direct()
        .alone()
        .config(|config| {
            config["store"]["timeout"] = json!("100ms");
            config["cache"] = json!({"max_sessions": 0});
        })
        .start();
    let paths: Vec<String> = (0..USERS).map(|n| format!("/api/of-user-{n}")).collect();
    let sessions: Vec<Session> = (0..USERS).map(|_| stack.login()).collect();
    for path in &paths {
        upstream_at(&stack, path);
    }
    let over = AtomicBool::new(false);
    let mut outcome = None;
    thread::scope(|scope| {
        for (path, session) in paths.iter().zip(&sessions) {
            let (stack, over) = (&stack, &over);
            scope.spawn(move || {
                let request = Request::get(path).cookie(session.cookie());
                while !over.load(Ordering::Relaxed) {
                    let answer = stack.send(&request);
                    assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
                }
            });
        }
        let end = Instant::now() + LIMIT;
        while outcome.as_ref().is_none_or(|seen| !enough(seen)) && Instant::now() < end {
            for _ in 0..10 {
                let [random] = cookie::random::<1>();
                thread::sleep(Duration::from_millis(20 + u64::from(random)));
                stack.redis.freeze();
                thread::sleep(Duration::from_millis(150));
                stack.redis.thaw();
            }
            outcome = Some(judge(&stack, &paths, &sessions));
        }
        over.store(true, Ordering::Relaxed);
    });
    judge(&stack, &paths, &sessions)
}

/// Whose tokens reached the upstream.
fn judge(stack: &Stack, paths: &[String], sessions: &[Session]) -> Outcome {
    let mut outcome = Outcome {
        own: 0,
        foreign: 0,
        thrown_away: stack.counted("store.calls", "nonce_mismatch"),
    };
    for request in stack.issuer.seen() {
        let Some(user) = paths.iter().position(|path| path == request.path()) else {
            continue;
        };
        if request.bearer() == sessions[user].access {
            outcome.own += 1;
        } else {
            outcome.foreign += 1;
        }
    }
    outcome
}

#[test]
fn crossed_answers_are_thrown_away_and_nobody_gets_anothers_token() {
    let outcome = load(&PLACES.wasm, |seen| seen.thrown_away >= 100);
    assert_eq!(outcome.foreign, 0, "of {} answers", outcome.own);
    assert!(
        outcome.thrown_away >= 100,
        "only {} crossed",
        outcome.thrown_away
    );
    assert!(
        outcome.own >= 100,
        "only {} requests were served",
        outcome.own
    );
}

#[test]
fn without_the_nonce_check_the_same_load_injects_foreign_tokens() {
    let wasm = &PLACES.unsafe_wasm;
    assert!(
        wasm.is_file(),
        "{} is missing: `make test` builds it",
        wasm.display()
    );
    let outcome = load(wasm, |seen| seen.foreign >= 3);
    assert!(outcome.foreign > 0, "none of {} was foreign", outcome.own);
}

#[test]
fn no_connection_to_the_gateway_lasts_long_enough_to_stay_behind() {
    let stack = Stack::new();
    let session = stack.login();
    let ask = || session.assert_is_me(&stack.whoami(&session));
    ask();
    stack.wait_for_stat("cluster.webdis.upstream_cx_max_duration_reached", 1);
    ask();
}
