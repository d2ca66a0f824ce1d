//! Who has which slots, what `redis_proxy` does with a Redis Cluster's redirections,
//! and what a master without replicas does.

use serde_json::{Value, json};

use crate::load::{self, Load};
use crate::stack::cluster::Cluster;
use crate::stack::redis::Reply;
use crate::stack::{Stack, jwt, wait};

/// A stack that asks the store for every request.
fn stack_on(cluster: &Cluster) -> Stack {
    let builder = load::build(300).redis_cluster(cluster);
    let builder = builder.config(|plugin| plugin["cache"] = json!({"max_sessions": 0}));
    builder.start()
}

/// The user's access token has just run out.
fn run_out(cluster: &Cluster, key: &str) {
    let text = cluster.command(key, &["GET", key]).text();
    let mut record: Value = serde_json::from_str(&text.expect("a record")).expect("JSON");
    record["access_exp"] = (jwt::now() - 5).into();
    cluster.command(key, &["SET", key, &record.to_string(), "KEEPTTL"]);
}

/// The tests rely on it, whoever became a master while the nodes were joined.
#[test]
fn the_masters_come_first_and_their_replicas_in_the_same_order() {
    let mut cluster = Cluster::start();
    let reply = cluster.nodes[4].command(&["CLUSTER", "FAILOVER"]);
    assert_eq!(reply, Reply::Text("OK".into()));
    wait::until("the roles are changed", || {
        cluster.is_master(4) && !cluster.is_master(1) && cluster.is_well()
    });
    cluster.sort();
    for (master, replica) in [(0, 3), (1, 4), (2, 5)] {
        assert!(cluster.is_master(master) && !cluster.is_master(replica));
        assert_eq!(cluster.replica_of(master), replica);
    }
}

/// While a slot moves its sessions are read where they are (`ASK`), and cannot be
/// refreshed: the record is there already, or still, and its lease is nowhere.
#[test]
fn a_slot_that_moves_can_be_read_all_the_time_and_refreshed_when_it_has_moved() {
    let cluster = Cluster::start();
    let stack = stack_on(&cluster);
    let load = Load::new(&stack, 1);
    let key = load.guests[0].key();
    let from = cluster.master_of(&key);
    let to = (from + 1) % 3;
    let slot = cluster.slot(&key).to_string();
    let (from, to, ids) = (
        &cluster.nodes[from],
        &cluster.nodes[to],
        [cluster.id(from), cluster.id(to)],
    );
    to.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids[0]]);
    from.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids[1]]);
    assert!(load.ask(0), "it is read where it is");

    let port = to.addr.port().to_string();
    let admin = cluster.passwords.admin.as_str();
    let moved = from.command(&[
        "MIGRATE",
        "127.0.0.1",
        &port,
        &key,
        "0",
        "2000",
        "AUTH2",
        "admin",
        admin,
    ]);
    assert_eq!(moved, Reply::Text("OK".into()));
    assert!(load.ask(0), "it is read where it went");

    let ids = &ids[1];
    for node in [to, from] {
        node.command(&["CLUSTER", "SETSLOT", &slot, "NODE", ids]);
    }
    run_out(&cluster, &key);
    wait::until("it is refreshed when the slot has moved", || load.ask(0));
    assert_eq!(load.refreshes(), 1);
    assert_eq!(cluster.refusals(), Vec::<String>::new());
}

/// The same in the middle of the move.
#[test]
fn a_session_that_needs_a_refresh_while_its_slot_moves_waits_and_is_not_lost() {
    let cluster = Cluster::start();
    let stack = stack_on(&cluster);
    let load = Load::new(&stack, 1);
    let key = load.guests[0].key();
    let source = cluster.master_of(&key);
    let target = (source + 1) % 3;
    let slot = cluster.slot(&key).to_string();
    run_out(&cluster, &key);
    let ids = [cluster.id(source), cluster.id(target)];
    let (from, to) = (&cluster.nodes[source], &cluster.nodes[target]);
    to.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids[0]]);
    from.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids[1]]);
    assert!(!load.ask(0), "its lease is in neither node");
    assert_eq!(load.errors(0, i64::MAX)[0].code, "store_unavailable");
    let log: String = stack.envoys.iter().map(|envoy| envoy.log()).collect();
    assert!(log.contains("TRYAGAIN"), "the log names the reason");
    for node in [from, to] {
        node.command(&["CLUSTER", "SETSLOT", &slot, "STABLE"]);
    }
    wait::until("it is refreshed", || load.ask(0));
    assert_eq!((load.ended(), load.refreshes()), (Vec::new(), 1));
}

/// With `min-replicas-to-write` a master that has lost its replica takes no write:
/// what cannot be replicated is not confirmed.
#[test]
fn a_master_that_must_have_a_replica_takes_no_refresh_without_one() {
    let settings = [
        "--min-replicas-to-write",
        "1",
        "--min-replicas-max-lag",
        "1",
    ];
    let cluster = Cluster::start_with(&settings);
    let stack = stack_on(&cluster);
    let load = Load::new(&stack, 1);
    let key = load.guests[0].key();
    let master = cluster.master_of(&key);
    run_out(&cluster, &key);
    let replica = &cluster.nodes[cluster.replica_of(master)];
    replica.kill();
    wait::until("the master has noticed", || {
        let info = cluster.nodes[master].command(&["INFO", "replication"]);
        info.text()
            .expect("text")
            .contains("min_slaves_good_slaves:0")
    });
    assert!(!load.ask(0), "no refresh that could be forgotten");
    assert_eq!(load.errors(0, i64::MAX)[0].code, "store_unavailable");
    let log: String = stack.envoys.iter().map(|envoy| envoy.log()).collect();
    assert!(log.contains("NOREPLICAS"), "the log names the reason");
    assert_eq!(load.refreshes(), 0);
    replica.restart();
    wait::until("it is refreshed", || load.ask(0));
    assert_eq!((load.ended(), load.refreshes()), (Vec::new(), 1));
}
