//! What a test wants of its stack, and how it is put together.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::Value;

use super::cluster::Cluster;
use super::dialect::{self, Dialect};
use super::django::{self, Django};
use super::envoy::{self, Addresses, Envoy};
use super::gate::Gate;
use super::places::PLACES;
use super::provider::Provider;
use super::running::Running;
use super::secrets::Secrets;
use super::store::{Passwords, Redis, Webdis};
use super::turn::Turn;
use super::{Stack, cookie, home, ports, wait};

/// What runs the parts of all stacks.
pub static PROVIDER: LazyLock<Arc<dyn Provider>> = LazyLock::new(crate::provider);

type Change = Box<dyn FnOnce(&mut Value)>;

/// Gets the number of an Envoy, from 1.
type OwnChange = Box<dyn Fn(usize, &mut Value)>;

/// Gets the number of an Envoy, from 1, and where Webdis is.
type Detour = Box<dyn Fn(usize, SocketAddr) -> SocketAddr>;

/// A stack to be started.
pub struct Builder {
    envoys: usize,
    workers: usize,
    wasm: PathBuf,
    django: django::Options,
    changes: Vec<Change>,
    extra_env: Vec<(String, String)>,
    own_changes: Vec<OwnChange>,
    laid_over: Option<Value>,
    store_gate: bool,
    store_detour: Option<Detour>,
    issuer_direct: bool,
    redis_settings: &'static [&'static str],
    redis_direct: bool,
    passwords: Option<Passwords>,
    watch_listeners: bool,
    drain: Duration,
    alone: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            envoys: 1,
            workers: 2,
            wasm: PLACES.wasm.clone(),
            django: django::Options::default(),
            changes: Vec::new(),
            extra_env: Vec::new(),
            own_changes: Vec::new(),
            laid_over: None,
            store_gate: false,
            store_detour: None,
            issuer_direct: false,
            redis_settings: &[],
            redis_direct: false,
            passwords: None,
            watch_listeners: false,
            drain: Duration::from_secs(1),
            alone: false,
        }
    }
}

impl Builder {
    pub fn envoys(mut self, count: usize) -> Self {
        self.envoys = count;
        self
    }

    pub fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// Another build of the module.
    pub fn wasm(mut self, file: &Path) -> Self {
        file.clone_into(&mut self.wasm);
        self
    }

    pub fn django(mut self, options: django::Options) -> Self {
        self.django = options;
        self
    }

