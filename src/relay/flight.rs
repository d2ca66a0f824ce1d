//! A refresh: its steps, the issuer, back-off (contract, sections 6.1, 6.3, 6.6 and
//! 6.7). The lease stands in [`super::lease`], how new tokens are written back in
//! [`super::writeback`], what a refusal leads to in [`super::refusal`].

use std::rc::Rc;
use std::time::Duration;

use log::Level;

use super::Source;
use super::core::Core;
use super::entry::{Entry, Pause, Received};
use super::notices::Subject;
use super::refusal::Confirming;
use super::writeback::Committing;
use crate::callout::CalloutResult;
use crate::issuer::RefreshAnswer;
use crate::metrics::{IssuerOutcome, Metric, Trigger};
use crate::redacted::Redacted;
use crate::store::{Command, Earlier, StoreAnswer, StoreError, TokenDigest};
use crate::time::Now;
use crate::tokens::{Freshness, IssuedTokens, Record};

/// Bounds of the pause after the issuer could not answer.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// One refresh of one session by one worker.
#[derive(Debug)]
pub(super) struct Flight {
    /// Marks the lease as this flight's, in all its retries.
    pub(super) owner: Rc<str>,
    /// The record whose refresh token is, or is to be, presented; what the
    /// store must still hold.
    pub(super) base: Rc<Record>,
    /// That refresh token.
    pub(super) token: TokenDigest,
    pub(super) step: Step,
    /// Why it began.
    trigger: Trigger,
    /// A claim went unanswered and may still be carried out.
    pub(super) unsure: bool,
    /// How often another was found holding the lease.
    pub(super) looks: u32,
    /// What the store knows of earlier attempts with this token.
    pub(super) earlier: Earlier,
    /// Whoever had the lease before was given time to come back.
    pub(super) yielded: bool,
    /// The token was presented, and it is not known whether the issuer took it, or
    /// what it gave for it may reach nobody.
    pub(super) unknown: bool,
    /// The lease is ours until then at least, on [`Now::mono`].
    pub(super) lease_until: Option<Duration>,
    /// The session ended while a command was under way: what its answer shows may
    /// be older than the end.
    pub(super) overtaken: bool,
}

/// Where a flight is.
#[derive(Debug)]
pub(super) enum Step {
    /// The lease is being claimed; the first claim was sent at `since`.
    Claiming { since: Duration },
    /// Another holds the lease; look again at `look_at`.
    Waiting { look_at: Duration },
    /// The lease is ours, but whoever had it before left no word: it has until
    /// then to store what it got.
    Yielding { until: Duration },
    /// The issuer was called.
    Issuing,
    /// The new tokens are being written back.
    Committing(Committing),
    /// The issuer refused; the store is read again before that is believed.
    Confirming(Confirming),
    /// The refusal is believed; the record is being deleted.
    Deleting(Confirming),
}

impl Flight {
    /// What was got is being written back, and the store has not failed yet: its
    /// answer will tell whether the session still is.
    pub(super) fn is_being_written(&self) -> bool {
        matches!(&self.step, Step::Committing(committing) if !committing.failed)
    }

    /// While tokens are on their way to the store: the record they replace, and
    /// the one they are in.
    pub(super) fn pending(&self) -> Option<(&Record, Rc<Record>)> {
        match &self.step {
            Step::Committing(committing) => Some((&self.base, committing.write.clone())),
            _ => None,
        }
    }

    /// When time next matters to this flight.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        match &self.step {
            Step::Waiting { look_at } => Some(*look_at),
            Step::Yielding { until } => Some(*until),
            Step::Committing(committing) => committing.retry_at,
            Step::Confirming(confirming) => confirming.read_at,
            Step::Claiming { .. } | Step::Issuing | Step::Deleting(_) => None,
        }
    }
}

/// A record's text as a command carries it.
pub(super) fn text(record: &Record) -> Rc<Redacted<String>> {
    Rc::new(record.text().clone())
}

