//! HTTP calls that the core asks for and their outcomes, free of any host.

use std::time::Duration;

use crate::redacted::Redacted;

/// Which configured cluster a call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The Webdis-style gateway in front of Redis.
    Store,
    /// Django's token endpoints.
    Issuer,
}

/// One HTTP request to a [`Peer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callout {
    /// Where it goes.
    pub peer: Peer,
    /// All headers in order, `:method`, `:path` and `:authority` first. Header
    /// values may hold credentials, hence the wrapper.
    pub headers: Vec<(String, Redacted<String>)>,
    /// The body, possibly holding tokens.
    pub body: Redacted<Vec<u8>>,
    /// How long to wait for the whole answer; never below one millisecond
    /// (the host takes zero for "no timeout").
    pub timeout: Duration,
}

/// How a [`Callout`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalloutResult {
    /// A complete HTTP answer, from the peer or made up by the host.
    Answer(Answer),
    /// No complete answer.
    Failure(Failure),
}

/// A complete HTTP answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code, 0 if the host gave none that is a number.
    pub status: u16,
    /// The `content-type` header's raw value, if there was one.
    pub content_type: Option<Vec<u8>>,
    /// There was a `set-cookie` header.
    pub sets_cookie: bool,
    /// The `retry-after` header's raw value, if there was one.
    pub retry_after: Option<Vec<u8>>,
    /// False for an answer that the host made up (time-out 504, connect
    /// failure 503): it lacks `x-envoy-upstream-service-time`.
    pub from_peer: bool,
    /// The body, possibly holding tokens.
    pub body: Redacted<Vec<u8>>,
}

/// Why there is no complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The host refused to send it: unknown cluster, no endpoint. Certainly
    /// nothing was sent.
    NotSent,
    /// The connection broke after the answer's headers.
    Reset,
    /// The answer's body is larger than [`MAX_ANSWER`] and was not read.
    TooLarge,
}

/// Bodies above this many bytes are not read.
pub const MAX_ANSWER: usize = 1 << 20;
