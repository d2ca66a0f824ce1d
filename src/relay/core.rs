//! What all sessions of a worker share: configuration, outputs, chance, and, in
//! [`super::calls`], the calls in flight.

use std::collections::VecDeque;
use std::time::Duration;

use log::Level;

use super::calls::Calls;
use super::notices::{About, Notices, Subject};
use super::random::Random;
use super::{Output, StreamId, Verdict};
use crate::config::{CacheConfig, RefreshConfig};
use crate::issuer::Issuer;
use crate::metrics::Metric;
use crate::session::SessionId;
use crate::store::Store;
use crate::time::Now;
use crate::tokens::RecordError;
use crate::trace::Trace;

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
    /// The trace of the request that caused what is going on.
    pub(super) cause: Trace,
    pub(super) calls: Calls,
    notices: Notices,
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
            cause: Trace::default(),
            calls: Calls::default(),
            notices: Notices::default(),
        }
    }

    /// How long a lease lives from its claim.
    pub(super) fn lease_life(&self) -> Duration {
        self.issuer_timeout + 2 * self.store_timeout + LEASE_MARGIN
    }

    pub(super) fn count(&mut self, metric: Metric) {
        self.out.push_back(Output::Count(metric));
    }

    pub(super) fn tell(&mut self, now: Now, level: Level, subject: Subject, text: &str) {
        self.write(now, level, subject, None, text);
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
        self.write(now, level, subject, Some(id), text);
    }

    fn write(
        &mut self,
        now: Now,
        level: Level,
        subject: Subject,
        id: Option<&SessionId>,
        text: &str,
    ) {
        let about = About {
            session: id,
            request_id: self.cause.request_id(),
        };
        if let Some(line) = self.notices.line(now.mono, subject, about, text) {
            self.out.push_back(Output::Log(level, line));
        }
    }

    pub(super) fn resume(&mut self, stream: StreamId, verdict: Verdict) {
        if let Some(word) = verdict.word() {
            self.count(Metric::Request(word));
        }
        self.out.push_back(Output::Resume { stream, verdict });
    }

    /// The operator is told of a record that is of no use.
    pub(super) fn misunderstood(&mut self, now: Now, id: &SessionId, error: RecordError) {
        let text = format!("a record in the store cannot be understood: {error}");
        self.tell_of(now, Level::Error, Subject::RecordInvalid, id, &text);
    }
}
