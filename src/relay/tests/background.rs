//! Section 6.7: within `ahead` of the expiry nobody waits. Section 2: how
//! `ahead` shrinks.

use super::harness::*;
use crate::metrics::IssuerOutcome;

#[test]
fn the_token_is_sent_while_it_is_refreshed() {
    let mut world = World::new(1);
    let alice = world.log_in_with_left("alice", s(59));
    let old = world.access_token(&alice);
    world.plan(Target::Refresh, Fate::slow(s(10)));
    for _ in 0..90 {
        let stream = world.ask(0, &alice);
        world.run_until_decided();
        assert_eq!(world.token(stream), old);
        assert!(world.held(stream) <= ms(1), "a store call at most");
        world.run_for(ms(100));
    }
    world.run_for(s(2));
    let stream = world.ask(0, &alice);
    world.run_until_decided();
    assert_ne!(world.token(stream), old);
    assert_eq!(world.made(Target::Refresh).len(), 1);
    world.finish();
}

#[test]
fn before_that_nothing_is_refreshed() {
    let mut world = World::new(1);
    let alice = world.log_in_with_left("alice", s(61));
    world.ask_and_wait(0, &alice);
    world.run_for(ms(100));
    assert_eq!(world.store_calls(), [Target::Read]);
    world.finish();
}

#[test]
fn a_failure_in_the_background_is_nobodys_concern() {
    for target in [Target::Claim, Target::Refresh, Target::Commit] {
        let mut world = World::new(1);
        let alice = world.log_in_with_left("alice", s(40));
        world.set_outage(&[target], Fate::Status(503, ""));
        for _ in 0..20 {
            let stream = world.ask(0, &alice);
            world.run_until_decided();
            world.token(stream);
            world.run_for(ms(300));
        }
        world.end_outage();
        world.finish();
    }
}

#[test]
fn requests_join_a_background_refresh_once_the_token_is_stale() {
    let mut world = World::new(1);
    let alice = world.log_in_with_left("alice", s(12));
    world.plan(Target::Refresh, Fate::slow(s(4)));
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    world.run_for(s(3));
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    assert_eq!(world.made(Target::Refresh).len(), 1);
    world.finish();
}

#[test]
fn a_lease_held_by_another_is_looked_at_once_a_second_and_not_once_a_request() {
    let mut world = World::new(1);
    let alice = world.log_in_with_left("alice", s(40));
    world.store.set(&alice.lease(), "1:another", Some(s(30)));
    for _ in 0..300 {
        let stream = world.ask(0, &alice);
        world.run_until_decided();
        world.token(stream);
        world.run_for(ms(10));
    }
    let claims = world.made(Target::Claim).len();
    assert!((2..=5).contains(&claims), "{claims} claims in 3 s");
    world.finish();
}

#[test]
fn a_store_that_cannot_answer_is_tried_once_a_second_and_not_once_a_request() {
    let mut world = World::with(1, |config| config.cache.max_age = s(60));
    let alice = world.log_in_with_left("alice", s(40));
    world.set_outage(&[Target::Claim, Target::Release], Fate::Status(503, ""));
    for _ in 0..300 {
        world.ask(0, &alice);
        world.run_for(ms(10));
    }
    let claims = world.made(Target::Claim).len();
    assert!((4..=10).contains(&claims), "{claims} claims in 3 s");
    world.end_outage();
    world.finish();
}

#[test]
fn without_requests_nothing_is_refreshed() {
    let mut world = World::new(1);
    // The proxy's clock is ahead: every token looks as if it were about to
    // expire.
    world.skew = s(260);
    let alice = world.log_in("alice");
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    world.run_for(s(100));
    assert_eq!(world.made(Target::Refresh).len(), 1);
    world.finish();
}

#[test]
fn without_requests_a_failed_refresh_is_not_repeated() {
    let mut world = World::with(1, |config| config.cache.max_age = s(60));
    let alice = world.log_in_with_left("alice", s(50));
    world.set_outage(&[Target::Refresh], Fate::Status(503, ""));
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    world.run_for(s(100));
    assert_eq!(world.made(Target::Refresh).len(), 1);
    world.finish();
}

#[test]
fn a_token_of_five_seconds_does_not_mean_a_refresh_per_request() {
    let mut world = World::new(1);
    world.issuer.access_life = s(5);
    let alice = world.log_in("alice");
    for _ in 0..400 {
        let stream = world.ask(0, &alice);
        world.run_until_decided();
        world.token(stream);
        world.run_for(ms(50));
    }
    let refreshes = world.refreshes(IssuerOutcome::Accepted);
    assert!((5..=13).contains(&refreshes), "{refreshes} in 20 s");
    world.finish();
}

#[test]
fn two_workers_in_the_background_refresh_once() {
    let mut world = World::new(2);
    let alice = world.log_in_with_left("alice", s(40));
    for _ in 0..20 {
        let streams = [world.ask(0, &alice), world.ask(1, &alice)];
        world.run_until_decided();
        for stream in streams {
            assert!(world.held(stream) <= ms(1));
        }
        world.run_for(ms(100));
    }
    assert_eq!(world.made(Target::Refresh).len(), 1);
    world.finish();
}
