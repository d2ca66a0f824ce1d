//! A Redis and its replica behind one address that leads to whichever is the
//! master: what Sentinel or a provider of Redis puts before two machines.

use std::fs;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::provider::{Launch, Program};
use super::redis::Reply;
use super::setup::PROVIDER;
use super::store::{Passwords, Redis, replaced, shipped};
use super::{home, ports, wait};

/// Two Redis with the shipped configuration; the second begins as the replica.
pub struct Pair {
    pub nodes: [Redis; 2],
    pub passwords: Passwords,
    /// The one address.
    pub addr: SocketAddr,
    over: Arc<AtomicBool>,
    /// Kept until the nodes are gone.
    _home: TempDir,
}

impl Pair {
    pub fn start() -> Self {
        let home = home::new("pair-");
        let passwords = Passwords::new();
        let node = |name: &str, of: Option<SocketAddr>| {
            let folder = home.path().join(name);
            fs::create_dir(&folder).expect("a folder for a node");
            start_node(&folder, name, &passwords, of)
        };
        let first = node("redis1", None);
        let second = node("redis2", Some(first.addr));
        wait::until("the replica is in step", || {
            let info = second.command(&["INFO", "replication"]).text();
            info.is_some_and(|info| info.contains("master_link_status:up"))
        });
        let nodes = [first, second];
        let over = Arc::new(AtomicBool::new(false));
        let addr = lead_to_the_master(&nodes, &over);
        Self {
            nodes,
            passwords,
            addr,
            over,
            _home: home,
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the listener.
        let _ = TcpStream::connect(self.addr);
    }
}

fn start_node(
    home: &std::path::Path,
    name: &str,
    passwords: &Passwords,
    of: Option<SocketAddr>,
) -> Redis {
    // The replicas' user is in the cluster's file.
    let users = passwords.users("redis-cluster.acl");
    let replica = users.lines().find(|line| line.starts_with("user replica "));
    let users = passwords.users("redis.acl") + replica.expect("the replicas' user") + "\n";
    fs::write(home.join("redis.acl"), users).expect("redis.acl");
    for _ in 0..3 {
        let addr = ports::free();
        let port = format!("port {}", addr.port());
        let conf = replaced(&shipped("redis.conf"), "port 6379", &port);
        fs::write(home.join("redis.conf"), conf).expect("redis.conf");
        let mut args: Vec<String> = ["redis.conf", "--masteruser", "replica", "--masterauth"]
            .map(str::to_owned)
            .into();
        args.push(passwords.replica.clone());
        if let Some(of) = of {
            args.push("--replicaof".into());
            args.push(format!("127.0.0.1 {}", of.port()));
        }
        let launch = Launch {
            program: Program::Redis,
            name: name.to_owned(),
            home: home.to_owned(),
            cwd: home.to_owned(),
            args,
            env: Vec::new(),
            ports: vec![addr.port()],
        };
        let redis = Redis::launched(PROVIDER.as_ref(), launch, addr, passwords);
        if redis.wait_ready() {
            return redis;
        }
    }
    panic!("Redis does not start");
}

/// Passes each new connection on to the node that says it is the master, as a
/// proxy with a role check does; a connection stays where it is.
fn lead_to_the_master(nodes: &[Redis; 2], over: &Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let addr = listener.local_addr().expect("its address");
    let (nodes, over) = (nodes.clone(), over.clone());
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            if over.load(Ordering::Relaxed) {
                return;
            }
            let master = nodes.iter().find(|node| is_master(node));
            if let Some(far) = master.and_then(|m| TcpStream::connect(m.addr).ok()) {
                join(near, far);
            }
        }
    });
    addr
}

pub fn is_master(node: &Redis) -> bool {
    let limit = Duration::from_millis(200);
    // A frozen one does not answer.
    let alive = TcpStream::connect_timeout(&node.addr, limit).is_ok();
    match alive.then(|| node.try_command(&["ROLE"])).flatten() {
        Some(Reply::List(role)) => role.first() == Some(&Reply::Text("master".into())),
        _ => false,
    }
}

fn join(near: TcpStream, far: TcpStream) {
    let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else {
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let pass = |mut from: TcpStream, mut to: TcpStream| {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
    };
    pass(near, far);
    pass(far_too, near_too);
}
