//! The heart: a sans-IO state machine from requests, answers and time to calls
//! and verdicts.
//!
//! Every [`Relay::handle`] must be followed by [`Relay::poll`] until it
//! returns `None`; then sleep until [`Relay::wake_at`] or the next input.

mod asker;
mod calls;
mod core;
mod endpoints;
mod entry;
mod flight;
mod lease;
mod machine;
mod notices;
mod random;
mod refusal;
mod timers;
mod writeback;

#[cfg(test)]
mod tests;

use std::rc::Rc;

pub use self::machine::{Relay, Sizes};

use crate::callout::{Callout, CalloutResult};
use crate::config::Endpoint;
use crate::metrics::Metric;
use crate::redacted::Redacted;
use crate::reply::{Problem, Reply};
use crate::request::{RequestBody, RequestHead};

/// A request, as the shell names it; never used again after its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// A call that the core asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// A request arrived. Its verdict comes with the next outputs, or later.
    Request {
        /// The request.
        stream: StreamId,
        /// Its head.
        head: &'a RequestHead<'a>,
    },
    /// The body that [`Output::ReadBody`] asked for came, or did not.
    Body {
        /// The request.
        stream: StreamId,
        /// Its body.
        body: RequestBody<'a>,
    },
    /// A call ended.
    Answer {
        /// The call.
        call: CallId,
        /// How.
        result: CalloutResult,
    },
    /// The client of a request left, or its verdict was carried out.
    StreamGone {
        /// The request.
        stream: StreamId,
    },
    /// Time passed.
    Timeout,
}

/// What is to be done.
#[derive(Debug)]
pub enum Output {
    /// Send this, and say how it ended with [`Input::Answer`].
    Call {
        /// Names the call.
        call: CallId,
        /// The request to send.
        callout: Callout,
    },
    /// The request is held and its body wanted, which [`Input::Body`] brings.
    /// Comes with the outputs of the request itself: later its body cannot be had.
    ReadBody {
        /// The request.
        stream: StreamId,
        /// The longest body that is taken, in bytes.
        limit: usize,
    },
    /// The fate of a request; exactly one for each.
    Resume {
        /// The request.
        stream: StreamId,
        /// Its fate.
        verdict: Verdict,
    },
    /// Count one.
    Count(Metric),
    /// Tell the operator.
    Log(log::Level, String),
}

/// The fate of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No business of the relay's: goes on untouched and unmentioned.
    Off,
    /// Goes on as it came, without a token: an optional route.
    Pass,
    /// Goes on without the client's `Authorization`.
    PassWithoutAuthorization,
    /// Goes on with its session's access token.
    Inject(Injection),
    /// Is answered here.
    Reply {
        /// The answer.
        reply: Reply,
        /// Why: its code is the word in the access log.
        problem: Problem,
    },
    /// Is answered here, by one of the relay's endpoints.
    Answer {
        /// The answer.
        reply: Reply,
        /// What happened: one word for the access log.
        word: &'static str,
    },
}

impl Verdict {
    /// The word of the access log and of metrics; `None` where the request was no
    /// business of the relay's.
    pub fn word(&self) -> Option<&'static str> {
        Some(match self {
            Self::Off => return None,
            Self::Pass | Self::PassWithoutAuthorization => PASS,
            Self::Inject(injection) => injection.source.word(),
            Self::Reply { problem, .. } => problem.code(),
            Self::Answer { word, .. } => word,
        })
    }

    /// All such words, and those of requests without a verdict.
    pub fn words() -> impl Iterator<Item = &'static str> {
        let sources = Source::ALL.iter().map(|source| source.word());
        let problems = Problem::ALL.iter().map(|problem| problem.code());
        let endpoints = Endpoint::ALL.iter().map(|endpoint| endpoint.name());
        let others = [PASS, LOGIN_REFUSED, CLIENT_GONE, PROXY_ERROR];
        sources.chain(problems).chain(endpoints).chain(others)
    }
}

/// A request that went on without a token.
const PASS: &str = "pass";
/// A login whose refusal was passed on.
const LOGIN_REFUSED: &str = "login_refused";
/// A request that was held when its client left, or when the host gave it up.
const CLIENT_GONE: &str = "client_gone";
/// The word where the shell refuses a request by itself, because the host would
/// not do its part.
pub const PROXY_ERROR: &str = "proxy_error";

/// How a request is changed where a token is injected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    /// The one `Authorization` value: replaces all that the client sent.
    pub authorization: Rc<Redacted<String>>,
    /// What becomes of the `Cookie` header.
    pub cookie: CookieEdit,
    /// Mark the response as private to the cookie.
    pub private_response: bool,
    /// Where the token came from: one word for the access log.
    pub source: Source,
}

/// What becomes of the `Cookie` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CookieEdit {
    /// Nothing.
    Keep,
    /// It is removed.
    Remove,
    /// It is replaced by this single line.
    Replace(Redacted<Vec<u8>>),
}

/// Where an injected token came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// This worker's cache.
    Cache,
    /// The store, asked for this request or one beside it.
    Store,
    /// A refresh by this worker.
    Refreshed,
    /// A refresh by another worker or proxy, whose lease was found *held*.
    Held,
    /// A refresh by another worker or proxy, found already done.
    Changed,
}

impl Source {
    /// Every source.
    pub const ALL: &[Self] = &[
        Self::Cache,
        Self::Store,
        Self::Refreshed,
        Self::Held,
        Self::Changed,
    ];

    /// The word in the access log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Store => "store",
            Self::Refreshed => "refreshed",
            Self::Held => "held",
            Self::Changed => "changed",
        }
    }
}
