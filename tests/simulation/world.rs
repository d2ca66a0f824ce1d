//! The simulated world: proxies with workers, the two peers, users, one queue of
//! events and one clock.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use serde_json::json;
use token_relay::callout::CalloutResult;
use token_relay::config::Config;
use token_relay::metrics::{IssuerOutcome, Metric};
use token_relay::relay::{CallId, Input, Output, Relay, StreamId};
use token_relay::time::Now;

use super::calls::Trip;
use super::dice::Dice;
use super::fault::{Fault, Hits, Weather};
use super::model::issuer::Issuer;
use super::model::redis::Redis;
use super::truth::Truth;
use super::users::{Stream, User};

/// Unix time at the world's start.
pub(crate) const EPOCH: Duration = Duration::from_secs(1_800_000_000);

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One relay: a worker of a proxy, from one configuration to the next.
pub(crate) type Instance = u32;

pub(crate) struct Worker {
    pub(crate) proxy: usize,
    pub(crate) relay: Relay,
    /// Replaced by a new configuration: it finishes what it has begun.
    pub(crate) retiring: bool,
    pub(crate) last_stream: u32,
}

pub(crate) struct Proxy {
    /// The relays that take new requests; none while it is down.
    pub(crate) workers: Vec<Instance>,
    /// How far its system clock is ahead.
    pub(crate) skew: Duration,
    /// It alone does not reach the store.
    pub(crate) cut_off: bool,
}

pub(crate) enum Event {
    /// A user does something.
    Act(usize),
    /// A client leaves.
    Leave(Instance, StreamId),
    /// The body of a request that the relay has asked for.
    Body(Instance, StreamId),
    /// A call arrives at its peer.
    Arrive(Box<Trip>),
    /// An answer arrives at its relay; `again`: although it was answered.
    Answer {
        instance: Instance,
        call: CallId,
        result: CalloutResult,
        /// It says what the peer did.
        intact: bool,
        again: bool,
    },
    /// The host gives a call up.
    TimedOut(Instance, CallId),
    /// A fault that is not one of a call.
    Disaster(Fault),
    StoreReturns,
    IssuerReturns,
    Start(usize),
}

/// A call that a relay waits for.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) is_store: bool,
    /// The refresh token that it presents.
    pub(crate) presents: Option<String>,
    /// The refresh token whose successor it writes back, and since when.
    pub(crate) writes: Option<(String, Duration)>,
    pub(crate) name: &'static str,
}

pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) dice: Dice,
    pub(crate) weather: Weather,
    pub(crate) config: Config,
    pub(crate) redis: Redis,
    pub(crate) issuer: Issuer,
    /// How long the issuer takes when nothing is wrong, at most.
    pub(crate) issuer_pace: Duration,
    /// Calls that wait for a frozen store; `None`: it is not frozen.
    pub(crate) frozen: Option<Vec<Trip>>,
    pub(crate) store_down: bool,
    pub(crate) issuer_down: bool,
    pub(crate) proxies: Vec<Proxy>,
    per_proxy: usize,
    pub(crate) workers: BTreeMap<Instance, Worker>,
    pub(crate) users: Vec<User>,
    pub(crate) streams: HashMap<(Instance, StreamId), Stream>,
    pub(crate) open: BTreeMap<(Instance, CallId), Open>,
    pub(crate) truth: Truth,
    pub(crate) hits: Hits,
    pub(crate) figures: Figures,
    /// The last answers of the store, for callers that they are not for.
    pub(crate) strays: VecDeque<String>,
    /// Users act until then.
    pub(crate) until: Duration,
    last_instance: Instance,
    queue: BTreeMap<(Duration, u64), Event>,
    serial: u64,
    trace: Option<Vec<String>>,
    violation: Option<String>,
}

