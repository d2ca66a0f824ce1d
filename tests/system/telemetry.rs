//! What platform teams watch (section 9): metrics with labels, log lines that a
//! program can read, the trace of a request in all that it causes.

use std::collections::BTreeMap;

use crate::common::assert_problem;
use crate::stack::Stack;
use crate::stack::client::Request;
use crate::stack::django::{REFRESH, WHOAMI};
use crate::stack::wait;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What Prometheus gets: names with their labels, and values.
fn scrape(stack: &Stack) -> BTreeMap<String, String> {
    let answer = Request::get("/stats/prometheus").send(stack.envoy().at.admin);
    let text = answer.text();
    let lines = text.lines().filter(|line| line.starts_with("token_relay"));
    lines
        .map(|line| line.rsplit_once(' ').expect("a name and a value"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn prometheus_gets_verdicts_scripts_triggers_and_outcomes_as_labels() {
    let stack = Stack::build().workers(1).start();
    let before = scrape(&stack);
    // Known from the start: a rate needs a zero to begin with.
    for name in [
        r#"token_relay_requests{verdict="no_session"}"#,
        r#"token_relay_cache_lookups{result="miss"}"#,
        r#"token_relay_store_calls{script="commit",outcome="nonce_mismatch"}"#,
        r#"token_relay_lease_claims{outcome="held"}"#,
        r#"token_relay_refresh_calls{trigger="ahead",outcome="refused"}"#,
        r#"token_relay_login_calls{outcome="accepted"}"#,
        r#"token_relay_revocation_calls{outcome="failed"}"#,
        r#"token_relay_calls_in_flight{peer="issuer"}"#,
        "token_relay_requests_waiting{}",
        "token_relay_refresh_outcome_unknown{}",
        "token_relay_refresh_cut_off{}",
        "token_relay_sessions_lost{}",
    ] {
        assert_eq!(before.get(name).map(String::as_str), Some("0"), "{name}");
    }
    let session = stack.expired();
    stack.whoami_ok(&session);
    stack.whoami_ok(&session);
    let written = r#"token_relay_store_calls{script="commit",outcome="ok"}"#;
    wait::until("the tokens are written back", || {
        scrape(&stack)[written] == "1"
    });
    let after = scrape(&stack);
    for (name, value) in [
        (r#"token_relay_requests{verdict="refreshed"}"#, "1"),
        (r#"token_relay_requests{verdict="cache"}"#, "1"),
        (r#"token_relay_cache_lookups{result="hit"}"#, "1"),
        (r#"token_relay_cache_lookups{result="miss"}"#, "1"),
        (r#"token_relay_lease_claims{outcome="claimed"}"#, "1"),
        (
            r#"token_relay_refresh_calls{trigger="on_demand",outcome="accepted"}"#,
            "1",
        ),
        ("token_relay_requests_waiting{}", "0"),
        (r#"token_relay_calls_in_flight{peer="store"}"#, "0"),
        (r#"token_relay_calls_in_flight{peer="issuer"}"#, "0"),
    ] {
        assert_eq!(after.get(name).map(String::as_str), Some(value), "{name}");
    }
    // Envoy merges histograms every few seconds.
    for name in ["store_call_us", "issuer_call_us", "request_wait_us"] {
        let count = format!("token_relay_{name}_count{{}}");
        wait::until(name, || scrape(&stack).contains_key(&count));
        let bucket = format!(r#"token_relay_{name}_bucket{{le="40000000"}}"#);
        assert_eq!(scrape(&stack).get(&bucket), scrape(&stack).get(&count));
    }
}

#[test]
fn a_background_refresh_is_counted_as_one() {
    let stack = Stack::build().workers(1).start();
    // Within `ahead`, 60 s, and well before `leeway`, 10 s.
    let session = stack.session().access_left(30).save();
    stack.whoami_ok(&session);
    stack.wait_for_counted("refresh.calls", "ahead", 1);
    assert_eq!(stack.counted("refresh.calls", "on_demand"), 0);
}

#[test]
fn what_a_request_causes_carries_its_trace() {
    let stack = Stack::build().workers(1).store_gate().start();
    let session = stack.expired();
    let request = stack.request(WHOAMI, &session);
    let request = request.header("traceparent", PARENT);
    assert_eq!(stack.send(&request).status, 200);
    let request_id = stack.logged("request_id", 1).remove(0);
    let refresh = stack.issuer.last(REFRESH);
    let store = stack.store.as_ref().expect("a gate");
    store.wait_until_quiet();
    let calls = [vec![refresh], store.seen()].concat();
    assert!(calls.len() >= 4, "a refresh, a read, a claim, a commit");
    for call in calls {
        assert_eq!(call.header("traceparent").as_deref(), Some(PARENT));
        assert_eq!(call.header("x-request-id"), Some(request_id.clone()));
    }
}

#[test]
fn a_session_that_ends_has_one_line_with_its_tag_and_the_requests_id() {
    let stack = Stack::new();
    let session = stack.expired();
    assert_eq!(stack.django.refresh(&session.refresh).status, 200);
    assert_problem(&stack.whoami(&session), 401, "session_ended");
    let request_id = stack.logged("request_id", 1).remove(0);
    let log = stack.envoy().log();
    let about = format!("session={} event=session_ended", session.tag());
    let lines: Vec<_> = log.lines().filter(|line| line.contains(&about)).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains(&format!("request_id={request_id}")));
}

#[test]
fn a_refresh_that_fails_and_an_answer_that_is_thrown_away_name_their_session() {
    use crate::stack::act::Act;
    use crate::stack::http::Response;

    let stack = Stack::build().workers(1).store_gate().start();
    let session = stack.expired();
    stack.issuer.once(REFRESH, Act::answer(Response::new(503)));
    assert_problem(&stack.whoami(&session), 503, "issuer_unavailable");
    let about = format!("session={} event=refresh_failed request_id=", session.tag());
    assert!(stack.envoy().log().contains(&about));

    let other = stack.login();
    let foreign = serde_json::json!({"EVALSHA": ["AAAAAAAAAAAAAAAAAAAAAA", "gone"]});
    let store = stack.store.as_ref().expect("a gate");
    store.once("/", Act::answer(Response::json_body(200, &foreign)));
    stack.whoami_ok(&other);
    let about = format!("session={} event=answer_discarded request_id=", other.tag());
    assert!(stack.envoy().log().contains(&about));
}
