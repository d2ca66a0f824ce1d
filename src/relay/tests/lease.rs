//! Sections 6.2, 6.3 and 6.5: the lease.

use std::time::Duration;

use super::harness::*;
use crate::metrics::{LeaseClaim, Metric};

/// A session whose token has just become stale in the worker's cache.
fn stale_in_cache(world: &mut World) -> Session {
    let alice = world.log_in_with_left("alice", s(11));
    world.set_outage(&[Target::Claim], Fate::Redis("BUSY"));
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    world.run_for(ms(1500));
    world.end_outage();
    world.calls.clear();
    alice
}

#[test]
fn those_who_find_it_held_look_again_once_per_worker_with_back_off() {
    let mut world = World::new(2);
    let alice = world.log_in_expired("alice");
    world.store.set(&alice.lease(), "1:another", Some(s(30)));
    let streams: Vec<_> = (0..40).map(|n| world.ask(n % 2, &alice)).collect();
    world.run_until_decided();
    assert!(
        world
            .outcomes(&streams)
            .iter()
            .all(|word| word == "refresh_timeout")
    );
    for worker in [0, 1] {
        let claims = world.made(Target::Claim).into_iter();
        let looks: Vec<_> = claims.filter(|made| made.worker == worker).collect();
        let gaps: Vec<Duration> = looks.windows(2).map(|two| two[1].at - two[0].at).collect();
        assert!(gaps.len() > 20, "{} looks in 5 s", gaps.len());
        let owner = &looks[0].owner;
        assert!(
            looks.iter().all(|look| look.owner == *owner),
            "one owner per flight, in all its looks"
        );
        for (look, gap) in gaps.iter().enumerate() {
            let longest = [50, 100, 200].get(look).copied().unwrap_or(200);
            assert!((ms(25)..=ms(longest + 1)).contains(gap), "{look}: {gap:?}");
        }
        assert!(gaps.iter().any(|gap| *gap > ms(120)), "it backs off");
    }
    let looks = world.made(Target::Claim).len();
    world.run_for(s(10));
    assert_eq!(world.made(Target::Claim).len(), looks, "nobody waits");
    assert!(world.made(Target::Refresh).is_empty());
    world.finish();
}

#[test]
fn the_lease_of_a_dead_holder_is_taken_over() {
    let mut world = World::new(2);
    let alice = world.log_in_expired("alice");
    world.store.set(&alice.lease(), "1:dead", Some(s(1)));
    let streams = [world.ask(0, &alice), world.ask(1, &alice)];
    world.run_until_decided();
    let mut words = world.outcomes(&streams);
    words.sort();
    assert_eq!(words, ["held", "refreshed"]);
    for stream in streams {
        assert!((ms(1000)..ms(1500)).contains(&world.held(stream)));
    }
    assert_eq!(world.made(Target::Refresh).len(), 1);
    world.finish();
}

#[test]
fn a_lease_of_another_version_counts_as_held() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.store.set(&alice.lease(), "2:another", Some(s(1)));
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    assert!(world.made(Target::Refresh)[0].at >= s(1));
}

#[test]
fn a_lease_outlives_the_call_it_protects() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.ask_and_wait(0, &alice);
    // issuer.timeout + 2 × store.timeout + 5 s
    assert_eq!(world.made(Target::Claim)[0].args[1], "41000");
    assert_eq!(world.made(Target::Refresh)[0].timeout, s(35));
}

#[test]
fn after_a_claim_that_took_too_long_the_issuer_is_not_called() {
    let mut world = World::with(1, |config| {
        config.store.timeout = s(3);
        config.refresh.wait = s(60);
    });
    let alice = world.log_in_expired("alice");
    world.store.forget_scripts();
    // NOSCRIPT, lost, NOSCRIPT, claimed: 11.7 s, of which at most 10 are good.
    world.plan(Target::Claim, Fate::slow(ms(2900)));
    world.plan(Target::Claim, Fate::Lost);
    world.plan(Target::Claim, Fate::slow(ms(2900)));
    world.plan(Target::Claim, Fate::slow(ms(2900)));
    let stream = world.ask(0, &alice);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "refreshed");
    let claims = world.made(Target::Claim);
    assert_eq!(claims.len(), 5, "a new flight claims anew");
    assert!(
        claims[..4]
            .iter()
            .all(|claim| claim.owner == claims[0].owner)
    );
    assert_ne!(claims[4].owner, claims[0].owner);
    assert_eq!(world.made(Target::Release)[0].owner, claims[0].owner);
    assert_eq!(world.made(Target::Refresh).len(), 1);
    assert!(world.made(Target::Refresh)[0].at > claims[4].at);
    world.finish();
}

#[test]
fn a_claim_that_stayed_unanswered_is_followed_by_a_release_that_voids_it() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Claim, Fate::UNANSWERED);
    world.plan(Target::Claim, Fate::Lost);
    assert_eq!(world.ask_and_wait(0, &alice), "store_unavailable");
    world.run_for(ms(10));
    let owner = world.made(Target::Claim)[0].owner.clone().unwrap();
    let release = world.made(Target::Release)[0];
    assert_eq!(release.args[..2], [owner.clone(), "101000".to_owned()]);
    assert_eq!(world.store.get(&alice.lease()), None);
    let mark = format!("{}:{owner}", alice.lease());
    assert!(world.store.get(&mark).is_some());
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.finish();
}

