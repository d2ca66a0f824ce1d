//! One worker's relay, and the carrying out of what it asks for.
//!
//! The root and its streams share it. A stream hands in its request and takes
//! its own verdict, if there is one at once; everything else that the core wants
//! done waits in the outbox for the root's next turn, which [`Worker::settle`]
//! brings about at once where something waits.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::mem;
use std::rc::Rc;
use std::time::Duration;

use log::{error, log};

use super::clock::Clock;
use super::host::{self, HostError};
use super::reentry::Reentry;
use super::verdict::{self, Fate};
use crate::callout::{Callout, CalloutResult, Failure, Peer};
use crate::config::Config;
use crate::metrics::Metric;
use crate::relay::{CallId, Input, Output, Relay, StreamId, Verdict};
use crate::request::RequestHead;

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

/// One worker's relay; shared by a root context and its streams.
pub(super) struct Worker {
    name: String,
    reentry: Reentry,
    clock: Clock,
    store: Cluster,
    issuer: Cluster,
    /// The host's id of each counter, where it gave one; in the order of
    /// [`Metric::ALL`].
    counters: Vec<Option<u32>>,
    relay: RefCell<Relay>,
    /// Calls and verdicts that wait for the root's turn.
    outbox: RefCell<VecDeque<Output>>,
    /// Calls that the host refused, which the core has yet to hear of.
    refused: RefCell<VecDeque<CallId>>,
    /// The host's token of each call in flight.
    calls: RefCell<HashMap<u32, CallId>>,
    held: RefCell<HashMap<StreamId, Rc<Cell<Phase>>>>,
    timer: Cell<Timer>,
    /// The host waits for this root to be done.
    leaving: Cell<bool>,
}

struct Cluster {
    name: String,
    /// When the operator was last told that the host refuses to send to it.
    told: Cell<Option<Duration>>,
}

