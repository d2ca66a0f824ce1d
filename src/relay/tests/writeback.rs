//! Section 6.4: write-back by compare-and-set.

use serde_json::json;

use super::harness::*;
use crate::metrics::{Metric, Revocation};

/// Starts a refresh whose issuer takes 2 s, and stops after 1 s.
fn halfway(world: &mut World) -> (Session, crate::relay::StreamId) {
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::slow(s(2)));
    let stream = world.ask(0, &alice);
    world.run_for(s(1));
    assert_eq!(world.made(Target::Refresh).len(), 1);
    (alice, stream)
}

#[test]
fn an_unchanged_record_gets_tokens_times_and_ttl_and_the_lease_is_released() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    let old = world.record(&alice);
    world
        .store
        .set(&alice.record(), &old.to_string(), Some(s(500)));
    world.ask_and_wait(0, &alice);
    world.finish();
    let new = world.record(&alice);
    assert_ne!(new["access"], old["access"]);
    assert!(world.issuer.is_live(new["refresh"].as_str().unwrap()));
    let lives = [("access_exp", 300), ("refresh_exp", 86400)];
    for (time, life) in lives {
        assert_eq!(new[time], json!(1_800_000_000 + life), "{time}");
    }
    assert_eq!(new["note"], "kept");
    let ttl = world.store.ttl(&alice.record()).unwrap() + world.now;
    assert!((s(86399)..=s(86401)).contains(&ttl), "{ttl:?}");
    assert_eq!(world.store.get(&alice.lease()), None);
}

#[test]
fn another_member_changed_meanwhile_is_merged() {
    let mut world = World::new(1);
    let (alice, stream) = halfway(&mut world);
    world.rewrite(&alice, |record| record["theme"] = json!("dark"));
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "refreshed");
    world.finish();
    assert_eq!(world.made(Target::Commit).len(), 2);
    let record = world.record(&alice);
    assert_eq!(
        (&record["theme"], &record["note"]),
        (&json!("dark"), &json!("kept"))
    );
    assert_eq!(world.access_token(&alice), world.token(stream));
    assert!(world.issuer.is_live(&world.refresh_token(&alice)));
    assert!(world.issuer.revoked.is_empty());
    assert_eq!(world.store.get(&alice.lease()), None);
}

#[test]
fn a_write_back_that_arrived_unanswered_is_a_success() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Commit, Fate::UNANSWERED);
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.finish();
    assert_eq!(world.made(Target::Commit).len(), 2);
    assert!(world.issuer.is_live(&world.refresh_token(&alice)));
    assert!(world.issuer.revoked.is_empty());
    assert_eq!(world.store.get(&alice.lease()), None);
}

#[test]
fn our_own_tokens_in_a_changed_record_are_a_success() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Commit, Fate::UNANSWERED);
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.run_for(ms(100));
    world.rewrite(&alice, |record| record["theme"] = json!("dark"));
    world.finish();
    assert_eq!(world.made(Target::Commit).len(), 2);
    assert_eq!(world.record(&alice)["theme"], "dark");
    assert!(world.issuer.is_live(&world.refresh_token(&alice)));
    assert!(world.issuer.revoked.is_empty());
    assert_eq!(
        world.store.get(&alice.lease()),
        None,
        "the lease is released"
    );
}

#[test]
fn anothers_tokens_are_used_and_ours_revoked() {
    let mut world = World::new(1);
    let (alice, stream) = halfway(&mut world);
    // Just behind the issuer's answer, before the write-back arrives.
    world.plan(Target::Commit, Fate::slow(ms(100)));
    world.run_until_decided();
    let ours = world.token(stream);
    world.rotate_elsewhere(&alice);
    world.run_for(s(1));
    assert_ne!(world.access_token(&alice), ours);
    assert_eq!(world.issuer.revoked.len(), 1);
    assert_eq!(world.count(Metric::Revocation(Revocation::Done)), 1);
    let next = world.ask(0, &alice);
    world.run_until_decided();
    assert_eq!(world.token(next), world.access_token(&alice));
    assert!(world.issuer.is_live(&world.refresh_token(&alice)));
    world.finish();
    assert_eq!(world.store.get(&alice.lease()), None);
}

#[test]
fn a_session_logged_out_meanwhile_stays_away_and_the_new_token_is_revoked() {
    let mut world = World::new(1);
    let (alice, stream) = halfway(&mut world);
    world.log_out(&alice);
    world.run_until_decided();
    assert_eq!(
        world.outcome(stream),
        "refreshed",
        "nobody has asked the store"
    );
    world.run_for(s(1));
    assert_eq!(world.store.get(&alice.record()), None);
    assert_eq!(world.issuer.revoked.len(), 1);
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    world.finish();
    assert_eq!(world.store.get(&alice.record()), None);
    assert_eq!(world.store.get(&alice.lease()), None);
}

#[test]
fn a_write_back_carried_out_late_brings_no_session_back() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Commit, Fate::slow(s(3)));
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.run_for(s(1));
    world.log_out(&alice);
    world.run_for(s(4));
    assert_eq!(world.store.get(&alice.record()), None);
    world.finish();
}

