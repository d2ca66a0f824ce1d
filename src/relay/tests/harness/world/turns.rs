//! How the world turns: time, calls on their way, relays that are told and
//! drained.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::json;

use super::super::ask::Body;
use super::super::fate::{Fate, Target};
use super::super::model::issuer::presented;
use super::super::store::Request;
use super::super::{SECRET, ms};
use super::{Made, World};
use crate::callout::{Answer, Callout, CalloutResult, Failure, Peer};
use crate::metrics::Metric;
use crate::relay::{CallId, Input, Output, StreamId, Verdict};
use crate::request::RequestBody;
use crate::time::Now;

/// All that may be counted: nothing else has a counter.
static METRICS: LazyLock<HashSet<Metric>> =
    LazyLock::new(|| Metric::all(Verdict::words()).into_iter().collect());

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

#[derive(Debug)]
pub(super) enum Event {
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
pub(super) enum What {
    Store(Request),
    Obtain(Vec<u8>),
    Refresh(String),
    Revoke(String),
}

/// What the relay gets to see of a call that was carried out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    Answer,
    OtherNonce,
    Garbled(u16, &'static str),
    Fails(Failure),
}

impl World {
    pub(super) fn clock(&self, worker: usize) -> Now {
        Now {
            unix: EPOCH + self.now + self.skew,
            mono: self.now + offset(worker),
        }
    }

    /// When something happens next.
    pub(crate) fn next_moment(&self) -> Option<Duration> {
        let wakes = self.relays.iter().enumerate();
        let wakes = wakes.filter_map(|(worker, relay)| Some(relay.wake_at()? - offset(worker)));
        let queued = self.queue.keys().next().map(|(at, _)| *at);
        wakes.chain(queued).min()
    }

    pub(super) fn run_to(&mut self, end: Duration) {
        while let Some(at) = self.next_moment().filter(|at| *at <= end) {
            self.step(at);
        }
        self.tick(end);
    }

    pub(super) fn tick(&mut self, at: Duration) {
        assert!(at >= self.now, "time does not go back");
        self.now = at;
        self.store.now = at;
        self.issuer.unix = EPOCH + at;
    }

    /// Lets everything happen that happens at one moment.
    pub(super) fn step(&mut self, at: Duration) {
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
            What::Obtain(body) => self.issuer.log_in(body),
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

    pub(super) fn drain(&mut self, worker: usize) {
        let mut wanted = Vec::new();
        while let Some(output) = self.relays[worker].poll() {
            assert_no_secret(&format!("{output:?}"));
            match output {
                Output::Count(metric) => {
                    assert!(METRICS.contains(&metric), "{metric:?} is not known");
                    *self.counts[worker].entry(metric).or_default() += 1;
                }
                Output::Log(level, line) => {
                    assert_no_secret(&line);
                    self.logs.push((level, line));
                }
                Output::Resume { stream, verdict } => self.resume(worker, stream, verdict),
                Output::ReadBody { stream, limit } => {
                    assert_eq!(limit, 16384);
                    wanted.push(stream);
                }
                Output::Call { call, callout } => self.dispatch(worker, call, &callout),
            }
        }
        for stream in wanted {
            self.send_body(worker, stream);
        }
        let now = self.clock(worker).mono;
        let wake = self.relays[worker].wake_at();
        assert!(wake.is_none_or(|at| at >= now), "woken in the past");
    }

    fn send_body(&mut self, worker: usize, stream: StreamId) {
        let body = self.streams[&stream].body.clone();
        let body = match &body {
            Body::Never => return,
            Body::TooLarge => RequestBody::TooLarge,
            Body::Text(text) => RequestBody::Whole {
                bytes: text.as_bytes(),
                client: Some("192.0.2.7"),
            },
        };
        let now = self.clock(worker);
        self.relays[worker].handle(now, Input::Body { stream, body });
        self.drain(worker);
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
            forwarded_for: callout
                .headers
                .iter()
                .find(|(name, _)| name == "x-forwarded-for")
                .map(|(_, value)| value.expose().clone()),
        };
        assert_eq!(header(":method"), "POST");
        let what = match (callout.peer, header(":path")) {
            (Peer::Store, "/") => {
                let request = Request::decode(callout.body.expose());
                made.target = request.target;
                made.form = Some(request.form());
                made.nonce = Some(request.nonce().to_owned());
                made.owner = request.owner().map(str::to_owned);
                made.args = request.args().to_vec();
                What::Store(request)
            }
            (Peer::Issuer, "/api/token/") => {
                made.target = Target::Obtain;
                What::Obtain(callout.body.expose().clone())
            }
            (Peer::Issuer, "/api/token/refresh/") => {
                made.target = Target::Refresh;
                made.presented = Some(presented(callout.body.expose()));
                What::Refresh(presented(callout.body.expose()))
            }
            (Peer::Issuer, "/api/token/blacklist/") => {
                made.target = Target::Revoke;
                made.presented = Some(presented(callout.body.expose()));
                What::Revoke(presented(callout.body.expose()))
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
        content_type: Some(b"application/json".to_vec()),
        retry_after,
        from_peer: true,
        body: body.as_bytes().to_vec().into(),
        ..Answer::default()
    })
}

pub(super) fn answer(status: u16, body: &str) -> CalloutResult {
    from_peer(status, body, None)
}

/// What the host makes up.
fn timed_out() -> CalloutResult {
    CalloutResult::Answer(Answer {
        status: 504,
        body: b"upstream request timeout".to_vec().into(),
        ..Answer::default()
    })
}