    /// A Django whose tokens come from another package, and the preset for it.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.django.dialect = dialect;
        let this = if dialect.preset() == "oauth2" {
            self.env(dialect::CLIENT_SECRET_ENV, &dialect::CLIENT_SECRET)
        } else {
            self
        };
        this.config(move |plugin| dialect.configure(plugin))
    }

    /// Changes the plugin's configuration.
    pub fn config(self, change: impl FnOnce(&mut Value) + 'static) -> Self {
        self.bootstrap(|bootstrap| change(envoy::plugin_config(bootstrap)))
    }

    /// Changes Envoy's bootstrap.
    pub fn bootstrap(mut self, change: impl FnOnce(&mut Value) + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Changes each Envoy's bootstrap in its own way; they are numbered from 1.
    pub fn each_envoy(mut self, change: impl Fn(usize, &mut Value) + 'static) -> Self {
        self.own_changes.push(Box::new(change));
        self
    }

    /// What Envoy lays over its bootstrap by itself (`--config-yaml`).
    pub fn laid_over(mut self, bootstrap: Value) -> Self {
        self.laid_over = Some(bootstrap);
        self
    }

    /// One more variable in Envoy's environment, visible to the plugin.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.extra_env.push((name.to_owned(), value.to_owned()));
        let name = name.to_owned();
        self.bootstrap(move |bootstrap| {
            let variables =
                &mut envoy::wasm_config(bootstrap)["vm_config"]["environment_variables"];
            let keys = variables["host_env_keys"]
                .as_array_mut()
                .expect("host_env_keys");
            keys.push(name.into());
        })
    }

    /// A gate between Envoy and Webdis as well.
    pub fn store_gate(mut self) -> Self {
        self.store_gate = true;
        self
    }

    /// Where each Envoy, by its number, finds Webdis, by its address.
    pub fn store_detour(mut self, to: impl Fn(usize, SocketAddr) -> SocketAddr + 'static) -> Self {
        self.store_detour = Some(Box::new(to));
        self
    }

    /// No gate before Django: when it is down it refuses connections, and what
    /// it is sent while it is frozen waits in its own queue.
    pub fn issuer_direct(mut self) -> Self {
        self.issuer_direct = true;
        self
    }

    /// Settings of Redis that count more than the shipped ones.
    pub fn redis_settings(mut self, settings: &'static [&'static str]) -> Self {
        self.redis_settings = settings;
        self
    }

    /// Webdis talks to Redis itself, without `redis_proxy` and its `op_timeout`.
    pub fn redis_direct(mut self) -> Self {
        self.redis_direct = true;
        self
    }

    /// Redis is this cluster. The stack's own Redis stands idle.
    pub fn redis_cluster(self, cluster: &Cluster) -> Self {
        let nodes = cluster.addresses();
        let mut this = self.bootstrap(move |bootstrap| envoy::use_redis_cluster(bootstrap, &nodes));
        this.passwords = Some(cluster.passwords.clone());
        this
    }

    /// Redis is what listens there, and knows these passwords. The stack's own
    /// Redis stands idle.
    pub fn redis_at(self, addr: SocketAddr, passwords: &Passwords) -> Self {
        let change = move |bootstrap: &mut Value| envoy::set_endpoint(bootstrap, "redis", addr);
        let mut this = self.bootstrap(change);
        this.passwords = Some(passwords.clone());
        this
    }

    /// The listeners can be changed while Envoy runs.
    pub fn watch_listeners(mut self) -> Self {
        self.watch_listeners = true;
        self
    }

    /// How long a listener that was replaced goes on with its connections.
    pub fn drain(mut self, time: Duration) -> Self {
        self.drain = time;
        self
    }

    /// No other stack runs at the same time.
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    pub fn start(self) -> Stack {
        let turn = Turn::wait(self.alone);
        let provider = PROVIDER.as_ref();
        let passwords = self.passwords.clone().unwrap_or_else(Passwords::new);
        let auth_secret = cookie::random_id();
        let secrets = Secrets::default();
        for (what, secret) in [
            ("AUTH_SECRET", &auth_secret),
            ("Webdis' password", &passwords.webdis),
            ("redis_proxy's password", &passwords.proxy),
            ("the password of the Redis user relay", &passwords.relay),
        ] {
            secrets.add(what, secret);
        }
        let home = home::new("stack-");
        let django = Django::shared(&PROVIDER, self.django);
        secrets.add("Django's SECRET_KEY", &django.secret_key());
        secrets.add("the users' password", &django.password());
        secrets.add("the client's secret", &dialect::CLIENT_SECRET);
        let issuer = Gate::new(django.addr);
        let redis = Redis::start_with(
            provider,
            home.path(),
            &passwords,
            self.redis_direct,
            self.redis_settings,
        );
        let webdis_addr = ports::free();
        let store = self.store_gate.then(|| Gate::new(webdis_addr));

        let mut env = vec![
            ("AUTH_SECRET".to_owned(), auth_secret.clone()),
            ("WEBDIS_PASSWORD".to_owned(), passwords.webdis.clone()),
            ("REDIS_PROXY_PASSWORD".to_owned(), passwords.proxy.clone()),
            ("REDIS_RELAY_PASSWORD".to_owned(), passwords.relay.clone()),
        ];
        env.extend(self.extra_env);
        let mut at = Addresses {
            admin: webdis_addr,
            ingress: webdis_addr,
            internal: webdis_addr,
            redis_listener: webdis_addr,
            django: if self.issuer_direct {
                django.addr
            } else {
                issuer.addr()
            },
            webdis: store.as_ref().map_or(webdis_addr, Gate::addr),
            redis: redis.addr,
        };
        // Changes run once; what differs between the Envoys are ports only.
        let mut changes = Some(self.changes);
        let mut changed = None;
        let mut envoys = Vec::new();
        for number in 1..=self.envoys {
            let mut tries = 3;
            envoys.push(loop {
                at.admin = ports::free();
                at.ingress = ports::free();
                at.internal = ports::free();
                at.redis_listener = ports::free();
                let mut bootstrap = changed.clone().unwrap_or_else(|| {
                    let mut bootstrap = envoy::bootstrap(&at, &self.wasm);
                    let changes = changes.take().unwrap_or_default();
                    changes
                        .into_iter()
                        .for_each(|change| change(&mut bootstrap));
                    bootstrap
                });
                changed.get_or_insert_with(|| bootstrap.clone());
                envoy::set_own_ports(&mut bootstrap, &at);
                if let Some(detour) = &self.store_detour {
                    envoy::set_endpoint(&mut bootstrap, "webdis", detour(number, at.webdis));
                }
                for change in &self.own_changes {
                    change(number, &mut bootstrap);
                }
                let name = format!("envoy{number}");
                let listeners = home.path().join(format!("{name}-listeners.json"));
                if self.watch_listeners {
                    envoy::watch_listeners(&mut bootstrap, &listeners);
                }
                let file = home.path().join(format!("{name}.json"));
                fs::write(&file, bootstrap.to_string()).expect("the bootstrap");
                let mut launch = envoy::launch(&name, &file, self.workers, self.drain, &env, &at);
                if let Some(over) = &self.laid_over {
                    let over = over.to_string();
                    launch.args.extend(["--config-yaml".to_owned(), over]);
                }
                let listeners = self.watch_listeners.then_some(listeners);
                let envoy = Envoy {
                    at,
                    listeners,
                    part: Running::start(provider, launch),
                };
                if envoy.wait_ready() {
                    break envoy;
                }
                tries -= 1;
                let log = secrets.redact(&envoy.part.log());
                assert!(tries > 0, "Envoy does not start:\n{log}");
            });
        }
        let behind_webdis = if self.redis_direct {
            redis.addr
        } else {
            envoys[0].at.redis_listener
        };
        let webdis = Webdis::start(
            provider,
            home.path(),
            &passwords,
            webdis_addr,
            behind_webdis,
        );
        for envoy in &envoys {
            wait::until("Envoy knows where Webdis is", || {
                envoy.stat("cluster.webdis.membership_total") == 1
            });
        }
        Stack {
            envoys,
            issuer,
            store,
            redis,
            webdis,
            django,
            secrets,
            auth_secret,
            _home: home,
            _turn: turn,
        }
    }
}

