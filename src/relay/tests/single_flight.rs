//! Sections 6.1 and 6.2: one refresh, however many ask.

use std::collections::HashSet;

use super::harness::*;
use crate::metrics::{LeaseClaim, Metric};

#[test]
fn fifty_requests_of_one_worker_cause_one_refresh() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    let streams: Vec<_> = (0..50).map(|_| world.ask(0, &alice)).collect();
    world.run_until_decided();
    world.run_for(ms(10));
    assert_eq!(world.made(Target::Refresh).len(), 1);
    for stream in streams {
        assert_eq!(world.outcome(stream), "refreshed");
        assert_eq!(world.token(stream), world.access_token(&alice));
    }
    world.finish();
}

#[test]
fn requests_that_come_later_join_the_refresh_at_every_stage() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    let mut streams = Vec::new();
    for _ in 0..120 {
        streams.push(world.ask(0, &alice));
        world.run_for(ms(1) / 4);
    }
    world.run_until_decided();
    assert_eq!(world.made(Target::Refresh).len(), 1);
    assert_eq!(world.made(Target::Read).len(), 1);
    for stream in streams {
        assert_eq!(world.token(stream), world.access_token(&alice));
    }
    world.finish();
}

#[test]
fn many_workers_cause_one_refresh_and_all_go_on() {
    for seed in 0..20 {
        let mut world = World::seeded(seed, 6, |_| {});
        let alice = world.log_in_expired("alice");
        world.plan(Target::Refresh, Fate::slow(ms(300)));
        let mut streams = Vec::new();
        for _ in 0..30 {
            streams.extend((0..6).map(|worker| world.ask(worker, &alice)));
            world.run_for(ms(1));
        }
        world.run_until_decided();
        assert_eq!(world.made(Target::Refresh).len(), 1);
        for stream in &streams {
            assert_eq!(world.token(*stream), world.access_token(&alice));
        }
        let words: HashSet<_> = world.outcomes(&streams).into_iter().collect();
        assert!(
            words.contains("refreshed") && words.contains("held"),
            "{words:?}"
        );
        assert!(world.count(Metric::LeaseClaim(LeaseClaim::Held)) >= 5);
        assert_eq!(world.count(Metric::LeaseClaim(LeaseClaim::Claimed)), 1);
        assert_eq!(world.store.get(&alice.lease()), None);
        world.finish();
    }
}

#[test]
fn a_worker_that_comes_late_finds_the_record_changed() {
    let mut world = World::new(2);
    let alice = world.log_in_with_left("alice", s(11));
    world.set_outage(&[Target::Claim], Fate::Redis("BUSY"));
    assert_eq!(world.ask_and_wait(1, &alice), "store");
    world.run_for(ms(1100));
    world.end_outage();
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.run_for(ms(50));
    // Worker 1 still knows the old record, and claims with it.
    assert_eq!(world.ask_and_wait(1, &alice), "changed");
    assert_eq!(world.made(Target::Refresh).len(), 1);
    world.finish();
}

#[test]
fn sessions_do_not_wait_for_each_other() {
    let mut world = World::new(1);
    let sessions = ["alice", "bob", "carol"].map(|user| world.log_in_expired(user));
    world.plan(Target::Refresh, Fate::slow(s(3)));
    let streams = sessions.each_ref().map(|session| world.ask(0, session));
    world.run_for(ms(100));
    let outcomes = world.outcomes(&streams);
    assert_eq!(outcomes, ["waiting", "refreshed", "refreshed"]);
    world.run_until_decided();
    world.run_for(ms(10));
    for (stream, session) in streams.iter().zip(&sessions) {
        assert_eq!(world.token(*stream), world.access_token(session));
    }
    world.finish();
}
