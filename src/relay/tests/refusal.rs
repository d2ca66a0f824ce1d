//! Section 6.6: when a refusal is believed.

use super::harness::*;
use crate::metrics::Metric;

/// A session whose refresh token the issuer refuses.
fn refused(world: &mut World) -> Session {
    let alice = world.log_in_expired("alice");
    let refresh = world.refresh_token(&alice);
    world.issuer.end(&refresh);
    alice
}

#[test]
fn it_is_believed_after_two_reads_two_seconds_apart() {
    let mut world = World::new(1);
    let alice = refused(&mut world);
    let streams: Vec<_> = (0..5).map(|_| world.ask(0, &alice)).collect();
    world.run_for(ms(1900));
    let later = world.ask(0, &alice);
    world.run_until_decided();
    assert!(
        world
            .outcomes(&streams)
            .iter()
            .all(|word| word == "session_ended")
    );
    assert_eq!(world.outcome(later), "session_ended");
    let claims = world.made(Target::Claim);
    let [_, first, second] = claims.as_slice() else {
        panic!("the lease and two reads: {}", claims.len());
    };
    assert!(second.at - first.at >= s(2));
    assert!(world.held(streams[0]) < ms(2100));
    assert_eq!(world.made(Target::Refresh).len(), 1);
    assert_eq!(world.made(Target::Delete).len(), 1);
    assert_eq!(world.store.get(&alice.record()), None);
    assert_eq!(world.store.get(&alice.lease()), None);
    assert_eq!(world.count(Metric::SessionsDeleted), 1);
    world.finish();
}

#[test]
fn tokens_that_another_stored_in_between_are_used() {
    for after in [5, 15, 500, 1900, 2020] {
        let mut world = World::new(1);
        let alice = refused(&mut world);
        let stream = world.ask(0, &alice);
        world.run_for(ms(after));
        world.rotate_elsewhere(&alice);
        world.run_until_decided();
        assert_eq!(
            world.token(stream),
            world.access_token(&alice),
            "{after} ms"
        );
        world.finish();
        assert_eq!(world.count(Metric::SessionsDeleted), 0);
        assert_eq!(world.store.get(&alice.lease()), None);
    }
}

#[test]
fn a_logout_in_between_ends_the_session() {
    let mut world = World::new(1);
    let alice = refused(&mut world);
    let stream = world.ask(0, &alice);
    world.run_for(s(1));
    world.log_out(&alice);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "session_ended");
    assert!(world.made(Target::Delete).is_empty());
    world.finish();
    assert_eq!(world.store.get(&alice.lease()), None);
}

#[test]
fn another_member_changed_in_between_saves_nobody_and_is_no_reason_to_present_again() {
    let mut world = World::new(1);
    let alice = refused(&mut world);
    let stream = world.ask(0, &alice);
    world.run_for(s(1));
    world.rewrite(&alice, |record| record["theme"] = "dark".into());
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "session_ended");
    assert_eq!(world.made(Target::Refresh).len(), 1);
    assert_eq!(world.store.get(&alice.record()), None);
    world.finish();
}

#[test]
fn a_record_that_the_gateway_cuts_after_a_refusal_is_told_and_not_asked_for_again() {
    // Between the two reads, and before the deletion.
    for next in [Target::Claim, Target::Delete] {
        let mut world = World::new(1);
        let alice = refused(&mut world);
        world.plan(Target::Delete, Fate::slow(ms(300)));
        let stream = world.ask(0, &alice);
        world.run_for(ms(500));
        while next == Target::Delete && world.made(Target::Delete).is_empty() {
            world.run_for(ms(10));
        }
        let text = world.store.get(&alice.record()).unwrap() + "\0";
        world.store.set(&alice.record(), &text, None);
        world.run_until_decided();
        assert_eq!(world.outcome(stream), "record_invalid");
        world.run_for(s(5));
        assert_eq!(world.ask_and_wait(0, &alice), "record_invalid");
        assert!(world.made(Target::Claim).len() <= 5);
        assert_eq!(world.made(Target::Refresh).len(), 1);
        world.finish();
        assert_eq!(world.store.get(&alice.record()), Some(text));
        assert_eq!(world.store.get(&alice.lease()), None);
        assert_eq!(world.count(Metric::SessionsDeleted), 0);
    }
}

#[test]
fn while_the_store_is_down_requests_get_503_and_the_token_is_not_presented_again() {
    let mut world = World::new(1);
    let alice = refused(&mut world);
    let stream = world.ask(0, &alice);
    world.run_for(s(1));
    world.set_outage(&Target::STORE, Fate::Status(503, ""));
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "store_unavailable");
    for _ in 0..10 {
        world.run_for(s(1));
        assert_eq!(world.ask_and_wait(0, &alice), "store_unavailable");
    }
    world.end_outage();
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    assert_eq!(world.made(Target::Refresh).len(), 1);
    assert_eq!(world.store.get(&alice.record()), None);
    world.finish();
}

#[test]
fn when_another_has_the_lease_meanwhile_the_token_is_not_presented_again() {
    let mut world = World::new(1);
    let alice = refused(&mut world);
    world.ask(0, &alice);
    world.run_for(s(1));
    world.set_outage(&Target::STORE, Fate::Status(503, ""));
    world.run_for(s(45));
    // Our lease has ended; another worker has taken one and died.
    world.store.set(&alice.lease(), "1:another", Some(s(3)));
    world.end_outage();
    let stream = world.ask(0, &alice);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "session_ended");
    assert!(world.held(stream) > s(2), "the other is waited for");
    assert_eq!(world.made(Target::Refresh).len(), 1);
    world.finish();
}