#[test]
fn a_claim_carried_out_after_its_release_blocks_nobody() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Claim, Fate::slow(s(3)));
    world.plan(Target::Claim, Fate::slow(s(4)));
    assert_eq!(world.ask_and_wait(0, &alice), "store_unavailable");
    world.run_for(s(5));
    let stream = world.ask(0, &alice);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "refreshed");
    assert!(world.held(stream) < ms(100));
    assert_eq!(world.count(Metric::LeaseClaim(LeaseClaim::Held)), 0);
    world.finish();
}

#[test]
fn a_claim_stays_void_whoever_has_the_lease_meanwhile() {
    let mut world = World::new(3);
    let alice = world.log_in_expired("alice");
    world.set_outage(&[Target::Refresh], Fate::Status(503, ""));
    // Worker 0 gives up while another has the lease; its claim arrives after
    // two others have had it.
    world.store.set(&alice.lease(), "1:another", Some(ms(1500)));
    world.plan(Target::Claim, Fate::slow(s(5)));
    world.plan(Target::Claim, Fate::Lost);
    assert_eq!(world.ask_and_wait(0, &alice), "store_unavailable");
    world.run_for(s(1));
    for worker in [1, 2] {
        assert_eq!(world.ask_and_wait(worker, &alice), "issuer_unavailable");
    }
    world.run_for(s(4));
    assert_eq!(world.store.get(&alice.lease()), None);
    world.finish();
}

#[test]
fn a_noscript_that_was_another_calls_leaves_no_lease_behind() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    // The store carries the first claim out late; what came as its answer
    // had no nonce, and was another call's.
    world.plan(Target::Claim, Fate::Crossed(s(1), NOSCRIPT));
    world.plan(Target::Refresh, Fate::Status(503, ""));
    assert_eq!(world.ask_and_wait(0, &alice), "issuer_unavailable");
    world.run_for(s(2));
    assert_eq!(world.store.get(&alice.lease()), None);
    world.finish();
}

#[test]
fn a_retry_has_the_same_owner_and_a_fresh_nonce() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Claim, Fate::UNANSWERED);
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    let claims = world.made(Target::Claim);
    assert_eq!(claims.len(), 2);
    assert_eq!(claims[0].owner, claims[1].owner);
    assert_eq!(claims[0].owner, world.made(Target::Commit)[0].owner);
    let mut nonces: Vec<_> = world
        .calls
        .iter()
        .filter_map(|made| made.nonce.clone())
        .collect();
    let calls = nonces.len();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), calls, "every call has its own nonce");
    assert!(nonces.iter().all(|nonce| nonce.len() == 32));
}

#[test]
fn every_flight_has_its_own_owner() {
    let mut world = World::new(2);
    let owners = ["alice", "bob"].map(|user| {
        let session = world.log_in_expired(user);
        world.plan(Target::Refresh, Fate::Status(503, ""));
        world.ask_and_wait(0, &session);
        world.ask_and_wait(1, &session);
        let claims = world.made(Target::Claim);
        let [.., first, second] = claims.as_slice() else {
            panic!("two claims");
        };
        [first.owner.clone(), second.owner.clone()]
    });
    let mut owners = owners.concat();
    owners.sort();
    owners.dedup();
    assert_eq!(owners.len(), 4);
}

#[test]
fn the_lease_is_given_back_when_the_issuer_cannot_answer() {
    let mut world = World::new(2);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::Status(503, ""));
    assert_eq!(world.ask_and_wait(0, &alice), "issuer_unavailable");
    world.run_for(ms(10));
    assert_eq!(world.store.get(&alice.lease()), None);
    let stream = world.ask(1, &alice);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "refreshed");
    assert!(world.held(stream) < ms(100));
    world.finish();
}

#[test]
fn a_repeated_claim_is_voided_when_the_issuer_cannot_answer() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Claim, Fate::slow(s(2)));
    world.plan(Target::Refresh, Fate::Status(503, ""));
    assert_eq!(world.ask_and_wait(0, &alice), "issuer_unavailable");
    world.run_for(s(3));
    assert_eq!(world.store.get(&alice.lease()), None);
    world.finish();
}

#[test]
fn a_claim_that_finds_the_record_changed_uses_the_new_one() {
    let mut world = World::new(1);
    let alice = stale_in_cache(&mut world);
    world.rotate_elsewhere(&alice);
    let stream = world.ask(0, &alice);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "changed");
    assert_eq!(world.token(stream), world.access_token(&alice));
    assert!(world.made(Target::Refresh).is_empty());
    assert_eq!(world.store_calls(), [Target::Claim]);
    world.finish();
}

#[test]
fn a_claim_that_finds_another_member_changed_claims_again() {
    let mut world = World::new(1);
    let alice = stale_in_cache(&mut world);
    world.rewrite(&alice, |record| record["theme"] = "dark".into());
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.finish();
    assert_eq!(
        world.store_calls(),
        [Target::Claim, Target::Claim, Target::Commit]
    );
    assert_eq!(world.record(&alice)["theme"], "dark");
}

#[test]
fn a_claim_that_finds_no_record_ends_the_session() {
    let mut world = World::new(1);
    let alice = stale_in_cache(&mut world);
    world.log_out(&alice);
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    assert!(world.made(Target::Refresh).is_empty());
    world.finish();
}
