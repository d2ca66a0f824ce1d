//! What a test looks at.

use std::time::Duration;

use log::Level;
use serde_json::Value;

use super::{Made, Session, Sizes, Target, World};
use crate::metrics::{IssuerOutcome, Metric, Trigger};
use crate::relay::{StreamId, Verdict};
use crate::reply::Reply;
use crate::store::{Command, StoreError};

impl World {
    /// One word for what became of a request: where its token came from, the
    /// problem's code, or `pass`, `pass_without_authorization`, `redirect`,
    /// `waiting`.
    pub(crate) fn outcome(&self, stream: StreamId) -> String {
        let word = match self.streams[&stream].verdict.as_ref() {
            None => "waiting",
            Some((_, Verdict::Off | Verdict::Pass)) => "pass",
            Some((_, Verdict::PassWithoutAuthorization)) => "pass_without_authorization",
            Some((_, Verdict::Inject(injection))) => injection.source.word(),
            Some((_, Verdict::Reply { reply, .. })) if reply.status == 302 => "redirect",
            Some((_, Verdict::Reply { problem, .. })) => problem.code(),
            Some((_, Verdict::Answer { word, .. })) => word,
        };
        word.to_owned()
    }

    pub(crate) fn outcomes(&self, streams: &[StreamId]) -> Vec<String> {
        streams.iter().map(|stream| self.outcome(*stream)).collect()
    }

    pub(crate) fn verdict(&self, stream: StreamId) -> &Verdict {
        &self.streams[&stream].verdict.as_ref().expect("a verdict").1
    }

    /// The answer to a request: status, headers, body.
    pub(crate) fn reply(&self, stream: StreamId) -> &Reply {
        match self.verdict(stream) {
            Verdict::Reply { reply, .. } | Verdict::Answer { reply, .. } => reply,
            other => panic!("no answer: {other:?}"),
        }
    }

    /// How long a request was held.
    pub(crate) fn held(&self, stream: StreamId) -> Duration {
        let state = &self.streams[&stream];
        state.verdict.as_ref().expect("a verdict").0 - state.asked
    }

    /// The access token that a request was given.
    pub(crate) fn token(&self, stream: StreamId) -> String {
        match self.verdict(stream) {
            Verdict::Inject(injection) => {
                let value = injection.authorization.expose();
                value.strip_prefix("Bearer ").unwrap().to_owned()
            }
            other => panic!("no token was given: {other:?}"),
        }
    }

    pub(crate) fn record(&self, session: &Session) -> Value {
        let text = self.store.get(&session.record()).expect("a record");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) fn access_token(&self, session: &Session) -> String {
        self.record(session)["access"].as_str().unwrap().to_owned()
    }

    pub(crate) fn refresh_token(&self, session: &Session) -> String {
        self.record(session)["refresh"].as_str().unwrap().to_owned()
    }

    pub(crate) fn made(&self, target: Target) -> Vec<&Made> {
        let made = self.calls.iter();
        made.filter(|made| made.target == target).collect()
    }

    pub(crate) fn store_calls(&self) -> Vec<Target> {
        let targets = self.calls.iter().map(|made| made.target);
        targets.filter(|target| target.is_store()).collect()
    }

    /// Summed over all workers.
    pub(crate) fn count(&self, metric: Metric) -> usize {
        self.counts
            .iter()
            .filter_map(|counts| counts.get(&metric))
            .sum()
    }

    /// Refreshes that ended so, summed over all workers.
    pub(crate) fn refreshes(&self, outcome: IssuerOutcome) -> usize {
        let triggers = Trigger::ALL.iter().copied();
        triggers
            .map(|trigger| self.count(Metric::Refresh { trigger, outcome }))
            .sum()
    }

    /// Calls to the store that failed in this way, summed over all workers.
    pub(crate) fn store_failures_by(&self, outcome: &'static str) -> usize {
        Command::NAMES
            .into_iter()
            .map(|script| self.count(Metric::StoreCall { script, outcome }))
            .sum()
    }

    /// Calls to the store that failed, summed over all workers; a script that it did
    /// not know yet is no failure.
    pub(crate) fn store_failures(&self) -> usize {
        let failures = StoreError::WORDS.iter().copied();
        failures
            .filter(|word| *word != StoreError::NoScript.word())
            .map(|word| self.store_failures_by(word))
            .sum()
    }

    pub(crate) fn sizes(&self, worker: usize) -> Sizes {
        self.relays[worker].sizes()
    }

    pub(crate) fn is_idle(&self, worker: usize) -> bool {
        self.relays[worker].is_idle()
    }

    /// It has no verdict, and its client is still there.
    pub(crate) fn is_waiting(&self, stream: StreamId) -> bool {
        !self.has_left(stream) && self.streams[&stream].verdict.is_none()
    }

    pub(crate) fn has_left(&self, stream: StreamId) -> bool {
        self.streams[&stream].gone
    }

    pub(crate) fn has_record(&self, session: &Session) -> bool {
        self.store.get(&session.record()).is_some()
    }

    pub(crate) fn logged(&self, level: Level, part: &str) -> bool {
        let mut logs = self.logs.iter();
        logs.any(|(at, line)| *at == level && line.contains(part))
    }

    pub(crate) fn undecided(&self) -> usize {
        let streams = self.streams.values();
        streams
            .filter(|stream| stream.verdict.is_none() && !stream.gone)
            .count()
    }
}
