//! Section 6.8: what is known of an attempt whose end nobody told.

use std::collections::HashSet;

use log::Level;

use super::harness::*;
use crate::metrics::Metric;

/// The key of the note of an attempt.
fn note(session: &Session) -> String {
    format!("{}:attempt", session.lease())
}

#[test]
fn a_session_that_a_lost_answer_ends_is_not_one_that_the_issuer_ended() {
    let mut world = World::new(2);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::UNANSWERED);
    assert_eq!(world.ask_and_wait(0, &alice), "refresh_timeout");
    world.run_for(s(40));
    assert_eq!(world.count(Metric::RefreshOutcomeUnknown), 1);
    assert!(world.store.get(&note(&alice)).is_some());
    assert_eq!(world.ask_and_wait(1, &alice), "session_ended");
    assert_eq!(world.count(Metric::SessionsLost), 1);
    assert_eq!(world.count(Metric::SessionsDeleted), 0);
    assert_eq!(world.made(Target::Refresh).len(), 2);
    assert!(world.logged(Level::Error, "which has probably spent it"));
    assert_eq!(world.store.get(&note(&alice)), None);
    world.finish();
}

#[test]
fn after_a_lost_answer_to_a_refresh_that_was_not_carried_out_the_session_lives() {
    let mut world = World::new(2);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::Lost);
    assert_eq!(world.ask_and_wait(0, &alice), "refresh_timeout");
    world.run_for(s(40));
    assert_eq!(world.ask_and_wait(1, &alice), "refreshed");
    assert_eq!(world.count(Metric::RefreshCutOff), 0);
    world.run_for(s(1));
    assert_eq!(world.store.get(&note(&alice)), None);
    world.finish();
}

#[test]
fn a_refusal_that_follows_no_lost_answer_is_one_for_good() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::Status(503, ""));
    assert_eq!(world.ask_and_wait(0, &alice), "issuer_unavailable");
    world.run_for(s(3));
    let refresh = world.refresh_token(&alice);
    world.issuer.end(&refresh);
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    assert_eq!(world.count(Metric::SessionsDeleted), 1);
    assert_eq!(world.count(Metric::SessionsLost), 0);
    world.finish();
}

/// A holder that has new tokens, while the store is away for longer than its
/// lease.
fn cut_off(world: &mut World) -> Session {
    let alice = world.log_in_expired("alice");
    world.set_outage(&[Target::Commit], Fate::Lost);
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.run_for(s(50));
    assert_eq!(world.store.get(&alice.lease()), None);
    alice
}

#[test]
fn a_holder_that_outlives_its_lease_is_given_time_to_store_what_it_got() {
    let mut world = World::new(2);
    let alice = cut_off(&mut world);
    world.end_outage();
    // Before its next attempt to write back.
    let stream = world.ask(1, &alice);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "changed");
    assert!(world.held(stream) <= ms(2100));
    assert_eq!(world.made(Target::Refresh).len(), 1);
    assert_eq!(world.count(Metric::RefreshCutOff), 0);
    world.run_for(ms(10));
    assert_eq!(world.store.get(&alice.lease()), None, "given back");
    world.finish();
    assert_eq!(world.store.get(&note(&alice)), None);
}

#[test]
fn a_holder_that_does_not_come_back_is_not_waited_for_any_longer() {
    let mut world = World::new(2);
    let alice = cut_off(&mut world);
    let stream = world.ask(1, &alice);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "session_ended");
    assert!(
        world.held(stream) >= s(4),
        "2 s for the holder, 2 s for a refusal"
    );
    assert_eq!(world.made(Target::Refresh).len(), 2);
    assert_eq!(world.count(Metric::RefreshCutOff), 1);
    assert_eq!(world.count(Metric::SessionsLost), 1);
    assert!(world.logged(Level::Warn, "a refresh was cut off"));
    world.end_outage();
    world.finish();
}

#[test]
fn nobody_needs_to_wait_for_the_lease_of_a_holder_that_left_no_word() {
    let mut world = World::new(2);
    let alice = cut_off(&mut world);
    let stream = world.ask(1, &alice);
    world.run_for(s(1));
    world.leave(stream);
    world.run_for(s(4));
    assert_eq!(
        world.made(Target::Refresh).len(),
        2,
        "it goes on for the next"
    );
    world.end_outage();
    world.finish();
}

#[test]
fn a_deletion_that_was_carried_out_without_an_answer_is_told_all_the_same() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    let refresh = world.refresh_token(&alice);
    world.issuer.end(&refresh);
    world.plan(Target::Delete, Fate::UNANSWERED);
    world.plan(Target::Delete, Fate::UNANSWERED);
    let stream = world.ask(0, &alice);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "store_unavailable");
    world.run_for(s(2));
    assert_eq!(world.count(Metric::SessionsDeleted), 1);
    world.finish();
}

#[test]
fn a_logout_just_before_the_deletion_is_no_end_by_the_issuer() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    let refresh = world.refresh_token(&alice);
    world.issuer.end(&refresh);
    world.plan(Target::Delete, Fate::slow(ms(100)));
    let stream = world.ask(0, &alice);
    while world.made(Target::Delete).is_empty() {
        world.run_for(ms(10));
    }
    world.log_out(&alice);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "session_ended");
    assert_eq!(world.count(Metric::SessionsDeleted), 0);
    world.finish();
}

#[test]
fn a_store_that_reads_and_does_not_write_is_not_flooded_with_releases() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.set_outage(
        &[Target::Claim, Target::Release],
        Fate::Redis("OOM command not allowed"),
    );
    for _ in 0..200 {
        world.ask(0, &alice);
        world.run_for(ms(100));
    }
    assert!(world.sizes(0).calls <= 8, "{:?}", world.sizes(0));
    world.calls.clear();
    world.run_for(s(20));
    let releases = world.made(Target::Release).len();
    assert!(releases < 40, "{releases} in 20 s");
    let owners = world.made(Target::Release).into_iter();
    let owners: HashSet<_> = owners.map(|made| made.owner.clone()).collect();
    assert!(
        owners.len() >= 4,
        "of these many attempts: {}",
        owners.len()
    );
    world.end_outage();
    world.finish();
}

/// Found by the simulator (`tests/simulation`).
#[test]
fn a_deletion_that_is_repeated_is_told_all_the_same() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    let refresh = world.refresh_token(&alice);
    world.issuer.end(&refresh);
    world.plan(Target::Delete, Fate::UNANSWERED);
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    assert_eq!(world.count(Metric::SessionsDeleted), 1);
    world.finish();
}
