//! When a refresh happens, and what it costs whom (section 6).

use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::assert_problem;
use crate::stack::act::{Act, Latch};
use crate::stack::django::{self, REFRESH, WHOAMI};
use crate::stack::http::Response;
use crate::stack::{Stack, jwt, wait};

#[test]
fn an_expired_token_is_refreshed_before_the_request_goes_on() {
    let stack = Stack::new();
    let session = stack.expired();
    stack.whoami_ok(&session);
    assert_eq!(stack.verdicts(1), ["refreshed"]);
    assert_eq!(stack.refreshes(&session), 1);
    let record = stack.redis.record(&session.key).expect("a record");
    assert_eq!(
        stack.issuer.last(WHOAMI).bearer(),
        record["access"].as_str().expect("a token")
    );
    for _ in 0..5 {
        stack.whoami_ok(&session);
    }
    assert_eq!(stack.issuer.calls(REFRESH), 1);
}

#[test]
fn a_token_within_the_leeway_is_not_sent_any_more() {
    let stack = Stack::new();
    let session = stack.session().access_left(5).save();
    stack.whoami_ok(&session);
    assert_ne!(stack.issuer.last(WHOAMI).bearer(), session.access);
    assert_eq!(stack.refreshes(&session), 1);
}

#[test]
fn within_ahead_the_refresh_runs_in_the_background_and_nobody_waits() {
    let stack = Stack::build().workers(1).start();
    let latch = Latch::default();
    stack.issuer.once(REFRESH, Act::forward().until(&latch));
    let session = stack.session().access_left(40).save();
    stack.whoami_ok(&session);
    stack.issuer.wait_for_calls(REFRESH, 1);
    for _ in 0..20 {
        stack.whoami_ok(&session);
        assert_eq!(
            stack.issuer.last(WHOAMI).bearer(),
            session.access,
            "the old one serves"
        );
    }
    assert_eq!(stack.issuer.calls(REFRESH), 1, "one refresh is enough");
    latch.open();
    wait::until("the new token serves", || {
        stack.whoami_ok(&session);
        stack.issuer.last(WHOAMI).bearer() != session.access
    });
    assert_eq!(stack.refreshes(&session), 1);
    assert!(stack.redis.record(&session.key).expect("a record")["access"] != session.access);
}

#[test]
fn far_from_its_expiry_a_token_is_left_alone() {
    let stack = Stack::new();
    let session = stack.session().access_left(90).save();
    for _ in 0..5 {
        stack.whoami_ok(&session);
    }
    stack.issuer.wait_until_quiet();
    assert_eq!(stack.issuer.calls(REFRESH), 0);
}

#[test]
fn with_ahead_switched_off_nothing_happens_in_the_background() {
    let stack = Stack::with(|config| config["refresh"] = json!({"ahead": "0s"}));
    let session = stack.session().access_left(40).save();
    for _ in 0..5 {
        stack.whoami_ok(&session);
    }
    assert_eq!(stack.issuer.calls(REFRESH), 0);
}

#[test]
fn ahead_and_leeway_shrink_with_short_lived_tokens() {
    let options = django::Options {
        access: 6,
        ..Default::default()
    };
    let stack = Stack::build().django(options).start();
    let session = stack.login();
    let start = Instant::now();
    let mut requests = 0;
    while start.elapsed() < Duration::from_secs(7) {
        stack.whoami_ok(&session);
        requests += 1;
    }
    // At half of each life, which is every three seconds.
    let refreshes = stack.refreshes(&session);
    assert!(
        (1..=4).contains(&refreshes),
        "{refreshes} refreshes for {requests} requests"
    );
}

#[test]
fn a_token_just_received_is_sent_even_if_it_looks_expired() {
    let stack = Stack::build().workers(1).start();
    let session = stack.expired();
    // The issuer's clock is an hour behind.
    let late = stack.django.mint("access", &session.user, -3900, -3600);
    let tokens = json!({"access": late, "refresh": session.refresh});
    stack
        .issuer
        .always(REFRESH, Act::answer(Response::json_body(200, &tokens)));
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(2500) {
        // Django refuses it, as it would any expired token.
        let answer = stack.whoami(&session);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (401, ""),
            "{}",
            answer.text()
        );
    }
    assert_eq!(stack.issuer.last(WHOAMI).bearer(), late);
    let calls = stack.issuer.calls(REFRESH);
    assert!((2..=4).contains(&calls), "at most once a second: {calls}");
}

