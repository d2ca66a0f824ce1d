//! A host that does not do its part: nothing panics (a panic within an
//! `extern "C"` function ends the test run), and nothing passes that must not.

use std::time::Duration;

use token_relay::filter::set_clocks;
use token_relay::time::Now;

use crate::host::{self, HOST};
use crate::peers::*;

const CALLS: [&str; 15] = [
    "set_tick_period",
    "get_buffer_bytes",
    "get_header_map_pairs",
    "replace_header_map_value",
    "remove_header_map_value",
    "send_local_response",
    "continue_stream",
    "set_property",
    "get_property",
    "set_effective_context",
    "http_call",
    "done",
    "define_metric",
    "increment_metric",
    "record_metric",
];

fn refuse(call: &'static str) {
    HOST.with_borrow_mut(|host| {
        host.refused.clear();
        host.refused.insert(call);
    });
}

/// Whatever happened, a request on a required route went on with exactly its
/// session's token or not at all.
fn check(ids: &[u32]) {
    for id in ids {
        let stream = host::stream(*id);
        if stream.went_on {
            assert_eq!(authorization(*id), [format!("Bearer {}", fresh("a"))]);
        }
    }
}

/// A life of a root, with requests that are held, cached, answered and left.
fn live(root: u32) {
    let held = get_as(root, ALICE);
    let left = get_as(root, ALICE);
    assert_ne!(host::say_to_body(held, 3, false), 0);
    host::end(left);
    host::tick(root);
    for call in calls() {
        store_says(root, &call, &["found", &record("a")]);
    }
    let signing_in = login(root);
    host::body(signing_in, b"{}", false);
    host::body(signing_in, b"", true);
    for call in calls() {
        host::answer(root, call.token, &[], b"");
    }
    let cached = get_as(root, ALICE);
    let none = get(root, "/api/x", &[("authorization", b"Bearer forged")]);
    let headers: [(&str, &[u8]); 4] = [
        (":method", b"OPTIONS"),
        (":path", b"/api/x"),
        ("access-control-request-method", b"PUT"),
        ("authorization", b"Bearer forged"),
    ];
    let preflight = host::request(root, &headers);
    check(&[held, cached]);
    assert!(!host::stream(none).went_on && !host::stream(signing_in).went_on);
    let preflight_stream = host::stream(preflight);
    if preflight_stream.went_on {
        assert_eq!(authorization(preflight), [""; 0]);
    }
    for id in [held, cached] {
        if host::stream(id).went_on {
            host::respond(id, vec![(":status".into(), b"200".to_vec())]);
        }
    }
    for id in [held, signing_in, cached, none, preflight] {
        host::end(id);
    }
    host::tick(root);
    host::retire(root);
}

#[test]
fn any_one_host_call_may_fail_without_a_request_passing_unchanged() {
    for call in CALLS {
        HOST.with_borrow_mut(|host| host.refused.clear());
        let root = start();
        refuse(call);
        live(root);
    }
}

#[test]
fn all_host_calls_may_fail_at_once() {
    let root = start();
    refuse("*");
    live(root);
}

#[test]
fn all_host_calls_may_fail_at_the_start() {
    refuse("*");
    assert!(host::configure(configuration().to_string()).is_err());
}

#[test]
fn each_host_call_may_fail_at_the_start() {
    for call in CALLS {
        refuse(call);
        let started = host::configure(configuration().to_string());
        assert_eq!(started.is_err(), call == "get_buffer_bytes", "{call}");
    }
}

#[test]
fn a_held_request_that_cannot_be_changed_or_go_on_is_answered_503() {
    for call in ["replace_header_map_value", "continue_stream"] {
        HOST.with_borrow_mut(|host| host.refused.clear());
        let root = start();
        let id = get_as(root, ALICE);
        refuse(call);
        store_says(root, &the_call(), &["found", &record("a")]);
        let stream = host::stream(id);
        assert!(!stream.went_on, "{call}");
        let reply = stream.reply.expect("an answer");
        assert_eq!(reply.status, 503, "{call}");
        assert_eq!(reply.details, "token_relay{proxy_error}");
    }
}

#[test]
fn a_host_that_changes_no_request_is_complained_of_once_a_second() {
    let root = start();
    refuse("get_header_map_pairs");
    let complaints = || {
        let errors = lines(ERROR);
        let about = errors
            .iter()
            .filter(|line| line.ends_with("; event=proxy_error"));
        about.count()
    };
    for (ms, expected) in [(0, 1), (10, 1), (999, 1), (1000, 2)] {
        set_clocks(Now {
            unix: Duration::from_secs(1_800_000_000),
            mono: Duration::from_millis(5000 + ms),
        });
        let id = get_as(root, ALICE);
        let reply = host::stream(id).reply.expect("an answer");
        assert_eq!(reply.details, "token_relay{proxy_error}");
        assert_eq!(complaints(), expected, "after {ms} ms");
    }
}
