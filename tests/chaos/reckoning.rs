//! When the load is over and everything is well: who is still logged in?

use std::thread;
use std::time::Duration;

use crate::basics::{Ms, Tag, now};
use crate::ledger::Session;
use crate::world::{Live, Side, World};

/// Asks for every session through every proxy until each has an answer; gives up
/// at the deadline.
pub fn ask_all(world: &World, deadline: Ms) {
    let sessions: Vec<(Tag, Session)> = {
        let pages = world.ledger.pages();
        let all = pages.sessions.iter();
        all.map(|(tag, session)| (*tag, session.clone())).collect()
    };
    thread::scope(|scope| {
        for some in sessions.chunks(sessions.len().div_ceil(8).max(1)) {
            scope.spawn(move || {
                for (tag, session) in some {
                    let live = world.live(*tag, &session.user, &session.id);
                    if session.is_open() {
                        ask_everywhere(world, &live, deadline);
                        check_member(world, *tag, &session.id);
                    } else if session.left.is_some() {
                        for envoy in 0..world.doors.len() {
                            world.ask_as_ghost(&live, envoy);
                        }
                    }
                }
            });
        }
    });
}

fn ask_everywhere(world: &World, live: &Live, deadline: Ms) {
    let open = || world.ledger.with_session(live.tag, |s| s.is_open());
    for envoy in 0..world.doors.len() {
        while world.ask(live, envoy, Side::Browsers).is_none() && open() {
            if now() > deadline {
                let text = "a session neither serves nor has ended when all is over";
                world.ledger.violation(Some(live.tag), text);
                return;
            }
            thread::sleep(Duration::from_millis(250));
        }
    }
}

/// What another writer put into the record is still there.
fn check_member(world: &World, tag: Tag, id: &str) {
    let (open, touched) = world
        .ledger
        .with_session(tag, |session| (session.is_open(), session.touched));
    if !open {
        return;
    }
    match world.redis.record(&format!("session:{id}")) {
        Some(record) if record["touched"].as_i64().unwrap_or(0) >= touched => {}
        Some(_) => {
            let text = "what another writer put into the record is gone";
            world.ledger.violation(Some(tag), text);
        }
        None => {
            let text = "a session that serves has no record";
            world.ledger.violation(Some(tag), text);
        }
    }
}
