//! What may happen to a filter, in any order.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::input::{few, flag, index, one_of};

/// One thing that happens. Streams, calls and sessions are named by their place
/// among those there are, so that any number names one.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// A request comes in.
    Open {
        cookies: Cookies<'a>,
        path: Path<'a>,
        method: &'static str,
        /// One bit for each of [`EXTRAS`].
        extras: u8,
        /// There is no body.
        end: bool,
    },
    /// A piece of a request's body comes in.
    Body {
        stream: usize,
        body: Body<'a>,
        end: bool,
    },
    /// A request's trailers come in.
    Trailers { stream: usize },
    /// A client leaves, or its request is done.
    End { stream: usize },
    /// The upstream answers a request that went on, or the proxy one that waits.
    Respond { stream: usize },
    /// A call is answered.
    Answer { call: usize, answer: Answer<'a> },
    /// A call is answered that was answered before, or never made.
    AnswerAgain { token: u8 },
    /// Time passes.
    Pass { millis: u64 },
    /// Somebody sets the clock.
    Jump { seconds: i64 },
    /// From now on the host does not do this.
    Refuse { call: Option<&'static str> },
    /// A cluster is there, or not.
    Cluster { is_store: bool, is_there: bool },
    /// There is another configuration; the old one ends when it can.
    Configure { configuration: usize },
    /// What no host does.
    Odd { stream: usize, oddity: Oddity },
}

/// The sessions that a request's cookies name.
#[derive(Debug)]
pub(crate) enum Cookies<'a> {
    None,
    One(usize),
    /// Among other cookies, in several lines.
    Lines(usize),
    Two(usize, usize),
    /// Of a browser that was told so by the relay; else none.
    Created,
    Raw(&'a [u8]),
}

#[derive(Debug)]
pub(crate) enum Path<'a> {
    Known(&'static str),
    Raw(&'a [u8]),
}

#[derive(Debug)]
pub(crate) enum Body<'a> {
    /// What a login takes.
    Credentials,
    /// What an adoption takes.
    Tokens,
    /// What a logout takes: a session's id.
    Session(usize),
    /// More than any endpoint takes.
    Long,
    Raw(&'a [u8]),
}

#[derive(Debug)]
pub(crate) enum Answer<'a> {
    /// As a good store or issuer answers now.
    Good,
    /// One that the peer could give.
    Possible {
        word: usize,
        extras: [usize; 2],
    },
    /// The same for another call.
    Foreign {
        word: usize,
        extras: [usize; 2],
    },
    /// The store does not know the script.
    NoScript,
    /// An error, which quotes what it should not.
    Error,
    Status(u16),
    /// The connection broke.
    Reset,
    TooLarge,
    /// What another call is waiting for.
    Crossed,
    Raw(&'a [u8]),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Oddity {
    /// The stream's end is told twice.
    DoneTwice,
    /// The stream is forgotten without having ended.
    Deleted,
    /// A held request's headers come again.
    HeadersAgain,
    /// A body for a stream that is gone, or never was.
    BodyOfNobody,
    /// Headers of a stream that was never announced.
    Unannounced,
    /// A body or trailers before any headers.
    BodyFirst,
    /// The root is announced, and configured, once more.
    RootAgain,
    /// A root that never was ticks, answers and ends.
    RootOfNobody,
    /// The root is forgotten while it has work.
    RootDeleted,
    /// A configuration that is none.
    BadConfiguration,
}

pub(crate) const METHODS: [&str; 8] = [
    "GET", "POST", "HEAD", "OPTIONS", "DELETE", "CONNECT", "get", "",
];

pub(crate) const PATHS: [&str; 14] = [
    "/api/things",
    "/maybe/things?x=1",
    "/static/app.js",
    "/auth/login",
    "/auth/logout",
    "/auth/session",
    "/auth/adopt",
    "/api/token/",
    "/api/%2e%2e/static/x",
    "/%61pi/things",
    "//evil.example/api/",
    "/auth/login?next=/",
    "*",
    "",
];

/// Headers of a request, beside the usual.
pub(crate) const EXTRAS: [(&str, &str); 8] = [
    ("authorization", "Bearer forged"),
    ("sec-fetch-site", "cross-site"),
    ("sec-fetch-mode", "navigate"),
    ("content-type", "application/json"),
    ("access-control-request-method", "PUT"),
    ("origin", "https://app.example.com"),
    ("content-length", "20000"),
    ("upgrade", "websocket"),
];

/// Every call that a host may refuse; `*` stands for all.
pub(crate) const REFUSABLE: [Option<&str>; 17] = [
    None,
    Some("set_tick_period"),
    Some("get_buffer_bytes"),
    Some("get_header_map_pairs"),
    Some("replace_header_map_value"),
    Some("remove_header_map_value"),
    Some("send_local_response"),
    Some("continue_stream"),
    Some("set_property"),
    Some("get_property"),
    Some("set_effective_context"),
    Some("http_call"),
    Some("done"),
    Some("define_metric"),
    Some("increment_metric"),
    Some("*"),
    None,
];

pub(crate) const MILLIS: [u64; 10] = [1, 25, 50, 200, 500, 1000, 2000, 5000, 10_000, 3_600_000];

const SECONDS: [i64; 6] = [2, -2, 300, -300, 1_000_000, -1_900_000_000];

pub(crate) const STATUSES: [u16; 12] = [500, 503, 504, 429, 404, 403, 401, 400, 302, 204, 200, 0];

/// The kinds of events, in the order of their numbers.
pub(crate) const KINDS: usize = 16;

/// How many words, and what may follow them, the store has: see
/// [`words`](super::words).
pub(crate) const WORDS: usize = 16;
pub(crate) const ITEMS: usize = 16;

impl<'a> Arbitrary<'a> for Event<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let number = |u: &mut Unstructured<'a>| -> Result<usize> { index(u, 256) };
        Ok(match index(u, KINDS)? {
            0 | 1 => Self::Open {
                cookies: Cookies::arbitrary(u)?,
                path: match index(u, PATHS.len() + 1)? {
                    known if known < PATHS.len() => Path::Known(PATHS[known]),
                    _ => Path::Raw(few(u)?),
                },
                method: one_of(u, &METHODS)?,
                extras: u.arbitrary()?,
                end: flag(u)?,
            },
            2 => Self::Body {
                stream: number(u)?,
                body: match index(u, 5)? {
                    0 => Body::Credentials,
                    1 => Body::Tokens,
                    2 => Body::Session(number(u)?),
                    3 => Body::Long,
                    _ => Body::Raw(few(u)?),
                },
                end: flag(u)?,
            },
            3 => Self::Trailers { stream: number(u)? },
            4 => Self::End { stream: number(u)? },
            5 => Self::Respond { stream: number(u)? },
            6 | 7 => Self::Answer {
                call: number(u)?,
                answer: Answer::Good,
            },
            8 => Self::Answer {
                call: number(u)?,
                answer: Answer::arbitrary(u)?,
            },
            9 => Self::AnswerAgain {
                token: u.arbitrary()?,
            },
            10 => Self::Pass {
                millis: *one_of(u, &MILLIS)?,
            },
            11 => Self::Jump {
                seconds: *one_of(u, &SECONDS)?,
            },
            12 => Self::Refuse {
                call: *one_of(u, &REFUSABLE)?,
            },
            13 => Self::Cluster {
                is_store: flag(u)?,
                is_there: flag(u)?,
            },
            14 => Self::Configure {
                configuration: number(u)?,
            },
            _ => Self::Odd {
                stream: number(u)?,
                oddity: *one_of(u, &ODDITIES)?,
            },
        })
    }
}