impl Entry {
    /// Starts a refresh of the known record unless one is under way.
    pub(super) fn start_flight(&mut self, core: &mut Core, now: Now, trigger: Trigger) {
        let Some(known) = &self.known else {
            return;
        };
        if self.flight.is_some() {
            return;
        }
        self.flight = Some(Flight {
            owner: core.random.token().into(),
            base: known.record.clone(),
            token: TokenDigest::of(known.record.refresh().unwrap_or(&Redacted::default())),
            step: Step::Claiming { since: now.mono },
            trigger,
            unsure: false,
            looks: 0,
            earlier: Earlier::None,
            yielded: false,
            unknown: false,
            lease_until: None,
            overtaken: false,
        });
        self.claim(core, now);
    }

    /// A command of the flight was answered.
    pub(super) fn on_flight_answer(
        &mut self,
        core: &mut Core,
        now: Now,
        command: &Command,
        answer: Result<StoreAnswer, StoreError>,
        unsure: bool,
    ) {
        let (Command::Claim { owner, .. }
        | Command::Commit { owner, .. }
        | Command::Delete { owner, .. }) = command
        else {
            return;
        };
        let Some(flight) = self.flight.as_mut().filter(|flight| flight.owner == *owner) else {
            return;
        };
        if matches!(command, Command::Claim { .. }) {
            flight.unsure |= unsure;
        }
        if let Step::Deleting(confirming) = &mut flight.step {
            confirming.deleted |= unsure;
        }
        let answer = match answer {
            // The store holds more than its gateway shows: no use in trying again at
            // once.
            Ok(StoreAnswer::Changed(found))
                if found == *flight.base.text() && matches!(command, Command::Commit { .. }) =>
            {
                Err(StoreError::Malformed)
            }
            answer => answer,
        };
        if std::mem::take(&mut flight.overtaken) {
            match answer {
                Ok(StoreAnswer::Claimed(_)) => flight.lease_until = Some(now.mono),
                Ok(StoreAnswer::Changed(_)) => {}
                answer => return self.take_answer(core, now, answer),
            }
            // Whether the session still is, only the store knows.
            return self.ask_again(core, now);
        }
        self.take_answer(core, now, answer);
    }

    /// The command of the flight's step, once more.
    fn ask_again(&mut self, core: &mut Core, now: Now) {
        match self.flight.as_ref().map(|flight| &flight.step) {
            Some(Step::Claiming { .. } | Step::Confirming(_)) => self.claim(core, now),
            Some(Step::Committing(_)) => self.commit(core, now),
            Some(Step::Deleting(_)) => self.delete(core),
            Some(Step::Waiting { .. } | Step::Yielding { .. } | Step::Issuing) | None => {}
        }
    }

    fn take_answer(&mut self, core: &mut Core, now: Now, answer: Result<StoreAnswer, StoreError>) {
        let Some(flight) = &self.flight else {
            return;
        };
        match flight.step {
            Step::Claiming { since } => self.on_claim(core, now, since, answer),
            Step::Committing(_) => self.on_commit(core, now, answer),
            Step::Confirming(_) => self.on_confirm(core, now, answer),
            Step::Deleting(_) => self.on_delete(core, now, answer),
            Step::Waiting { .. } | Step::Yielding { .. } | Step::Issuing => {}
        }
    }

