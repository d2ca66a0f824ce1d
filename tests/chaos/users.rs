//! People who use the application: they log in, ask the API for themselves,
//! alone and in bursts when their token runs out, leave early, and log out.

use std::thread;
use std::time::Duration;

use crate::basics::{Chance, Ms, now};
use crate::bogus;
use crate::world::{Live, Side, World};

/// One user, until it is over.
pub fn live_on(world: &World, user: &str, mut chance: Chance) {
    let envoys: Vec<usize> = (0..world.doors.len()).collect();
    let mut ghosts: Vec<Live> = Vec::new();
    // Not all at once.
    thread::sleep(chance.between(Duration::ZERO, Duration::from_millis(1500)));
    while !world.is_over() {
        let Some(mut live) = world.log_in(user, chance.of(&envoys)) else {
            thread::sleep(chance.between(Duration::from_millis(100), Duration::from_millis(500)));
            continue;
        };
        while !world.is_over() && world.ledger.with_session(live.tag, |s| s.is_open()) {
            act(world, &mut live, &ghosts, &mut chance, &envoys);
            thread::sleep(chance.between(Duration::from_millis(200), Duration::from_millis(1000)));
        }
        if world.ledger.with_session(live.tag, |s| s.leaving.is_some()) {
            // Until it is done.
            while !world.ledger.with_session(live.tag, |s| s.left.is_some()) && !world.is_over() {
                world.log_out(&live, chance.of(&envoys));
                thread::sleep(Duration::from_millis(300));
            }
            ghosts.push(live);
        }
    }
}

/// What a user does next.
fn act(world: &World, live: &mut Live, ghosts: &[Live], chance: &mut Chance, envoys: &[usize]) {
    let envoy = chance.of(envoys);
    match chance.below(1000) {
        0..30 => {
            rest(world, live, chance);
            burst(world, live, chance, envoys);
        }
        30..45 => burst(world, live, chance, envoys),
        45..75 => {
            let after = chance.between(Duration::ZERO, Duration::from_millis(20));
            world.ask_and_leave(live, envoy, after);
        }
        75..95 => world.ask_session(live, envoy),
        95..125 => world.touch(live),
        125..155 => bogus::ask(world, live, chance, envoy),
        155..175 => {
            if !ghosts.is_empty() {
                let ghost = chance.below(ghosts.len());
                world.ask_as_ghost(&ghosts[ghost], envoy);
            }
        }
        175..180 => {
            world.log_out(live, envoy);
        }
        roll => {
            let side = if roll < 260 {
                Side::Servers
            } else {
                Side::Browsers
            };
            if let Some(expires) = world.ask(live, envoy, side) {
                live.expires = expires;
            }
        }
    }
}

/// Does nothing until about the moment when the access token runs out.
fn rest(world: &World, live: &Live, chance: &mut Chance) {
    let around = chance.between(Duration::ZERO, Duration::from_millis(2000));
    let until = live.expires - 1000 + Ms::try_from(around.as_millis()).expect("a short time");
    while now() < until && !world.is_over() {
        thread::sleep(Duration::from_millis(20));
    }
}

/// Several requests at once, of which one may not wait, beside another writer or
/// a logout.
fn burst(world: &World, live: &mut Live, chance: &mut Chance, envoys: &[usize]) {
    let count = 3 + chance.below(5);
    let targets: Vec<usize> = (0..count).map(|_| chance.of(envoys)).collect();
    let leaves = chance.in_thousand(200);
    let after = chance.between(Duration::ZERO, Duration::from_millis(30));
    let touches = chance.in_thousand(150);
    let leaver = chance.of(envoys);
    let logs_out = chance.in_thousand(60);
    let exit = chance.of(envoys);
    let asked: &Live = live;
    let expires = thread::scope(|scope| {
        let asks: Vec<_> = targets
            .iter()
            .map(|&envoy| scope.spawn(move || world.ask(asked, envoy, Side::Browsers)))
            .collect();
        if leaves {
            scope.spawn(move || world.ask_and_leave(asked, leaver, after));
        }
        if touches {
            scope.spawn(|| world.touch(asked));
        }
        if logs_out {
            scope.spawn(|| world.log_out(asked, exit));
        }
        let answers = asks.into_iter().map(|ask| ask.join().expect("a request"));
        answers.flatten().max()
    });
    if let Some(expires) = expires {
        live.expires = expires;
    }
}