impl Cluster {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            told: Cell::new(None),
        }
    }
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
            reentry: Reentry::new(root),
            clock: Clock::new(),
            store: Cluster::new(&config.store.cluster),
            issuer: Cluster::new(&config.issuer.cluster),
            counters: define_counters(),
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

    /// Takes in a request. `None`: it is to be held, and the root will carry out
    /// its verdict and set `phase`. [`Worker::settle`] must follow.
    pub(super) fn request(
        &self,
        stream: StreamId,
        head: &RequestHead<'_>,
        phase: &Rc<Cell<Phase>>,
    ) -> Option<Fate> {
        self.handle(Input::Request { stream, head });
        if let Some(verdict) = self.verdict_of(stream) {
            return Some(verdict::carry_out(&verdict, &self.name));
        }
        phase.set(Phase::Held);
        self.held.borrow_mut().insert(stream, Rc::clone(phase));
        None
    }

    /// Takes in that a held request has ended. [`Worker::settle`] must follow.
    pub(super) fn gone(&self, stream: StreamId) {
        if let Some(phase) = self.held.borrow_mut().remove(&stream) {
            phase.set(Phase::Gone);
        }
        self.handle(Input::StreamGone { stream });
    }

    /// Ends a stream's part in a callback: what it caused is done in the root.
    pub(super) fn settle(&self, stream: StreamId) {
        if self.outbox.borrow().is_empty() {
            self.set_timer();
        } else {
            self.reentry.enter(stream);
        }
    }

    // The root's callbacks.

    /// A tick: the timer, or a stream that [settles](Worker::settle).
    pub(super) fn tick(&self) {
        if self.reentry.caller().is_none() {
            self.timer.set(Timer::Fired);
            self.handle(Input::Timeout);
        }
        self.turn();
    }

    /// The call that a token stands for; a token serves once.
    pub(super) fn call_of(&self, token: u32) -> Option<CallId> {
        self.calls.borrow_mut().remove(&token)
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
        self.set_timer();
        self.finish();
    }

    /// Within the callback of a stream only that stream: the host would take a
    /// local reply to another for one to this, and hold this one for ever.
    fn may_resume(&self, stream: StreamId) -> bool {
        self.reentry.caller().is_none_or(|caller| caller == stream)
    }

    fn resume(&self, stream: StreamId, verdict: &Verdict) {
        let Some(phase) = self.held.borrow_mut().remove(&stream) else {
            return;
        };
        let elsewhere = self.reentry.caller().is_none();
        if elsewhere && host::set_effective_context(stream.0).is_err() {
            // The client left; its `on_done` came too late for this turn.
            phase.set(Phase::Gone);
            return;
        }
        let fate = verdict::carry_out(verdict, &self.name);
        phase.set(Phase::Decided(fate));
        // Within its own callback a stream goes on by what that callback returns:
        // the host would send the headers now, then see it pause, and keep the
        // body for ever.
        if elsewhere
            && matches!(fate, Fate::GoesOn { .. })
            && let Err(error) = host::continue_request()
        {
            error!("a held request could not be resumed: {error}");
        }
        if elsewhere {
            // Cannot fail: the root is the context of this callback.
            let _ = host::set_effective_context(self.reentry.root());
        }
    }

    fn dispatch(&self, call: CallId, callout: &Callout) {
        let cluster = match callout.peer {
            Peer::Store => &self.store,
            Peer::Issuer => &self.issuer,
        };
        let headers = callout
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose().as_str()))
            .collect();
        let body = callout.body.expose();
        match host::dispatch_http_call(&cluster.name, headers, body, callout.timeout) {
            Ok(token) => {
                self.calls.borrow_mut().insert(token, call);
            }
            Err(error) => {
                self.refused.borrow_mut().push_back(call);
                self.tell_refusal(cluster, &error);
            }
        }
    }

    /// At most one line per cluster and second.
    fn tell_refusal(&self, cluster: &Cluster, error: &HostError) {
        let now = self.clock.now().mono;
        let silent = |told: Duration| now < told + Duration::from_secs(1);
        if cluster.told.get().is_some_and(silent) {
            return;
        }
        cluster.told.set(Some(now));
        error!(
            "the proxy does not send to cluster {:?}: there is no such cluster, it has no healthy \
             endpoint, or its limits are reached ({error})",
            cluster.name
        );
    }

    // The core.

    /// Hands an input to the core and takes out all that it wants done. What
    /// needs no particular context is done here.
    fn handle(&self, input: Input<'_>) {
        self.relay.borrow_mut().handle(self.clock.now(), input);
        while let Some(output) = self.poll() {
            match output {
                Output::Count(metric) => self.count(metric),
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
        let mut outbox = self.outbox.borrow_mut();
        let at = outbox.iter().position(
            |output| matches!(output, Output::Resume { stream: s, .. } if *s == stream),
        )?;
        match outbox.remove(at)? {
            Output::Resume { verdict, .. } => Some(verdict),
            _ => None,
        }
    }

    fn is_idle(&self) -> bool {
        self.outbox.borrow().is_empty()
            && self.refused.borrow().is_empty()
            && self.relay.borrow().is_idle()
    }

    fn count(&self, metric: Metric) {
        if let Some(Some(id)) = self.counters.get(metric as usize) {
            // A count that is lost is no reason to fail.
            let _ = host::increment(*id);
        }
    }

    fn set_timer(&self) {
        let waiting = !self.outbox.borrow().is_empty() || !self.refused.borrow().is_empty();
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
        if self.leaving.get() && self.is_idle() {
            self.leaving.set(false);
            let _ = host::set_tick_period(None);
            if let Err(error) = host::done() {
                error!("the host did not let this configuration end: {error}");
            }
        }
    }
}

fn define_counters() -> Vec<Option<u32>> {
    let define = |metric: &Metric| match host::define_counter(metric.name()) {
        Ok(id) => Some(id),
        Err(error) => {
            error!("the counter {} is not to be had: {error}", metric.name());
            None
        }
    };
    Metric::ALL.iter().map(define).collect()
}
