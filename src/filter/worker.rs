//! One worker's relay, and the carrying out of what it asks for.
//!
//! The root and its streams share it, and both do at once what the core wants
//! done: a call belongs to the root whoever sends it, so it outlives the request
//! that caused it. One thing is the root's alone. Within a stream's callback the
//! host takes a local reply to any request for one to this, so what is decided
//! about others waits in the outbox for the root's timer.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::mem;
use std::rc::Rc;
use std::time::Duration;

use log::{error, log};

use super::clock::Clock;
use super::cluster::Cluster;
use super::error::HostError;
use super::host;
use super::meter::Meter;
use super::verdict::{self, Fate};
use crate::callout::{Callout, CalloutResult, Failure, Peer};
use crate::config::Config;
use crate::metrics::{Gauge, Histogram, Metric};
use crate::relay::{CallId, Input, Output, PROXY_ERROR, Relay, StreamId, Verdict};
use crate::request::{RequestBody, RequestHead};

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its headers have not come yet.
    New,
    /// It waits for its verdict.
    Held,
    /// Its verdict was carried out.
    Decided(Fate),
    /// Somebody else ended it while it waited.
    Gone,
}

/// How a request begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// Its verdict was carried out.
    Decided(Fate),
    /// It is to be held; its phase will change.
    Held,
    /// The same, and its body is wanted.
    WantsBody {
        /// The longest that is taken, in bytes.
        limit: usize,
    },
}

/// One worker's relay; shared by a root context and its streams.
pub(super) struct Worker {
    name: String,
    /// The root's context id.
    root: u32,
    /// The stream whose callback runs; `None` in one of the root's.
    current: Cell<Option<StreamId>>,
    clock: Clock,
    store: Cluster,
    issuer: Cluster,
    meter: Meter,
    relay: RefCell<Relay>,
    /// What the core wants done, until the turn that does it.
    outbox: RefCell<VecDeque<Output>>,
    /// Calls that the host refused, which the core has yet to hear of.
    refused: RefCell<VecDeque<CallId>>,
    /// The host's token of each call in flight.
    calls: RefCell<HashMap<u32, InFlight>>,
    held: RefCell<HashMap<StreamId, Held>>,
    timer: Cell<Timer>,
    /// The host waits for this root to be done.
    leaving: Cell<bool>,
}

/// A call in flight.
struct InFlight {
    call: CallId,
    peer: Peer,
    /// On the monotonic clock.
    sent: Duration,
}

/// A request that is held.
struct Held {
    phase: Rc<Cell<Phase>>,
    /// On the monotonic clock.
    since: Duration,
}

/// The root's timer, which the host repeats until it is set again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Off,
    /// Set to fire at this time of the monotonic clock.
    Due(Duration),
    /// It fired, and would fire again after the same period.
    Fired,
}

/// How many calls that the host refused are reported to the core in one turn.
/// The core answers a refusal with another call at most a few times, so the rest
/// would mean a loop; it waits a millisecond.
const REFUSALS_PER_TURN: usize = 100;

impl Worker {
    /// A worker for the root with this context id. `name` tells workers apart in
    /// access logs.
    pub(super) fn new(root: u32, config: &Config, seed: [u8; 32], name: String) -> Self {
        Self {
            name,
            root,
            current: Cell::new(None),
            clock: Clock::new(),
            store: Cluster::new(&config.store.cluster),
            issuer: Cluster::new(&config.issuer.cluster),
            meter: Meter::new(),
            relay: RefCell::new(Relay::new(config, seed)),
            outbox: RefCell::default(),
            refused: RefCell::default(),
            calls: RefCell::default(),
            held: RefCell::default(),
            timer: Cell::new(Timer::Off),
            leaving: Cell::new(false),
        }
    }

    // A stream's callbacks.

    /// Runs a callback of a stream, and does what it caused.
    pub(super) fn serve(&self, stream: StreamId, callback: impl FnOnce()) {
        self.current.set(Some(stream));
        callback();
        if self.outbox.borrow().is_empty() {
            self.rest();
        } else {
            self.turn();
        }
        self.current.set(None);
    }

    /// Takes in a request; within [`Worker::serve`], as the others below. Where it
    /// is held, the turn that has its verdict carries it out and sets `phase`:
    /// perhaps the one at the end of this callback.
    pub(super) fn request(
        &self,
        stream: StreamId,
        head: &RequestHead<'_>,
        phase: &Rc<Cell<Phase>>,
    ) -> Begun {
        self.handle(Input::Request { stream, head });
        if let Some(verdict) = self.verdict_of(stream) {
            return Begun::Decided(self.carry_out(&verdict));
        }
        self.hold(stream, phase);
        match self.limit_of(stream) {
            Some(limit) => Begun::WantsBody { limit },
            None => Begun::Held,
        }
    }

