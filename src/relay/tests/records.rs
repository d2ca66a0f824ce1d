//! Section 5: what a record may look like.

use serde_json::json;

use super::harness::*;

#[test]
fn a_record_that_cannot_be_understood_is_told_and_read_again() {
    for text in [
        "",
        "no JSON",
        "[]",
        "null",
        "{}",
        r#"{"access":""}"#,
        r#"{"access":7}"#,
        r#"{"access":"two words"}"#,
        r#"{"access":"S3CRET","refresh":7}"#,
        r#"{"access":"S3CRET","access_exp":"soon"}"#,
        r#"{"access":"S3CRET","refresh_exp":"eyJ"}"#,
    ] {
        let mut world = World::new(1);
        let alice = world.log_in("alice");
        let good = world.store.get(&alice.record()).unwrap();
        world.store.set(&alice.record(), text, None);
        assert_eq!(world.ask_and_wait(0, &alice), "record_invalid", "{text}");
        world.store.set(&alice.record(), &good, None);
        assert_eq!(world.ask_and_wait(0, &alice), "store", "{text}");
        world.finish();
    }
}

#[test]
fn a_record_that_becomes_garbage_during_a_refresh_is_left_alone() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::slow(s(2)));
    world.ask(0, &alice);
    world.run_for(s(1));
    world.store.set(&alice.record(), "garbage", None);
    world.run_until_decided();
    world.run_for(s(1));
    assert_eq!(world.store.get(&alice.record()).as_deref(), Some("garbage"));
    assert_eq!(world.issuer.revoked.len(), 1);
    assert_eq!(world.store.get(&alice.lease()), None);
    assert_eq!(world.ask_and_wait(0, &alice), "record_invalid");
    world.finish();
}

#[test]
fn a_record_that_becomes_garbage_before_a_claim_is_told() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Claim, Fate::slow(ms(100)));
    let stream = world.ask(0, &alice);
    world.run_for(ms(50));
    world.store.set(&alice.record(), "garbage", None);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "record_invalid");
    assert!(world.made(Target::Refresh).is_empty());
    world.finish();
}

#[test]
fn a_record_that_becomes_garbage_after_a_refusal_is_told() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    let refresh = world.refresh_token(&alice);
    world.issuer.end(&refresh);
    let stream = world.ask(0, &alice);
    world.run_for(s(1));
    world.store.set(&alice.record(), "garbage", None);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "record_invalid");
    world.run_for(ms(10));
    assert_eq!(world.store.get(&alice.record()).as_deref(), Some("garbage"));
    assert_eq!(world.store.get(&alice.lease()), None);
    world.finish();
}

#[test]
fn an_access_token_whose_expiry_is_not_to_be_had_is_sent_as_it_is() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    world.rewrite(&alice, |record| record["access"] = json!("S3CRET-opaque"));
    let stream = world.ask(0, &alice);
    world.run_until_decided();
    assert_eq!(world.token(stream), "S3CRET-opaque");
    world.finish();
    assert_eq!(world.store_calls(), [Target::Read]);
}

#[test]
fn without_a_refresh_token_a_session_lives_until_its_access_token_expires() {
    for nothing in [json!(null), json!("")] {
        let mut world = World::new(1);
        let alice = world.log_in_with_left("alice", s(30));
        world.rewrite(&alice, |record| record["refresh"] = nothing);
        while world.now < s(29) {
            let stream = world.ask(0, &alice);
            world.run_until_decided();
            world.token(stream);
            world.run_for(ms(700));
        }
        world.run_for(s(1));
        assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
        assert!(world.made(Target::Claim).is_empty());
        world.finish();
    }
}

/// Section 5, and 4: a session ends for one reason only.
#[test]
fn without_a_refresh_token_what_another_writer_stores_counts_at_once() {
    let mut world = World::new(1);
    let alice = world.log_in_with_left("alice", s(30));
    world.rewrite(&alice, |record| record["refresh"] = json!(null));
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    world.run_for(s(31));
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    world.rewrite(&alice, |record| record["access"] = json!("S3CRET-opaque"));
    world.run_for(ms(100));
    world.set_outage(&[Target::Read], Fate::Status(503, ""));
    assert_eq!(world.ask_and_wait(0, &alice), "store_unavailable");
    let optional = world.send(0, &Ask::get("/api/maybe/x").of(&alice));
    world.run_until_decided();
    assert_eq!(world.outcome(optional), "store_unavailable");
    world.end_outage();
    let stream = world.ask(0, &alice);
    world.run_until_decided();
    assert_eq!(world.token(stream), "S3CRET-opaque");
    world.finish();
}

#[test]
fn the_earlier_of_two_times_counts() {
    let mut world = World::new(1);
    let [alice, bob] = ["alice", "bob"].map(|user| world.log_in(user));
    world.rewrite(&alice, |record| record["access_exp"] = json!(1_800_000_005));
    world.rewrite(&bob, |record| {
        record["access_exp"] = json!(1_800_000_300_000u64)
    });
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    assert_eq!(world.ask_and_wait(0, &bob), "store");
    assert_eq!(world.record(&alice)["access_exp"], json!(1_800_000_300));
    world.finish();
}

#[test]
fn a_record_that_the_gateway_cuts_is_told_and_not_asked_for_again() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    let text = world.store.get(&alice.record()).unwrap();
    world.store.set(&alice.record(), &format!("{text}\0"), None);
    assert_eq!(world.ask_and_wait(0, &alice), "record_invalid");
    assert_eq!(world.made(Target::Claim).len(), 1);
    assert!(world.made(Target::Refresh).is_empty());
    world.finish();
}

#[test]
fn a_record_that_is_cut_during_a_refresh_is_tried_again_with_back_off() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    let text = world.store.get(&alice.record()).unwrap();
    world.plan(Target::Refresh, Fate::slow(s(1)));
    let stream = world.ask(0, &alice);
    world.run_for(ms(500));
    world.store.set(&alice.record(), &format!("{text}\0"), None);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "refreshed");
    world.run_for(s(5));
    assert!(world.made(Target::Commit).len() < 30);
    world.store.set(&alice.record(), &text, None);
    world.run_for(s(2));
    assert_ne!(world.store.get(&alice.record()), Some(text));
    world.finish();
}
