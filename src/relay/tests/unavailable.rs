//! Sections 6.6 and 6.8: the issuer cannot answer, or its answer is lost.

use std::time::Duration;

use log::Level;

use super::harness::*;
use crate::metrics::{IssuerOutcome, Metric};
use crate::relay::{StreamId, Verdict};

fn retry_after(world: &World, stream: StreamId) -> u64 {
    let Verdict::Reply { reply, .. } = world.verdict(stream) else {
        panic!("no reply");
    };
    let mut headers = reply.headers.iter();
    let (_, value) = headers.find(|(name, _)| *name == "retry-after").unwrap();
    value.parse().unwrap()
}

/// Asks ten times a second for so long; the times between refresh calls.
fn gaps(world: &mut World, session: &Session, span: Duration) -> Vec<Duration> {
    let end = world.now + span;
    while world.now < end {
        world.ask(0, session);
        world.run_for(ms(100));
    }
    let calls = world.made(Target::Refresh);
    calls.windows(2).map(|two| two[1].at - two[0].at).collect()
}

#[test]
fn the_access_token_is_used_for_as_long_as_it_lives() {
    let mut world = World::new(1);
    let alice = world.log_in_with_left("alice", s(40));
    let token = world.access_token(&alice);
    world.set_outage(&[Target::Refresh], Fate::Status(503, ""));
    while world.now < s(29) {
        let stream = world.ask(0, &alice);
        world.run_until_decided();
        assert_eq!(world.token(stream), token);
        world.run_for(ms(500));
    }
    world.run_for(s(2));
    assert_eq!(world.ask_and_wait(0, &alice), "issuer_unavailable");
    world.end_outage();
    world.run_for(s(40));
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.finish();
}

#[test]
fn the_pause_doubles_from_one_to_thirty_seconds_with_jitter() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.set_outage(&[Target::Refresh], Fate::Status(503, ""));
    let gaps = gaps(&mut world, &alice, s(170));
    assert!(gaps.len() >= 7, "{gaps:?}");
    for (pause, gap) in [1, 2, 4, 8, 16, 30, 30].into_iter().zip(&gaps) {
        let range = s(pause)..s(pause) + s(pause) / 4 + ms(250);
        assert!(range.contains(gap), "{gaps:?}");
    }
    world.finish();
}

#[test]
fn a_request_meanwhile_is_told_when_to_come_back() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.set_outage(&[Target::Refresh], Fate::Status(503, ""));
    for _ in 0..300 {
        let stream = world.ask(0, &alice);
        world.run_until_decided();
        assert!((1..=60).contains(&retry_after(&world, stream)));
        world.run_for(ms(300));
    }
    world.finish();
}

#[test]
fn the_issuers_retry_after_counts_up_to_a_minute() {
    for (status, value, wait) in [(503, "3600", 60), (429, "7", 7), (503, "0", 1)] {
        let mut world = World::new(1);
        let alice = world.log_in_expired("alice");
        world.plan(Target::Refresh, Fate::RetryAfter(status, value));
        let stream = world.ask(0, &alice);
        world.run_until_decided();
        assert_eq!(retry_after(&world, stream), wait);
        let gaps = gaps(&mut world, &alice, s(wait + 2));
        assert!((s(wait)..s(wait) + ms(200)).contains(&gaps[0]), "{gaps:?}");
        world.finish();
    }
}

#[test]
fn a_success_begins_the_back_off_anew() {
    let mut world = World::new(1);
    world.issuer.access_life = s(20);
    let alice = world.log_in_expired("alice");
    for _ in 0..3 {
        world.plan(Target::Refresh, Fate::Status(503, ""));
    }
    gaps(&mut world, &alice, s(15));
    assert_eq!(world.refreshes(IssuerOutcome::Accepted), 1);
    world.run_for(s(25));
    world.calls.clear();
    world.plan(Target::Refresh, Fate::Status(503, ""));
    let gaps = gaps(&mut world, &alice, s(3));
    assert!((s(1)..ms(1500)).contains(&gaps[0]), "{gaps:?}");
    world.finish();
}

#[test]
fn every_worker_pauses_by_itself() {
    let mut world = World::new(2);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::RetryAfter(503, "60"));
    assert_eq!(world.ask_and_wait(0, &alice), "issuer_unavailable");
    assert_eq!(world.ask_and_wait(1, &alice), "refreshed");
    // The tokens that the other stored are used as soon as the store is asked.
    world.run_for(s(3));
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    world.finish();
}

#[test]
fn tokens_of_another_worker_show_that_the_issuer_is_back() {
    let mut world = World::new(2);
    world.issuer.access_life = s(5);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::RetryAfter(429, "60"));
    assert_eq!(world.ask_and_wait(0, &alice), "issuer_unavailable");
    world.run_for(ms(10));
    assert_eq!(world.ask_and_wait(1, &alice), "refreshed");
    world.run_for(s(3));
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    world.run_for(s(1));
    let calls = world.made(Target::Refresh);
    let workers: Vec<_> = calls.iter().map(|call| call.worker).collect();
    assert_eq!(workers, [0, 1, 0], "ahead of the expiry, in the background");
    world.finish();
}

#[test]
fn a_time_out_is_counted_as_an_unknown_outcome_and_ends_nothing() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::Lost);
    assert_eq!(world.ask_and_wait(0, &alice), "refresh_timeout");
    assert_eq!(world.count(Metric::RefreshOutcomeUnknown), 0);
    world.run_for(s(31));
    assert_eq!(world.count(Metric::RefreshOutcomeUnknown), 1);
    assert!(world.logged(Level::Warn, "was lost"));
    world.run_for(s(2));
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.finish();
}

#[test]
fn an_answer_of_a_live_issuer_leaves_no_doubt() {
    for status in [503, 429] {
        let mut world = World::new(1);
        let alice = world.log_in_expired("alice");
        world.plan(Target::Refresh, Fate::Status(status, ""));
        world.ask_and_wait(0, &alice);
        assert_eq!(world.count(Metric::RefreshOutcomeUnknown), 0);
        assert_eq!(world.refreshes(IssuerOutcome::Unavailable), 1);
    }
}

#[test]
fn a_misconfiguration_is_logged_as_an_error() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::Status(404, ""));
    assert_eq!(world.ask_and_wait(0, &alice), "issuer_unavailable");
    assert_eq!(world.refreshes(IssuerOutcome::Misconfigured), 1);
    assert!(world.logged(Level::Error, "issuer.paths"));
    world.finish();
}
