//! One table from problem to HTTP answer (contract, section 4).

#[cfg(test)]
mod tests;

use std::fmt::{self, Write};
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
    /// 405: an endpoint does not take this method.
    MethodNotAllowed,
    /// 408: the body of a request to an endpoint did not come.
    BodyTimeout,
    /// 413: the body of a request to an endpoint is too large.
    BodyTooLarge,
    /// 415: the body of a request to an endpoint is not said to be JSON.
    MediaTypeUnsupported,
    /// 400: the body of a request to an endpoint is not what it takes.
    BodyInvalid,
}

/// A whole HTTP answer. A session id may be in it, so `Debug` shows the status
/// only.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Headers; names in lower case, values free of control characters.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: String,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// A request path longer than this is not taken along to the login page.
const MAX_CALLBACK: usize = 4 << 10;

impl Problem {
    /// What a 401 says in `WWW-Authenticate`: it must name a scheme (RFC 9110,
    /// 15.5.2), and none of the registered ones means a cookie.
    pub const CHALLENGE: &str = "Session realm=\"token-relay\"";

    /// Every problem, in the order of the contract's table.
    pub const ALL: &[Self] = &[
        Self::NoSession,
        Self::SessionAmbiguous,
        Self::SessionEnded,
        Self::CrossSite,
        Self::StoreUnavailable,
        Self::IssuerUnavailable,
        Self::RefreshTimeout,
        Self::RecordInvalid,
        Self::PathAmbiguous,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::BodyTimeout,
        Self::BodyTooLarge,
        Self::MediaTypeUnsupported,
        Self::BodyInvalid,
    ];

    /// The status, the `code` and the title for people.
    const fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::NoSession => (401, "no_session", "No session"),
            Self::SessionAmbiguous => (401, "session_ambiguous", "Cookies of several sessions"),
            Self::SessionEnded => (401, "session_ended", "The session has ended"),
            Self::CrossSite => (403, "cross_site", "Cross-site request"),
            Self::StoreUnavailable => (503, "store_unavailable", "Session store unavailable"),
            Self::IssuerUnavailable => (503, "issuer_unavailable", "Token issuer unavailable"),
            Self::RefreshTimeout => (503, "refresh_timeout", "Token refresh takes too long"),
            Self::RecordInvalid => (502, "record_invalid", "Session record not understood"),
            Self::PathAmbiguous => (400, "path_ambiguous", "Ambiguous path"),
            Self::NotFound => (404, "not_found", "Not found"),
            Self::MethodNotAllowed => (405, "method_not_allowed", "Method not allowed"),
            Self::BodyTimeout => (408, "body_timeout", "The request's body did not come"),
            Self::BodyTooLarge => (413, "body_too_large", "The request's body is too large"),
            Self::MediaTypeUnsupported => (
                415,
                "media_type_unsupported",
                "application/json is expected",
            ),
            Self::BodyInvalid => (400, "body_invalid", "The request's body is not understood"),
        }
    }

    /// The status of the answer.
    pub const fn status(self) -> u16 {
        self.row().0
    }

    /// The `code` of the problem document; also the word in metrics and logs.
    pub const fn code(self) -> &'static str {
        self.row().1
    }

    /// The answer, a problem document (RFC 9457); `retry_after` (at least a
    /// second, which is also the default) serves the 503s.
    pub fn reply(self, retry_after: Option<Duration>) -> Reply {
        let (status, code, title) = self.row();
        let mut headers = vec![
            ("content-type", "application/problem+json".to_owned()),
            ("cache-control", "no-store".to_owned()),
        ];
        match status {
            401 => headers.push(("www-authenticate", Self::CHALLENGE.to_owned())),
            503 => headers.push(("retry-after", whole_seconds(retry_after).to_string())),
            _ => {}
        }
        Reply {
            status,
            headers,
            body: serde_json::json!({"status": status, "title": title, "code": code}).to_string(),
        }
    }
}

/// Rounded up, at least one.
fn whole_seconds(delay: Option<Duration>) -> u64 {
    let delay = delay.unwrap_or_default();
    let begun = u64::from(delay.subsec_nanos() > 0);
    delay.as_secs().saturating_add(begun).max(1)
}

/// Where a page navigation without a session is sent instead of a 401; `None`
/// for anything but a page navigation, for the login page itself, or without
/// `login_url`.
///
/// The path and query asked for go along as `callbackUrl`, unless they might
/// lead to another site or are very long: then `/` does.
pub fn login_location(login_url: Option<&str>, request: &RequestHead<'_>) -> Option<String> {
    let login_url = login_url.filter(|_| is_navigation(request))?;
    if is_login_page(login_url, request) {
        return None;
    }
    let mut location = format!("{login_url}?callbackUrl=");
    percent_encode(&mut location, callback(&request.path));
    // The host checks no header of a reply.
    location
        .bytes()
        .all(|byte| byte.is_ascii_graphic())
        .then_some(location)
}

/// The 302 to a location from [`login_location`].
pub fn redirect(location: String) -> Reply {
    Reply {
        status: 302,
        headers: vec![
            ("location", location),
            ("cache-control", "no-store".to_owned()),
        ],
        body: String::new(),
    }
}

/// The login page itself, sent to the login page, would be so for ever.
fn is_login_page(login_url: &str, request: &RequestHead<'_>) -> bool {
    let (authority, path) = match login_url.strip_prefix("https://") {
        None => (None, login_url),
        Some(rest) => match rest.find('/').map(|at| rest.split_at(at)) {
            Some((authority, path)) => (Some(authority), path),
            None => (Some(rest), "/"),
        },
    };
    // The default port of https may be left out.
    let short = |authority: &[u8]| {
        let host = authority.strip_suffix(b":443").unwrap_or(authority);
        host.to_ascii_lowercase()
    };
    let here = |authority: &str| short(authority.as_bytes()) == short(&request.authority);
    let mut asked = request.path.split(|byte| *byte == b'?');
    authority.is_none_or(here) && asked.next() == Some(path.as_bytes())
}

/// A browser that opens a page. A script's fetch gets no redirect: it would
/// follow it and take the login page for its answer.
fn is_navigation(request: &RequestHead<'_>) -> bool {
    let opens = if request.has_sec_fetch {
        request.sec_fetch_mode.as_deref() == Some(b"navigate")
    } else {
        request.accept.as_deref().is_some_and(accepts_html)
    };
    opens && !request.upgrade && matches!(&*request.method, b"GET" | b"HEAD")
}

fn accepts_html(accept: &[u8]) -> bool {
    accept.split(|byte| *byte == b',').any(|range| {
        let media_type = range.split(|byte| *byte == b';').next().unwrap_or_default();
        media_type.trim_ascii().eq_ignore_ascii_case(b"text/html")
    })
}

/// `//host` and `/\host` are other sites to a browser, which also drops tabs
/// and line breaks while it looks.
fn callback(path: &[u8]) -> &[u8] {
    let foreign = matches!(path, [b'/', b'/' | b'\\', ..]) || !path.starts_with(b"/");
    if foreign || path.len() > MAX_CALLBACK || path.iter().any(u8::is_ascii_control) {
        b"/"
    } else {
        path
    }
}

/// Encodes every byte but the unreserved ones (RFC 3986, 2.3).
fn percent_encode(to: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(to, "%{byte:02X}");
        }
    }
}
