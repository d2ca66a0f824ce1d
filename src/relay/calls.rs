//! Calls to the store and the issuer: sent, tried once more, and what their answers
//! mean to whoever made them (contract, section 5).

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use log::Level;

use super::core::Core;
use super::endpoints::VisitId;
use super::notices::Subject;
use super::{CallId, Output};
use crate::callout::{Callout, CalloutResult};
use crate::metrics::{Metric, Revocation, STORE_OK};
use crate::redacted::Redacted;
use crate::session::SessionId;
use crate::store::{Command, Form, RecordKey, StoreAnswer, StoreError};
use crate::time::Now;
use crate::trace::Trace;

/// Calls in flight, and those that are to be made again.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pending: HashMap<CallId, Pending>,
    last: u64,
    /// Calls to the store that failed, by when they are made again.
    later: BTreeMap<(Duration, CallId), StoreCall>,
    /// How many of these are releases, by session.
    releases: HashMap<SessionId, usize>,
}

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len() + self.later.len()
    }

    /// When time next matters.
    pub(super) fn next_wake(&self) -> Option<Duration> {
        self.later.keys().next().map(|(at, _)| *at)
    }

    fn next_id(&mut self) -> CallId {
        self.last += 1;
        CallId(self.last)
    }

    fn make_at(&mut self, at: Duration, call: StoreCall) {
        if call.release.is_some() {
            *self.releases.entry(call.id.clone()).or_default() += 1;
        }
        let id = self.next_id();
        self.later.insert((at, id), call);
    }

    /// A call that is due by now.
    fn take_due(&mut self, now: Duration) -> Option<StoreCall> {
        let first = self.later.first_entry();
        let call = first.filter(|first| first.key().0 <= now)?.remove();
        if call.release.is_some()
            && let Entry::Occupied(mut count) = self.releases.entry(call.id.clone())
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        Some(call)
    }
}

/// A gateway that lost its connection to Redis has another one after a tenth of a
/// second, and fails every call meanwhile. The second attempt comes after these.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_millis(200);

/// Bounds of the time until a release that the store did not answer is tried
/// again.
const RELEASE_RETRY_MIN: Duration = Duration::from_millis(500);
const RELEASE_RETRY_MAX: Duration = Duration::from_secs(8);

/// So many of them are remembered of one session: a store that reads and does not
/// write makes one with every attempt to refresh.
const MAX_RELEASES: usize = 4;

/// Who made a call, and is told how it ended.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// An active session.
    Session(SessionId),
    /// A request at an endpoint.
    Visit(VisitId),
}

/// A call in flight.
#[derive(Debug)]
enum Pending {
    Store(Box<StoreCall>),
    Refresh(SessionId),
    Obtain(VisitId),
    Revoke(Trace),
}

#[derive(Debug)]
struct StoreCall {
    caller: Caller,
    /// The session that it is about.
    id: SessionId,
    key: RecordKey,
    cause: Trace,
    command: Command,
    nonce: String,
    form: Form,
    /// An earlier attempt of this command was not answered.
    repeated: bool,
    /// An earlier attempt may still be carried out.
    unsure: bool,
    /// Of a release that is tried again: when it is of no use any more, on
    /// [`Now::mono`], and how long it rests.
    release: Option<(Duration, Duration)>,
}

/// What an answer means to the caller.
#[derive(Debug)]
pub(super) enum Event {
    /// The store answered, or failed twice.
    Stored {
        /// The session that the call was about.
        id: SessionId,
        command: Command,
        answer: Result<StoreAnswer, StoreError>,
        /// An attempt went unanswered and may still be carried out.
        unsure: bool,
    },
    /// The issuer's refresh or obtain endpoint answered.
    Issued(CalloutResult),
}

impl Core {
    /// Asks the store.
    pub(super) fn ask_store(&mut self, id: &SessionId, key: &RecordKey, command: Command) {
        self.begin_store(Caller::Session(id.clone()), id, key, command);
    }

    /// Asks the store about a session on behalf of a request at an endpoint.
    pub(super) fn ask_store_for(&mut self, visit: VisitId, id: &SessionId, command: Command) {
        let key = self.store.key(id);
        self.begin_store(Caller::Visit(visit), id, &key, command);
    }

    /// Stores the record of a new session, under an id that is made anew for each
    /// attempt: one that was given up and arrives late makes a session that nobody
    /// can name.
    pub(super) fn create_session(&mut self, visit: VisitId, command: Command) {
        let id = self.random.session_id();
        self.ask_store_for(visit, &id, command);
    }

    fn begin_store(&mut self, caller: Caller, id: &SessionId, key: &RecordKey, command: Command) {
        self.send_store(StoreCall {
            caller,
            id: id.clone(),
            key: key.clone(),
            cause: self.cause.clone(),
            command,
            nonce: String::new(),
            form: Form::Digest,
            repeated: false,
            unsure: false,
            release: None,
        });
    }

    /// Presents a refresh token to the issuer.
    pub(super) fn ask_issuer(&mut self, id: &SessionId, refresh: &Redacted<String>) {
        let callout = self.issuer.refresh(refresh);
        self.send(Pending::Refresh(id.clone()), callout);
    }

    /// Sends somebody's credentials to the issuer.
    pub(super) fn obtain(&mut self, visit: VisitId, callout: Callout) {
        self.send(Pending::Obtain(visit), callout);
    }

