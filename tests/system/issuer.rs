//! What the issuer may answer (section 6.6). Only a refusal that is believed
//! ends a session; everything else keeps it.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::{assert_problem, counter};
use crate::stack::act::Act;
use crate::stack::django::{REFRESH, REVOKE};
use crate::stack::http::Response;
use crate::stack::{Stack, wait};

fn json_answer(status: u16, body: serde_json::Value) -> Act {
    Act::answer(Response::json_body(status, &body))
}

/// Whatever is no acceptance and no refusal, and whether it says that nothing
/// was heard of a refresh that may have happened.
fn bad_answers() -> Vec<(&'static str, Act, bool)> {
    let html = |status| Act::answer(Response::html(status, "<h1>No</h1>"));
    let detail = || json!({"detail": "Token is blacklisted"});
    vec![
        ("500 in HTML", html(500), false),
        ("502", html(502), false),
        ("500 as a refusal", json_answer(500, detail()), false),
        ("401 in HTML", html(401), false),
        ("401 without a body", Act::answer(Response::new(401)), false),
        (
            "401 with a detail that is no string",
            json_answer(401, json!({"detail": 1})),
            false,
        ),
        ("401 as a list", json_answer(401, json!(["detail"])), false),
        ("400 with a detail", json_answer(400, detail()), false),
        ("403", json_answer(403, detail()), false),
        ("404", html(404), false),
        ("405", json_answer(405, detail()), false),
        ("415", json_answer(415, detail()), false),
        (
            "301",
            Act::answer(
                Response::new(301).header("location", "https://localhost/api/token/refresh/"),
            ),
            false,
        ),
        (
            "garbage",
            Act::answer(Response::new(200).body(vec![0xfe; 700])),
            true,
        ),
        ("JSON that is no object", json_answer(200, json!([1])), true),
        (
            "no access token",
            json_answer(200, json!({"refresh": "x"})),
            true,
        ),
        (
            "an empty access token",
            json_answer(200, json!({"access": ""})),
            true,
        ),
        (
            "a token with a line break",
            json_answer(200, json!({"access": "a\r\nx: 1"})),
            true,
        ),
        ("200 and nothing", Act::answer(Response::new(200)), true),
        ("204", Act::answer(Response::new(204)), true),
        ("nothing", Act::close(), true),
    ]
}

#[test]
fn a_bad_answer_is_503_and_keeps_the_session() {
    let stack = Stack::new();
    for (what, act, unknown) in bad_answers() {
        let session = stack.expired();
        let before = stack.redis.get(&session.key);
        let unknown_before = stack.stat(&counter("refresh_outcome_unknown"));
        stack.issuer.forget_script();
        stack.issuer.once(REFRESH, act);
        let answer = stack.whoami(&session);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (503, "issuer_unavailable"),
            "{what}"
        );
        assert_problem(&answer, 503, "issuer_unavailable");
        assert_eq!(
            stack.redis.get(&session.key),
            before,
            "{what}: the record is untouched"
        );
        wait::until("the lease is released", || stack.lease_is_free(&session));
        if unknown {
            let counted = stack.stat(&counter("refresh_outcome_unknown"));
            assert_eq!(counted, unknown_before + 1, "{what} is counted");
        }
        // Django was never asked, so its next answer is a good one.
        wait::until("the session is refreshed", || {
            stack.whoami(&session).status == 200
        });
        assert_eq!(stack.refreshes(&session), 1, "{what}");
    }
    let log = stack.envoy().log();
    assert!(
        log.contains("[error]"),
        "what looks misconfigured is logged as an error"
    );
    assert_eq!(stack.stat(&counter("sessions.deleted")), 0);
}

