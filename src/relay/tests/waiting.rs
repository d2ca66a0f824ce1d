//! Sections 2 (`refresh.wait`), 6.3 and 8: nobody waits for ever, and what a
//! client started goes on when it leaves.

use super::harness::*;
use crate::metrics::Metric;

#[test]
fn a_request_is_held_for_refresh_wait_and_the_refresh_goes_on() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::slow(s(20)));
    let stream = world.ask(0, &alice);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "refresh_timeout");
    assert_eq!(world.held(stream), s(5));
    let old = world.refresh_token(&alice);
    world.run_for(s(16));
    assert_ne!(world.refresh_token(&alice), old);
    assert!(world.issuer.is_live(&world.refresh_token(&alice)));
    world.finish();
}

#[test]
fn store_calls_count_towards_the_wait() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Read, Fate::slow(ms(400)));
    world.plan(Target::Claim, Fate::slow(ms(400)));
    world.plan(Target::Refresh, Fate::slow(ms(4500)));
    let stream = world.ask(0, &alice);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "refresh_timeout");
    assert_eq!(world.held(stream), s(5));
    world.finish();
}

#[test]
fn a_wait_shorter_than_the_stores_time_out_is_kept() {
    let mut world = World::with(1, |config| config.refresh.wait = ms(300));
    let alice = world.log_in("alice");
    world.set_outage(&Target::STORE, Fate::Lost);
    let stream = world.ask(0, &alice);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "refresh_timeout");
    assert_eq!(world.held(stream), ms(300));
    world.finish();
}

#[test]
fn each_request_has_its_own_wait() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::slow(s(7)));
    let mut streams = Vec::new();
    for _ in 0..6 {
        streams.push(world.ask(0, &alice));
        world.run_for(s(1));
    }
    world.run_until_decided();
    let mut expected = ["refreshed"; 6];
    expected[..3].fill("refresh_timeout");
    assert_eq!(world.outcomes(&streams), expected);
    world.finish();
}

#[test]
fn a_refresh_goes_on_whenever_its_client_leaves() {
    // Read, claim and write-back take 1 ms each, the issuer 20 ms.
    for quarters in 0..100 {
        let mut world = World::new(1);
        let alice = world.log_in_expired("alice");
        let old = world.refresh_token(&alice);
        let stream = world.ask(0, &alice);
        world.run_for(ms(quarters) / 4);
        if world.outcome(stream) == "waiting" {
            world.leave(stream);
        }
        world.finish();
        let new = world.refresh_token(&alice);
        let asked = !world.made(Target::Refresh).is_empty();
        assert_eq!(asked, new != old, "left after {quarters} / 4 ms");
        assert_eq!(asked, quarters >= 4, "nobody waited for the read");
        assert!(world.issuer.is_live(&new));
        assert_eq!(world.store.get(&alice.lease()), None);
    }
}

#[test]
fn the_others_are_served_when_one_client_leaves() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    let streams = [0; 5].map(|_| world.ask(0, &alice));
    world.run_for(ms(5));
    world.leave(streams[0]);
    world.leave(streams[3]);
    world.run_until_decided();
    let words = world.outcomes(&streams);
    let expected = ["waiting", "refreshed", "refreshed", "waiting", "refreshed"];
    assert_eq!(words, expected);
    assert_eq!(world.count(Metric::Request("client_gone")), 2);
    world.finish();
}

#[test]
fn nobody_looks_at_the_lease_for_a_client_that_left() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.store.set(&alice.lease(), "1:another", Some(s(30)));
    let stream = world.ask(0, &alice);
    world.run_for(s(1));
    world.leave(stream);
    let claims = world.made(Target::Claim).len();
    world.run_for(s(3));
    assert_eq!(world.made(Target::Claim).len(), claims);
    world.finish();
}

#[test]
fn a_thousand_requests_that_waited_too_long_are_all_told() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::slow(s(30)));
    let streams: Vec<_> = (0..1000).map(|_| world.ask(0, &alice)).collect();
    world.run_until_decided();
    assert!(
        world
            .outcomes(&streams)
            .iter()
            .all(|word| word == "refresh_timeout")
    );
    world.finish();
}
