//! The issuer refused a refresh token. That ends the session only if the store,
//! read twice, still holds that token (contract, section 6.6).

use std::rc::Rc;
use std::time::Duration;

use log::Level;

use super::Source;
use super::core::Core;
use super::entry::Entry;
use super::flight::{Flight, Step, text};
use super::notices::Subject;
use crate::metrics::Metric;
use crate::reply::Problem;
use crate::store::{Command, Earlier, StoreAnswer, StoreError};
use crate::time::Now;
use crate::tokens::RecordError;

/// The least time between the two reads.
const REREAD_MIN: Duration = Duration::from_secs(2);

/// The time between the two reads: another writer that has rotated is given this
/// long to store its tokens. A write-back that is under way when the store comes
/// back takes at most two time-outs and a pause until it is sent again.
pub(super) fn reread(store_timeout: Duration) -> Duration {
    REREAD_MIN.max(2 * store_timeout + 2 * super::writeback::RETRY_MAX)
}

/// The time until the store is asked again after it could not answer.
const RETRY: Duration = Duration::from_millis(500);

/// A refusal that is being looked into. The reads are claims: they also renew
/// the lease.
#[derive(Clone, Debug)]
pub(super) struct Confirming {
    /// When the store first showed the refused token again, on [`Now::mono`].
    first: Option<Duration>,
    /// The next read, on [`Now::mono`]; `None` while one is under way.
    pub(super) read_at: Option<Duration>,
    /// When the refused token expires, on [`Now::unix`]: no need to go on.
    give_up: Duration,
    /// A deletion was not answered, and may have been carried out.
    pub(super) deleted: bool,
}

impl Entry {
    /// The issuer refused the flight's token.
    pub(super) fn start_confirming(&mut self, core: &mut Core, now: Now) {
        let Some(flight) = &mut self.flight else {
            return;
        };
        let life = flight
            .base
            .remaining_life(now.unix)
            .unwrap_or(core.lifetime);
        flight.step = Step::Confirming(Confirming {
            first: None,
            read_at: None,
            give_up: now.unix + life,
            deleted: false,
        });
        self.claim(core, now);
    }

    /// The store answered one of the reads.
    pub(super) fn on_confirm(
        &mut self,
        core: &mut Core,
        now: Now,
        answer: Result<StoreAnswer, StoreError>,
    ) {
        match answer {
            Ok(StoreAnswer::Claimed(_)) => self.shown_again(core, now),
            Ok(StoreAnswer::Changed(found)) => {
                if self.is_presented_again(core, now, found.expose()) {
                    // It counts only while the lease is ours.
                    self.claim(core, now);
                }
            }
            Ok(StoreAnswer::Gone) => {
                if self.has_deleted() {
                    self.tell_of_the_end(core, now);
                }
                self.end_flight(core);
                self.end(core);
            }
            // Our lease ran out and another has one: it finds out for itself
            // what the token is worth. We must not present it again, so we go on
            // reading.
            Ok(StoreAnswer::Held(_)) => self.read_later(core, now),
            Ok(_) | Err(_) => self.refusal_delayed(core, now),
        }
    }

    /// A changed record still holds the refused token: it is the new base. If
    /// not, another writer has rotated: its tokens are used, nobody is logged
    /// out, and the flight ends.
    fn is_presented_again(&mut self, core: &mut Core, now: Now, found: &str) -> bool {
        let base = self.flight.as_ref().map(|flight| flight.base.text());
        if base.is_some_and(|base| base.expose() == found) {
            // The store holds more than its gateway shows: no claim on it succeeds,
            // so the refused token is not presented again either.
            self.end_flight(core);
            self.misunderstand(core, now, RecordError::Unfaithful);
            return false;
        }
        let Some(record) = self.understand(core, now, found) else {
            self.end_flight(core);
            return false;
        };
        let record = Rc::new(record);
        let Some(flight) = &mut self.flight else {
            return false;
        };
        if record.refresh() == flight.base.refresh() {
            flight.base = record;
            return true;
        }
        self.end_flight(core);
        self.learn(record, now, Source::Changed);
        false
    }