    /// The issuer's refresh endpoint answered the flight's call.
    pub(super) fn on_issued(&mut self, core: &mut Core, now: Now, result: &CalloutResult) {
        let issuing = |flight: &&Flight| matches!(flight.step, Step::Issuing);
        let Some(flight) = self.flight.as_ref().filter(issuing) else {
            return;
        };
        let trigger = flight.trigger;
        let count = |core: &mut Core, outcome| core.count(Metric::Refresh { trigger, outcome });
        match core.issuer.read_refresh(result, now.unix) {
            RefreshAnswer::Accepted { tokens, doubt } => {
                count(core, IssuerOutcome::Accepted);
                if let Some(why) = doubt {
                    let text = format!("the issuer accepted a refresh, but: {why}");
                    core.tell_of(now, Level::Error, Subject::RefreshFailed, &self.id, &text);
                }
                self.on_accepted(core, now, tokens);
            }
            RefreshAnswer::Refused => {
                count(core, IssuerOutcome::Refused);
                if let Some(flight) = &mut self.flight {
                    flight.unknown = false;
                }
                self.start_confirming(core, now);
            }
            RefreshAnswer::Unavailable {
                retry_after,
                outcome_unknown,
            } => {
                count(core, IssuerOutcome::Unavailable);
                let text = "the issuer could not answer a refresh; the session is kept";
                core.tell_of(now, Level::Warn, Subject::RefreshFailed, &self.id, text);
                self.on_unavailable(core, now, retry_after, outcome_unknown);
            }
            RefreshAnswer::Misconfigured {
                why,
                outcome_unknown,
            } => {
                count(core, IssuerOutcome::Misconfigured);
                let text = format!(
                    "the issuer answered a refresh as none of its kind does; check issuer.preset, \
                     issuer.paths and issuer.authority: {why}"
                );
                core.tell_of(now, Level::Error, Subject::RefreshFailed, &self.id, &text);
                self.on_unavailable(core, now, None, outcome_unknown);
            }
        }
    }

    fn on_accepted(&mut self, core: &mut Core, now: Now, tokens: IssuedTokens) {
        let Some(flight) = &self.flight else {
            return;
        };
        let record = Rc::new(flight.base.with_tokens(&tokens, &core.fields));
        if record.freshness(now.unix, &core.refresh) == Freshness::Stale {
            let text = "the issuer's new access token looks expired already; it is sent all the \
                        same: compare the clocks of proxy and issuer";
            core.tell_of(now, Level::Warn, Subject::ClockSkew, &self.id, text);
        }
        self.received = Some(Received {
            at: now.mono,
            record: record.clone(),
        });
        self.pause = None;
        // A read beside the flight may have shown a logout or another writer's
        // tokens: those count. If not, the store confirmed the old record when it
        // gave the lease, and that is how recent this knowledge stays: an issuer
        // that took its time does not send a token after a logout.
        if let Some(known) = &mut self.known
            && known.record.refresh() == flight.base.refresh()
        {
            known.record = record.clone();
            known.source = Source::Refreshed;
        }
        self.start_committing(core, now, tokens, record);
    }

    /// The issuer could not answer: the session is kept, and left alone.
    fn on_unavailable(
        &mut self,
        core: &mut Core,
        now: Now,
        retry_after: Option<Duration>,
        outcome_unknown: bool,
    ) {
        if outcome_unknown {
            core.count(Metric::RefreshOutcomeUnknown);
            let text = "the answer to a refresh was lost: if the issuer rotated, this session's \
                        refresh token is spent";
            core.tell_of(now, Level::Warn, Subject::OutcomeUnknown, &self.id, text);
        }
        if let Some(flight) = &mut self.flight {
            // Whoever was cut off before need not be waited for once more.
            flight.unknown = outcome_unknown || flight.earlier != Earlier::None;
        }
        let delay = self
            .pause
            .map_or(PAUSE_MIN, |pause| (pause.delay * 2).min(PAUSE_MAX));
        let wait = match retry_after {
            Some(asked) => asked.max(PAUSE_MIN),
            None => core.random.between(delay, delay + delay / 4),
        };
        self.pause = Some(Pause {
            until: now.mono + wait,
            delay,
        });
        self.end_flight(core);
    }

    /// The flight's timers.
    pub(super) fn flight_on_time(&mut self, core: &mut Core, now: Now) {
        let Some(flight) = &mut self.flight else {
            return;
        };
        if flight.wake_at().is_none_or(|at| at > now.mono) {
            return;
        }
        match &mut flight.step {
            Step::Waiting { .. } if self.parked.is_empty() => self.end_flight(core),
            Step::Waiting { .. } | Step::Yielding { .. } => {
                flight.step = Step::Claiming { since: now.mono };
                self.claim(core, now);
            }
            Step::Committing(committing) => {
                committing.retry_at = None;
                self.commit(core, now);
            }
            Step::Confirming(confirming) => {
                confirming.read_at = None;
                self.claim(core, now);
            }
            Step::Claiming { .. } | Step::Issuing | Step::Deleting(_) => {}
        }
    }
}
