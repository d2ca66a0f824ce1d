//! Writing refreshed tokens back by compare-and-set, until the store has
//! answered (contract, section 6.4).

use std::rc::Rc;
use std::time::Duration;

use log::Level;

use super::Source;
use super::core::Core;
use super::entry::Entry;
use super::flight::{Flight, Step, text};
use super::notices::Subject;
use crate::metrics::Metric;
use crate::store::{Command, StoreAnswer, StoreError};
use crate::time::Now;
use crate::tokens::{IssuedTokens, Record};

/// Bounds of the back-off between two attempts. Whoever claims the lease after us
/// is refused by the issuer, and believes that only if our write does not arrive
/// within [`super::refusal::reread`], which reckons with the longest.
const RETRY_MIN: Duration = Duration::from_millis(50);
pub(super) const RETRY_MAX: Duration = Duration::from_millis(500);

/// Tokens on their way to the store.
#[derive(Debug)]
pub(super) struct Committing {
    tokens: IssuedTokens,
    /// The flight's base with those tokens.
    pub(super) write: Rc<Record>,
    /// The next attempt, on [`Now::mono`]; `None` while one is under way.
    pub(super) retry_at: Option<Duration>,
    delay: Duration,
    /// When the refresh token expires, on [`Now::unix`]: then nothing is left
    /// to be written.
    give_up: Duration,
}

/// What the store holds in place of the record that was read.
enum Found {
    /// The presented refresh token: another writer touched another member.
    Presented,
    /// Our new tokens: an earlier attempt arrived.
    Ours,
    /// Other tokens.
    Another,
}

impl Committing {
    fn compare(&self, base: &Record, found: &Record) -> Found {
        if found.access() == self.write.access() {
            Found::Ours
        } else if found.refresh() == base.refresh() {
            Found::Presented
        } else if found.refresh() == self.write.refresh() {
            Found::Ours
        } else {
            Found::Another
        }
    }
}

impl Entry {
    /// The issuer accepted: `write` is the flight's base with `tokens`.
    pub(super) fn start_committing(
        &mut self,
        core: &mut Core,
        now: Now,
        tokens: IssuedTokens,
        write: Rc<Record>,
    ) {
        let Some(flight) = &mut self.flight else {
            return;
        };
        let life = write.remaining_life(now.unix).unwrap_or(core.lifetime);
        flight.step = Step::Committing(Committing {
            tokens,
            write,
            retry_at: None,
            delay: RETRY_MIN,
            give_up: now.unix + life,
        });
        self.commit(core, now);
    }

    /// Sends the write-back.
    pub(super) fn commit(&self, core: &mut Core, now: Now) {
        let Some(Flight {
            owner,
            base,
            token,
            step: Step::Committing(committing),
            ..
        }) = &self.flight
        else {
            return;
        };
        let command = Command::Commit {
            owner: owner.clone(),
            read: text(base),
            write: text(&committing.write),
            ttl: committing.write.remaining_life(now.unix),
            presented: token.clone(),
        };
        core.ask_store(&self.id, &self.key, command);
    }

    /// The store answered a write-back.
    pub(super) fn on_commit(
        &mut self,
        core: &mut Core,
        now: Now,
        answer: Result<StoreAnswer, StoreError>,
    ) {
        let Some(Flight {
            base,
            step: Step::Committing(committing),
            ..
        }) = &mut self.flight
        else {
            return;
        };
        match answer {
            Ok(StoreAnswer::Written) => {
                let written = committing.write.clone();
                // The script has released the lease.
                self.flight = None;
                self.confirm(&written, now);
            }
            Ok(StoreAnswer::Gone) => {
                // Logged out meanwhile: nothing was written, the lease is
                // released, and nobody may use the new tokens, nor others of the
                // same login.
                self.revoke_new(core, true);
                self.flight = None;
                self.end(core);
            }
            Ok(StoreAnswer::Changed(found)) => {
                let Ok(found) = Record::parse(found.expose(), &core.fields) else {
                    self.revoke_new(core, false);
                    self.end_flight(core, true);
                    self.understand(core, now, found.expose());
                    return;
                };
                match committing.compare(base, &found) {
                    Found::Presented => {
                        let write = Rc::new(found.with_tokens(&committing.tokens, &core.fields));
                        *base = Rc::new(found);
                        committing.write = write.clone();
                        self.learn(write, now, Source::Refreshed);
                        self.commit(core, now);
                    }
                    Found::Ours => {
                        self.end_flight(core, true);
                        self.learn(Rc::new(found), now, Source::Refreshed);
                    }
                    Found::Another => {
                        self.revoke_new(core, false);
                        self.end_flight(core, true);
                        self.learn(Rc::new(found), now, Source::Changed);
                    }
                }
            }
            Ok(_) | Err(_) if now.unix >= committing.give_up => {
                core.count(Metric::WritebackAbandoned);
                let text = "refreshed tokens could not be stored before they expired";
                core.tell_of(now, Level::Error, Subject::WritebackDelayed, &self.id, text);
                self.end_flight(core, true);
            }
            Ok(_) | Err(_) => {
                core.count(Metric::WritebackRetries);
                let text = "refreshed tokens could not be stored yet; trying again until the store \
                            answers";
                core.tell_of(now, Level::Warn, Subject::WritebackDelayed, &self.id, text);
                let pause = core.random.between(committing.delay / 2, committing.delay);
                committing.retry_at = Some(now.mono + pause);
                committing.delay = (committing.delay * 2).min(RETRY_MAX);
            }
        }
    }

    /// The session did not take the new tokens: they must not stay valid.
    /// Without rotation there is no new refresh token. `login`: nor may anything
    /// else of the same login.
    fn revoke_new(&self, core: &mut Core, login: bool) {
        let Some(Flight {
            base,
            step: Step::Committing(committing),
            ..
        }) = &self.flight
        else {
            return;
        };
        if let Some(new) = committing.tokens.refresh.as_ref()
            && base.refresh() != Some(new)
        {
            let access = login.then_some(&committing.tokens.access);
            core.revoke(new, access);
        }
    }
}