/// Starts an Envoy that must not come up, and gives what it logged. `change` is
/// done to the shipped bootstrap.
pub fn refused(change: impl FnOnce(&mut Value)) -> String {
    let _turn = Turn::wait(false);
    let home = home::new("refused-");
    let nobody = ports::free();
    let at = Addresses {
        admin: ports::free(),
        ingress: ports::free(),
        internal: ports::free(),
        redis_listener: ports::free(),
        django: nobody,
        webdis: nobody,
        redis: nobody,
    };
    let mut bootstrap = envoy::bootstrap(&at, &PLACES.wasm);
    change(&mut bootstrap);
    let file = home.path().join("envoy.json");
    fs::write(&file, bootstrap.to_string()).expect("the bootstrap");
    let names = [
        "AUTH_SECRET",
        "WEBDIS_PASSWORD",
        "REDIS_PROXY_PASSWORD",
        "REDIS_RELAY_PASSWORD",
    ];
    let env = names.map(|name| (name.to_owned(), cookie::random_id()));
    let launch = envoy::launch("envoy", &file, 1, Duration::from_secs(1), &env, &at);
    let envoy = Envoy {
        at,
        listeners: None,
        part: Running::start(PROVIDER.as_ref(), launch),
    };
    let came_up = envoy.wait_ready();
    let log = envoy.log();
    assert!(!came_up, "Envoy came up:\n{log}");
    for (name, secret) in env {
        assert!(!log.contains(&secret), "the log contains {name}");
    }
    log
}
