//! One session with something going on: requests that wait, a read, a refresh.
//!
//! Every event ends in [`Entry::settle`], which answers the requests that can
//! be answered and starts what the others need.

use std::rc::Rc;
use std::time::Duration;

use super::asker::Asker;
use super::core::Core;
use super::flight::Flight;
use super::{Source, StreamId, Verdict};
use crate::metrics::Trigger;
use crate::reply::Problem;
use crate::session::SessionId;
use crate::store::{Command, RecordKey, StoreAnswer, StoreError};
use crate::time::Now;
use crate::tokens::{Freshness, Record, RecordError};
use crate::trace::Trace;

/// No session refreshes more often than this.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// After an attempt in the background that came to nothing, none is made for
/// this long: no request waits for it.
const QUIET: Duration = Duration::from_secs(1);

/// A record, and when the store last confirmed it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) record: Rc<Record>,
    /// On [`Now::mono`].
    pub(super) confirmed: Duration,
    pub(super) source: Source,
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) stream: StreamId,
    pub(super) asker: Asker,
    /// On [`Now::mono`].
    pub(super) deadline: Duration,
}

/// The issuer could not answer: no new attempt before `until`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    pub(super) until: Duration,
    pub(super) delay: Duration,
}

impl Pause {
    /// Another failure before this moment doubles the delay.
    fn forget_at(&self) -> Duration {
        self.until + self.delay
    }
}

/// Tokens that the issuer has just given.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) at: Duration,
    pub(super) record: Rc<Record>,
}

/// What the session's requests may do now.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// The store must be asked.
    Unknown,
    /// Send the token; `ahead`: and refresh it in the background.
    Usable { ahead: bool },
    /// Something is under way that decides.
    Wait,
    /// A refresh must come first.
    Due,
    /// The issuer failed a moment ago; ask again after so long.
    Paused(Duration),
    /// The token has expired and there is nothing to refresh it with.
    Over,
}

/// One active session of a worker.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: SessionId,
    pub(super) key: RecordKey,
    pub(super) known: Option<Known>,
    pub(super) reading: bool,
    /// The session ended while a read was under way: what that will show may be
    /// older than the end.
    overtaken: bool,
    pub(super) flight: Option<Flight>,
    pub(super) parked: Vec<Parked>,
    pub(super) pause: Option<Pause>,
    /// The trace of the request with which what is going on began.
    pub(super) cause: Trace,
    /// No attempt in the background before this moment.
    pub(super) quiet_until: Option<Duration>,
    pub(super) received: Option<Received>,
    /// When the relay is to come back, as entered in its timers.
    pub(super) scheduled: Option<Duration>,
}

impl Entry {
    pub(super) fn new(id: SessionId, key: RecordKey, known: Option<Known>) -> Self {
        Self {
            id,
            key,
            known,
            reading: false,
            overtaken: false,
            flight: None,
            parked: Vec::new(),
            pause: None,
            cause: Trace::default(),
            quiet_until: None,
            received: None,
            scheduled: None,
        }
    }

    /// Answers and starts whatever can be answered and must be started.
    ///
    /// Only a request starts something: a session that nobody uses is left to
    /// expire.
    pub(super) fn settle(&mut self, core: &mut Core, now: Now) {
        match self.standing(core, now) {
            _ if self.parked.is_empty() => {}
            Standing::Wait => {}
            Standing::Usable { ahead } => {
                self.resume_all(core);
                if ahead {
                    self.start_flight(core, now, Trigger::Ahead);
                }
            }
            Standing::Unknown => self.start_read(core),
            Standing::Due => self.start_flight(core, now, Trigger::OnDemand),
            Standing::Paused(left) => {
                self.answer_all(core, Problem::IssuerUnavailable, Some(left));
            }
            Standing::Over => self.answer_all(core, Problem::SessionEnded, None),
        }
        // Whoever comes later finds it in this worker's memory.
        if let Some(known) = &mut self.known
            && self.parked.is_empty()
        {
            known.source = Source::Cache;
        }
    }

