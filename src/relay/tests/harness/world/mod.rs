//! The world that a test looks at: clock, relays, calls on their way.

mod looks;
mod turns;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use log::Level;
use serde_json::json;

use self::turns::{Event, answer};
use super::SECRET;
use super::ask::{Ask, Body};
use super::fate::{Fate, Target};
use super::model::issuer::Issuer;
use super::store::{Form, Store};
use crate::config::Config;
use crate::metrics::Metric;
use crate::relay::machine::Sizes;
use crate::relay::{CallId, Input, Relay, StreamId, Verdict};

/// Somebody who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) user: String,
}

impl Session {
    pub(crate) fn record(&self) -> String {
        format!("session:{}", self.id)
    }

    pub(crate) fn lease(&self) -> String {
        format!("{{session:{}}}:refresh", self.id)
    }
}

/// A call that a relay made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) at: Duration,
    pub(crate) worker: usize,
    pub(crate) target: Target,
    pub(crate) timeout: Duration,
    /// Of a call to the store.
    pub(crate) form: Option<Form>,
    pub(crate) nonce: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) args: Vec<String>,
    /// The refresh token, of a call to the issuer.
    pub(crate) presented: Option<String>,
    /// `x-forwarded-for`, of a call to the issuer.
    pub(crate) forwarded_for: Option<String>,
}

#[derive(Debug)]
struct Stream {
    worker: usize,
    asked: Duration,
    session: Option<Session>,
    body: Body,
    gone: bool,
    verdict: Option<(Duration, Verdict)>,
}

type Chooser = Box<dyn FnMut(Target) -> Option<Fate>>;

pub(crate) struct World {
    pub(crate) now: Duration,
    /// How far the proxies' system clocks are ahead.
    pub(crate) skew: Duration,
    pub(crate) store: Store,
    pub(crate) issuer: Issuer,
    /// Every call that was made.
    pub(crate) calls: Vec<Made>,
    pub(crate) logs: Vec<(Level, String)>,
    /// Fates of all calls of a kind, until taken out again.
    pub(crate) outage: HashMap<Target, Fate>,
    /// Fates by chance.
    pub(crate) chance: Option<Chooser>,
    plans: Vec<(Target, Fate)>,
    relays: Vec<Relay>,
    counts: Vec<HashMap<Metric, usize>>,
    streams: BTreeMap<StreamId, Stream>,
    queue: BTreeMap<(Duration, u64), Event>,
    serial: u64,
    sessions: u64,
}

impl World {
    pub(crate) fn new(workers: usize) -> Self {
        Self::with(workers, |_| {})
    }

    pub(crate) fn with(workers: usize, edit: impl FnOnce(&mut Config)) -> Self {
        Self::seeded(0, workers, edit)
    }

    pub(crate) fn seeded(seed: u64, workers: usize, edit: impl FnOnce(&mut Config)) -> Self {
        let mut config = config();
        edit(&mut config);
        let relay = |worker: usize| {
            let mut bytes = [worker as u8; 32];
            bytes[..8].copy_from_slice(&seed.to_le_bytes());
            Relay::new(&config, bytes)
        };
        let mut world = Self {
            now: Duration::ZERO,
            skew: Duration::ZERO,
            store: Store::new(),
            issuer: Issuer::new(),
            calls: Vec::new(),
            logs: Vec::new(),
            outage: HashMap::new(),
            chance: None,
            plans: Vec::new(),
            relays: (0..workers).map(relay).collect(),
            counts: vec![HashMap::new(); workers],
            streams: BTreeMap::new(),
            queue: BTreeMap::new(),
            serial: 0,
            sessions: 0,
        };
        world.tick(Duration::ZERO);
        world
    }

    /// A session with a fresh access token.
    pub(crate) fn log_in(&mut self, user: &str) -> Session {
        self.log_in_aged(user, Duration::ZERO)
    }

    /// A session whose access token has this much of its life left.
    pub(crate) fn log_in_with_left(&mut self, user: &str, left: Duration) -> Session {
        let age = self.issuer.access_life - left;
        self.log_in_aged(user, age)
    }

    /// A session whose access token expired a while ago.
    pub(crate) fn log_in_expired(&mut self, user: &str) -> Session {
        let age = self.issuer.access_life + Duration::from_secs(100);
        self.log_in_aged(user, age)
    }

    fn log_in_aged(&mut self, user: &str, age: Duration) -> Session {
        self.sessions += 1;
        let session = Session {
            id: format!("{SECRET}-{user}-{:08}", self.sessions),
            user: user.to_owned(),
        };
        let (access, refresh) = self.issuer.obtain(user, age);
        let record = json!({"access": access, "refresh": refresh, "note": "kept"});
        let life = self.issuer.refresh_life;
        self.store
            .set(&session.record(), &record.to_string(), Some(life));
        session
    }

