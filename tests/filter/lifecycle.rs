//! Start, configuration, timer, counters, and the end of a configuration.

use crate::host::{self, HOST};
use crate::peers::*;

fn periods() -> Vec<u32> {
    HOST.with_borrow_mut(|host| std::mem::take(&mut host.periods))
}

#[test]
fn the_version_is_logged_at_start() {
    start();
    assert_eq!(
        lines(INFO),
        [concat!("token-relay ", env!("CARGO_PKG_VERSION"))]
    );
    assert!(lines(ERROR).is_empty());
}

#[test]
fn every_mistake_is_a_line_of_its_own_with_its_path_and_the_start_is_refused() {
    let mut configuration = configuration();
    configuration["store"]["timeout"] = "soon".into();
    configuration["issuer"]["preset"] = "magic".into();
    configuration["surprise"] = true.into();
    assert!(host::configure(configuration.to_string()).is_err());
    let errors = lines(ERROR);
    assert_eq!(errors.len(), 3, "{errors:?}");
    for path in ["store.timeout", "issuer.preset", "surprise"] {
        assert!(
            errors.iter().any(|line| line.contains(path)),
            "{path}: {errors:?}"
        );
    }
}

#[test]
fn no_configuration_is_refused_too() {
    assert!(host::configure("").is_err());
    assert!(!lines(ERROR).is_empty());
}

#[test]
fn without_a_configuration_nothing_passes() {
    let root = host::configure("{}").expect_err("required fields are missing");
    let id = get(root, "/static/app.js", &[]);
    assert_eq!(host::stream(id).reply.expect("an answer").status, 503);
    host::tick(root);
    assert!(host::retire(root));
}

#[test]
fn a_secret_written_down_is_used_with_a_warning_that_does_not_show_it() {
    let mut configuration = configuration();
    configuration["store"]["credentials"] =
        serde_json::json!({"username": "relay", "password": {"value": "hunter2-hunter2"}});
    let root = start_with(&configuration);
    assert_eq!(lines(WARN).len(), 1);
    get_as(root, ALICE);
    HOST.with_borrow(|host| {
        assert!(!host.logs.iter().any(|(_, line)| line.contains("hunter2")));
    });
    assert_eq!(host::values(&the_call().headers, "authorization").len(), 1);
}

#[test]
fn counters_are_defined_once_per_root_and_counted() {
    let root = start();
    let defined = HOST.with_borrow(|host| host.metrics.len());
    warm(root, ALICE);
    get_as(root, ALICE);
    assert_eq!(HOST.with_borrow(|host| host.metrics.len()), defined);
    assert_eq!(count("token_relay.requests."), 2);
    assert_eq!(count("token_relay.store.calls."), 1);
}

/// Contract, section 9.
#[test]
fn what_waits_is_told_while_it_waits_and_how_long_afterwards() {
    let root = start();
    let [first, second] = [get_as(root, ALICE), get_as(root, ALICE)];
    assert_eq!(count("token_relay.requests_waiting"), 2);
    assert_eq!(count("token_relay.calls_in_flight.peer.store"), 1);
    host::end(second);
    assert_eq!(count("token_relay.requests_waiting"), 1);
    store_says(root, &the_call(), &["found", &record("a")]);
    assert!(host::stream(first).went_on);
    assert_eq!(count("token_relay.requests_waiting"), 0);
    assert_eq!(count("token_relay.calls_in_flight.peer.store"), 0);
    assert_eq!(count("token_relay.request_wait_us"), 2);
    assert_eq!(count("token_relay.store_call_us"), 1);
    get_as(root, ALICE);
    assert_eq!(count("token_relay.request_wait_us"), 2, "it did not wait");
}

#[test]
fn the_timer_runs_only_while_something_waits() {
    let root = start();
    assert_eq!(periods(), [0; 0]);
    get(root, "/static/app.js", &[]);
    get(root, "/api/things", &[]);
    assert_eq!(periods(), [0; 0]);
    get_as(root, ALICE);
    let set = periods();
    assert!(matches!(set[..], [1..=5000]), "{set:?}");
    get_as(root, ALICE);
    assert_eq!(periods(), [0; 0], "the first deadline still stands");
    store_says(root, &the_call(), &["found", &record("a")]);
    assert_eq!(periods(), [0]);
}

/// The host repeats a period; one that ended early must not end twice as late.
#[test]
fn a_tick_that_comes_early_sets_the_timer_again() {
    let root = start();
    get_as(root, ALICE);
    periods();
    host::tick(root);
    let set = periods();
    assert!(matches!(set[..], [1..=5000]), "{set:?}");
}

#[test]
fn an_idle_configuration_ends_at_once() {
    let root = start();
    warm(root, ALICE);
    assert!(host::retire(root));
    assert!(!HOST.with_borrow(|host| host.made.contains(&"done")));
}

#[test]
fn a_configuration_with_a_call_in_flight_ends_after_its_answer() {
    let old = start();
    let id = get_as(old, ALICE);
    let call = the_call();
    host::end(id);
    assert!(!host::retire(old), "its call would be cut off");
    let new = start();
    assert!(HOST.with_borrow(|host| host.pending_done.contains(&old)));
    store_says(old, &call, &["found", &record("a")]);
    HOST.with_borrow(|host| {
        assert!(host.pending_done.is_empty(), "the host was told");
        assert!(!host.contexts.contains_key(&old), "and deleted it");
        assert_eq!(host.made.iter().filter(|call| **call == "done").count(), 1);
    });
    let id = get_as(new, BOB);
    store_says(new, &the_call(), &["found", &record("b")]);
    assert!(host::stream(id).went_on);
}

/// The host takes it only from the root that it is about.
#[test]
fn a_configuration_whose_last_request_leaves_ends_in_the_roots_next_turn() {
    let mut configuration = configuration();
    configuration["cache"] = serde_json::json!({"max_age": "0s"});
    let old = start_with(&configuration);
    let id = waiting_without_a_call(old);
    assert!(!host::retire(old), "a request is held");
    host::end(id);
    assert!(HOST.with_borrow(|host| host.pending_done.contains(&old)));
    assert_eq!(periods().last(), Some(&1), "soon");
    host::tick(old);
    assert!(HOST.with_borrow(|host| host.pending_done.is_empty()));
}

#[test]
fn two_configurations_in_one_vm_share_nothing() {
    let (one, other) = (start(), start());
    let waiting = get_as(one, ALICE);
    let call = the_call();
    warm(other, ALICE);
    assert!(!host::stream(waiting).went_on);
    store_says(one, &call, &["found", &record("a")]);
    assert_eq!(authorization(waiting), [format!("Bearer {}", fresh("a"))]);
}
