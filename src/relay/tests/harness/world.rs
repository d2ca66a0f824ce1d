//! The world that a test looks at: clock, relays, calls on their way.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use log::Level;
use serde_json::json;

use super::ask::Ask;
use super::fate::{Fate, Target};
use super::issuer::{Issuer, presented};
use super::store::{Form, Request, Store};
use super::{SECRET, ms};
use crate::callout::{Answer, Callout, CalloutResult, Failure, Peer};
use crate::config::Config;
use crate::metrics::Metric;
use crate::relay::machine::Sizes;
use crate::relay::{CallId, Input, Output, Relay, StreamId, Verdict};
use crate::time::Now;

/// Unix time at the world's start.
const EPOCH: Duration = Duration::from_secs(1_800_000_000);

/// How long a call takes unless a test says otherwise.
const STORE_LATENCY: Fate = Fate::Takes {
    there: Duration::from_micros(500),
    back: Duration::from_micros(500),
};
const ISSUER_LATENCY: Fate = Fate::Takes {
    there: Duration::from_millis(10),
    back: Duration::from_millis(10),
};

/// Somebody who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::relay::tests) struct Session {
    pub(in crate::relay::tests) id: String,
    pub(in crate::relay::tests) user: String,
}

impl Session {
    pub(in crate::relay::tests) fn record(&self) -> String {
        format!("session:{}", self.id)
    }

    pub(in crate::relay::tests) fn lease(&self) -> String {
        format!("{{session:{}}}:refresh", self.id)
    }
}

/// A call that a relay made.
#[derive(Clone, Debug)]
pub(in crate::relay::tests) struct Made {
    pub(in crate::relay::tests) at: Duration,
    pub(in crate::relay::tests) worker: usize,
    pub(in crate::relay::tests) target: Target,
    pub(in crate::relay::tests) timeout: Duration,
    /// Of a call to the store.
    pub(in crate::relay::tests) form: Option<Form>,
    pub(in crate::relay::tests) nonce: Option<String>,
    pub(in crate::relay::tests) owner: Option<String>,
    pub(in crate::relay::tests) args: Vec<String>,
    /// The refresh token, of a call to the issuer.
    pub(in crate::relay::tests) presented: Option<String>,
}

#[derive(Debug)]
struct Stream {
    worker: usize,
    asked: Duration,
    session: Option<Session>,
    gone: bool,
    verdict: Option<(Duration, Verdict)>,
}

#[derive(Debug)]
enum Event {
    /// A call arrives at its peer. `answer_in`: the answer's way back, if the
    /// relay still waits for it.
    Arrives {
        worker: usize,
        call: CallId,
        what: What,
        answer_in: Option<Duration>,
        then: Then,
    },
    Answered {
        worker: usize,
        call: CallId,
        result: CalloutResult,
    },
}

#[derive(Clone, Debug)]
enum What {
    Store(Request),
    Refresh(String),
    Revoke(String),
}

/// What the relay gets to see of a call that was carried out.
#[derive(Clone, Copy, Debug)]
enum Then {
    Answer,
    OtherNonce,
    Garbled(u16, &'static str),
    Fails(Failure),
}

type Chooser = Box<dyn FnMut(Target) -> Option<Fate>>;

pub(in crate::relay::tests) struct World {
    pub(in crate::relay::tests) now: Duration,
    /// How far the proxies' system clocks are ahead.
    pub(in crate::relay::tests) skew: Duration,
    pub(in crate::relay::tests) store: Store,
    pub(in crate::relay::tests) issuer: Issuer,
    /// Every call that was made.
    pub(in crate::relay::tests) calls: Vec<Made>,
    pub(in crate::relay::tests) logs: Vec<(Level, String)>,
    /// Fates of all calls of a kind, until taken out again.
    pub(in crate::relay::tests) outage: HashMap<Target, Fate>,
    /// Fates by chance.
    pub(in crate::relay::tests) chance: Option<Chooser>,
    plans: Vec<(Target, Fate)>,
    relays: Vec<Relay>,
    counts: Vec<HashMap<Metric, usize>>,
    streams: BTreeMap<StreamId, Stream>,
    queue: BTreeMap<(Duration, u64), Event>,
    serial: u64,
    sessions: u64,
}

impl World {
    pub(in crate::relay::tests) fn new(workers: usize) -> Self {
        Self::with(workers, |_| {})
    }

    pub(in crate::relay::tests) fn with(workers: usize, edit: impl FnOnce(&mut Config)) -> Self {
        Self::seeded(0, workers, edit)
    }