    /// Takes in the body that a request was held for.
    pub(super) fn body(&self, stream: StreamId, body: RequestBody<'_>) {
        self.handle(Input::Body { stream, body });
    }

    /// Takes in that a held request has ended.
    pub(super) fn gone(&self, stream: StreamId) {
        if let Some(phase) = self.let_go(stream) {
            phase.set(Phase::Gone);
        }
        self.handle(Input::StreamGone { stream });
    }

    // The root's callbacks.

    /// The timer fired.
    pub(super) fn tick(&self) {
        self.timer.set(Timer::Fired);
        self.handle(Input::Timeout);
        self.turn();
    }

    /// The call that a token stands for; a token serves once.
    pub(super) fn call_of(&self, token: u32) -> Option<CallId> {
        let InFlight { call, peer, sent } = self.calls.borrow_mut().remove(&token)?;
        let (gauge, histogram) = measures(peer);
        let took = self.clock.now().mono.saturating_sub(sent);
        self.meter.add(gauge, -1);
        self.meter.record(histogram, took);
        Some(call)
    }

    /// The end of a call.
    pub(super) fn answered(&self, call: CallId, result: CalloutResult) {
        self.handle(Input::Answer { call, result });
        self.turn();
    }

    /// The root is to end: true if it may at once, else the host is told when.
    pub(super) fn leave(&self) -> bool {
        let idle = self.is_idle();
        self.leaving.set(!idle);
        if idle {
            let _ = host::set_tick_period(None);
        }
        idle
    }

    /// Does what waits in the outbox, and what comes of that.
    fn turn(&self) {
        let mut others = VecDeque::new();
        for _ in 0..=REFUSALS_PER_TURN {
            // A statement of its own: the borrow must end before the host is called.
            let batch = mem::take(&mut *self.outbox.borrow_mut());
            for output in batch {
                match output {
                    Output::Call { call, callout } => self.dispatch(call, &callout),
                    Output::Resume { stream, verdict } if self.may_resume(stream) => {
                        self.resume(stream, &verdict);
                    }
                    // Once its headers' callback is over, a request's body cannot be
                    // had any more; the core does not wait for it for ever.
                    Output::ReadBody { .. } => {}
                    output => others.push_back(output),
                }
            }
            let Some(call) = self.refused.borrow_mut().pop_front() else {
                break;
            };
            self.handle(Input::Answer {
                call,
                result: CalloutResult::Failure(Failure::NotSent),
            });
        }
        others.append(&mut self.outbox.borrow_mut());
        *self.outbox.borrow_mut() = others;
        self.rest();
    }

    /// Within the callback of a stream only that stream: the host would take a
    /// local reply to another for one to this, and hold this one for ever.
    fn may_resume(&self, stream: StreamId) -> bool {
        self.current.get().is_none_or(|current| current == stream)
    }

    fn resume(&self, stream: StreamId, verdict: &Verdict) {
        let Some(phase) = self.let_go(stream) else {
            return;
        };
        let elsewhere = self.current.get().is_none();
        if elsewhere && host::set_effective_context(stream.0).is_err() {
            // The client left; its `on_done` came too late for this turn.
            phase.set(Phase::Gone);
            return;
        }
        let fate = self.carry_out(verdict);
        phase.set(Phase::Decided(fate));
        // Within its own callback a stream goes on by what that callback returns:
        // the host would send the headers now, then see it pause, and keep the
        // body for ever.
        if elsewhere
            && matches!(fate, Fate::GoesOn { .. })
            && let Err(error) = host::continue_request()
        {
            phase.set(Phase::Decided(self.refuse(&error)));
        }
        if elsewhere {
            // Cannot fail: the root is the context of this callback.
            let _ = host::set_effective_context(self.root);
        }
    }

    fn hold(&self, stream: StreamId, phase: &Rc<Cell<Phase>>) {
        phase.set(Phase::Held);
        self.meter.add(Gauge::RequestsWaiting, 1);
        let held = Held {
            phase: Rc::clone(phase),
            since: self.clock.now().mono,
        };
        self.held.borrow_mut().insert(stream, held);
    }

