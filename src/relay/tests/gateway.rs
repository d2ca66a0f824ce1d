//! Section 5: what the gateway in front of the store may do to a call.

use log::Level;

use super::harness::*;
use crate::callout::Failure;

#[test]
fn a_script_that_redis_does_not_know_is_sent_once_as_source() {
    let mut world = World::new(1);
    world.store.forget_scripts();
    let [alice, bob] = ["alice", "bob"].map(|user| world.log_in_expired(user));
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.run_for(ms(10));
    let forms = |world: &World| -> Vec<_> {
        let calls = world.calls.iter();
        calls
            .filter_map(|made| Some((made.target, made.form?)))
            .collect()
    };
    let expected = [Target::Read, Target::Claim, Target::Commit]
        .map(|target| [(target, Form::Digest), (target, Form::Source)]);
    assert_eq!(forms(&world), expected.concat());
    assert_eq!(world.store_failures(), 0);

    world.calls.clear();
    assert_eq!(world.ask_and_wait(0, &bob), "refreshed");
    assert!(forms(&world).iter().all(|(_, form)| *form == Form::Digest));
    world.finish();
}

#[test]
fn a_source_that_is_not_taken_is_not_sent_for_ever() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    world.set_outage(&[Target::Read], Fate::Garbled(200, NOSCRIPT));
    assert_eq!(world.ask_and_wait(0, &alice), "store_unavailable");
    assert!(world.made(Target::Read).len() <= 4);
    world.finish();
}

#[test]
fn an_answer_with_another_nonce_is_thrown_away_and_asked_for_once_more() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    world.plan(Target::Read, Fate::OtherNonce);
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    let reads = world.made(Target::Read);
    assert_eq!(reads.len(), 2);
    assert_ne!(reads[0].nonce, reads[1].nonce);
    assert_eq!(world.store_failures_by("nonce_mismatch"), 1);
    assert_eq!(world.store_failures(), 1);
    assert!(world.logged(Level::Warn, "thrown away"));
    world.finish();
}

#[test]
fn two_answers_with_another_nonce_are_a_failure() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    world.set_outage(&[Target::Read], Fate::OtherNonce);
    assert_eq!(world.ask_and_wait(0, &alice), "store_unavailable");
    assert_eq!(world.store_failures_by("nonce_mismatch"), 2);
    world.finish();
}

#[test]
fn another_calls_answer_to_a_write_back_is_not_believed() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    let anothers = r#"{"EVALSHA":["0123456789abcdef0123456789abcdef","written"]}"#;
    world.plan(Target::Commit, Fate::Crossed(s(90), anothers));
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.run_for(ms(300));
    assert_eq!(world.made(Target::Commit).len(), 2);
    assert!(world.issuer.is_live(&world.refresh_token(&alice)));
    world.finish();
}

#[test]
fn a_failed_call_is_tried_once_more_and_not_twice() {
    for fate in [
        Fate::Lost,
        Fate::UNANSWERED,
        Fate::OtherNonce,
        Fate::Status(503, ""),
        Fate::Status(403, ""),
        Fate::Status(304, ""),
        Fate::Status(0, ""),
        Fate::Redis("LOADING Redis is loading the dataset in memory"),
        Fate::Redis("ERR S3CRET eyJ in the text of an error"),
        Fate::Redis("S3CRET is no class of an error"),
        Fate::Garbled(200, ""),
        Fate::Garbled(200, "{}"),
        Fate::Garbled(200, r#"{"EVALSHA":null}"#),
        Fate::Garbled(200, r#"{"GET":"S3CRET"}"#),
        Fate::Fails(Failure::Reset),
        Fate::Fails(Failure::NotSent),
        Fate::Fails(Failure::TooLarge),
    ] {
        let mut world = World::new(1);
        let alice = world.log_in("alice");
        world.plan(Target::Read, fate);
        assert_eq!(world.ask_and_wait(0, &alice), "store", "{fate:?}");
        assert_eq!(world.made(Target::Read).len(), 2, "{fate:?}");

        let bob = world.log_in("bob");
        world.calls.clear();
        world.set_outage(&[Target::Read], fate);
        assert_eq!(world.ask_and_wait(0, &bob), "store_unavailable", "{fate:?}");
        world.run_for(s(10));
        assert_eq!(world.made(Target::Read).len(), 2, "{fate:?}");
        world.finish();
    }
}

#[test]
fn a_gateway_that_is_out_of_its_mind_for_a_moment_fails_nobody() {
    for failure in [
        Fate::Status(503, ""),
        Fate::Fails(Failure::Reset),
        Fate::Redis("ERR upstream failure"),
        Fate::OtherNonce,
    ] {
        let mut world = World::new(1);
        let alice = world.log_in("alice");
        world.set_outage(&[Target::Read], failure);
        let stream = world.ask(0, &alice);
        world.run_for(ms(90));
        world.end_outage();
        world.run_for(ms(200));
        assert_eq!(world.outcome(stream), "store", "{failure:?}");
        world.finish();
    }
}

#[test]
fn a_read_that_nobody_waits_for_is_not_repeated() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    world.set_outage(&[Target::Read], Fate::Lost);
    let stream = world.ask(0, &alice);
    world.run_for(ms(100));
    world.leave(stream);
    world.finish();
    assert_eq!(world.made(Target::Read).len(), 1);
}

#[test]
fn a_release_that_fails_is_repeated_until_the_store_answers() {
    let mut world = World::new(2);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::Status(503, ""));
    world.set_outage(&[Target::Release], Fate::Lost);
    assert_eq!(world.ask_and_wait(0, &alice), "issuer_unavailable");
    world.run_for(s(5));
    assert_eq!(world.ask_and_wait(1, &alice), "refresh_timeout");
    assert!(
        !world.is_idle(0),
        "a retired relay is not dropped meanwhile"
    );
    world.end_outage();
    world.run_for(s(8));
    assert_eq!(world.ask_and_wait(1, &alice), "refreshed");
    world.finish();
}

#[test]
fn a_release_that_fails_is_given_up_when_the_lease_is_over() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::Status(503, ""));
    world.set_outage(&[Target::Release], Fate::Lost);
    assert_eq!(world.ask_and_wait(0, &alice), "issuer_unavailable");
    world.run_for(s(45));
    let made = world.made(Target::Release).len();
    world.run_for(s(60));
    assert_eq!(world.made(Target::Release).len(), made);
    assert!(world.is_idle(0));
    world.finish();
}