#[test]
fn a_record_changed_before_the_deletion_is_looked_at_again() {
    let mut world = World::new(1);
    let alice = refused(&mut world);
    world.plan(Target::Delete, Fate::slow(ms(100)));
    let stream = world.ask(0, &alice);
    world.run_for(ms(2060));
    assert_eq!(world.made(Target::Delete).len(), 1);
    world.rewrite(&alice, |record| record["theme"] = "dark".into());
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "session_ended");
    assert_eq!(world.made(Target::Delete).len(), 2);
    world.finish();
}

#[test]
fn tokens_stored_just_before_the_deletion_survive_it() {
    let mut world = World::new(1);
    let alice = refused(&mut world);
    world.plan(Target::Delete, Fate::slow(ms(100)));
    let stream = world.ask(0, &alice);
    world.run_for(ms(2060));
    assert_eq!(world.made(Target::Delete).len(), 1);
    world.rotate_elsewhere(&alice);
    world.run_until_decided();
    assert_eq!(world.token(stream), world.access_token(&alice));
    world.finish();
    assert_eq!(world.store.get(&alice.lease()), None);
}

#[test]
fn a_deletion_without_an_answer_is_asked_for_again() {
    let mut world = World::new(1);
    let alice = refused(&mut world);
    world.plan(Target::Delete, Fate::UNANSWERED);
    world.plan(Target::Delete, Fate::Lost);
    let stream = world.ask(0, &alice);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "store_unavailable");
    world.run_for(s(1));
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    assert_eq!(world.made(Target::Refresh).len(), 1);
    world.finish();
    assert_eq!(world.store.get(&alice.record()), None);
}

#[test]
fn a_refusal_in_the_background_disturbs_nobody_until_it_is_believed() {
    let mut world = World::new(1);
    let alice = world.log_in_with_left("alice", s(40));
    let refresh = world.refresh_token(&alice);
    world.issuer.end(&refresh);
    for _ in 0..19 {
        let stream = world.ask(0, &alice);
        world.run_until_decided();
        assert_eq!(world.token(stream), world.access_token(&alice));
        world.run_for(ms(100));
    }
    world.run_for(ms(500));
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    assert_eq!(world.made(Target::Refresh).len(), 1);
    world.finish();
}

#[test]
fn all_workers_learn_of_it() {
    let mut world = World::new(3);
    let alice = refused(&mut world);
    let streams: Vec<_> = (0..3).map(|worker| world.ask(worker, &alice)).collect();
    world.run_until_decided();
    assert_eq!(world.outcomes(&streams), ["session_ended"; 3]);
    assert_eq!(world.made(Target::Refresh).len(), 1);
    world.finish();
}

#[test]
fn nothing_but_a_refusal_ends_a_session() {
    for fate in [
        Fate::Status(500, "<h1>Server Error</h1>"),
        Fate::Status(502, ""),
        Fate::Status(503, "{}"),
        Fate::Status(429, r#"{"detail":"Request was throttled."}"#),
        Fate::Status(401, "<h1>Authorization Required</h1>"),
        Fate::Status(401, r#"{"detail":7}"#),
        Fate::Status(400, r#"{"refresh":["This field is required."]}"#),
        Fate::Status(403, r#"{"detail":"CSRF Failed"}"#),
        Fate::Status(404, r#"{"detail":"Not found."}"#),
        Fate::Status(405, r#"{"detail":"Method \"POST\" not allowed."}"#),
        Fate::Status(415, r#"{"detail":"Unsupported media type"}"#),
        Fate::Status(302, ""),
        Fate::Status(0, ""),
        Fate::Garbled(200, "garbage"),
        Fate::Garbled(200, "{}"),
        Fate::Garbled(200, r#"{"access":"a\nb"}"#),
        Fate::Fails(crate::callout::Failure::NotSent),
        Fate::Fails(crate::callout::Failure::Reset),
        Fate::Fails(crate::callout::Failure::TooLarge),
    ] {
        let mut world = World::new(1);
        world.issuer.rotation = false;
        let alice = world.log_in_expired("alice");
        world.plan(Target::Refresh, fate);
        assert_eq!(
            world.ask_and_wait(0, &alice),
            "issuer_unavailable",
            "{fate:?}"
        );
        world.run_for(s(2));
        assert_eq!(world.ask_and_wait(0, &alice), "refreshed", "{fate:?}");
        world.finish();
    }
}

#[test]
fn the_two_reads_are_further_apart_where_the_store_may_be_slow() {
    let mut world = World::with(1, |config| {
        config.store.timeout = s(3);
        config.refresh.wait = s(30);
    });
    let alice = refused(&mut world);
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    let claims = world.made(Target::Claim);
    // Two time-outs and two of the write-back's pauses.
    assert!(claims[2].at - claims[1].at >= s(7));
    world.finish();
}

/// Found by the simulator (`tests/simulation`).
#[test]
fn it_is_not_believed_while_another_has_the_lease_even_if_the_record_has_changed() {
    let mut world = World::new(1);
    let alice = refused(&mut world);
    world.ask(0, &alice);
    world.run_for(s(1));
    world.store.set(&alice.lease(), "1:another", Some(s(10)));
    world.rewrite(&alice, |record| record["mark"] = 1.into());
    world.run_for(s(5));
    assert!(world.made(Target::Delete).is_empty());
    assert!(world.has_record(&alice));
    world.run_for(s(10));
    assert!(!world.has_record(&alice));
    world.finish();
}