    pub(in crate::relay::tests) fn seeded(
        seed: u64,
        workers: usize,
        edit: impl FnOnce(&mut Config),
    ) -> Self {
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
            store: Store::default(),
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

    // What a test does.

    /// A session with a fresh access token.
    pub(in crate::relay::tests) fn log_in(&mut self, user: &str) -> Session {
        self.log_in_aged(user, Duration::ZERO)
    }

    /// A session whose access token has this much of its life left.
    pub(in crate::relay::tests) fn log_in_with_left(
        &mut self,
        user: &str,
        left: Duration,
    ) -> Session {
        let age = self.issuer.access_life - left;
        self.log_in_aged(user, age)
    }

    /// A session whose access token expired a while ago.
    pub(in crate::relay::tests) fn log_in_expired(&mut self, user: &str) -> Session {
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
    pub(in crate::relay::tests) fn log_out(&mut self, session: &Session) {
        self.store.remove(&session.record());
    }

    /// Another writer changes the record.
    pub(in crate::relay::tests) fn rewrite(
        &mut self,
        session: &Session,
        edit: impl FnOnce(&mut serde_json::Value),
    ) {
        let mut record = self.record(session);
        edit(&mut record);
        let ttl = self.store.ttl(&session.record());
        self.store.set(&session.record(), &record.to_string(), ttl);
    }

    /// Another writer refreshes the session by itself.
    pub(in crate::relay::tests) fn rotate_elsewhere(&mut self, session: &Session) {
        let old = self.refresh_token(session);
        self.issuer.end(&old);
        let (access, refresh) = self.issuer.obtain(&session.user, Duration::ZERO);
        self.rewrite(session, |record| {
            record["access"] = json!(access);
            record["refresh"] = json!(refresh);
        });
    }

    /// The next call of this kind gets this fate; further ones queue up.
    pub(in crate::relay::tests) fn plan(&mut self, target: Target, fate: Fate) {
        self.plans.push((target, fate));
    }

    pub(in crate::relay::tests) fn set_outage(&mut self, targets: &[Target], fate: Fate) {
        self.outage
            .extend(targets.iter().map(|target| (*target, fate)));
    }

    pub(in crate::relay::tests) fn end_outage(&mut self) {
        self.outage.clear();
    }

    /// A plain request of a session on a required route.
    pub(in crate::relay::tests) fn ask(&mut self, worker: usize, session: &Session) -> StreamId {
        self.send(worker, &Ask::get("/api/x").of(session))
    }

    pub(in crate::relay::tests) fn send(&mut self, worker: usize, ask: &Ask) -> StreamId {
        self.serial += 1;
        let stream = StreamId(self.serial as u32);
        let state = Stream {
            worker,
            asked: self.now,
            session: ask.session.clone(),
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
    pub(in crate::relay::tests) fn ask_and_wait(
        &mut self,
        worker: usize,
        session: &Session,
    ) -> String {
        let stream = self.ask(worker, session);
        self.run_until_decided();
        self.outcome(stream)
    }

    /// The client leaves.
    pub(in crate::relay::tests) fn leave(&mut self, stream: StreamId) {
        let state = self.streams.get_mut(&stream).unwrap();
        state.gone = true;
        let worker = state.worker;
        let now = self.clock(worker);
        self.relays[worker].handle(now, Input::StreamGone { stream });
        self.drain(worker);
    }

    /// What a shell should never say.
    pub(in crate::relay::tests) fn say_nonsense(&mut self, worker: usize) {
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

    pub(in crate::relay::tests) fn run_for(&mut self, span: Duration) {
        self.run_to(self.now + span);
    }

    /// Until every request has its verdict.
    pub(in crate::relay::tests) fn run_until_decided(&mut self) {
        let limit = self.now + Duration::from_secs(60);
        while self.undecided() > 0 {
            let at = self.next_moment().expect("requests wait for nothing");
            assert!(at <= limit, "requests wait for ever");
            self.step(at);
        }
    }

    /// Runs on until nothing is left to do, and checks that nothing is kept
    /// but cached records.
    pub(in crate::relay::tests) fn finish(&mut self) {
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

    // What a test looks at.

    /// One word for what became of a request: where its token came from, the
    /// problem's code, or `pass`, `pass_without_authorization`, `redirect`,
    /// `waiting`.
    pub(in crate::relay::tests) fn outcome(&self, stream: StreamId) -> String {
        let word = match self.streams[&stream].verdict.as_ref() {
            None => "waiting",
            Some((_, Verdict::Off | Verdict::Pass)) => "pass",
            Some((_, Verdict::PassWithoutAuthorization)) => "pass_without_authorization",
            Some((_, Verdict::Inject(injection))) => injection.source.word(),
            Some((_, Verdict::Reply { reply, .. })) if reply.status == 302 => "redirect",
            Some((_, Verdict::Reply { problem, .. })) => problem.code(),
        };
        word.to_owned()
    }

    pub(in crate::relay::tests) fn outcomes(&self, streams: &[StreamId]) -> Vec<String> {
        streams.iter().map(|stream| self.outcome(*stream)).collect()
    }

    pub(in crate::relay::tests) fn verdict(&self, stream: StreamId) -> &Verdict {
        &self.streams[&stream].verdict.as_ref().expect("a verdict").1
    }

    /// How long a request was held.
    pub(in crate::relay::tests) fn held(&self, stream: StreamId) -> Duration {
        let state = &self.streams[&stream];
        state.verdict.as_ref().expect("a verdict").0 - state.asked
    }

    /// The access token that a request was given.
    pub(in crate::relay::tests) fn token(&self, stream: StreamId) -> String {
        match self.verdict(stream) {
            Verdict::Inject(injection) => {
                let value = injection.authorization.expose();
                value.strip_prefix("Bearer ").unwrap().to_owned()
            }
            other => panic!("no token was given: {other:?}"),
        }
    }

    pub(in crate::relay::tests) fn record(&self, session: &Session) -> serde_json::Value {
        let text = self.store.get(&session.record()).expect("a record");
        serde_json::from_str(&text).unwrap()
    }

    pub(in crate::relay::tests) fn access_token(&self, session: &Session) -> String {
        self.record(session)["access"].as_str().unwrap().to_owned()
    }

    pub(in crate::relay::tests) fn refresh_token(&self, session: &Session) -> String {
        self.record(session)["refresh"].as_str().unwrap().to_owned()
    }

    pub(in crate::relay::tests) fn made(&self, target: Target) -> Vec<&Made> {
        let made = self.calls.iter();
        made.filter(|made| made.target == target).collect()
    }

    pub(in crate::relay::tests) fn store_calls(&self) -> Vec<Target> {
        let targets = self.calls.iter().map(|made| made.target);
        targets.filter(|target| target.is_store()).collect()
    }

    /// Summed over all workers.
    pub(in crate::relay::tests) fn count(&self, metric: Metric) -> usize {
        self.counts
            .iter()
            .filter_map(|counts| counts.get(&metric))
            .sum()
    }

    pub(in crate::relay::tests) fn sizes(&self, worker: usize) -> Sizes {
        self.relays[worker].sizes()
    }

    pub(in crate::relay::tests) fn is_idle(&self, worker: usize) -> bool {
        self.relays[worker].is_idle()
    }

    /// It has no verdict, and its client is still there.
    pub(in crate::relay::tests) fn is_waiting(&self, stream: StreamId) -> bool {
        !self.has_left(stream) && self.streams[&stream].verdict.is_none()
    }

    pub(in crate::relay::tests) fn has_left(&self, stream: StreamId) -> bool {
        self.streams[&stream].gone
    }

    pub(in crate::relay::tests) fn has_record(&self, session: &Session) -> bool {
        self.store.get(&session.record()).is_some()
    }

    pub(in crate::relay::tests) fn logged(&self, level: Level, part: &str) -> bool {
        let mut logs = self.logs.iter();
        logs.any(|(at, line)| *at == level && line.contains(part))
    }

    pub(in crate::relay::tests) fn undecided(&self) -> usize {
        let streams = self.streams.values();
        streams
            .filter(|stream| stream.verdict.is_none() && !stream.gone)
            .count()
    }

    // How it turns.

    fn clock(&self, worker: usize) -> Now {
        Now {
            unix: EPOCH + self.now + self.skew,
            mono: self.now + offset(worker),
        }
    }

    /// When something happens next.
    pub(in crate::relay::tests) fn next_moment(&self) -> Option<Duration> {
        let wakes = self.relays.iter().enumerate();
        let wakes = wakes.filter_map(|(worker, relay)| Some(relay.wake_at()? - offset(worker)));
        let queued = self.queue.keys().next().map(|(at, _)| *at);
        wakes.chain(queued).min()
    }

    fn run_to(&mut self, end: Duration) {
        while let Some(at) = self.next_moment().filter(|at| *at <= end) {
            self.step(at);
        }
        self.tick(end);
    }

    fn tick(&mut self, at: Duration) {
        assert!(at >= self.now, "time does not go back");
        self.now = at;
        self.store.now = at;
        self.issuer.unix = EPOCH + at;
    }

    /// Lets everything happen that happens at one moment.
    fn step(&mut self, at: Duration) {
        self.tick(at);
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= at) {
            let event = entry.remove();
            self.happen(event);
        }
        for worker in 0..self.relays.len() {
            let due = at + offset(worker);
            if self.relays[worker]
                .wake_at()
                .is_some_and(|wake| wake <= due)
            {
                let now = self.clock(worker);
                self.relays[worker].handle(now, Input::Timeout);
                self.drain(worker);
                let next = self.relays[worker].wake_at();
                assert!(next.is_none_or(|next| next > due), "a timer spins");
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Answered {
                worker,
                call,
                result,
            } => {
                let now = self.clock(worker);
                self.relays[worker].handle(now, Input::Answer { call, result });
                self.drain(worker);
            }
            Event::Arrives {
                worker,
                call,
                what,
                answer_in,
                then,
            } => {
                let (status, body) = self.carry_out(&what, matches!(then, Then::OtherNonce));
                let result = match then {
                    Then::Answer | Then::OtherNonce => answer(status, &body),
                    Then::Garbled(status, body) => answer(status, body),
                    Then::Fails(failure) => CalloutResult::Failure(failure),
                };
                if let Some(back) = answer_in {
                    self.push(
                        self.now + back,
                        Event::Answered {
                            worker,
                            call,
                            result,
                        },
                    );
                }
            }
        }
    }

    fn carry_out(&mut self, what: &What, other_nonce: bool) -> (u16, String) {
        match what {
            What::Refresh(token) => self.issuer.refresh(token),
            What::Revoke(token) => self.issuer.revoke(token),
            What::Store(request) => {
                let body = self.store.execute(request);
                let nonce = request.nonce();
                let other = nonce.chars().rev().collect::<String>();
                let shown = if other_nonce { &other } else { nonce };
                (200, body.replace(nonce, shown))
            }
        }
    }

    fn drain(&mut self, worker: usize) {
        while let Some(output) = self.relays[worker].poll() {
            assert_no_secret(&format!("{output:?}"));
            match output {
                Output::Count(metric) => {
                    *self.counts[worker].entry(metric).or_default() += 1;
                }
                Output::Log(level, line) => {
                    assert_no_secret(&line);
                    self.logs.push((level, line));
                }
                Output::Resume { stream, verdict } => self.resume(worker, stream, verdict),
                Output::Call { call, callout } => self.dispatch(worker, call, &callout),
            }
        }
        let now = self.clock(worker).mono;
        let wake = self.relays[worker].wake_at();
        assert!(wake.is_none_or(|at| at >= now), "woken in the past");
    }

    fn resume(&mut self, worker: usize, stream: StreamId, verdict: Verdict) {
        let state = self.streams.get_mut(&stream).expect("a request");
        assert_eq!(state.worker, worker, "another worker's request");
        assert!(!state.gone, "a verdict for a client that left");
        assert!(state.verdict.is_none(), "two verdicts for one request");
        if let Verdict::Inject(injection) = &verdict {
            let session = state.session.as_ref().expect("a session");
            let token = injection.authorization.expose();
            let token = token.strip_prefix("Bearer ").expect("a bearer token");
            if let Some(user) = self.issuer.user_of(token) {
                assert_eq!(user, session.user, "another session's token");
            }
        }
        state.verdict = Some((self.now, verdict));
        let now = self.clock(worker);
        self.relays[worker].handle(now, Input::StreamGone { stream });
    }

    fn dispatch(&mut self, worker: usize, call: CallId, callout: &Callout) {
        assert!(callout.timeout >= ms(1), "the host takes 0 for no time-out");
        let (what, made) = self.recognise(worker, callout);
        let target = made.target;
        self.calls.push(made);
        let fate = self.fate_of(target);
        let timeout = callout.timeout;
        let (there, back, then) = match fate {
            Fate::Takes { there, back } => (there, back, Then::Answer),
            Fate::OtherNonce => (ms(1), ms(1), Then::OtherNonce),
            Fate::Garbled(status, body) => (ms(1), ms(1), Then::Garbled(status, body)),
            Fate::Fails(failure) if failure != Failure::NotSent => {
                (ms(1), ms(1), Then::Fails(failure))
            }
            Fate::Crossed(after, body) => {
                let event = Event::Answered {
                    worker,
                    call,
                    result: answer(200, body),
                };
                self.push(self.now + ms(1), event);
                let event = Event::Arrives {
                    worker,
                    call,
                    what,
                    answer_in: None,
                    then: Then::Answer,
                };
                return self.push(self.now + after, event);
            }
            // The others are not carried out.
            not_carried_out => {
                let (after, result) = match not_carried_out {
                    Fate::Status(status, body) => (ms(1), answer(status, body)),
                    Fate::RetryAfter(status, value) => {
                        let retry_after = Some(value.as_bytes().to_vec());
                        (ms(1), from_peer(status, "", retry_after))
                    }
                    Fate::Redis(error) => {
                        let body = json!({"EVALSHA": [false, error]}).to_string();
                        (ms(1), answer(200, &body))
                    }
                    Fate::Fails(failure) => (ms(0), CalloutResult::Failure(failure)),
                    _ => (timeout, timed_out()),
                };
                let event = Event::Answered {
                    worker,
                    call,
                    result,
                };
                return self.push(self.now + after, event);
            }
        };
        let in_time = there.saturating_add(back) < timeout;
        if !in_time {
            let event = Event::Answered {
                worker,
                call,
                result: timed_out(),
            };
            self.push(self.now + timeout, event);
        }
        let event = Event::Arrives {
            worker,
            call,
            what,
            answer_in: in_time.then_some(back),
            then,
        };
        self.push(self.now + there, event);
    }

    fn recognise(&self, worker: usize, callout: &Callout) -> (What, Made) {
        let header = |wanted: &str| {
            let mut headers = callout.headers.iter();
            let (_, value) = headers.find(|(name, _)| name == wanted).unwrap();
            value.expose().as_str()
        };
        let mut made = Made {
            at: self.now,
            worker,
            target: Target::Read,
            timeout: callout.timeout,
            form: None,
            nonce: None,
            owner: None,
            args: Vec::new(),
            presented: None,
        };
        assert_eq!(header(":method"), "POST");
        let what = match (callout.peer, header(":path")) {
            (Peer::Store, "/") => {
                let request = Request::decode(callout.body.expose());
                made.target = request.target;
                made.form = Some(request.form);
                made.nonce = Some(request.nonce().to_owned());
                made.owner = request.owner().map(str::to_owned);
                made.args = request.args[1..].to_vec();
                What::Store(request)
            }
            (Peer::Issuer, "/api/token/refresh/") => {
                made.target = Target::Refresh;
                made.presented = Some(presented(callout));
                What::Refresh(presented(callout))
            }
            (Peer::Issuer, "/api/token/blacklist/") => {
                made.target = Target::Revoke;
                made.presented = Some(presented(callout));
                What::Revoke(presented(callout))
            }
            other => panic!("nobody listens at {other:?}"),
        };
        (what, made)
    }

    fn fate_of(&mut self, target: Target) -> Fate {
        if let Some(index) = self
            .plans
            .iter()
            .position(|(planned, _)| *planned == target)
        {
            return self.plans.remove(index).1;
        }
        if let Some(fate) = self.outage.get(&target) {
            return *fate;
        }
        let by_chance = self.chance.as_mut().and_then(|choose| choose(target));
        by_chance.unwrap_or(match target.is_store() {
            true => STORE_LATENCY,
            false => ISSUER_LATENCY,
        })
    }

    fn push(&mut self, at: Duration, event: Event) {
        self.serial += 1;
        self.queue.insert((at, self.serial), event);
    }
}

/// Each worker's own clock starts elsewhere.
fn offset(worker: usize) -> Duration {
    Duration::from_secs(1000 + 777 * worker as u64)
}

fn assert_no_secret(shown: &str) {
    assert!(!shown.contains(SECRET), "a secret is printed: {shown}");
    assert!(!shown.contains("eyJ"), "a token is printed: {shown}");
}

fn from_peer(status: u16, body: &str, retry_after: Option<Vec<u8>>) -> CalloutResult {
    CalloutResult::Answer(Answer {
        status,
        retry_after,
        from_peer: true,
        body: body.as_bytes().to_vec().into(),
    })
}

fn answer(status: u16, body: &str) -> CalloutResult {
    from_peer(status, body, None)
}

/// What the host makes up.
fn timed_out() -> CalloutResult {
    CalloutResult::Answer(Answer {
        status: 504,
        retry_after: None,
        from_peer: false,
        body: b"upstream request timeout".to_vec().into(),
    })
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
