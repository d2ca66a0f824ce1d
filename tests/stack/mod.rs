//! The real stack: Envoy with the module, Webdis, Redis and Django, started
//! from the files that the project ships, with ports and secrets filled in.
//!
//! ```text
//! test ─▶ Envoy 1…n ─▶ issuer gate ─▶ Django
//!           └─▶ (store gate) ─▶ Webdis ─▶ Envoy 1 (redis_proxy) ─▶ Redis
//! ```
//!
//! Test bodies say what they need with [`Stack::build`] and do not know what
//! runs the parts. When a stack is dropped, everything that the relay wrote is
//! searched for secrets.

pub mod act;
pub mod client;
pub mod cluster;
pub mod cookie;
pub mod dialect;
pub mod django;
pub mod envoy;
pub mod gate;
pub mod home;
pub mod http;
pub mod jwt;
pub mod pair;
pub mod places;
pub mod ports;
pub mod provider;
pub mod redis;
pub mod running;
pub mod secrets;
pub mod session;
pub mod setup;
pub mod store;
pub mod turn;
pub mod wait;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use client::{Pending, Request};
use django::Django;
use envoy::Envoy;
use gate::Gate;
use http::Response;
use secrets::Secrets;
use session::{Session, SessionBuilder};
use setup::Builder;
use store::{Redis, Webdis};
use turn::Turn;

/// A running stack of its own, but for Django, which is shared.
pub struct Stack {
    pub envoys: Vec<Envoy>,
    pub issuer: Gate,
    pub store: Option<Gate>,
    pub redis: Redis,
    pub webdis: Webdis,
    pub django: Arc<Django>,
    pub secrets: Secrets,
    pub auth_secret: String,
    /// Kept until the parts are gone.
    _home: TempDir,
    _turn: Turn,
}

impl Stack {
    /// One Envoy with two workers and the shipped configuration.
    pub fn new() -> Self {
        Self::build().start()
    }

    /// A stack that differs from the shipped one.
    pub fn build() -> Builder {
        Builder::default()
    }

    /// The shipped stack with a change of the plugin's configuration.
    pub fn with(change: impl FnOnce(&mut Value) + 'static) -> Self {
        Self::build().config(change).start()
    }

    /// The first Envoy.
    pub fn envoy(&self) -> &Envoy {
        &self.envoys[0]
    }

    pub fn ingress(&self) -> SocketAddr {
        self.envoy().at.ingress
    }