    /// Removes the record, as a logout does.
    pub(crate) fn log_out(&mut self, session: &Session) {
        self.store.remove(&session.record());
    }

    /// Another writer changes the record.
    pub(crate) fn rewrite(&mut self, session: &Session, edit: impl FnOnce(&mut serde_json::Value)) {
        let mut record = self.record(session);
        edit(&mut record);
        let ttl = self.store.ttl(&session.record());
        self.store.set(&session.record(), &record.to_string(), ttl);
    }

    /// Another writer refreshes the session by itself.
    pub(crate) fn rotate_elsewhere(&mut self, session: &Session) {
        let old = self.refresh_token(session);
        self.issuer.end(&old);
        let (access, refresh) = self.issuer.obtain(&session.user, Duration::ZERO);
        self.rewrite(session, |record| {
            record["access"] = json!(access);
            record["refresh"] = json!(refresh);
        });
    }

    /// The next call of this kind gets this fate; further ones queue up.
    pub(crate) fn plan(&mut self, target: Target, fate: Fate) {
        self.plans.push((target, fate));
    }

    pub(crate) fn set_outage(&mut self, targets: &[Target], fate: Fate) {
        self.outage
            .extend(targets.iter().map(|target| (*target, fate)));
    }

    pub(crate) fn end_outage(&mut self) {
        self.outage.clear();
    }

    /// A plain request of a session on a required route.
    pub(crate) fn ask(&mut self, worker: usize, session: &Session) -> StreamId {
        self.send(worker, &Ask::get("/api/x").of(session))
    }

    pub(crate) fn send(&mut self, worker: usize, ask: &Ask) -> StreamId {
        self.serial += 1;
        let stream = StreamId(self.serial as u32);
        let state = Stream {
            worker,
            asked: self.now,
            session: ask.session.clone(),
            body: ask.body.clone(),
            gone: false,
            verdict: None,
        };
        self.streams.insert(stream, state);
        let head = ask.head();
        let now = self.clock(worker);
        self.relays[worker].handle(
            now,
            Input::Request {
                stream,
                head: &head,
            },
        );
        self.drain(worker);
        stream
    }

    /// Asks, runs until there is a verdict, and says what it was.
    pub(crate) fn ask_and_wait(&mut self, worker: usize, session: &Session) -> String {
        let stream = self.ask(worker, session);
        self.run_until_decided();
        self.outcome(stream)
    }

    /// The client leaves.
    pub(crate) fn leave(&mut self, stream: StreamId) {
        let state = self.streams.get_mut(&stream).unwrap();
        state.gone = true;
        let worker = state.worker;
        let now = self.clock(worker);
        self.relays[worker].handle(now, Input::StreamGone { stream });
        self.drain(worker);
    }

    /// What a shell should never say.
    pub(crate) fn say_nonsense(&mut self, worker: usize) {
        let now = self.clock(worker);
        let result = answer(200, "{}");
        let call = CallId(77);
        let stream = StreamId(u32::MAX);
        for input in [
            Input::Answer { call, result },
            Input::StreamGone { stream },
            Input::Timeout,
        ] {
            self.relays[worker].handle(now, input);
            self.drain(worker);
        }
    }

    pub(crate) fn run_for(&mut self, span: Duration) {
        self.run_to(self.now + span);
    }

    /// Until every request has its verdict.
    pub(crate) fn run_until_decided(&mut self) {
        let limit = self.now + Duration::from_secs(60);
        while self.undecided() > 0 {
            let at = self.next_moment().expect("requests wait for nothing");
            assert!(at <= limit, "requests wait for ever");
            self.step(at);
        }
    }

    /// Runs on until nothing is left to do, and checks that nothing is kept
    /// but cached records.
    pub(crate) fn finish(&mut self) {
        let limit = self.now + Duration::from_secs(200);
        while let Some(at) = self.next_moment() {
            assert!(at <= limit, "something goes on for ever");
            self.step(at);
        }
        assert_eq!(self.undecided(), 0, "a request got no verdict");
        for relay in &self.relays {
            assert!(relay.is_idle());
            let sizes = relay.sizes();
            let empty = Sizes {
                cached: sizes.cached,
                ..Sizes::default()
            };
            assert_eq!(sizes, empty);
        }
    }
}

/// What an operator would write.
fn config() -> Config {
    let written = json!({
        "session": {"format": "opaque"},
        "store": {"cluster": "webdis"},
        "issuer": {"cluster": "django", "authority": "api.example.com"},
        "routes": [
            {"prefix": "/api/auth/", "session": "off"},
            {"prefix": "/api/maybe/", "session": "optional"},
            {"prefix": "/api/", "session": "required"},
        ],
    });
    let parsed = Config::parse(written.to_string().as_bytes(), &|_| None);
    parsed.expect("a good configuration").config
}
