//! Redis and Webdis, from the shipped files.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::client::Request;
use super::places::PLACES;
use super::provider::{Launch, Program, Provider};
use super::redis::{self, Reply};
use super::running::Running;
use super::{cookie, ports, wait};

/// The passwords between the parts.
#[derive(Clone, Debug)]
pub struct Passwords {
    pub webdis: String,
    pub proxy: String,
    pub relay: String,
    pub web: String,
    pub admin: String,
    /// What the replicas of a Redis Cluster show to their masters.
    pub replica: String,
}

impl Passwords {
    pub fn new() -> Self {
        Self {
            webdis: cookie::random_id(),
            proxy: cookie::random_id(),
            relay: cookie::random_id(),
            web: cookie::random_id(),
            admin: cookie::random_id(),
            replica: cookie::random_id(),
        }
    }

    /// A shipped file of users with these passwords in it.
    pub fn users(&self, file: &str) -> String {
        let mut acl = shipped(file);
        let mut users = vec![
            ("RELAY", &self.relay),
            ("WEB", &self.web),
            ("ADMIN", &self.admin),
        ];
        if file == "redis-cluster.acl" {
            users.push(("REPLICA", &self.replica));
        }
        for (user, password) in users {
            let mark = format!("@REDIS_{user}_PASSWORD_SHA256@");
            acl = replaced(&acl, &mark, &hex(&Sha256::digest(password)));
        }
        acl
    }
}

/// The default user of the shipped Redis.
const DEFAULT_OFF: &str = "user default off ~* &* +@all";

/// Redis with the shipped configuration and users; clones are handles of one.
#[derive(Clone)]
pub struct Redis {
    pub addr: SocketAddr,
    passwords: Passwords,
    pub part: Running,
}

impl Redis {
    /// Starts Redis in `home`. `open_default`: its default user may do what the
    /// relay's may, for a Webdis that talks to it directly and knows no users.
    pub fn start(
        provider: &dyn Provider,
        home: &Path,
        passwords: &Passwords,
        open_default: bool,
    ) -> Self {
        Self::start_with(provider, home, passwords, open_default, &[])
    }

    /// The same with settings that count more than the shipped ones.
    pub fn start_with(
        provider: &dyn Provider,
        home: &Path,
        passwords: &Passwords,
        open_default: bool,
        settings: &[&str],
    ) -> Self {
        let mut acl = passwords.users("redis.acl");
        if open_default {
            let rights = acl
                .lines()
                .find_map(|line| line.strip_prefix("user relay on #"));
            let rights = rights
                .and_then(|line| line.split_once(' '))
                .expect("user relay")
                .1;
            let user = format!("user default on >{} {rights}", passwords.proxy);
            acl = replaced(&acl, DEFAULT_OFF, &user);
        }
        fs::write(home.join("redis.acl"), acl).expect("redis.acl");
        for _ in 0..3 {
            let addr = ports::free();
            let port = format!("port {}", addr.port());
            let conf = replaced(&shipped("redis.conf"), "port 6379", &port);
            let bind = format!("bind {}", provider.parts_listen_on());
            let conf = replaced(&conf, "bind 127.0.0.1", &bind);
            fs::write(home.join("redis.conf"), conf).expect("redis.conf");
            let launch = Launch {
                program: Program::Redis,
                name: "redis".into(),
                home: home.to_owned(),
                cwd: home.to_owned(),
                args: [&["redis.conf"], settings]
                    .concat()
                    .into_iter()
                    .map(str::to_owned)
                    .collect(),
                env: Vec::new(),
                ports: vec![addr.port()],
            };
            let redis = Self::launched(provider, launch, addr, passwords);
            if redis.wait_ready() {
                return redis;
            }
        }
        panic!("Redis does not start");
    }

    /// A Redis that is started so, and listens there when it is ready.
    pub fn launched(
        provider: &dyn Provider,
        launch: Launch,
        addr: SocketAddr,
        passwords: &Passwords,
    ) -> Self {
        Self {
            addr,
            passwords: passwords.clone(),
            part: Running::start(provider, launch),
        }
    }

    /// Whether it came up; false when it ended instead.
    pub fn wait_ready(&self) -> bool {
        let pong = Some(Reply::Text("PONG".into()));
        wait::until("Redis is ready or gone", || {
            !self.part.is_running() || self.try_command(&["PING"]) == pong
        });
        self.part.is_running()
    }

    /// A command as user `admin`; `None` when Redis does not answer.
    pub fn try_command(&self, words: &[&str]) -> Option<Reply> {
        redis::command(self.addr, ("admin", &self.passwords.admin), words).ok()
    }

    /// A command as user `admin`, which must succeed.
    pub fn command(&self, words: &[&str]) -> Reply {
        let reply = self.try_command(words).expect("Redis answers");
        assert!(!matches!(reply, Reply::Error(_)), "{}: {reply:?}", words[0]);
        reply
    }