    /// A session to be stored, of a user who has just logged in.
    pub fn session(&self) -> SessionBuilder<'_> {
        SessionBuilder::new(self)
    }

    /// A logged-in session with a fresh access token.
    pub fn login(&self) -> Session {
        self.session().save()
    }

    /// A session whose access token has just run out.
    pub fn expired(&self) -> Session {
        self.session().access_left(-5).save()
    }

    /// Sends a request to the first Envoy and checks its answer for secrets.
    pub fn send(&self, request: &Request) -> Response {
        self.answer(self.start(request))
    }

    /// Sends a request to the first Envoy.
    pub fn start(&self, request: &Request) -> Pending {
        request.start(self.ingress())
    }

    /// The answer to a request, checked for secrets.
    pub fn answer(&self, pending: Pending) -> Response {
        let answer = pending.answer();
        self.secrets
            .check("an answer through Envoy", &answer.everything());
        answer
    }

    /// A request with the session's cookie.
    pub fn request(&self, target: &str, session: &Session) -> Request {
        Request::get(target).cookie(session.cookie())
    }

    /// `GET /api/whoami/` with the session's cookie.
    pub fn whoami(&self, session: &Session) -> Response {
        self.send(&self.request(django::WHOAMI, session))
    }

    /// The same, which must succeed as the session's user; gives the verdict's
    /// source from the access log.
    pub fn whoami_ok(&self, session: &Session) -> Response {
        let answer = self.whoami(session);
        session.assert_is_me(&answer);
        answer
    }

    /// So many requests for `whoami` at once, spread over all Envoys.
    pub fn whoami_many(&self, session: &Session, count: usize) -> Vec<Response> {
        let request = self.request(django::WHOAMI, session);
        thread::scope(|scope| {
            let calls: Vec<_> = (0..count)
                .map(|i| {
                    let to = self.envoys[i % self.envoys.len()].at.ingress;
                    let request = &request;
                    scope.spawn(move || self.answer(request.start(to)))
                })
                .collect();
            calls
                .into_iter()
                .map(|call| call.join().expect("a request"))
                .collect()
        })
    }

    /// The `field` of the last `count` lines of all Envoys' access logs, once
    /// there are at least `count` lines.
    pub fn logged(&self, field: &str, count: usize) -> Vec<String> {
        let mut lines = Vec::new();
        wait::until(&format!("{count} requests are in the access logs"), || {
            lines = self.envoys.iter().flat_map(Envoy::access_log).collect();
            lines.len() >= count
        });
        let start = lines.len() - count;
        let values = lines[start..].iter().map(|line| &line[field]);
        values
            .map(|v| v.as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// The verdicts of all requests so far, of which there are `count`.
    pub fn verdicts(&self, count: usize) -> Vec<String> {
        self.logged("verdict", count)
    }

    /// The sum of a counter over all Envoys.
    pub fn stat(&self, name: &str) -> u64 {
        self.envoys.iter().map(|envoy| envoy.stat(name)).sum()
    }

    /// Waits until a counter has reached a value.
    pub fn wait_for_stat(&self, name: &str, value: u64) {
        wait::until(&format!("{name} is {value}"), || self.stat(name) >= value);
    }

    /// Counters of the relay added up over all Envoys: those of this family whose
    /// labels have this value.
    pub fn counted(&self, family: &str, label: &str) -> u64 {
        let family = format!("wasmcustom.token_relay.{family}.");
        let is_wanted = |name: &str| {
            let labels = name.strip_prefix(&family);
            labels.is_some_and(|labels| labels.split('.').any(|part| part == label))
        };
        self.envoys.iter().map(|envoy| envoy.stats(is_wanted)).sum()
    }

    /// Waits until such counters have reached a value.
    pub fn wait_for_counted(&self, family: &str, label: &str, value: u64) {
        wait::until(&format!("{family} of {label} is {value}"), || {
            self.counted(family, label) >= value
        });
    }

    /// How often the session's tokens were refreshed, by Django's own account:
    /// the refresh tokens it handed out after the login.
    pub fn refreshes(&self, session: &Session) -> usize {
        self.django.outstanding(&session.user) - 1
    }

    /// Whether nobody holds the lease on the session's refresh.
    pub fn lease_is_free(&self, session: &Session) -> bool {
        self.redis.get(&session.lease()).is_none()
    }

    /// Everything the relay may write to, by name.
    fn writings(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for envoy in &self.envoys {
            let name = &envoy.part.launch.name;
            all.push((format!("the log of {name}"), envoy.part.log()));
            for path in ["/stats", "/stats/prometheus", "/config_dump"] {
                if let Ok(answer) = Request::get(path).try_send(envoy.at.admin) {
                    all.push((format!("{path} of {name}"), answer.text()));
                }
            }
        }
        all.push(("Webdis' log".into(), self.webdis.part.log()));
        all
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let writings = self.writings();
        // Before their folders go; a gate's script may still hold handles.
        self.webdis.kill();
        self.redis.kill();
        if thread::panicking() {
            for (name, text) in writings {
                let text = self.secrets.redact(&text);
                let lines: Vec<&str> = text.lines().collect();
                let end = lines[lines.len().saturating_sub(60)..].join("\n");
                if !name.starts_with("/stats") {
                    eprintln!("---- the end of {name}\n{end}");
                } else {
                    let ours = text.lines().filter(|line| line.contains("token_relay"));
                    eprintln!("---- {name}\n{}", ours.collect::<Vec<_>>().join("\n"));
                }
            }
            return;
        }
        // The tokens that came after the login are secrets as well.
        for answer in self.issuer.tokens() {
            self.secrets.add("a token of a refresh", &answer);
        }
        for (name, text) in writings {
            self.secrets.check(&name, &text);
            assert!(
                !text.contains("panicked at")
                    && !text.contains("Proxy-Wasm plugin in-VM backtrace"),
                "{name} tells of a panic in the module"
            );
        }
    }
}
