//! One worker's relay: requests in, sessions looked up, events handed to the
//! session they belong to.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;

use super::asker::Asker;
use super::calls::{Caller, Event};
use super::core::Core;
use super::endpoints::{self, Endpoints};
use super::entry::{Entry, Known, Parked};
use super::timers::Timers;
use super::{CLIENT_GONE, CallId, CookieEdit, Input, Output, Source, StreamId, Verdict};
use crate::callout::CalloutResult;
use crate::config::{Config, Endpoint};
use crate::metrics::{CacheLookup, Metric};
use crate::redacted::Redacted;
use crate::reply::{self, Problem};
use crate::request::RequestHead;
use crate::route::{Routes, Routing};
use crate::session::{Lookup, SessionId, SessionReader};
use crate::store::Command;
use crate::time::Now;
use crate::tokens::Freshness;
use crate::trace::Trace;

/// One worker's relay.
pub struct Relay {
    routes: Routes,
    reader: SessionReader,
    strip_session_cookie: bool,
    login_url: Option<String>,
    core: Core,
    endpoints: Endpoints,
    /// Sessions with something going on; the others are in `cache`.
    active: HashMap<SessionId, Box<Entry>>,
    /// Records at rest, least recently used first; `None`: switched off.
    cache: Option<LruCache<SessionId, Known>>,
    /// Which session a parked request waits for.
    waiting: HashMap<StreamId, SessionId>,
    timers: Timers,
}

