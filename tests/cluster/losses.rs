//! Which last writes a Redis has lost, by comparing what it holds with what
//! Django gave out and the relay had stored before.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::load::{Load, Ms};
use crate::stack::jwt;
use crate::stack::store::Redis;

/// The refresh tokens that a Redis holds, by the index of their user.
pub type Held = BTreeMap<usize, String>;

/// Reads the records of these users.
pub fn held(load: &Load<'_>, redis: &Redis, guests: &[usize]) -> Held {
    let read = guests.iter().filter_map(|&guest| {
        let record = redis.record(&load.guests[guest].key())?;
        let token = record["refresh"].as_str().expect("a refresh token");
        let jti = jwt::claims(token)["jti"].as_str().expect("jti").to_owned();
        Some((guest, jti))
    });
    read.collect()
}

/// The users of `guests` whose record was gone, or held a refresh token that had
/// been traded for another before `gone`.
pub fn forgotten(load: &Load<'_>, held: &Held, guests: &[usize], gone: Ms) -> BTreeSet<usize> {
    let spent = spent_before(load, gone);
    let lost = guests.iter().filter(|guest| {
        let jti = held.get(guest);
        jti.is_none_or(|jti| spent.contains(jti))
    });
    lost.copied().collect()
}

/// The refresh tokens whose successor Django had given out before this moment.
fn spent_before(load: &Load<'_>, moment: Ms) -> BTreeSet<String> {
    let notes = load.stack.django.presentations();
    let notes: Vec<Value> = notes
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let calls = notes.iter().filter_map(|note| {
        let jti = note["jti"].as_str()?;
        Some((note["call"].as_str()?, jti.to_owned()))
    });
    let tokens: BTreeMap<&str, String> = calls.collect();
    let answers = notes
        .iter()
        .filter(|note| note["status"] == 200 && note["at"].as_i64().is_some_and(|at| at < moment));
    answers
        .filter_map(|note| tokens.get(note["call"].as_str()?).cloned())
        .collect()
}

/// Everybody who was logged out is one of these, and the log says so of each.
/// Gives how many there were.
pub fn assert_only_these_ended(load: &Load<'_>, forgotten: &BTreeSet<usize>) -> usize {
    let ended = load.ended();
    let logs: String = load.stack.envoys.iter().map(|envoy| envoy.log()).collect();
    for guest in &ended {
        let tag = load.guests[*guest].tag();
        assert!(
            forgotten.contains(guest),
            "the session {tag} ended, and Redis had not lost its last write"
        );
        let told = logs.lines().any(|line| {
            line.contains("the session has ended") && line.contains(&format!("session={tag}"))
        });
        assert!(told, "no line tells that the session {tag} has ended");
    }
    ended.len()
}
