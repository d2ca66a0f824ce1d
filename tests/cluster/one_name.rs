//! One name for two Redis, of which one is the master: Sentinel with a proxy that
//! checks roles, or a provider's endpoint.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::load::{self, Load, Ms, now};
use crate::losses;
use crate::stack::pair::Pair;
use crate::stack::{jwt, wait};

const GUESTS: usize = 30;
const TOKEN_SECONDS: u32 = 6;

#[test]
fn the_replica_takes_over_behind_the_name_and_only_lost_writes_cost_a_session() {
    let pair = Pair::start();
    let stack = load::build(TOKEN_SECONDS)
        .redis_at(pair.addr, &pair.passwords)
        .start();
    let load = Load::new(&stack, GUESTS);
    let all: Vec<usize> = (0..GUESTS).collect();
    let (killed, promoted, held) = load.during(|| {
        load.wait_for_refreshes(20);
        let killed = now();
        pair.nodes[0].kill();
        // What decides takes its time.
        thread::sleep(Duration::from_millis(1500));
        let held = losses::held(&load, &pair.nodes[1], &all);
        pair.nodes[1].command(&["REPLICAOF", "NO", "ONE"]);
        let promoted = now();
        load.wait_for_refreshes(40);
        (killed, promoted, held)
    });
    load.wait_until_served();
    let last = load
        .errors(killed, Ms::MAX)
        .last()
        .map(|seen| seen.at - promoted);
    println!(
        "{} requests got a 503, the last {last:?} ms after the promotion",
        load.errors(killed, Ms::MAX).len()
    );
    load.assert_errors_only(killed, promoted + 3000);
    let forgotten = losses::forgotten(&load, &held, &all, killed);
    let ended = losses::assert_only_these_ended(&load, &forgotten);
    assert!(ended <= 3, "{ended} of {}", forgotten.len());
}

/// Sentinel closes the clients' connections to the master that it demotes.
#[test]
fn a_demoted_master_that_closes_its_connections_logs_nobody_out() {
    let pair = Pair::start();
    let stack = load::build(TOKEN_SECONDS)
        .redis_at(pair.addr, &pair.passwords)
        .start();
    let load = Load::new(&stack, GUESTS);
    let [first, second] = &pair.nodes;
    let begun = load.during(|| {
        load.wait_for_refreshes(20);
        let begun = now();
        // Nothing is written any more, and the replica gets what was.
        first.command(&["CLIENT", "PAUSE", "1500", "WRITE"]);
        let offset = |node: &crate::stack::store::Redis| {
            let info = node.command(&["INFO", "replication"]).text().expect("text");
            let mut lines = info.lines();
            let line = lines.find(|line| line.starts_with("master_repl_offset:"));
            line.expect("an offset").to_owned()
        };
        wait::until("the replica has everything", || {
            offset(first) == offset(second)
        });
        second.command(&["REPLICAOF", "NO", "ONE"]);
        let port = second.addr.port().to_string();
        first.command(&["REPLICAOF", "127.0.0.1", &port]);
        first.command(&["CLIENT", "KILL", "TYPE", "normal"]);
        load.wait_for_refreshes(40);
        begun
    });
    load.wait_until_served();
    load.assert_errors_only(begun, begun + 4000);
    assert_eq!(losses::assert_only_these_ended(&load, &BTreeSet::new()), 0);
}

/// The trap: a connection stays with a master that became a replica, and whoever
/// demoted it did not close it. Reading goes on; refreshing does not.
#[test]
fn a_demoted_master_that_keeps_its_connections_takes_no_refresh_until_they_are_closed() {
    let pair = Pair::start();
    let stack = load::build(300)
        .redis_at(pair.addr, &pair.passwords)
        .config(|plugin| plugin["cache"] = json!({"max_sessions": 0}))
        .start();
    let load = Load::new(&stack, 1);
    let [first, second] = &pair.nodes;
    assert!(load.ask(0));
    let key = load.guests[0].key();
    first.set_member(&key, "access_exp", jwt::now() - 5);
    second.command(&["REPLICAOF", "NO", "ONE"]);
    let port = second.addr.port().to_string();
    first.command(&["REPLICAOF", "127.0.0.1", &port]);
    wait::until("it is a replica of the other", || {
        let info = first.command(&["INFO", "replication"]).text();
        info.is_some_and(|info| info.contains("master_link_status:up"))
    });
    for _ in 0..2 {
        assert!(!load.ask(0), "nothing can be written there");
    }
    assert_eq!(load.errors(0, Ms::MAX)[0].code, "store_unavailable");
    let log: String = stack.envoys.iter().map(|envoy| envoy.log()).collect();
    assert!(log.contains("READONLY"), "the log names the reason");
    first.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    wait::until("the next connection leads to the master", || load.ask(0));
    assert_eq!((load.ended(), load.refreshes()), (Vec::new(), 1));
}