    /// The request is not held any more, if it was.
    fn let_go(&self, stream: StreamId) -> Option<Rc<Cell<Phase>>> {
        let Held { phase, since } = self.held.borrow_mut().remove(&stream)?;
        let waited = self.clock.now().mono.saturating_sub(since);
        self.meter.add(Gauge::RequestsWaiting, -1);
        self.meter.record(Histogram::RequestWait, waited);
        Some(phase)
    }

    fn carry_out(&self, verdict: &Verdict) -> Fate {
        verdict::carry_out(verdict, &self.name).unwrap_or_else(|error| self.refuse(&error))
    }

    /// Answers 503 without the core, because the host would not do its part.
    pub(super) fn refuse(&self, error: &HostError) -> Fate {
        self.meter.count(Metric::Request(PROXY_ERROR));
        verdict::refuse(error)
    }

    fn dispatch(&self, call: CallId, callout: &Callout) {
        let cluster = match callout.peer {
            Peer::Store => &self.store,
            Peer::Issuer => &self.issuer,
        };
        let sent = self.clock.now().mono;
        match cluster.send(callout, sent) {
            Some(token) => {
                let peer = callout.peer;
                self.meter.add(measures(peer).0, 1);
                let call = InFlight { call, peer, sent };
                self.calls.borrow_mut().insert(token, call);
            }
            None => self.refused.borrow_mut().push_back(call),
        }
    }

    // The core.

    /// Hands an input to the core and takes out all that it wants done. What
    /// needs no particular context is done here.
    fn handle(&self, input: Input<'_>) {
        self.relay.borrow_mut().handle(self.clock.now(), input);
        while let Some(output) = self.poll() {
            match output {
                Output::Count(metric) => self.meter.count(metric),
                Output::Log(level, text) => log!(level, "{text}"),
                output => self.outbox.borrow_mut().push_back(output),
            }
        }
    }

    /// A function of its own, so that the borrow ends before the output is done.
    fn poll(&self) -> Option<Output> {
        self.relay.borrow_mut().poll()
    }

    fn verdict_of(&self, stream: StreamId) -> Option<Verdict> {
        let is_verdict =
            |output: &Output| matches!(output, Output::Resume { stream: s, .. } if *s == stream);
        match self.take_output(is_verdict)? {
            Output::Resume { verdict, .. } => Some(verdict),
            _ => None,
        }
    }

    fn limit_of(&self, stream: StreamId) -> Option<usize> {
        let is_limit =
            |output: &Output| matches!(output, Output::ReadBody { stream: s, .. } if *s == stream);
        match self.take_output(is_limit)? {
            Output::ReadBody { limit, .. } => Some(limit),
            _ => None,
        }
    }

    fn take_output(&self, wanted: impl Fn(&Output) -> bool) -> Option<Output> {
        let mut outbox = self.outbox.borrow_mut();
        let at = outbox.iter().position(wanted)?;
        outbox.remove(at)
    }

    fn is_idle(&self) -> bool {
        self.outbox.borrow().is_empty()
            && self.refused.borrow().is_empty()
            && self.relay.borrow().is_idle()
    }

    /// Before a callback ends: the timer for all that is left, or the end.
    fn rest(&self) {
        let ends = self.leaving.get() && self.is_idle();
        if ends && self.current.get().is_none() {
            self.finish();
        } else {
            self.set_timer(ends);
        }
    }

    fn set_timer(&self, ends: bool) {
        let waiting = ends || !self.outbox.borrow().is_empty() || !self.refused.borrow().is_empty();
        let due = if waiting {
            // What a stream could not do, or the rest of a long turn: at once.
            Some(Duration::ZERO)
        } else {
            self.relay.borrow().wake_at()
        };
        let wanted = due.map_or(Timer::Off, Timer::Due);
        if self.timer.get() == wanted {
            return;
        }
        let period = due.map(|due| due.saturating_sub(self.clock.now().mono));
        match host::set_tick_period(period) {
            Ok(()) => self.timer.set(wanted),
            Err(error) => error!("the timer could not be set: {error}"),
        }
    }

    fn finish(&self) {
        self.leaving.set(false);
        let _ = host::set_tick_period(None);
        if let Err(error) = host::done() {
            error!("the host did not let this configuration end: {error}");
        }
    }
}

fn measures(peer: Peer) -> (Gauge, Histogram) {
    match peer {
        Peer::Store => (Gauge::StoreCallsInFlight, Histogram::StoreCall),
        Peer::Issuer => (Gauge::IssuerCallsInFlight, Histogram::IssuerCall),
    }
}