/// What runs add up.
#[derive(Clone, Default)]
pub(crate) struct Figures {
    pub(crate) steps: u64,
    pub(crate) requests: u64,
    /// Those that got a token.
    pub(crate) injected: u64,
    pub(crate) refreshes: u64,
    /// Second presentations after a lost answer or the end of a holder.
    pub(crate) presented_again: u64,
    /// Sessions that ended after a lost answer.
    pub(crate) lost: u64,
    /// Of these and of the presentations: after write-backs that the store refused
    /// all along.
    pub(crate) unwritten: u64,
    /// Tokens that were sent because they had just come, and looked stale.
    pub(crate) looked_stale: u64,
    /// Sessions that the issuer ended.
    pub(crate) refused: u64,
}

impl World {
    pub(crate) fn new(seed: u64, tracing: bool) -> Self {
        let mut dice = Dice::new(seed);
        let config = config(&mut dice);
        let mut issuer = Issuer::new();
        issuer.access_life = dice.one_of(&[s(6), s(15), s(40), s(300)]);
        issuer.refresh_life = dice.one_of(&[s(60), s(600), s(86_400)]);
        issuer.rotation = !dice.permille(150);
        let weather = Weather::of(&mut dice);
        let apart = dice.permille(500);
        let (proxies, per_proxy) = (1 + dice.below(3), 1 + dice.below(2));
        let users = 1 + dice.below(4);
        let mut world = Self {
            now: Duration::ZERO,
            weather,
            issuer_pace: dice.one_of(&[ms(20), ms(20), ms(400), config.issuer.timeout / 2]),
            config,
            redis: Redis::new(),
            issuer,
            frozen: None,
            store_down: false,
            issuer_down: false,
            proxies: Vec::new(),
            per_proxy,
            workers: BTreeMap::new(),
            users: Vec::new(),
            streams: HashMap::new(),
            open: BTreeMap::new(),
            truth: Truth::default(),
            hits: Hits::default(),
            figures: Figures::default(),
            strays: VecDeque::new(),
            until: dice.one_of(&[s(30), s(60), s(120)]),
            last_instance: 0,
            queue: BTreeMap::new(),
            serial: 0,
            trace: tracing.then(Vec::new),
            violation: None,
            dice,
        };
        world.issuer.unix = EPOCH;
        for _ in 0..proxies {
            let skew = match apart {
                true => world.dice.between(Duration::ZERO, s(2)),
                false => s(1),
            };
            world.proxies.push(Proxy {
                workers: Vec::new(),
                skew,
                cut_off: false,
            });
            world.start(world.proxies.len() - 1);
        }
        for user in 0..users {
            world.users.push(User::default());
            let first = world.dice.millis(0, 2000);
            world.later(first, Event::Act(user));
        }
        let kinds = world.weather.world.clone();
        for (fault, rate) in kinds {
            for _ in 0..world.until.as_secs() {
                if world.dice.permille(rate) {
                    let at = world.dice.between(Duration::ZERO, world.until);
                    world.later(at, Event::Disaster(fault));
                }
            }
        }
        world.say(|world| {
            format!(
                "{proxies} proxies of {per_proxy} workers, {users} users; access tokens live {:?}, \
                 refresh tokens {:?}, rotation {}; issuer.timeout {:?}, cache {:?}; {:?}",
                world.issuer.access_life,
                world.issuer.refresh_life,
                world.issuer.rotation,
                world.config.issuer.timeout,
                world.config.cache,
                world.weather,
            )
        });
        world
    }

    /// Starts a proxy, or gives it a new configuration.
    pub(crate) fn start(&mut self, proxy: usize) {
        let fresh: Vec<_> = (0..self.per_proxy)
            .map(|_| {
                self.last_instance += 1;
                let worker = Worker {
                    proxy,
                    relay: Relay::new(&self.config, self.dice.bytes()),
                    retiring: false,
                    last_stream: 0,
                };
                self.workers.insert(self.last_instance, worker);
                self.last_instance
            })
            .collect();
        self.proxies[proxy].workers = fresh;
    }

    pub(crate) fn later(&mut self, after: Duration, event: Event) {
        self.serial += 1;
        self.queue.insert((self.now + after, self.serial), event);
    }