    fn standing(&self, core: &Core, now: Now) -> Standing {
        let Some(known) = &self.known else {
            return Standing::Unknown;
        };
        let just_received = self.just_received(known, now);
        let freshness = if just_received {
            Freshness::Fresh
        } else {
            known.record.freshness(now.unix, &core.refresh)
        };
        if freshness == Freshness::Stale && self.flight.is_some() {
            return Standing::Wait;
        }
        if now.mono > known.confirmed + core.cache.max_age {
            let flight = self.flight.as_ref();
            return match flight.is_some_and(Flight::is_being_written) {
                true => Standing::Wait,
                false => Standing::Unknown,
            };
        }
        let rested = self
            .received
            .as_ref()
            .is_none_or(|received| now.mono >= received.at + REFRESH_INTERVAL);
        let paused = self.pause.filter(|pause| now.mono < pause.until);
        match freshness {
            Freshness::Fresh => Standing::Usable { ahead: false },
            Freshness::Ahead => Standing::Usable {
                ahead: rested
                    && paused.is_none()
                    && self.flight.is_none()
                    && self.quiet_until.is_none_or(|until| now.mono >= until),
            },
            // Only whoever writes such a record can renew it, and may just have done so.
            Freshness::Stale if known.record.refresh().is_none() => {
                if known.confirmed == now.mono {
                    Standing::Over
                } else {
                    Standing::Unknown
                }
            }
            Freshness::Stale if !rested => Standing::Wait,
            Freshness::Stale => match paused {
                Some(pause) => Standing::Paused(pause.until - now.mono),
                None => Standing::Due,
            },
        }
    }

    /// A token just received is sent even if it looks expired: the proxy's
    /// clock may be ahead.
    fn just_received(&self, known: &Known, now: Now) -> bool {
        self.received.as_ref().is_some_and(|received| {
            now.mono < received.at + REFRESH_INTERVAL
                && received.record.access() == known.record.access()
        })
    }

    /// The known access token must not be sent.
    pub(super) fn is_stale(&self, core: &Core, now: Now) -> bool {
        self.known.as_ref().is_none_or(|known| {
            !self.just_received(known, now)
                && known.record.freshness(now.unix, &core.refresh) == Freshness::Stale
        })
    }

    fn start_read(&mut self, core: &mut Core) {
        if !self.reading {
            self.reading = true;
            core.ask_store(&self.id, &self.key, Command::Read);
        }
    }

    /// The answer to a read.
    pub(super) fn on_read(
        &mut self,
        core: &mut Core,
        now: Now,
        answer: Result<StoreAnswer, StoreError>,
    ) {
        self.reading = false;
        let overtaken = std::mem::take(&mut self.overtaken);
        match answer {
            // Whoever waits has it read again.
            Ok(StoreAnswer::Found(_)) if overtaken => {}
            Ok(StoreAnswer::Found(text)) => {
                if let Some(record) = self.understand(core, now, text.expose()) {
                    let record = self.or_pending(record);
                    self.learn(record, now, Source::Store);
                }
            }
            Ok(StoreAnswer::Gone) => self.end(core),
            Ok(_) | Err(_) => self.on_read_failed(core, now),
        }
    }

    fn on_read_failed(&mut self, core: &mut Core, now: Now) {
        let allowance = core.cache.max_age + core.cache.max_stale;
        let recent = self
            .known
            .as_ref()
            .is_some_and(|known| now.mono <= known.confirmed + allowance);
        match (self.is_stale(core, now), self.flight.is_some(), recent) {
            (false, _, true) => self.resume_all(core),
            // Those wait for the refresh, not for the read.
            (true, true, _) if self.known.is_some() => {}
            _ => self.answer_all(core, Problem::StoreUnavailable, None),
        }
    }

    /// Reads a record's text; if that cannot be done, the requests are told.
    pub(super) fn understand(&mut self, core: &mut Core, now: Now, text: &str) -> Option<Record> {
        match Record::parse(text, &core.fields) {
            Ok(record) => Some(record),
            Err(error) => {
                self.misunderstand(core, now, error);
                None
            }
        }
    }

    /// The record is of no use; the requests are told.
    pub(super) fn misunderstand(&mut self, core: &mut Core, now: Now, error: RecordError) {
        core.misunderstood(now, &self.id, error);
        self.known = None;
        self.answer_all(core, Problem::RecordInvalid, None);
    }

