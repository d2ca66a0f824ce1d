//! One table from problem to HTTP answer (contract, section 4).

use std::time::Duration;

use crate::request::RequestHead;

/// Why the relay answers a request itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// 401: no usable session cookie.
    NoSession,
    /// 401: cookies of several sessions.
    SessionAmbiguous,
    /// 401: not in the store, or refused by the issuer for good.
    SessionEnded,
    /// 403: an unsafe request from another site.
    CrossSite,
    /// 503: the store cannot answer.
    StoreUnavailable,
    /// 503: the access token is unusable and the issuer cannot answer.
    IssuerUnavailable,
    /// 503: held for longer than `refresh.wait`.
    RefreshTimeout,
    /// 502: the record cannot be understood.
    RecordInvalid,
    /// 400: a path that may be read as another.
    PathAmbiguous,
    /// 404: a path of the issuer.
    NotFound,
}

/// A whole HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Headers; names in lower case, values free of control characters.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: String,
}

impl Problem {
    /// The `code` of the problem document; also the word in metrics and logs.
    pub fn code(self) -> &'static str {
        todo!()
    }

    /// The answer; `retry_after` (at least a second) serves the 503s.
    pub fn reply(self, _retry_after: Option<Duration>) -> Reply {
        todo!()
    }
}

/// Where a page navigation without a session is sent instead of a 401; `None`
/// for anything but a page navigation, or without `login_url`.
pub fn login_location(_login_url: Option<&str>, _request: &RequestHead<'_>) -> Option<String> {
    todo!()
}

/// The 302 to a location from [`login_location`].
pub fn redirect(_location: String) -> Reply {
    todo!()
}
