//! Section 8 and DESIGN: a relay that has nothing to do remembers nothing but
//! cached records, and says when it may be dropped.

use super::harness::*;

#[test]
fn a_relay_is_idle_when_nothing_would_be_lost_and_not_before() {
    let mut world = World::new(1);
    assert!(world.is_idle(0));
    let alice = world.log_in_expired("alice");
    let stream = world.ask(0, &alice);
    let mut busy = 0;
    while world.outcome(stream) == "waiting" {
        assert!(!world.is_idle(0));
        busy += 1;
        world.run_for(ms(1) / 2);
    }
    assert!(busy > 20);
    assert!(!world.is_idle(0), "the write-back is under way");
    world.run_for(ms(5));
    assert!(world.is_idle(0));
    world.finish();
}

#[test]
fn a_relay_whose_clients_left_is_not_idle_before_the_write_back() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::slow(s(3)));
    world.set_outage(&[Target::Commit], Fate::Status(503, ""));
    let stream = world.ask(0, &alice);
    world.run_for(ms(100));
    world.leave(stream);
    for _ in 0..10 {
        world.run_for(s(1));
        assert!(!world.is_idle(0));
    }
    world.end_outage();
    world.run_for(s(1));
    assert!(world.is_idle(0));
    world.finish();
}

#[test]
fn a_relay_that_pauses_for_the_issuer_is_idle() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::RetryAfter(503, "60"));
    world.ask_and_wait(0, &alice);
    world.run_for(ms(10));
    assert!(world.is_idle(0));
    assert_eq!(world.sizes(0).active, 1, "the pause is remembered");
    world.finish();
}

#[test]
fn nothing_grows_when_ten_thousand_sessions_come_and_go() {
    let mut world = World::with(1, |config| config.cache.max_sessions = 100);
    for round in 0..10_000 {
        let user = format!("user-{round}");
        let session = match round % 5 {
            0 => world.log_in_expired(&user),
            1 => world.log_in_with_left(&user, s(40)),
            _ => world.log_in(&user),
        };
        if round % 5 == 2 {
            world.log_out(&session);
        }
        if round % 7 == 0 {
            world.plan(Target::Refresh, Fate::Status(503, ""));
        }
        let stream = world.ask(0, &session);
        if round % 5 == 3 {
            world.leave(stream);
        }
        world.run_for(ms(5));
        let sizes = world.sizes(0);
        assert!(sizes.cached <= 100);
        // A refresh is over after 25 ms and remembered for a second; a failed
        // one for two to three.
        assert!(sizes.active <= 400, "{sizes:?}");
        assert!(sizes.timers <= sizes.active && sizes.outputs == 0);
        assert!(sizes.waiting <= 20 && sizes.calls <= 20, "{sizes:?}");
        world.log_out(&session);
    }
    world.finish();
    assert_eq!(world.sizes(0).cached, 100);
}

#[test]
fn made_up_session_ids_leave_nothing_behind() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    for made_up in 0..1000 {
        let ghost = Session {
            id: format!("S3CRET-ghost-{made_up:08}"),
            ..alice.clone()
        };
        world.ask(0, &ghost);
    }
    world.finish();
    assert_eq!(world.sizes(0), Default::default());
}

#[test]
fn an_answer_to_no_call_and_a_stranger_leaving_change_nothing() {
    let mut world = World::new(1);
    world.say_nonsense(0);
    assert!(world.is_idle(0));
    world.finish();
}