    /// A command as another of the shipped users.
    pub fn command_as(&self, user: &str, words: &[&str]) -> Reply {
        let password = match user {
            "relay" => &self.passwords.relay,
            "web" => &self.passwords.web,
            _ => panic!("no such user"),
        };
        redis::command(self.addr, (user, password), words).expect("Redis answers")
    }

    pub fn get(&self, key: &str) -> Option<String> {
        self.command(&["GET", key]).text()
    }

    /// The record under a key.
    pub fn record(&self, key: &str) -> Option<Value> {
        let text = self.get(key)?;
        Some(serde_json::from_str(&text).expect("a record is JSON"))
    }

    pub fn delete(&self, key: &str) {
        self.command(&["DEL", key]);
    }

    /// The remaining life of a key in seconds; -1 without, -2 when it is gone.
    pub fn ttl(&self, key: &str) -> i64 {
        self.command(&["TTL", key]).int()
    }

    /// Overwrites one member of the record, as another writer would; the TTL stays.
    pub fn set_member(&self, key: &str, name: &str, value: impl Into<Value>) {
        let mut record = self.record(key).expect("a record");
        record[name] = value.into();
        self.command(&["SET", key, &record.to_string(), "KEEPTTL"]);
    }

    pub fn freeze(&self) {
        self.part.freeze();
    }

    pub fn thaw(&self) {
        self.part.thaw();
    }

    pub fn kill(&self) {
        self.part.kill();
    }

    /// Asks Redis to end; it saves what it has.
    pub fn stop(&self) {
        self.part.stop();
    }

    /// Starts it again on the same port with the same data.
    pub fn restart(&self) {
        self.part.start_again();
        assert!(self.wait_ready(), "Redis comes back: {}", self.part.log());
    }
}

/// Webdis with the shipped configuration; clones are handles of one.
#[derive(Clone)]
pub struct Webdis {
    pub addr: SocketAddr,
    pub part: Running,
    password: String,
}

impl Webdis {
    /// Starts Webdis in `home` in front of what listens at `redis`.
    pub fn start(
        provider: &dyn Provider,
        home: &Path,
        passwords: &Passwords,
        addr: SocketAddr,
        redis: SocketAddr,
    ) -> Self {
        let text = replaced(
            &shipped("webdis.json"),
            "@WEBDIS_PASSWORD@",
            &passwords.webdis,
        );
        let text = replaced(&text, "@REDIS_PROXY_PASSWORD@", &passwords.proxy);
        let mut config: Value = serde_json::from_str(&text).expect("webdis.json is JSON");
        config["redis_host"] = provider.host_of(redis).into();
        config["redis_port"] = redis.port().into();
        config["http_port"] = addr.port().into();
        let listen = provider.parts_listen_on();
        config["http_host"] = listen.to_string().into();
        if !listen.is_loopback() {
            // Nobody knows Envoy's address beforehand; the password counts.
            let rules = config["acl"]
                .as_array_mut()
                .expect("webdis.json has an acl");
            for rule in rules {
                rule.as_object_mut().expect("a rule").remove("ip");
            }
        }
        fs::write(home.join("webdis.json"), config.to_string()).expect("webdis.json");
        let launch = Launch {
            program: Program::Webdis,
            name: "webdis".into(),
            home: home.to_owned(),
            cwd: home.to_owned(),
            args: vec!["webdis.json".into()],
            env: Vec::new(),
            ports: vec![addr.port()],
        };
        let webdis = Self {
            addr,
            part: Running::start(provider, launch),
            password: passwords.webdis.clone(),
        };
        webdis.wait_ready();
        webdis
    }

    /// Waits until a script call reaches Redis and its answer comes back.
    pub fn wait_ready(&self) {
        wait::until("Webdis reaches Redis", || {
            self.post(&format!("EVALSHA/{}/1/session%3Aready", "f".repeat(40)))
                .is_some_and(|(_, body)| body.contains("NOSCRIPT"))
        });
    }

    /// One command as the relay would send it: status and body.
    pub fn post(&self, command: &str) -> Option<(u16, String)> {
        let credentials = format!("relay:{}", self.password);
        let credentials = base64::engine::general_purpose::STANDARD.encode(credentials);
        let request = Request::post("/")
            .header("authorization", format!("Basic {credentials}"))
            .body(command);
        let answer = request
            .try_send_within(self.addr, Duration::from_secs(5))
            .ok()?;
        Some((answer.status, answer.text()))
    }

    pub fn kill(&self) {
        self.part.kill();
    }

    pub fn freeze(&self) {
        self.part.freeze();
    }

    pub fn thaw(&self) {
        self.part.thaw();
    }

    /// Starts it again on the same port.
    pub fn restart(&self) {
        self.part.start_again();
        self.wait_ready();
    }
}

/// A file of `envoy/` as it is.
pub fn shipped(name: &str) -> String {
    let path = PLACES.root.join("envoy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("envoy/{name}: {e}"))
}

pub fn replaced(text: &str, mark: &str, value: &str) -> String {
    assert_eq!(
        text.matches(mark).count(),
        1,
        "`{mark}` is once in the shipped file"
    );
    text.replace(mark, value)
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
