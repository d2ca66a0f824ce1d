//! Sections 2 (`cache`) and 4: how long a record is used without asking the
//! store again, and how many are kept. DESIGN: how many calls a request costs.

use super::harness::*;
use crate::callout::Failure;

#[test]
fn an_uncached_fresh_session_costs_one_store_call() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    let streams: Vec<_> = (0..50).map(|_| world.ask(0, &alice)).collect();
    world.run_until_decided();
    assert!(world.outcomes(&streams).iter().all(|word| word == "store"));
    assert_eq!(world.store_calls(), [Target::Read]);
    world.finish();
}

#[test]
fn a_refresh_costs_three_store_calls_and_one_of_the_issuer() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.finish();
    assert_eq!(
        world.store_calls(),
        [Target::Read, Target::Claim, Target::Commit]
    );
    assert_eq!(world.made(Target::Refresh).len(), 1);
}

#[test]
fn a_record_is_used_for_max_age_and_not_longer() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    world.run_for(ms(1990));
    let cached = world.ask(0, &alice);
    assert_eq!(world.outcome(cached), "cache");
    world.run_for(ms(20));
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    assert_eq!(world.store_calls(), [Target::Read; 2]);
}

#[test]
fn a_logout_is_seen_after_max_age() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    world.ask_and_wait(0, &alice);
    world.log_out(&alice);
    world.run_for(ms(2010));
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    world.finish();
    assert_eq!(world.sizes(0).cached, 0);
}

#[test]
fn a_login_is_seen_at_once() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    let record = world.store.get(&alice.record()).unwrap();
    world.log_out(&alice);
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    world.store.set(&alice.record(), &record, None);
    assert_eq!(world.ask_and_wait(0, &alice), "store");
}

#[test]
fn within_max_age_the_store_is_not_needed() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    world.ask_and_wait(0, &alice);
    world.set_outage(&Target::STORE, Fate::Lost);
    world.run_for(ms(1900));
    assert_eq!(world.ask_and_wait(0, &alice), "cache");
    world.run_for(ms(200));
    assert_eq!(world.ask_and_wait(0, &alice), "store_unavailable");
    world.finish();
}

#[test]
fn a_record_serves_past_max_age_when_the_store_was_asked_and_failed() {
    let mut world = World::with(1, |config| config.cache.max_stale = s(10));
    let alice = world.log_in("alice");
    world.ask_and_wait(0, &alice);
    world.set_outage(&Target::STORE, Fate::Status(503, ""));
    world.run_for(s(11));
    let reads = world.made(Target::Read).len();
    assert_eq!(world.ask_and_wait(0, &alice), "cache");
    assert!(world.made(Target::Read).len() > reads, "the store is asked");
    world.run_for(ms(1100));
    assert_eq!(world.ask_and_wait(0, &alice), "store_unavailable");
    world.finish();
}

#[test]
fn max_stale_does_not_make_an_expired_token_good() {
    let mut world = World::with(1, |config| config.cache.max_stale = s(60));
    let alice = world.log_in_with_left("alice", s(14));
    world.set_outage(&[Target::Claim], Fate::Lost);
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    world.set_outage(&Target::STORE, Fate::Status(503, ""));
    world.run_for(s(3));
    assert_eq!(world.ask_and_wait(0, &alice), "cache");
    world.run_for(s(3));
    assert_eq!(world.ask_and_wait(0, &alice), "store_unavailable");
    world.finish();
}

#[test]
fn a_logout_counts_more_than_max_stale() {
    let mut world = World::with(1, |config| config.cache.max_stale = s(60));
    let alice = world.log_in("alice");
    world.ask_and_wait(0, &alice);
    world.log_out(&alice);
    world.run_for(s(3));
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    world.set_outage(&Target::STORE, Fate::Fails(Failure::Reset));
    assert_eq!(world.ask_and_wait(0, &alice), "store_unavailable");
}

#[test]
fn a_cache_that_is_switched_off_asks_for_every_request() {
    let mut world = World::with(1, |config| config.cache.max_sessions = 0);
    let alice = world.log_in("alice");
    for asked in 1..=3 {
        assert_eq!(world.ask_and_wait(0, &alice), "store");
        assert_eq!(world.made(Target::Read).len(), asked);
    }
    world.finish();
}

#[test]
fn a_cache_that_is_switched_off_keeps_nothing_beside_a_refresh_either() {
    let mut world = World::with(1, |config| config.cache.max_sessions = 0);
    let alice = world.log_in_expired("alice");
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.run_for(ms(100));
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    world.log_out(&alice);
    world.run_for(ms(1));
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    world.finish();
}

#[test]
fn a_cache_that_is_switched_off_keeps_nothing_while_the_issuer_is_left_alone() {
    let mut world = World::with(1, |config| config.cache.max_sessions = 0);
    let alice = world.log_in_with_left("alice", s(40));
    world.plan(Target::Refresh, Fate::Status(503, ""));
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    world.run_for(ms(100));
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    world.log_out(&alice);
    world.run_for(ms(1));
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    world.finish();
}

#[test]
fn the_least_recently_used_session_makes_room() {
    let mut world = World::with(1, |config| config.cache.max_sessions = 2);
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| world.log_in(user));
    for session in [&alice, &bob, &alice, &carol] {
        world.ask_and_wait(0, session);
    }
    assert_eq!(world.sizes(0).cached, 2);
    let words = [&alice, &carol, &bob].map(|session| world.ask_and_wait(0, session));
    assert_eq!(words, ["cache", "cache", "store"]);
    world.finish();
}

/// Found by the simulator (`tests/simulation`).
#[test]
fn an_issuer_that_takes_its_time_does_not_bring_a_token_after_a_logout() {
    let mut world = World::new(2);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::slow(s(4)));
    let early = world.ask(0, &alice);
    world.run_for(s(1));
    world.log_out(&alice);
    world.run_for(ms(2500));
    let late = world.ask(0, &alice);
    world.run_until_decided();
    assert_eq!(world.outcomes(&[early, late]), ["session_ended"; 2]);
    world.finish();
}