    /// Revokes a refresh token that no session holds. Nobody waits for it. With an
    /// access token that has not expired, its whole login may end.
    pub(super) fn revoke(&mut self, refresh: &Redacted<String>, access: Option<&Redacted<String>>) {
        let callout = self.issuer.revoke(refresh, access);
        let cause = self.cause.clone();
        self.send(Pending::Revoke(cause), callout);
    }

    fn send_store(&mut self, mut call: StoreCall) {
        call.nonce = self.random.token();
        let callout = self
            .store
            .call(&call.key, &call.command, &call.nonce, call.form);
        self.cause = call.cause.clone();
        self.send(Pending::Store(Box::new(call)), callout);
    }

    /// Makes a store call that failed once more.
    fn send_again(&mut self, mut call: StoreCall) {
        if matches!(call.command, Command::Create { .. }) {
            call.id = self.random.session_id();
            call.key = self.store.key(&call.id);
        }
        self.send_store(call);
    }

    fn send(&mut self, pending: Pending, mut callout: Callout) {
        let trace = self.cause.headers();
        let trace = trace.map(|(name, value)| (name.to_owned(), value.to_owned().into()));
        callout.headers.extend(trace);
        let call = self.calls.next_id();
        self.calls.pending.insert(call, pending);
        self.out.push_back(Output::Call { call, callout });
    }

    /// Takes in how a call ended. A failed call of the store is made once more
    /// if `wanted` says that somebody still needs it. `None`: nothing for a
    /// session to do.
    pub(super) fn answered(
        &mut self,
        now: Now,
        call: CallId,
        result: CalloutResult,
        wanted: impl FnOnce(&Caller, &Command) -> bool,
    ) -> Option<(Caller, Event)> {
        match self.calls.pending.remove(&call)? {
            Pending::Revoke(cause) => {
                self.cause = cause;
                self.revoked(now, &result);
                None
            }
            Pending::Refresh(id) => Some((Caller::Session(id), Event::Issued(result))),
            Pending::Obtain(visit) => Some((Caller::Visit(visit), Event::Issued(result))),
            Pending::Store(call) => self.stored(now, *call, &result, wanted),
        }
    }

    fn stored(
        &mut self,
        now: Now,
        mut call: StoreCall,
        result: &CalloutResult,
        wanted: impl FnOnce(&Caller, &Command) -> bool,
    ) -> Option<(Caller, Event)> {
        self.cause = call.cause.clone();
        let answer = self.store.read(result, call.form, &call.nonce);
        let script = call.command.name();
        let outcome = answer.as_ref().map_or_else(StoreError::word, |_| STORE_OK);
        self.count(Metric::StoreCall { script, outcome });
        if let Err(error) = &answer {
            if *error == StoreError::NoScript && call.form == Form::Digest {
                call.form = Form::Source;
                // An error carries no nonce: it may be another call's.
                call.unsure = true;
                self.send_again(call);
                return None;
            }
            self.store_failed(now, &call.id, error);
            let retry = !call.repeated && wanted(&call.caller, &call.command);
            call.repeated = true;
            call.unsure = true;
            if retry {
                call.form = Form::Digest;
                if error.needs_no_pause() {
                    self.send_again(call);
                } else {
                    let pause = self.random.between(RETRY_MIN, RETRY_MAX);
                    self.calls.make_at(now.mono + pause, call);
                }
                return None;
            }
            if matches!(call.command, Command::Release { .. }) {
                self.release_later(now, call);
                return None;
            }
        }
        let event = Event::Stored {
            id: call.id,
            command: call.command,
            answer,
            unsure: call.unsure,
        };
        Some((call.caller, event))
    }

    /// A lease that is not given back blocks its session until it runs out, and so
    /// long it is tried again.
    fn release_later(&mut self, now: Now, mut call: StoreCall) {
        let (until, rest) = call
            .release
            .unwrap_or((now.mono + self.lease_life(), RELEASE_RETRY_MIN));
        let others = self.calls.releases.get(&call.id);
        if now.mono >= until || others.is_some_and(|others| *others >= MAX_RELEASES) {
            return;
        }
        // A store that stands still may carry it out when nobody listens any more.
        call.form = Form::Source;
        call.release = Some((until, (rest * 2).min(RELEASE_RETRY_MAX)));
        self.calls.make_at(until.min(now.mono + rest), call);
    }

    /// Time passed: calls that are due.
    pub(super) fn on_time(&mut self, now: Now) {
        while let Some(call) = self.calls.take_due(now.mono) {
            self.send_again(call);
        }
    }

    fn store_failed(&mut self, now: Now, id: &SessionId, error: &StoreError) {
        if *error == StoreError::NonceMismatch {
            let text =
                "the store's gateway handed out an answer to another call; it was thrown away";
            self.tell_of(now, Level::Warn, Subject::ForeignAnswer, id, text);
        } else {
            let text = format!("a call to the store failed: {error}");
            self.tell_of(now, Level::Warn, Subject::StoreFailed, id, &text);
        }
    }

    fn revoked(&mut self, now: Now, result: &CalloutResult) {
        let done = self.issuer.is_revoked(result);
        self.count(Metric::Revocation(if done {
            Revocation::Done
        } else {
            Revocation::Failed
        }));
        if !done {
            let text = "a refresh token that no session holds any more could not be revoked at the \
                        issuer; it ends with its expiry";
            self.tell(now, Level::Warn, Subject::RevocationFailed, text);
        }
    }
}
