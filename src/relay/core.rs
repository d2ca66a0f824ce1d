//! What all sessions of a worker share: configuration, calls in flight,
//! outputs, chance.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use log::Level;

use super::endpoints::VisitId;
use super::notices::{Notices, Subject};
use super::random::Random;
use super::{CallId, Output, StreamId, Verdict};
use crate::callout::{Callout, CalloutResult};
use crate::config::{CacheConfig, RefreshConfig};
use crate::issuer::Issuer;
use crate::metrics::Metric;
use crate::redacted::Redacted;
use crate::session::SessionId;
use crate::store::{Command, Form, RecordKey, Store, StoreAnswer, StoreError};
use crate::time::Now;
use crate::tokens::RecordError;

/// A lease outlives the call that it protects by this much, beside two calls
/// to the store.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// The part of a worker's relay that no session owns.
pub(super) struct Core {
    pub(super) store: Store,
    pub(super) issuer: Issuer,
    pub(super) refresh: RefreshConfig,
    pub(super) cache: CacheConfig,
    pub(super) fields: crate::config::Fields,
    pub(super) issuer_timeout: Duration,
    pub(super) store_timeout: Duration,
    /// Life of a session whose refresh token names no expiry.
    pub(super) lifetime: Duration,
    pub(super) private_responses: bool,
    pub(super) random: Random,
    pub(super) out: VecDeque<Output>,
    notices: Notices,
    calls: HashMap<CallId, Pending>,
    last_call: u64,
    /// Releases that the store did not answer, by when they are tried again.
    releases: BTreeMap<(Duration, CallId), StoreCall>,
}

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
    Revoke,
}

#[derive(Debug)]
struct StoreCall {
    caller: Caller,
    /// The session that it is about.
    id: SessionId,
    key: RecordKey,
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
    pub(super) fn new(config: &crate::config::Config, seed: [u8; 32]) -> Self {
        // Switched off means off: a session that is active for another reason, a
        // pause say, is not a cache either.
        let mut cache = config.cache;
        if cache.max_sessions == 0 {
            (cache.max_age, cache.max_stale) = (Duration::ZERO, Duration::ZERO);
        }
        Self {
            store: Store::new(config.store.clone()),
            issuer: Issuer::new(&config.issuer),
            refresh: config.refresh,
            cache,
            fields: config.store.fields.clone(),
            issuer_timeout: config.issuer.timeout,
            store_timeout: config.store.timeout,
            lifetime: config.session.lifetime,
            private_responses: config.upstream.private_responses,
            random: Random::new(seed),
            out: VecDeque::new(),
            notices: Notices::default(),
            calls: HashMap::new(),
            last_call: 0,
            releases: BTreeMap::new(),
        }
    }

    /// How long a lease lives from its claim.
    pub(super) fn lease_life(&self) -> Duration {
        self.issuer_timeout + 2 * self.store_timeout + LEASE_MARGIN
    }

    pub(super) fn has_calls(&self) -> bool {
        !self.calls.is_empty() || !self.releases.is_empty()
    }

    pub(super) fn calls_under_way(&self) -> usize {
        self.calls.len() + self.releases.len()
    }

    pub(super) fn count(&mut self, metric: Metric) {
        self.out.push_back(Output::Count(metric));
    }

    pub(super) fn tell(&mut self, now: Now, level: Level, subject: Subject, text: &str) {
        self.notices
            .tell(&mut self.out, now.mono, level, subject, text);
    }

    /// Tells of one session, which the line names by its [tag](SessionId::tag).
    pub(super) fn tell_of(
        &mut self,
        now: Now,
        level: Level,
        subject: Subject,
        id: &SessionId,
        text: &str,
    ) {
        let line = format!("{text}; session={}", id.tag());
        self.tell(now, level, subject, &line);
    }