pub(crate) const ODDITIES: [Oddity; 10] = [
    Oddity::DoneTwice,
    Oddity::Deleted,
    Oddity::HeadersAgain,
    Oddity::BodyOfNobody,
    Oddity::Unannounced,
    Oddity::BodyFirst,
    Oddity::RootAgain,
    Oddity::RootOfNobody,
    Oddity::RootDeleted,
    Oddity::BadConfiguration,
];

impl<'a> Arbitrary<'a> for Cookies<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match index(u, 6)? {
            0 => Self::None,
            1 => Self::One(index(u, 4)?),
            2 => Self::Lines(index(u, 4)?),
            3 => Self::Two(index(u, 4)?, index(u, 4)?),
            4 => Self::Created,
            _ => Self::Raw(few(u)?),
        })
    }
}

impl<'a> Arbitrary<'a> for Answer<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match index(u, 10)? {
            0 => Self::Good,
            1 => Self::Possible {
                word: index(u, WORDS)?,
                extras: [index(u, ITEMS)?, index(u, ITEMS)?],
            },
            2 => Self::Foreign {
                word: index(u, WORDS)?,
                extras: [index(u, ITEMS)?, index(u, ITEMS)?],
            },
            3 => Self::NoScript,
            4 => Self::Error,
            5 => Self::Status(*one_of(u, &STATUSES)?),
            6 => Self::Reset,
            7 => Self::TooLarge,
            8 => Self::Crossed,
            _ => Self::Raw(few(u)?),
        })
    }
}
