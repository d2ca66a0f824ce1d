//! Section 5: a token just received is sent even if it looks expired, and no
//! session refreshes more often than once a second.

use log::Level;

use super::harness::*;

/// The proxy's clock is so far ahead that every token looks expired.
fn fast_clock(workers: usize) -> World {
    let mut world = World::new(workers);
    world.skew = s(400);
    world
}

#[test]
fn a_token_just_received_is_sent_even_if_it_looks_expired() {
    let mut world = fast_clock(1);
    let alice = world.log_in("alice");
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    assert!(world.logged(Level::Warn, "clocks"));
    world.run_for(ms(500));
    assert_eq!(world.ask_and_wait(0, &alice), "cache");
    world.finish();
}

#[test]
fn those_who_waited_for_anothers_refresh_send_its_token_as_well() {
    let mut world = fast_clock(6);
    let alice = world.log_in("alice");
    let streams: Vec<_> = (0..6).map(|worker| world.ask(worker, &alice)).collect();
    world.run_until_decided();
    for stream in streams {
        assert_eq!(world.token(stream), world.access_token(&alice));
        assert!(world.held(stream) < s(1));
    }
    assert_eq!(world.made(Target::Refresh).len(), 1);
    world.finish();
}

#[test]
fn no_session_refreshes_more_often_than_once_a_second() {
    let mut world = fast_clock(1);
    let alice = world.log_in("alice");
    let mut streams = Vec::new();
    for _ in 0..250 {
        streams.push(world.ask(0, &alice));
        world.run_for(ms(20));
    }
    world.run_until_decided();
    for stream in streams {
        world.token(stream);
        assert!(world.held(stream) < ms(100));
    }
    let calls = world.made(Target::Refresh);
    assert!((4..=6).contains(&calls.len()), "{}", calls.len());
    assert!(calls.windows(2).all(|two| two[1].at - two[0].at >= s(1)));
    world.finish();
}

#[test]
fn a_stale_token_of_another_writer_is_refreshed_when_the_second_is_over() {
    let mut world = World::with(1, |config| config.cache.max_age = ms(1));
    let alice = world.log_in_expired("alice");
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    world.run_for(ms(100));
    world.rewrite(&alice, |record| {
        record["access"] = "another-stale-token".into();
        record["access_exp"] = 1.into();
    });
    assert_eq!(world.ask_and_wait(0, &alice), "refreshed");
    let calls = world.made(Target::Refresh);
    assert_eq!(calls.len(), 2);
    assert!(calls[1].at - calls[0].at >= s(1));
    world.finish();
}

#[test]
fn a_system_clock_that_jumps_keeps_no_request_waiting() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::slow(s(2)));
    let stream = world.ask(0, &alice);
    world.run_for(s(1));
    world.skew = s(3600);
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "refreshed");
    world.skew = s(0);
    world.run_for(s(3));
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    world.finish();
}