    /// A line of the trace, if there is one.
    pub(crate) fn say(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.trace.is_some() {
            let line = format!("{:>10.4}  {}", self.now.as_secs_f64(), line(self));
            self.trace.get_or_insert_default().push(line);
        }
    }

    pub(crate) fn is_tracing(&self) -> bool {
        self.trace.is_some()
    }

    pub(crate) fn fail(&mut self, why: String) {
        self.say(|_| format!("VIOLATION: {why}"));
        self.violation.get_or_insert(why);
    }

    pub(crate) fn trace(&self) -> &[String] {
        self.trace.as_deref().unwrap_or_default()
    }

    pub(crate) fn clock(&self, instance: Instance) -> Now {
        let proxy = self.workers.get(&instance).map(|worker| worker.proxy);
        let skew = proxy.map_or(Duration::ZERO, |proxy| self.proxies[proxy].skew);
        Now {
            // Those of the peers stand in the middle.
            unix: EPOCH + self.now + skew - s(1),
            // Each has its own idea of the beginning.
            mono: self.now + s(1000 + 777 * u64::from(instance)),
        }
    }

    /// When something happens next.
    fn next_moment(&self) -> Option<Duration> {
        let wakes = self.workers.iter().filter_map(|(instance, worker)| {
            let mono = worker.relay.wake_at()?;
            Some(mono.saturating_sub(self.clock(*instance).mono - self.now))
        });
        let queued = self.queue.keys().next().map(|(at, _)| *at);
        wakes.chain(queued).min()
    }

