//! Calls belong to the root, and outlive the requests that caused them
//! (contract, section 6.3).

use std::time::Duration;

use serde_json::json;
use token_relay::filter::set_clocks;
use token_relay::time::Now;

use crate::host::{self, HOST};
use crate::peers::*;

#[test]
fn a_call_is_sent_with_its_cluster_headers_body_and_time_out() {
    let root = start();
    get_as(root, ALICE);
    let call = the_call();
    assert_eq!(call.cluster, "webdis");
    assert_eq!(call.timeout, 500);
    assert_eq!(host::values(&call.headers, ":method"), ["POST"]);
    assert_eq!(host::values(&call.headers, ":authority"), ["webdis"]);
    assert_eq!(arguments(&call)[0], format!("session:{ALICE}"));
}

#[test]
fn an_answer_reaches_the_relay_after_its_client_left() {
    let root = start();
    let left = get_as(root, ALICE);
    let call = the_call();
    host::end(left);
    store_says(root, &call, &["found", &record("a")]);
    assert_eq!(
        count("token_relay.requests.verdict.refreshed"),
        0,
        "nobody was there"
    );
    let next = get_as(root, ALICE);
    assert!(calls().is_empty(), "the record of that answer serves");
    assert_eq!(authorization(next), [format!("Bearer {}", fresh("a"))]);
}

#[test]
fn a_refresh_is_written_back_after_every_client_left() {
    let root = start();
    let first = get_as(root, ALICE);
    let second = get_as(root, ALICE);
    store_says(root, &the_call(), &["found", &expired_record()]);
    store_says(root, &the_call(), &["claimed", "none"]);
    let issue = the_call();
    assert_eq!(issue.cluster, "django");
    assert_eq!(issue.timeout, 35_000);
    host::end(first);
    host::end(second);
    issue_and_write(root, &issue);
    let next = get_as(root, ALICE);
    assert_eq!(authorization(next), [format!("Bearer {}", fresh("new"))]);
}

#[test]
fn one_answer_resumes_all_who_wait_each_in_its_own_stream() {
    let root = start();
    let alice = [
        get_as(root, ALICE),
        get_as(root, ALICE),
        get_as(root, ALICE),
    ];
    let alices = the_call();
    let bob = get_as(root, BOB);
    let bobs = the_call();
    host::end(alice[1]);
    store_says(root, &bobs, &["found", &record("b")]);
    store_says(root, &alices, &["found", &record("a")]);
    assert_eq!(authorization(bob), [format!("Bearer {}", fresh("b"))]);
    for id in [alice[0], alice[2]] {
        assert_eq!(authorization(id), [format!("Bearer {}", fresh("a"))]);
    }
}

#[test]
fn a_stream_sends_its_call_itself_and_the_root_what_follows() {
    let root = start();
    let id = get_as(root, ALICE);
    let read = the_call();
    assert_eq!(read.by, id, "without waiting for the timer");
    store_says(root, &read, &["found", &ageing_record()]);
    assert!(host::stream(id).went_on);
    assert_eq!(the_call().by, root);
}

/// The host would take the answer for one to the request whose callback runs.
#[test]
fn what_a_request_brings_about_for_another_waits_for_the_roots_turn() {
    let mut configuration = configuration();
    configuration["cache"] = json!({"max_age": "0s"});
    let root = start_with(&configuration);
    let waiting = waiting_without_a_call(root);
    // The next one has the store asked again, for both.
    HOST.with_borrow_mut(|host| host.clusters.remove("webdis"));
    let next = get_as(root, ALICE);
    assert_eq!(host::stream(next).reply.expect("an answer").status, 503);
    assert!(host::stream(waiting).reply.is_none(), "not in its callback");
    assert_eq!(
        HOST.with_borrow(|host| host.periods.last().copied()),
        Some(1),
        "but soon"
    );
    host::tick(root);
    assert_eq!(host::stream(waiting).reply.expect("an answer").status, 503);
}

#[test]
fn a_stream_that_is_gone_when_its_verdict_comes_is_passed_over() {
    let root = start();
    let (dead, alive) = (get_as(root, ALICE), get_as(root, ALICE));
    let known = HOST.with_borrow_mut(|host| host.contexts.remove(&dead));
    assert!(known.is_some());
    store_says(root, &the_call(), &["found", &record("a")]);
    assert_eq!(authorization(alive), [format!("Bearer {}", fresh("a"))]);
}

#[test]
fn a_call_that_the_host_refuses_ends_in_an_answer_at_once_and_in_one_log_line() {
    let root = start();
    HOST.with_borrow_mut(|host| host.clusters.remove("webdis"));
    for session in [ALICE, BOB] {
        let id = get_as(root, session);
        let reply = host::stream(id)
            .reply
            .expect("an answer in the same callback");
        assert_eq!(reply.status, 503);
        assert_eq!(reply.details, "token_relay{store_unavailable}");
    }
    let errors = lines(ERROR);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("\"webdis\""), "{errors:?}");
    HOST.with_borrow_mut(|host| host.clusters.insert("webdis".to_owned()));
    let id = get_as(root, BOB);
    store_says(root, &the_call(), &["found", &record("b")]);
    assert!(host::stream(id).went_on);
}

#[test]
fn an_answer_without_headers_or_too_large_counts_as_failed_and_is_not_read() {
    let at = |mono| {
        let unix = Duration::from_secs(1_900_000_000) + mono;
        set_clocks(Now { unix, mono });
    };
    at(Duration::ZERO);
    let root = start();
    let id = get_as(root, ALICE);
    host::answer(root, the_call().token, &[], b"");
    // The second attempt waits a moment.
    at(Duration::from_millis(200));
    host::tick(root);
    assert!(
        lines(WARN)[0].contains("connection broke"),
        "{:?}",
        lines(WARN)
    );
    HOST.with_borrow_mut(|host| host.made.clear());
    let again = the_call();
    host::answer(root, again.token, UPSTREAM_200, &vec![b' '; (1 << 20) + 1]);
    assert!(!HOST.with_borrow(|host| host.made.contains(&"get_buffer_bytes")));
    assert_eq!(host::stream(id).reply.expect("an answer").status, 503);
}

#[test]
fn a_request_held_for_too_long_is_answered_by_the_timer() {
    let mut configuration = configuration();
    configuration["store"]["timeout"] = "50ms".into();
    configuration["refresh"] = json!({"wait": "200ms"});
    let at = |mono| {
        let unix = Duration::from_secs(1_900_000_000) + mono;
        set_clocks(Now { unix, mono });
    };
    at(Duration::ZERO);
    let root = start_with(&configuration);
    let id = get_as(root, ALICE);
    at(Duration::from_millis(199));
    host::tick(root);
    assert!(host::stream(id).reply.is_none(), "not yet");
    at(Duration::from_millis(200));
    host::tick(root);
    let reply = host::stream(id).reply.expect("an answer");
    assert_eq!(reply.details, "token_relay{refresh_timeout}");
    assert_eq!(
        HOST.with_borrow(|host| host.periods.last().copied()),
        Some(0)
    );
}