#[test]
fn without_an_answer_it_is_retried_with_back_off_also_after_the_lease() {
    let mut world = World::new(2);
    let alice = world.log_in_expired("alice");
    let old = world.refresh_token(&alice);
    world.set_outage(&[Target::Commit], Fate::Lost);
    let first = world.ask(0, &alice);
    world.run_until_decided();
    let new = world.token(first);
    for _ in 0..60 {
        world.run_for(s(1));
        let stream = world.ask(0, &alice);
        world.run_until_decided();
        assert_eq!(world.token(stream), new, "the pending record is used");
    }
    assert_eq!(world.refresh_token(&alice), old);
    assert_eq!(world.store.get(&alice.lease()), None, "the lease has ended");
    assert!(!world.is_idle(0));
    world.end_outage();
    world.run_for(s(2));
    assert_eq!(world.access_token(&alice), new);
    assert_eq!(world.made(Target::Refresh).len(), 1);

    // Each attempt is two calls of 500 ms; then comes a pause.
    let commits = world.made(Target::Commit);
    for attempts in commits.chunks(2).collect::<Vec<_>>().windows(2) {
        let pause = attempts[1][0].at - attempts[0][1].at - ms(500);
        assert!((ms(25)..=ms(500)).contains(&pause), "{pause:?}");
    }
    assert!(world.count(Metric::WritebackRetries) > 30);
    world.finish();
}

#[test]
fn errors_of_the_store_are_no_answer_to_a_write_back() {
    for error in [
        "READONLY You can't write against a read only replica.",
        "OOM",
        "NOPERM",
    ] {
        let mut world = World::new(1);
        let alice = world.log_in_expired("alice");
        world.set_outage(&[Target::Commit], Fate::Redis(error));
        assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
        world.run_for(s(8));
        world.end_outage();
        world.run_for(s(1));
        assert!(world.issuer.is_live(&world.refresh_token(&alice)));
        world.finish();
    }
}

#[test]
fn it_is_given_up_when_the_refresh_token_expires() {
    let mut world = World::new(1);
    world.issuer.refresh_life = s(30);
    let alice = world.log_in_expired("alice");
    world.set_outage(&[Target::Commit], Fate::Lost);
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.run_for(s(29));
    assert_eq!(world.count(Metric::WritebackAbandoned), 0);
    world.run_for(s(3));
    assert_eq!(world.count(Metric::WritebackAbandoned), 1);
    assert!(world.is_idle(0));
    world.finish();
}

#[test]
fn without_rotation_the_refresh_token_stays_and_is_never_revoked() {
    let mut world = World::new(1);
    world.issuer.rotation = false;
    let alice = world.log_in_expired("alice");
    let refresh = world.refresh_token(&alice);
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.run_for(ms(100));
    assert_eq!(world.refresh_token(&alice), refresh);
    assert_eq!(world.record(&alice)["refresh_exp"], json!(1_800_086_400));

    let (alice, _) = {
        world.calls.clear();
        halfway(&mut world)
    };
    world.log_out(&alice);
    world.run_for(s(3));
    assert!(world.issuer.revoked.is_empty());
    assert_eq!(world.store.get(&alice.record()), None);
    world.finish();
}

#[test]
fn without_rotation_another_member_changed_meanwhile_is_merged() {
    let mut world = World::new(1);
    world.issuer.rotation = false;
    let (alice, stream) = halfway(&mut world);
    world.rewrite(&alice, |record| record["theme"] = json!("dark"));
    world.run_until_decided();
    world.finish();
    assert_eq!(world.record(&alice)["theme"], "dark");
    assert_eq!(world.access_token(&alice), world.token(stream));
}

#[test]
fn a_key_keeps_its_ttl_when_the_refresh_token_names_no_expiry() {
    let mut world = World::new(1);
    world.issuer.rotation = false;
    let alice = world.log_in_expired("alice");
    let opaque = world.issuer.adopt_refresh("alice", "S3CRET-opaque");
    world.rewrite(&alice, |record| record["refresh"] = json!(opaque));
    let record = world.store.get(&alice.record()).unwrap();
    world.store.set(&alice.record(), &record, Some(s(1000)));
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.finish();
    let ttl = world.store.ttl(&alice.record()).unwrap() + world.now;
    assert_eq!(ttl, s(1000));
    assert_eq!(world.record(&alice).get("refresh_exp"), None);
}

#[test]
fn an_expiry_beyond_what_redis_takes_does_not_keep_tokens_from_being_stored() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.issuer.refresh_life = s(u64::MAX / 4);
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.run_for(s(1));
    assert_eq!(world.count(Metric::WritebackRetries), 0);
    assert!(world.issuer.is_live(&world.refresh_token(&alice)));
    world.finish();
}

#[test]
fn an_expiry_in_the_past_is_no_reason_to_end_a_session_just_refreshed() {
    let mut world = World::new(1);
    world.issuer.rotation = false;
    let alice = world.log_in_expired("alice");
    // A lifetime where a date belongs.
    world.rewrite(&alice, |record| record["refresh_exp"] = json!(86_400));
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.run_for(s(5));
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    world.finish();
}