    /// Runs until nothing happens any more, or until then.
    ///
    /// # Errors
    /// A rule was broken.
    pub(crate) fn run_to(&mut self, end: Duration) -> Result<(), String> {
        while let Some(at) = self.next_moment().filter(|at| *at <= end) {
            if at < self.now {
                self.fail("a relay asks to be woken in the past".into());
            }
            self.turn_to(at.max(self.now));
            self.figures.steps += 1;
            if let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= at) {
                let event = entry.remove();
                self.happen(event);
            } else {
                self.wake_up();
            }
            self.look_around();
            if let Some(why) = self.violation.take() {
                return Err(why);
            }
        }
        self.turn_to(end);
        self.violation.take().map_or(Ok(()), Err)
    }

    fn turn_to(&mut self, at: Duration) {
        self.now = at;
        self.issuer.unix = EPOCH + at;
    }

    fn wake_up(&mut self) {
        let due = self.workers.iter().filter(|(instance, worker)| {
            let wake = worker.relay.wake_at();
            wake.is_some_and(|wake| wake <= self.clock(**instance).mono)
        });
        let due: Vec<Instance> = due.map(|(instance, _)| *instance).collect();
        for instance in due {
            self.tell(instance, Input::Timeout);
            let now = self.clock(instance).mono;
            let next = self.workers.get(&instance).and_then(|w| w.relay.wake_at());
            if next.is_some_and(|next| next <= now) {
                self.fail("a timer spins".into());
            }
        }
    }

    /// Tells a relay something and does what it wants.
    pub(crate) fn tell(&mut self, instance: Instance, input: Input<'_>) {
        let now = self.clock(instance);
        let Some(worker) = self.workers.get_mut(&instance) else {
            return;
        };
        worker.relay.handle(now, input);
        self.drain(instance);
    }

    fn drain(&mut self, instance: Instance) {
        while let Some(worker) = self.workers.get_mut(&instance)
            && let Some(output) = worker.relay.poll()
        {
            match output {
                Output::Call { call, callout } => self.dispatch(instance, call, callout),
                Output::Resume { stream, verdict } => self.resume(instance, stream, verdict),
                Output::ReadBody { stream, .. } => {
                    let after = self.dice.millis(0, 20);
                    self.later(after, Event::Body(instance, stream));
                }
                Output::Count(metric) => {
                    let outcome = IssuerOutcome::Accepted;
                    let is_refresh =
                        matches!(metric, Metric::Refresh { outcome: o, .. } if o == outcome);
                    self.figures.refreshes += u64::from(is_refresh);
                }
                Output::Log(_, line) => {
                    self.say(|_| format!("worker {instance} logs: {line}"));
                    self.check_log(&line);
                }
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Act(user) => self.act(user),
            Event::Leave(instance, stream) => self.leave(instance, stream),
            Event::Body(instance, stream) => self.send_body(instance, stream),
            Event::Arrive(trip) => self.arrive(*trip),
            Event::Answer {
                instance,
                call,
                result,
                intact,
                again,
            } => self.answer(instance, call, result, intact, again),
            Event::TimedOut(instance, call) => self.time_out(instance, call),
            Event::Disaster(fault) => self.strike(fault),
            Event::StoreReturns => self.store_returns(),
            Event::IssuerReturns => {
                self.say(|_| "the issuer is back".into());
                self.issuer_down = false;
            }
            Event::Start(proxy) => {
                if self.proxies[proxy].workers.is_empty() {
                    self.say(|_| format!("proxy {proxy} starts again"));
                    self.start(proxy);
                }
            }
        }
    }

    /// Nothing goes wrong any more, and what is down comes back.
    pub(crate) fn heal(&mut self) {
        self.say(|_| "from here on nothing goes wrong".into());
        self.weather = Weather {
            store: Vec::new(),
            issuer: Vec::new(),
            world: Vec::new(),
        };
        self.queue
            .retain(|_, event| !matches!(event, Event::Disaster(_)));
        self.store_returns();
        self.issuer_down = false;
        self.issuer_pace = ms(20);
        for proxy in 0..self.proxies.len() {
            self.happen(Event::Start(proxy));
        }
    }

    /// What must hold at every moment.
    fn look_around(&mut self) {
        let done = |worker: &Worker| worker.retiring && worker.relay.is_idle();
        self.workers.retain(|_, worker| !done(worker));
        self.check_expiries();
        self.check_leases();
        let mut waiting: HashMap<Instance, usize> = HashMap::new();
        for (instance, _) in self.streams.keys() {
            *waiting.entry(*instance).or_default() += 1;
        }
        let mut wrong = None;
        for (instance, worker) in &self.workers {
            let sizes = worker.relay.sizes();
            let open = waiting.get(instance).copied().unwrap_or(0);
            let sessions = self.truth.sessions.len();
            if sizes.outputs != 0
                || sizes.waiting > open
                || sizes.active > sessions + 1
                || sizes.cached > self.config.cache.max_sessions
                || sizes.timers > sizes.active
            {
                wrong = Some(format!("worker {instance} remembers too much: {sizes:?}"));
            }
        }
        if let Some(why) = wrong {
            self.fail(why);
        }
    }

    /// Whether a lease is held just now, of this session or of any.
    pub(crate) fn in_flight(&self, key: Option<&str>) -> bool {
        match key {
            Some(key) => self.truth.holders.contains_key(key),
            None => !self.truth.holders.is_empty(),
        }
    }

    /// The workers of this proxy, also those that are being replaced.
    pub(crate) fn workers_of(&self, proxy: usize) -> HashSet<Instance> {
        let all = self.workers.iter();
        let its = all.filter(|(_, worker)| worker.proxy == proxy);
        its.map(|(instance, _)| *instance).collect()
    }
}

fn config(dice: &mut Dice) -> Config {
    let max_sessions = dice.one_of(&[0, 2, 100, 100]);
    let max_stale = if max_sessions == 2 { "3s" } else { "0s" };
    let written = json!({
        "session": {"format": "opaque"},
        "store": {"cluster": "webdis"},
        "issuer": {
            "cluster": "django",
            "authority": "api.example.com",
            "timeout": dice.one_of(&["2s", "5s", "35s"]),
        },
        "cache": {"max_sessions": max_sessions, "max_stale": max_stale},
        "routes": [{"prefix": "/api/", "session": "required"}],
        "endpoints": {
            "login": {"path": "/auth/login", "reply": "cookie"},
            "logout": {"path": "/auth/logout"},
            "session": {"path": "/auth/session"},
        },
    });
    let parsed = Config::parse(written.to_string().as_bytes(), &|_| None);
    parsed.expect("a good configuration").config
}