impl Relay {
    /// A relay with nothing in it. `seed` feeds nonces, owners and jitter, and
    /// must be unpredictable in production.
    pub fn new(config: &Config, seed: [u8; 32]) -> Self {
        let max_sessions = NonZeroUsize::new(config.cache.max_sessions);
        Self {
            routes: Routes::new(config),
            reader: SessionReader::new(&config.session, config.cache.max_sessions),
            strip_session_cookie: config.upstream.strip_session_cookie,
            login_url: config.login_url.clone(),
            core: Core::new(config, seed),
            endpoints: Endpoints::new(config),
            active: HashMap::new(),
            cache: max_sessions.map(LruCache::new),
            waiting: HashMap::new(),
            timers: Timers::default(),
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        self.core.cause = Trace::default();
        match input {
            Input::Request { stream, head } => {
                if let Some(verdict) = self.on_request(now, stream, head) {
                    self.core.resume(stream, verdict);
                }
            }
            Input::Body { stream, body } => {
                self.endpoints.on_body(&mut self.core, now, stream, body);
                self.forget_ended(now);
            }
            Input::Answer { call, result } => self.on_answer(now, call, result),
            Input::StreamGone { stream } => self.on_stream_gone(now, stream),
            Input::Timeout => {
                self.core.on_time(now);
                self.endpoints.on_time(&mut self.core, now);
                for id in self.timers.due(now.mono) {
                    self.with_entry(now, &id, |entry, core| entry.on_time(core, now));
                }
            }
        }
    }

    /// The next thing to do, `None` when there is nothing more.
    #[must_use]
    pub fn poll(&mut self) -> Option<Output> {
        let output = self.core.out.pop_front();
        if let Some(Output::Resume { stream, .. }) = &output {
            self.waiting.remove(stream);
        }
        output
    }

    /// When (on [`Now::mono`]) to come with [`Input::Timeout`], if at all.
    pub fn wake_at(&self) -> Option<Duration> {
        let wakes = [
            self.timers.next(),
            self.endpoints.next_wake(),
            self.core.calls.next_wake(),
        ];
        wakes.into_iter().flatten().min()
    }

    /// Nothing is in flight: the relay may be dropped without losing anything.
    pub fn is_idle(&self) -> bool {
        self.core.calls.is_empty()
            && self.endpoints.is_idle()
            && self.active.values().all(|entry| entry.is_idle())
    }

    /// How much is remembered.
    pub fn sizes(&self) -> Sizes {
        Sizes {
            active: self.active.len(),
            cached: self.cache.as_ref().map_or(0, LruCache::len),
            waiting: self.waiting.len(),
            timers: self.timers.len(),
            calls: self.core.calls.len(),
            outputs: self.core.out.len(),
            visits: self.endpoints.len(),
        }
    }

    /// `None`: the request waits.
    fn on_request(
        &mut self,
        now: Now,
        stream: StreamId,
        head: &RequestHead<'_>,
    ) -> Option<Verdict> {
        let (required, cross_site) = match self.routes.route(head) {
            Routing::Off => return Some(Verdict::Off),
            Routing::Preflight { required: false } => return Some(Verdict::Pass),
            Routing::Preflight { required: true } => {
                return Some(Verdict::PassWithoutAuthorization);
            }
            Routing::Hidden => return Some(refuse(Problem::NotFound)),
            Routing::Endpoint {
                cross_site: true, ..
            } => return Some(refuse(Problem::CrossSite)),
            Routing::Endpoint { endpoint, .. } => {
                self.visit(now, stream, endpoint, head);
                return None;
            }
            Routing::PathAmbiguous => return Some(refuse(Problem::PathAmbiguous)),
            Routing::Session {
                required,
                cross_site,
            } => (required, cross_site),
        };
        let lookup = match &head.cookie {
            Some(cookie) => self.reader.read(cookie, now.unix),
            None => Lookup::None,
        };
        let asker = Asker {
            required,
            cross_site,
            cookie: self.cookie_edit(&lookup, head),
            login: None,
        };
        let problem = match lookup {
            Lookup::None => Problem::NoSession,
            Lookup::Ambiguous => Problem::SessionAmbiguous,
            // On an optional route it depends on whether there is a token.
            Lookup::Found(_) if required && cross_site => Problem::CrossSite,
            Lookup::Found(id) => {
                let asker = match self.cached_verdict(now, &id, asker) {
                    Ok(verdict) => {
                        self.core.count(Metric::CacheLookup(CacheLookup::Hit));
                        return Some(verdict);
                    }
                    Err(asker) => asker,
                };
                let asker = self.with_login(asker, head);
                self.park(now, stream, &id, asker, &Trace::of(head));
                return None;
            }
        };
        Some(self.with_login(asker, head).problem(problem, None))
    }

    /// A request at one of the relay's own endpoints.
    fn visit(&mut self, now: Now, stream: StreamId, endpoint: Endpoint, head: &RequestHead<'_>) {
        if let Err(verdict) = endpoints::admit(endpoint, head) {
            self.core.resume(stream, verdict);
            return;
        }
        let cookies = match (&head.cookie, endpoint) {
            (None, _) => Vec::new(),
            (Some(cookie), Endpoint::Session) => match self.reader.read(cookie, now.unix) {
                Lookup::Found(id) => vec![id],
                Lookup::None | Lookup::Ambiguous => Vec::new(),
            },
            (Some(cookie), _) => self.reader.all(cookie, now.unix),
        };
        let core = &mut self.core;
        core.cause = Trace::of(head);
        self.endpoints
            .on_request(core, now, stream, endpoint, cookies);
    }

    /// A session that was ended at an endpoint is not sent a token any more by
    /// this worker; others notice within `cache.max_age`.
    fn forget_ended(&mut self, now: Now) {
        for id in self.endpoints.take_ended() {
            if let Some(cache) = &mut self.cache {
                cache.pop(&id);
            }
            self.with_entry(now, &id, |entry, core| entry.end(core));
        }
    }

    fn cookie_edit(&self, lookup: &Lookup, head: &RequestHead<'_>) -> CookieEdit {
        match (&head.cookie, lookup) {
            (Some(cookie), Lookup::Found(_)) if self.strip_session_cookie => {
                match self.reader.strip(cookie) {
                    Some(rest) => CookieEdit::Replace(Redacted::new(rest)),
                    None => CookieEdit::Remove,
                }
            }
            _ => CookieEdit::Keep,
        }
    }

    /// Where a page navigation is sent in place of a 401. Not needed, and not
    /// paid for, where the cache has a token.
    fn with_login(&self, mut asker: Asker, head: &RequestHead<'_>) -> Asker {
        asker.login = reply::login_location(self.login_url.as_deref(), head);
        asker
    }

    /// The verdict when the cache has a token that needs no care.
    fn cached_verdict(&mut self, now: Now, id: &SessionId, asker: Asker) -> Result<Verdict, Asker> {
        let Some(known) = self.cache.as_mut().and_then(|cache| cache.get(id)) else {
            return Err(asker);
        };
        let recent = now.mono <= known.confirmed + self.core.cache.max_age;
        if !recent || known.record.freshness(now.unix, &self.core.refresh) != Freshness::Fresh {
            return Err(asker);
        }
        let authorization = known.record.authorization();
        let private = self.core.private_responses;
        Ok(asker.inject(authorization, Source::Cache, private))
    }

    /// A request waits for its session.
    fn park(&mut self, now: Now, stream: StreamId, id: &SessionId, asker: Asker, trace: &Trace) {
        self.activate(id);
        self.waiting.insert(stream, id.clone());
        let deadline = now.mono + self.core.refresh.wait;
        if let Some(entry) = self.active.get_mut(id)
            && entry.is_idle()
        {
            entry.cause = trace.clone();
        }
        self.with_entry(now, id, |entry, _| {
            entry.parked.push(Parked {
                stream,
                asker,
                deadline,
            });
        });
        let entry = self.active.get(id);
        let lookup = if entry.is_some_and(|entry| !entry.parked.is_empty()) {
            CacheLookup::Miss
        } else {
            CacheLookup::Hit
        };
        self.core.count(Metric::CacheLookup(lookup));
    }

    fn activate(&mut self, id: &SessionId) {
        if self.active.contains_key(id) {
            return;
        }
        let known = self.cache.as_mut().and_then(|cache| cache.pop(id));
        let entry = Entry::new(id.clone(), self.core.store.key(id), known);
        self.active.insert(id.clone(), Box::new(entry));
    }

    fn on_answer(&mut self, now: Now, call: CallId, result: CalloutResult) {
        let active = &self.active;
        // A read for nobody is not worth a second attempt.
        let wanted = |caller: &Caller, command: &Command| match (caller, command) {
            (Caller::Session(id), Command::Read) => {
                active.get(id).is_some_and(|entry| !entry.parked.is_empty())
            }
            _ => true,
        };
        let (id, event) = match self.core.answered(now, call, result, wanted) {
            None => return,
            Some((Caller::Session(id), event)) => (id, event),
            Some((Caller::Visit(visit), event)) => {
                self.endpoints.on_event(&mut self.core, now, visit, event);
                self.forget_ended(now);
                return;
            }
        };
        self.with_entry(now, &id, |entry, core| match event {
            Event::Issued(result) => entry.on_issued(core, now, &result),
            Event::Stored {
                command: Command::Read,
                answer,
                ..
            } => entry.on_read(core, now, answer),
            Event::Stored {
                command,
                answer,
                unsure,
                ..
            } => entry.on_flight_answer(core, now, &command, answer, unsure),
        });
    }

    fn on_stream_gone(&mut self, now: Now, stream: StreamId) {
        if self.endpoints.on_gone(stream) {
            self.core.count(Metric::Request(CLIENT_GONE));
        }
        if let Some(id) = self.waiting.remove(&stream) {
            self.core.count(Metric::Request(CLIENT_GONE));
            self.with_entry(now, &id, |entry, _| {
                entry.parked.retain(|parked| parked.stream != stream);
            });
        }
    }

    /// Lets an active session take an event, then settles it: requests that can
    /// be answered are answered, its timer is set, and once nothing goes on its
    /// record comes to rest in the cache.
    fn with_entry(&mut self, now: Now, id: &SessionId, event: impl FnOnce(&mut Entry, &mut Core)) {
        let Some(entry) = self.active.get_mut(id) else {
            return;
        };
        self.core.cause = entry.cause.clone();
        event(entry, &mut self.core);
        entry.settle(&mut self.core, now);
        let next = if entry.is_quiet() {
            None
        } else {
            entry.next_wake()
        };
        self.timers.reschedule(id, entry.scheduled, next);
        entry.scheduled = next;
        if entry.is_quiet()
            && let Some(entry) = self.active.remove(id)
            && let (Some(cache), Some(known)) = (&mut self.cache, entry.known)
        {
            cache.put(entry.id, known);
        }
    }
}

/// The lengths of all that can grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Sessions with something going on.
    pub active: usize,
    /// Records at rest.
    pub cached: usize,
    /// Requests that wait for their session.
    pub waiting: usize,
    /// Sessions that are to be looked at again.
    pub timers: usize,
    /// Calls under way, and releases that are to be tried again.
    pub calls: usize,
    /// Outputs that nobody has taken yet.
    pub outputs: usize,
    /// What is remembered of requests at the endpoints.
    pub visits: usize,
}

fn refuse(problem: Problem) -> Verdict {
    Verdict::Reply {
        reply: problem.reply(None),
        problem,
    }
}