    pub(super) fn resume(&mut self, stream: StreamId, verdict: Verdict) {
        match &verdict {
            Verdict::Inject(_) => self.count(Metric::Injected),
            Verdict::Reply { problem, .. } => self.count(Metric::from(*problem)),
            Verdict::Off
            | Verdict::Pass
            | Verdict::PassWithoutAuthorization
            | Verdict::Answer { .. } => {}
        }
        self.out.push_back(Output::Resume { stream, verdict });
    }

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
        self.count(Metric::RefreshCalls);
        let callout = self.issuer.refresh(refresh);
        self.send(Pending::Refresh(id.clone()), callout);
    }

    /// Sends somebody's credentials to the issuer.
    pub(super) fn obtain(&mut self, visit: VisitId, callout: Callout) {
        self.count(Metric::LoginCalls);
        self.send(Pending::Obtain(visit), callout);
    }

    /// Revokes a refresh token that no session holds. Nobody waits for it. With an
    /// access token that has not expired, its whole login may end.
    pub(super) fn revoke(&mut self, refresh: &Redacted<String>, access: Option<&Redacted<String>>) {
        self.count(Metric::Revocations);
        let callout = self.issuer.revoke(refresh, access);
        self.send(Pending::Revoke, callout);
    }

    fn send_store(&mut self, mut call: StoreCall) {
        self.count(Metric::StoreCalls);
        call.nonce = self.random.token();
        let callout = self
            .store
            .call(&call.key, &call.command, &call.nonce, call.form);
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

    fn send(&mut self, pending: Pending, callout: Callout) {
        self.last_call += 1;
        let call = CallId(self.last_call);
        self.calls.insert(call, pending);
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
        match self.calls.remove(&call)? {
            Pending::Revoke => {
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
        let answer = self.store.read(result, call.form, &call.nonce);
        if let Err(error) = &answer {
            if *error == StoreError::NoScript && call.form == Form::Digest {
                call.form = Form::Source;
                // An error carries no nonce: it may be another call's.
                call.unsure = true;
                self.send_again(call);
                return None;
            }
            self.store_failed(now, error);
            let retry = !call.repeated && wanted(&call.caller, &call.command);
            call.repeated = true;
            call.unsure = true;
            if retry {
                call.form = Form::Digest;
                self.send_again(call);
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
        let others = self.releases.values().filter(|other| other.id == call.id);
        if now.mono >= until || others.count() >= MAX_RELEASES {
            return;
        }
        // A store that stands still may carry it out when nobody listens any more.
        call.form = Form::Source;
        call.release = Some((until, (rest * 2).min(RELEASE_RETRY_MAX)));
        self.last_call += 1;
        let key = (until.min(now.mono + rest), CallId(self.last_call));
        self.releases.insert(key, call);
    }

    /// Time passed: releases that are due.
    pub(super) fn on_time(&mut self, now: Now) {
        while let Some(first) = self.releases.first_entry()
            && first.key().0 <= now.mono
        {
            let call = first.remove();
            self.send_store(call);
        }
    }

    /// When time next matters.
    pub(super) fn next_wake(&self) -> Option<Duration> {
        self.releases.keys().next().map(|(at, _)| *at)
    }

    /// The operator is told of a record that is of no use.
    pub(super) fn misunderstood(&mut self, now: Now, error: RecordError) {
        let text = format!("a record in the store cannot be understood: {error}");
        self.tell(now, Level::Error, Subject::RecordInvalid, &text);
    }

    fn store_failed(&mut self, now: Now, error: &StoreError) {
        self.count(Metric::StoreFailures);
        if *error == StoreError::NonceMismatch {
            self.count(Metric::NonceMismatch);
            let text =
                "the store's gateway handed out an answer to another call; it was thrown away";
            self.tell(now, Level::Warn, Subject::ForeignAnswer, text);
        } else {
            let text = format!("a call to the store failed: {error}");
            self.tell(now, Level::Warn, Subject::StoreFailed, &text);
        }
    }

    fn revoked(&mut self, now: Now, result: &CalloutResult) {
        if !self.issuer.is_revoked(result) {
            let text = "a refresh token that no session holds any more could not be revoked at the \
                        issuer; it ends with its expiry";
            self.tell(now, Level::Warn, Subject::RevocationFailed, text);
        }
    }
}