    /// While the store still holds the presented refresh token, the refreshed
    /// record that is on its way there counts.
    fn or_pending(&self, record: Record) -> Rc<Record> {
        match self.flight.as_ref().and_then(Flight::pending) {
            Some((base, write)) if base.refresh() == record.refresh() => write,
            _ => Rc::new(record),
        }
    }

    /// The store has just shown or confirmed this record.
    pub(super) fn learn(&mut self, record: Rc<Record>, now: Now, source: Source) {
        let known = self.known.as_ref().map(|known| known.record.access());
        if known.is_some_and(|access| access != record.access()) {
            // Somebody has refreshed: the issuer answers again.
            self.pause = None;
        }
        self.known = Some(Known {
            record,
            confirmed: now.mono,
            source,
        });
    }

    /// The store holds this record: a moment ago, if a read beside this call has
    /// shown another one meanwhile.
    pub(super) fn confirm(&mut self, record: &Rc<Record>, now: Now) {
        if let Some(known) = &mut self.known
            && Rc::ptr_eq(&known.record, record)
        {
            known.confirmed = now.mono;
        }
    }

    /// The session has ended: there is no record.
    pub(super) fn end(&mut self, core: &mut Core) {
        self.known = None;
        self.overtake_read();
        if let Some(flight) = &mut self.flight {
            flight.overtaken = true;
        }
        self.answer_all(core, Problem::SessionEnded, None);
    }

    /// What a read that is under way will show is older than what is known now.
    pub(super) fn overtake_read(&mut self) {
        self.overtaken = self.reading;
    }

    /// All waiting requests get the known token.
    pub(super) fn resume_all(&mut self, core: &mut Core) {
        let Some(known) = &self.known else {
            return;
        };
        for parked in self.parked.drain(..) {
            let verdict = parked.asker.inject(
                known.record.authorization(),
                known.source,
                core.private_responses,
            );
            core.resume(parked.stream, verdict);
        }
    }

    /// All waiting requests get this answer.
    pub(super) fn answer_all(
        &mut self,
        core: &mut Core,
        problem: Problem,
        retry_after: Option<Duration>,
    ) {
        for parked in self.parked.drain(..) {
            let verdict: Verdict = parked.asker.problem(problem, retry_after);
            core.resume(parked.stream, verdict);
        }
    }

    /// No attempt in the background for a while.
    pub(super) fn be_quiet(&mut self, now: Now) {
        self.quiet_until = Some(now.mono + QUIET);
    }

    /// Time passed: requests that waited too long, the flight's timers.
    pub(super) fn on_time(&mut self, core: &mut Core, now: Now) {
        let late = self
            .parked
            .partition_point(|parked| parked.deadline <= now.mono);
        for late in self.parked.drain(..late) {
            let verdict = late.asker.problem(Problem::RefreshTimeout, None);
            core.resume(late.stream, verdict);
        }
        self.flight_on_time(core, now);
        if self
            .pause
            .is_some_and(|pause| pause.forget_at() <= now.mono)
        {
            self.pause = None;
        }
        let rested = |received: &Received| received.at + REFRESH_INTERVAL <= now.mono;
        if self.received.as_ref().is_some_and(rested) {
            self.received = None;
        }
        if self.quiet_until.is_some_and(|until| until <= now.mono) {
            self.quiet_until = None;
        }
    }

    /// When time next matters to this session.
    pub(super) fn next_wake(&self) -> Option<Duration> {
        let flight = self.flight.as_ref().and_then(Flight::wake_at);
        let parked = self.parked.first().map(|first| first.deadline);
        let pause = self.pause.map(|pause| pause.forget_at());
        let received = self
            .received
            .as_ref()
            .map(|received| received.at + REFRESH_INTERVAL);
        [flight, parked, pause, received, self.quiet_until]
            .into_iter()
            .flatten()
            .min()
    }

    /// Nothing is under way that must not be lost.
    pub(super) fn is_idle(&self) -> bool {
        !self.reading && self.flight.is_none() && self.parked.is_empty()
    }

    /// Nothing to remember but the record.
    pub(super) fn is_quiet(&self) -> bool {
        self.is_idle()
            && self.pause.is_none()
            && self.received.is_none()
            && self.quiet_until.is_none()
    }
}
