//! A master is killed, its replica takes over, the old master comes back; and the
//! same as planned. Users notice a few 503s at the most.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use crate::load::{self, LEASE, Load, Ms, Seen, now};
use crate::losses;
use crate::stack::Stack;
use crate::stack::cluster::Cluster;
use crate::stack::redis::Reply;
use crate::stack::wait;

const GUESTS: usize = 30;

/// How long access tokens live: half of it is `ahead`, so sessions are refreshed
/// all the time.
const TOKEN_SECONDS: u32 = 6;

/// `cluster-node-timeout`, the election, and until Envoy and the relay have
/// noticed: for so long after a kill there may be 503s.
const OUTAGE: Ms = 15_000;

/// Longer than any election takes: reached only by a cluster that stays without
/// this master.
const PROMOTION: Duration = Duration::from_secs(30);

fn stack_on(cluster: &Cluster) -> Stack {
    let stack = load::build(TOKEN_SECONDS).redis_cluster(cluster).start();
    assert_eq!(stack.redis.command(&["DBSIZE"]).int(), 0);
    stack
}

/// A third of the cluster, and the users whose records it has.
struct Shard {
    master: usize,
    replica: usize,
    guests: Vec<usize>,
}

impl Shard {
    /// The one of the most users.
    fn fullest(load: &Load<'_>, cluster: &Cluster) -> Self {
        let mut of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for guest in 0..load.guests.len() {
            let master = cluster.master_of(&load.guests[guest].key());
            of.entry(master).or_default().push(guest);
        }
        let fullest = of.into_iter().max_by_key(|(_, guests)| guests.len());
        let (master, guests) = fullest.expect("users");
        Self {
            master,
            replica: cluster.replica_of(master),
            guests,
        }
    }
}

