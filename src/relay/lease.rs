//! The lease: who may call the issuer (contract, sections 6.2, 6.3 and 6.5), and
//! what is known of whoever had it before (6.8).

use std::rc::Rc;
use std::time::Duration;

use log::Level;

use super::Source;
use super::core::Core;
use super::entry::{Entry, Received};
use super::flight::{Step, text};
use super::notices::Subject;
use super::refusal;
use crate::metrics::{LeaseClaim, Metric};
use crate::reply::Problem;
use crate::store::{Command, Earlier, StoreAnswer, StoreError};
use crate::time::Now;
use crate::tokens::RecordError;

/// The holder does not call the issuer unless the lease outlives that call by
/// this much.
const LEASE_RESERVE: Duration = Duration::from_secs(1);

/// A store that stood still for this long after a claim was given up may carry it
/// out nevertheless: it finds the claim void.
const STANDSTILL: Duration = Duration::from_secs(60);

/// Bounds of the time between two looks at a lease that another holds.
const LOOK_MIN: Duration = Duration::from_millis(25);
const LOOK_MAX: Duration = Duration::from_millis(200);

impl Entry {
    /// Sends a claim for the flight's record.
    pub(super) fn claim(&self, core: &mut Core, now: Now) {
        let Some(flight) = &self.flight else {
            return;
        };
        let life = flight.base.remaining_life(now.unix);
        let command = Command::Claim {
            owner: flight.owner.clone(),
            life: core.lease_life(),
            record: text(&flight.base),
            token: flight.token.clone(),
            remember: life.unwrap_or(core.lifetime),
        };
        core.ask_store(&self.id, &self.key, command);
    }

    /// Ends the flight; its lease, if it may have one, is given back.
    pub(super) fn end_flight(&mut self, core: &mut Core) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        if flight.lease_until.is_some() || flight.unsure {
            let command = Command::Release {
                owner: flight.owner,
                void: core.lease_life() + STANDSTILL,
                token: flight.token,
                unknown: flight.unknown,
            };
            core.ask_store(&self.id, &self.key, command);
        }
    }

    /// The store answered a claim.
    pub(super) fn on_claim(
        &mut self,
        core: &mut Core,
        now: Now,
        since: Duration,
        answer: Result<StoreAnswer, StoreError>,
    ) {
        match answer {
            Ok(StoreAnswer::Claimed(earlier)) => self.on_claimed(core, now, since, earlier),
            Ok(StoreAnswer::Held(left)) => self.on_held(core, now, left),
            Ok(StoreAnswer::Changed(found)) => {
                core.count(Metric::LeaseClaim(LeaseClaim::Changed));
                self.on_changed(core, now, found.expose());
            }
            Ok(StoreAnswer::Gone) => {
                core.count(Metric::LeaseClaim(LeaseClaim::Gone));
                self.end_flight(core);
                self.end(core);
            }
            Ok(_) | Err(_) => {
                if let Some(flight) = &mut self.flight {
                    flight.unsure = true;
                }
                self.end_flight(core);
                self.be_quiet(now);
                if self.is_stale(core, now) {
                    self.answer_all(core, Problem::StoreUnavailable, None);
                }
            }
        }
    }

    /// Another worker or proxy, or another writer, was faster.
    fn on_changed(&mut self, core: &mut Core, now: Now, found: &str) {
        let Some(flight) = &self.flight else {
            return;
        };
        let base = flight.base.clone();
        let awaited = flight.looks > 0;
        self.overtake_read();
        self.end_flight(core);
        if found == base.text().expose() {
            // The store holds more than its gateway shows (Webdis cuts at a NUL):
            // this record can never be compared, nor written back.
            self.misunderstand(core, now, RecordError::Unfaithful);
            return;
        }
        let Some(record) = self.understand(core, now, found) else {
            return;
        };
        let record = Rc::new(record);
        if awaited && record.access() != base.access() {
            // A moment ago the old token was there: this one is just received.
            self.received = Some(Received {
                at: now.mono,
                record: record.clone(),
            });
        }
        let source = if awaited {
            Source::Held
        } else {
            Source::Changed
        };
        self.learn(record, now, source);
    }

    fn on_claimed(&mut self, core: &mut Core, now: Now, since: Duration, earlier: Earlier) {
        core.count(Metric::LeaseClaim(LeaseClaim::Claimed));
        let Some(flight) = &mut self.flight else {
            return;
        };
        let lease_end = since + core.lease_life();
        flight.lease_until = Some(lease_end);
        let base = flight.base.clone();
        let Some(refresh) = base.refresh() else {
            self.end_flight(core);
            return;
        };
        if earlier != Earlier::None {
            flight.earlier = earlier;
        }
        if flight.earlier == Earlier::CutOff && !flight.yielded {
            // It may live, and be about to store new tokens: the store was away
            // for longer than its lease. It gets the time that a refusal is given
            // to be disproved.
            flight.yielded = true;
            let until = now.mono + refusal::reread(core.store_timeout);
            flight.step = Step::Yielding { until };
            return;
        }
        if now.mono + core.issuer_timeout + LEASE_RESERVE > lease_end {
            // The claim took too long: the lease might end before the call.
            self.end_flight(core);
            return;
        }
        flight.step = Step::Issuing;
        flight.unknown = true;
        if flight.earlier == Earlier::CutOff {
            core.count(Metric::RefreshCutOff);
            let text = "a refresh was cut off: whoever held the lease left no word of how it \
                        ended; the refresh token is presented, perhaps for a second time";
            core.tell_of(now, Level::Warn, Subject::CutOff, &self.id, text);
        }
        core.ask_issuer(&self.id, refresh);
        self.confirm(&base, now);
    }

    /// Another worker or proxy refreshes. Whoever waits looks again, once per
    /// worker and session.
    pub(super) fn on_held(&mut self, core: &mut Core, now: Now, left: Duration) {
        core.count(Metric::LeaseClaim(LeaseClaim::Held));
        if let Some(flight) = &mut self.flight {
            flight.lease_until = None;
        }
        if self.parked.is_empty() || !self.is_stale(core, now) {
            self.end_flight(core);
            self.be_quiet(now);
            return;
        }
        let Some(flight) = &mut self.flight else {
            return;
        };
        flight.yielded = false;
        let high = (LOOK_MIN * 2u32.saturating_pow(flight.looks + 1)).min(LOOK_MAX);
        let pause = core.random.between(LOOK_MIN, high);
        flight.looks = (flight.looks + 1).min(8);
        // A lease that is about to end need not be waited for longer.
        let look_at = now.mono + pause.min(left.max(LOOK_MIN));
        flight.step = Step::Waiting { look_at };
    }
}