#[test]
fn a_429_is_obeyed() {
    let stack = Stack::build().workers(1).start();
    let session = stack.expired();
    let throttled = Response::json_body(429, &json!({"detail": "Request was throttled."}));
    stack
        .issuer
        .once(REFRESH, Act::answer(throttled.header("retry-after", "3")));
    let start = Instant::now();
    assert_problem(&stack.whoami(&session), 503, "issuer_unavailable");
    let answer = stack.whoami(&session);
    assert_problem(&answer, 503, "issuer_unavailable");
    let seconds: u64 = answer
        .get("retry-after")
        .expect("there")
        .parse()
        .expect("seconds");
    assert!((1..=3).contains(&seconds), "{seconds}");
    assert_eq!(stack.issuer.calls(REFRESH), 1, "no new attempt meanwhile");
    wait::until("the session is refreshed", || {
        stack.whoami(&session).status == 200
    });
    assert!(
        start.elapsed() >= Duration::from_millis(2900),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(stack.issuer.calls(REFRESH), 2);
}

#[test]
fn an_issuer_that_is_down_is_asked_ever_less_often() {
    let stack = Stack::build().workers(1).start();
    let session = stack.expired();
    stack
        .issuer
        .always(REFRESH, Act::answer(Response::html(500, "")));
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end {
        assert_problem(&stack.whoami(&session), 503, "issuer_unavailable");
    }
    // At 0, 1 and 3 seconds, each with up to a quarter of jitter.
    let calls = stack.issuer.calls(REFRESH);
    assert!((2..=4).contains(&calls), "{calls}");
    stack.issuer.forget_script();
    wait::until("the session is refreshed", || {
        stack.whoami(&session).status == 200
    });
}

#[test]
fn while_it_is_down_a_token_that_still_lives_is_used() {
    let stack = Stack::new();
    stack
        .issuer
        .always(REFRESH, Act::answer(Response::html(500, "")));
    // Within `ahead` (60 s), well before `leeway` (10 s).
    let session = stack.session().access_left(40).save();
    for _ in 0..10 {
        stack.whoami_ok(&session);
    }
    assert!(stack.issuer.calls(REFRESH) >= 1);
}

#[test]
fn an_issuer_that_refuses_connections_or_never_answers_keeps_the_session() {
    let stack = Stack::with(|config| {
        config["issuer"]["timeout"] = json!("1s");
    });
    let (refused, silent) = (stack.expired(), stack.expired());
    stack.issuer.shut();
    assert_problem(&stack.whoami(&refused), 503, "issuer_unavailable");
    stack.issuer.open();
    stack.issuer.once(REFRESH, Act::hang());
    assert_problem(&stack.whoami(&silent), 503, "issuer_unavailable");
    assert!(stack.stat(&counter("refresh_outcome_unknown")) >= 1);
    for session in [&refused, &silent] {
        wait::until("the session is refreshed", || {
            stack.whoami(session).status == 200
        });
        assert_eq!(stack.refreshes(session), 1);
    }
}

#[test]
fn an_answer_lost_after_the_rotation_is_counted_and_ends_the_session_at_last() {
    let stack = Stack::new();
    for act in [
        Act::forward().losing_the_answer(),
        Act::forward().breaking_the_answer(),
    ] {
        let before = stack.stat(&counter("refresh_outcome_unknown"));
        let session = stack.expired();
        stack.issuer.once(REFRESH, act);
        assert_problem(&stack.whoami(&session), 503, "issuer_unavailable");
        assert_eq!(stack.stat(&counter("refresh_outcome_unknown")), before + 1);
        assert!(
            stack.django.is_blacklisted(&session.refresh),
            "the old token is spent"
        );
        // There is no help for it: SimpleJWT has no grace period.
        wait::until("the refusal is believed", || {
            stack.whoami(&session).status == 401
        });
        assert_eq!(stack.redis.record(&session.key), None);
    }
}

#[test]
fn a_refusal_is_believed_after_two_reads_two_seconds_apart() {
    let stack = Stack::new();
    let session = stack.expired();
    let refusal = json!({"detail": "Token is blacklisted", "code": "token_not_valid"});
    stack.issuer.once(REFRESH, json_answer(401, refusal));
    thread::scope(|scope| {
        let start = Instant::now();
        let call = scope.spawn(|| stack.whoami(&session));
        stack.issuer.wait_for_calls(REFRESH, 1);
        thread::sleep(Duration::from_millis(1200));
        assert!(stack.redis.record(&session.key).is_some(), "not yet");
        assert_problem(&call.join().expect("a request"), 401, "session_ended");
        assert!(start.elapsed() >= Duration::from_secs(2));
    });
    assert_eq!(stack.redis.record(&session.key), None);
    assert_eq!(stack.counted("refresh.calls", "refused"), 1);
}

#[test]
fn the_issuer_is_asked_as_django_wants_it_and_hears_nothing_of_the_client() {
    let stack = Stack::with(|config| {
        config["issuer"]["headers"] = json!({"x-forwarded-proto": "https"});
    });
    let session = stack.expired();
    let request = stack
        .request(crate::stack::django::WHOAMI, &session)
        .header("authorization", "Bearer of-the-client")
        .header("x-client", "1")
        .header("accept-language", "de");
    session.assert_is_me(&stack.send(&request));
    let call = stack.issuer.last(REFRESH);
    assert_eq!(
        (call.method.as_str(), call.target.as_str()),
        ("POST", REFRESH)
    );
    assert_eq!(call.header("host").as_deref(), Some("localhost"));
    assert_eq!(
        call.header("content-type").as_deref(),
        Some("application/json")
    );
    assert_eq!(call.header("x-forwarded-proto").as_deref(), Some("https"));
    assert_eq!(call.json(), json!({"refresh": session.refresh}));
    for name in [
        "authorization",
        "cookie",
        "x-client",
        "accept-language",
        "x-envoy-retry-on",
    ] {
        assert_eq!(call.header(name), None, "{name}");
    }
    assert_eq!(stack.issuer.calls(REVOKE), 0);
}

#[test]
fn the_paths_of_the_issuer_are_configured() {
    let stack = Stack::with(|config| {
        config["issuer"]["paths"] = json!({"refresh": "/auth/refresh"});
    });
    let session = stack.expired();
    let access = stack.django.mint("access", &session.user, 0, 300);
    stack
        .issuer
        .once("/auth/refresh", json_answer(200, json!({"access": access})));
    stack.whoami_ok(&session);
    assert_eq!(stack.issuer.calls("/auth/refresh"), 1);
    assert_eq!(stack.issuer.calls(REFRESH), 0);
}