#[test]
fn a_refresh_token_that_has_expired_ends_the_session() {
    let stack = Stack::new();
    // Redis still has the record: somebody gave it a TTL of his own.
    let session = stack
        .session()
        .access_left(-50)
        .refresh_left(-20)
        .ttl(600)
        .save();
    assert_problem(&stack.whoami(&session), 401, "session_ended");
    assert_eq!(stack.redis.record(&session.key), None);
}

#[test]
fn the_lease_outlives_the_call_that_it_protects() {
    let stack = Stack::with(|config| {
        config["issuer"]["timeout"] = json!("9s");
        config["store"]["timeout"] = json!("700ms");
    });
    let session = stack.expired();
    let latch = Latch::default();
    stack.issuer.once(REFRESH, Act::forward().until(&latch));
    std::thread::scope(|scope| {
        let call = scope.spawn(|| stack.whoami(&session));
        stack.issuer.wait_for_calls(REFRESH, 1);
        let lease = session.lease();
        assert!(!stack.lease_is_free(&session), "there is a lease");
        let left = stack.redis.command(&["PTTL", &lease]).int();
        // issuer.timeout + 2 × store.timeout + 5 s.
        assert!((11_000..=15_400).contains(&left), "{left} ms");
        latch.open();
        session.assert_is_me(&call.join().expect("a request"));
        wait::until("the lease is released", || stack.lease_is_free(&session));
    });
}

#[test]
fn whoever_finds_the_lease_held_waits_and_takes_what_the_holder_wrote() {
    let stack = Stack::new();
    let session = stack.expired();
    // Another proxy has the lease, and writes half a second later.
    let lease = session.lease();
    stack
        .redis
        .command(&["SET", &lease, "1:somebody-else", "PX", "30000"]);
    let (access, refresh) = stack.django.login(&session.user);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| stack.whoami(&session));
        stack.wait_for_counted("lease.claims", "held", 2);
        let record = json!({
            "access": access, "refresh": refresh,
            "access_exp": jwt::exp(&access), "refresh_exp": jwt::exp(&refresh),
        });
        stack
            .redis
            .command(&["SET", &session.key, &record.to_string(), "EX", "600"]);
        session.assert_is_me(&call.join().expect("a request"));
    });
    assert_eq!(stack.issuer.last(WHOAMI).bearer(), access);
    assert_eq!(
        stack.issuer.calls(REFRESH),
        0,
        "only the holder calls the issuer"
    );
    assert_eq!(stack.verdicts(1), ["held"]);
}

#[test]
fn a_holder_that_is_gone_is_waited_for_no_longer_than_its_lease() {
    let stack = Stack::new();
    let session = stack.expired();
    let lease = session.lease();
    stack
        .redis
        .command(&["SET", &lease, "1:somebody-else", "PX", "1500"]);
    stack.whoami_ok(&session);
    assert_eq!(stack.refreshes(&session), 1);
}

#[test]
fn a_lease_held_for_longer_than_the_wait_is_503() {
    let stack = Stack::with(|config| config["refresh"] = json!({"wait": "800ms"}));
    let session = stack.expired();
    let lease = session.lease();
    stack
        .redis
        .command(&["SET", &lease, "1:somebody-else", "PX", "30000"]);
    assert_problem(&stack.whoami(&session), 503, "refresh_timeout");
    assert_eq!(stack.issuer.calls(REFRESH), 0);
    assert_eq!(
        stack.redis.get(&lease).as_deref(),
        Some("1:somebody-else"),
        "it is not ours"
    );
    // In the background nobody waits for another's lease at all.
    let ahead = stack.session().access_left(40).save();
    let lease = ahead.lease();
    stack
        .redis
        .command(&["SET", &lease, "1:somebody-else", "PX", "30000"]);
    stack.whoami_ok(&ahead);
}

#[test]
fn those_who_wait_ask_once_per_worker_and_not_once_per_request() {
    let stack = Stack::build().workers(1).store_gate().start();
    let session = stack.expired();
    let lease = session.lease();
    stack
        .redis
        .command(&["SET", &lease, "1:somebody-else", "PX", "2000"]);
    let answers = stack.whoami_many(&session, 30);
    for answer in &answers {
        session.assert_is_me(answer);
    }
    assert_eq!(stack.refreshes(&session), 1);
    let calls = stack.store.as_ref().expect("a gate").seen().len();
    // A look every 25 to 200 ms for two seconds, whoever waits.
    assert!(calls < 60, "{calls} store calls for 30 requests");
}
