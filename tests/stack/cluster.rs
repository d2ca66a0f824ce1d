//! A Redis Cluster from the shipped files: three masters, and a replica for each.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use super::provider::{Launch, Program};
use super::redis::Reply;
use super::setup::PROVIDER;
use super::store::{Passwords, Redis, replaced, shipped};
use super::{home, ports, wait};

const MASTERS: usize = 3;
const SLOTS: usize = 16384;

/// A running cluster. When it has started nodes 0 to 2 are masters, nodes 3 to 5
/// their replicas, in the same order.
pub struct Cluster {
    pub nodes: Vec<Redis>,
    pub passwords: Passwords,
    /// Kept until the nodes are gone.
    _home: TempDir,
}

impl Cluster {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with settings that count more than the shipped ones.
    pub fn start_with(settings: &[&str]) -> Self {
        let home = home::new("cluster-");
        let passwords = Passwords::new();
        let nodes = (0..2 * MASTERS).map(|index| {
            let folder = home.path().join(format!("node{index}"));
            fs::create_dir(&folder).expect("a folder for a node");
            start_node(&folder, index, &passwords, settings)
        });
        let (nodes, buses): (Vec<Redis>, Vec<SocketAddr>) = nodes.unzip();
        let mut cluster = Self {
            nodes,
            passwords,
            _home: home,
        };
        cluster.join(&buses);
        cluster.sort();
        cluster
    }

    /// Makes one cluster of the nodes.
    fn join(&self, buses: &[SocketAddr]) {
        for (index, node) in self.nodes.iter().enumerate() {
            let epoch = (index + 1).to_string();
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
        }
        for (node, bus) in self.nodes.iter().zip(buses).skip(1) {
            let (port, bus) = (node.addr.port().to_string(), bus.port().to_string());
            self.nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        for (index, master) in self.nodes[..MASTERS].iter().enumerate() {
            let first = SLOTS * index / MASTERS;
            let last = SLOTS * (index + 1) / MASTERS - 1;
            let (first, last) = (first.to_string(), last.to_string());
            master.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        }
        for (index, replica) in self.nodes[MASTERS..].iter().enumerate() {
            let id = self.id(index);
            wait::until("the nodes know each other", || {
                let reply = replica.try_command(&["CLUSTER", "REPLICATE", &id]);
                reply == Some(Reply::Text("OK".into()))
            });
        }
        wait::until("the cluster is well", || self.is_well());
    }

    /// Puts the masters first and their replicas after them, in the same order. On a
    /// busy machine a replica may have taken over while the nodes were joined.
    pub fn sort(&mut self) {
        let all = 0..self.nodes.len();
        let masters: Vec<usize> = all.filter(|node| self.is_master(*node)).collect();
        let replicas = masters.iter().map(|master| self.replica_of(*master));
        let order = [masters.clone(), replicas.collect()].concat();
        let mut nodes: Vec<_> = self.nodes.drain(..).map(Some).collect();
        let sorted = order.iter().map(|node| nodes[*node].take());
        self.nodes = sorted.map(|node| node.expect("each once")).collect();
    }

    /// Every node sees six nodes and all slots, and every replica is in step.
    pub fn is_well(&self) -> bool {
        self.nodes.iter().all(|node| {
            let said = |words: &[&str]| node.try_command(words).and_then(Reply::text);
            let info = said(&["CLUSTER", "INFO"]).unwrap_or_default();
            let nodes = said(&["CLUSTER", "NODES"]).unwrap_or_default();
            let replication = said(&["INFO", "replication"]).unwrap_or_default();
            info.contains("cluster_state:ok")
                && info.contains("cluster_slots_ok:16384")
                && nodes.lines().count() == self.nodes.len()
                && nodes.matches("slave").count() == MASTERS
                && !nodes.contains("fail")
                && (replication.contains("role:master")
                    || replication.contains("master_link_status:up"))
        })
    }

    /// Where Envoy may begin.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.addr).collect()
    }

    pub fn id(&self, node: usize) -> String {
        let id = self.nodes[node].command(&["CLUSTER", "MYID"]).text();
        id.expect("an id")
    }

    pub fn is_master(&self, node: usize) -> bool {
        match self.nodes[node].try_command(&["ROLE"]) {
            Some(Reply::List(role)) => role.first() == Some(&Reply::Text("master".into())),
            _ => false,
        }
    }

    /// The node that follows this master.
    pub fn replica_of(&self, master: usize) -> usize {
        let port = self.nodes[master].addr.port();
        let mut nodes = 0..self.nodes.len();
        let follows = |node: &usize| match self.nodes[*node].try_command(&["ROLE"]) {
            Some(Reply::List(role)) => role.get(2) == Some(&Reply::Int(port.into())),
            _ => false,
        };
        nodes.find(follows).expect("a replica of this master")
    }

    /// The node that has the slot of this key now.
    pub fn master_of(&self, key: &str) -> usize {
        let mut nodes = 0..self.nodes.len();
        let has = |node: &usize| {
            let reply = self.nodes[*node].try_command(&["EXISTS", key]);
            self.is_master(*node) && matches!(reply, Some(Reply::Int(_)))
        };
        nodes.find(has).expect("a master of the slot")
    }

    /// A command about this key, at whichever node has it.
    pub fn command(&self, key: &str, words: &[&str]) -> Reply {
        self.nodes[self.master_of(key)].command(words)
    }

    /// The slot of a key.
    pub fn slot(&self, key: &str) -> i64 {
        self.nodes[0].command(&["CLUSTER", "KEYSLOT", key]).int()
    }

    /// What a user was refused, by any node; the reasons and the commands.
    pub fn refusals(&self) -> Vec<String> {
        let logs = self.nodes.iter().map(|node| node.command(&["ACL", "LOG"]));
        let entries = logs.flat_map(|log| match log {
            Reply::List(entries) => entries,
            other => panic!("ACL LOG is a list, and not {other:?}"),
        });
        entries.map(|entry| format!("{entry:?}")).collect()
    }
}

/// Starts a node in a folder of its own; gives its bus as well.
fn start_node(
    home: &Path,
    index: usize,
    passwords: &Passwords,
    settings: &[&str],
) -> (Redis, SocketAddr) {
    let acl = passwords.users("redis-cluster.acl");
    fs::write(home.join("redis-cluster.acl"), acl).expect("redis-cluster.acl");
    let conf = shipped("redis-cluster.conf");
    let conf = replaced(&conf, "@REDIS_REPLICA_PASSWORD@", &passwords.replica);
    fs::write(home.join("redis-cluster.conf"), conf).expect("redis-cluster.conf");
    for _ in 0..3 {
        let (addr, bus) = (ports::free(), ports::free());
        let port = format!("port {}", addr.port());
        let base = replaced(&shipped("redis.conf"), "port 6379", &port);
        fs::write(home.join("redis.conf"), base).expect("redis.conf");
        let bus_port = bus.port().to_string();
        let args = [
            &["redis-cluster.conf", "--cluster-port", &bus_port],
            settings,
        ]
        .concat();
        let launch = Launch {
            program: Program::Redis,
            name: format!("redis{index}"),
            home: home.to_owned(),
            cwd: home.to_owned(),
            args: args.into_iter().map(str::to_owned).collect(),
            env: Vec::new(),
            ports: vec![addr.port()],
        };
        let node = Redis::launched(PROVIDER.as_ref(), launch, addr, passwords);
        if node.wait_ready() {
            return (node, bus);
        }
    }
    panic!("a node of the cluster does not start");
}