    /// The store still holds the refused token.
    fn shown_again(&mut self, core: &mut Core, now: Now) {
        let Some(Flight {
            step: Step::Confirming(confirming),
            ..
        }) = &mut self.flight
        else {
            return;
        };
        let wait = reread(core.store_timeout);
        match confirming.first {
            Some(first) if now.mono >= first + wait => self.delete(core),
            Some(first) => confirming.read_at = Some(first + wait),
            None => {
                confirming.first = Some(now.mono);
                confirming.read_at = Some(now.mono + wait);
            }
        }
    }

    /// A deletion may have been carried out although it was not answered.
    fn has_deleted(&self) -> bool {
        let step = self.flight.as_ref().map(|flight| &flight.step);
        matches!(step, Some(Step::Confirming(known) | Step::Deleting(known)) if known.deleted)
    }

    pub(super) fn delete(&mut self, core: &mut Core) {
        let Some(flight) = &mut self.flight else {
            return;
        };
        if let Step::Confirming(confirming) = &flight.step {
            flight.step = Step::Deleting(confirming.clone());
        }
        let command = Command::Delete {
            owner: flight.owner.clone(),
            record: text(&flight.base),
        };
        core.ask_store(&self.id, &self.key, command);
    }

    /// The store answered the deletion.
    pub(super) fn on_delete(
        &mut self,
        core: &mut Core,
        now: Now,
        answer: Result<StoreAnswer, StoreError>,
    ) {
        match answer {
            Ok(found @ (StoreAnswer::Deleted | StoreAnswer::Gone)) => {
                // Else the user logged out a moment before.
                if found == StoreAnswer::Deleted || self.has_deleted() {
                    self.tell_of_the_end(core, now);
                }
                // The script has released the lease.
                self.flight = None;
                self.end(core);
            }
            Ok(StoreAnswer::Changed(found)) => {
                if self.is_presented_again(core, now, found.expose()) {
                    self.delete(core);
                }
            }
            Ok(_) | Err(_) => {
                if let Some(flight) = &mut self.flight
                    && let Step::Deleting(confirming) = &flight.step
                {
                    flight.step = Step::Confirming(Confirming {
                        deleted: true,
                        ..confirming.clone()
                    });
                }
                self.refusal_delayed(core, now);
            }
        }
    }

    /// An issuer that refuses for good, and one that took the token before without
    /// anybody learning what it gave for it, say the same.
    fn tell_of_the_end(&self, core: &mut Core, now: Now) {
        let earlier = self.flight.as_ref().map(|flight| flight.earlier);
        if earlier.is_none_or(|earlier| earlier == Earlier::None) {
            core.count(Metric::SessionsDeleted);
            let text =
                "the issuer refused a session's refresh token for good; the session has ended";
            core.tell_of(now, Level::Info, Subject::SessionEnded, &self.id, text);
        } else {
            core.count(Metric::SessionsLost);
            let text = "the issuer refused a refresh token after an attempt whose answer was \
                        lost, which has probably spent it; the session has ended";
            core.tell_of(now, Level::Error, Subject::SessionLost, &self.id, text);
        }
    }

    /// The store cannot say what it holds: the refused token must not be
    /// presented again, so the flight goes on asking, but nobody waits for it.
    fn refusal_delayed(&mut self, core: &mut Core, now: Now) {
        if self.is_stale(core, now) {
            self.answer_all(core, Problem::StoreUnavailable, None);
        }
        self.read_later(core, now);
    }

    fn read_later(&mut self, core: &mut Core, now: Now) {
        let Some(Flight {
            step: Step::Confirming(confirming),
            ..
        }) = &mut self.flight
        else {
            return;
        };
        if now.unix >= confirming.give_up {
            self.end_flight(core);
            return;
        }
        confirming.read_at = Some(now.mono + RETRY);
    }
}