fn wait_for_promotion(cluster: &Cluster, node: usize) {
    let end = Instant::now() + PROMOTION;
    // Quickly: what the new master holds is read before anybody writes to it.
    while !cluster.is_master(node) {
        if Instant::now() >= end {
            panic!(
                "node {node} is no master after {PROMOTION:?}; what the nodes say:\n{}",
                views(cluster)
            );
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// `CLUSTER NODES` of every node that answers: ids, addresses, roles and slots.
fn views(cluster: &Cluster) -> String {
    let nodes = cluster.nodes.iter().enumerate();
    let views = nodes.map(|(index, node)| {
        let said = node.try_command(&["CLUSTER", "NODES"]);
        let said = said.and_then(Reply::text);
        let said = said.unwrap_or_else(|| "no answer\n".to_owned());
        format!("node {index}:\n{said}")
    });
    views.collect()
}

/// What a fail-over came to.
struct Outcome {
    killed: Ms,
    /// The users whose last write was lost, and how many of them had to log in
    /// again.
    forgotten: BTreeSet<usize>,
    ended: usize,
}

/// Kills the master of this shard under load after `prepare`; its replica takes
/// over after `help`.
fn kill_the_master(
    load: &Load<'_>,
    cluster: &Cluster,
    shard: &Shard,
    prepare: impl FnOnce(),
    help: impl FnOnce(),
) -> Outcome {
    let (replica, theirs) = (shard.replica, &shard.guests);
    let (killed, held) = load.during(|| {
        load.wait_for_refreshes(20);
        prepare();
        let killed = now();
        cluster.nodes[shard.master].kill();
        help();
        wait_for_promotion(cluster, replica);
        let held = losses::held(load, &cluster.nodes[replica], theirs);
        println!("the replica took over after {} ms", now() - killed);
        // For longer than what users may notice, and than a token lives.
        thread::sleep(Duration::from_millis(OUTAGE.unsigned_abs() + 2000));
        (killed, held)
    });
    load.wait_until_served();
    let forgotten = losses::forgotten(load, &held, theirs, killed);
    // The lease of a refresh whose end was lost with the master.
    let is_left_lease = |seen: &Seen| {
        seen.code == "refresh_timeout"
            && forgotten.contains(&seen.guest)
            && (killed..killed + LEASE + OUTAGE).contains(&seen.at)
    };
    load.assert_errors_but(killed, killed + OUTAGE, is_left_lease);
    let ended = losses::assert_only_these_ended(load, &forgotten);
    let mut errors = load.errors(killed, Ms::MAX);
    errors.retain(|seen| !is_left_lease(seen));
    println!(
        "{} requests got a 503, the last {} ms after the kill; of {} users in this shard Redis \
         forgot the last write of {}, and {ended} had to log in again",
        errors.len(),
        errors.last().map_or(0, |seen| seen.at - killed),
        theirs.len(),
        forgotten.len(),
    );
    Outcome {
        killed,
        forgotten,
        ended,
    }
}

/// The old master comes back, and nobody notices.
fn bring_back_the_master(load: &Load<'_>, cluster: &Cluster, shard: &Shard, outcome: &Outcome) {
    let back = now();
    load.during(|| {
        cluster.nodes[shard.master].restart();
        wait::until("the cluster is whole again", || cluster.is_well());
        load.wait_for_refreshes(20);
    });
    assert!(
        !cluster.is_master(shard.master),
        "it came back as a replica"
    );
    load.wait_until_served();
    let errors = load.errors(back, Ms::MAX);
    assert!(errors.is_empty(), "{errors:?}");
    let ended = losses::assert_only_these_ended(load, &outcome.forgotten);
    assert_eq!(ended, outcome.ended);
}

/// Sections 4 ("a session ends for one reason only") and 6.4: what was not
/// written yet when the master died is written to the new one.
#[test]
fn a_master_that_dies_under_load_costs_only_the_sessions_whose_last_write_redis_lost() {
    let cluster = Cluster::start();
    let stack = stack_on(&cluster);
    let load = Load::new(&stack, GUESTS);
    let shard = Shard::fullest(&load, &cluster);
    let outcome = kill_the_master(&load, &cluster, &shard, || {}, || {});
    // Replicas are some milliseconds behind.
    assert!(outcome.ended <= 3, "{} sessions ended", outcome.ended);
    load.assert_errors_only(outcome.killed, outcome.killed + OUTAGE);
    bring_back_the_master(&load, &cluster, &shard, &outcome);
    assert_eq!(cluster.refusals(), Vec::<String>::new());
}

/// The same, with a replica that has not heard of its master for a while: now
/// writes are lost for certain. A lease whose end was lost, too, has to run out.
#[test]
fn sessions_whose_last_write_the_cluster_lost_end_and_the_log_names_each() {
    let cluster = Cluster::start();
    let stack = stack_on(&cluster);
    let load = Load::new(&stack, GUESTS);
    let shard = Shard::fullest(&load, &cluster);
    let [master, replica] = [shard.master, shard.replica].map(|node| &cluster.nodes[node]);
    let cut_off = || {
        replica.freeze();
        master.command(&["CLIENT", "KILL", "TYPE", "replica"]);
        load.wait_for_refreshes(20);
    };
    let outcome = kill_the_master(&load, &cluster, &shard, cut_off, || replica.thaw());
    let (ended, forgotten) = (outcome.ended, outcome.forgotten.len());
    assert!(ended > 0, "some of {forgotten} have to log in again");
    let counted = ["deleted", "lost"]
        .map(|how| stack.stat(&format!("wasmcustom.token_relay.sessions.{how}")));
    println!("deleted and lost: {counted:?}");
    let counted = usize::try_from(counted.iter().sum::<u64>()).expect("few");
    assert_eq!(counted, ended, "each is counted");
}

/// A fail-over on purpose (an upgrade of Redis, say) loses nothing.
#[test]
fn a_planned_failover_logs_nobody_out_and_is_over_within_a_second() {
    let cluster = Cluster::start();
    let stack = stack_on(&cluster);
    let load = Load::new(&stack, GUESTS);
    load.during(|| {
        for (one, other) in [(0, 3), (1, 4), (2, 5), (0, 3)] {
            let is_first = cluster.is_master(one);
            let (master, replica) = if is_first { (one, other) } else { (other, one) };
            load.wait_for_refreshes(10);
            let begun = now();
            let reply = cluster.nodes[replica].command(&["CLUSTER", "FAILOVER"]);
            assert_eq!(reply, Reply::Text("OK".into()));
            wait_for_promotion(&cluster, replica);
            let promoted = now();
            wait::until("the cluster is well", || cluster.is_well());
            assert!(!cluster.is_master(master));
            load.wait_for_refreshes(20);
            let last = load
                .errors(begun, Ms::MAX)
                .last()
                .map(|seen| seen.at - begun);
            println!(
                "promoted after {} ms, {} requests got a 503, the last after {last:?} ms",
                promoted - begun,
                load.errors(begun, Ms::MAX).len(),
            );
            assert!(load.errors(promoted + 1000, Ms::MAX).is_empty());
        }
    });
    load.wait_until_served();
    assert_eq!(load.ended(), Vec::<usize>::new());
    assert_eq!(cluster.refusals(), Vec::<String>::new());
}
