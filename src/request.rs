//! What the relay reads of a client's request.

use std::borrow::Cow;
use std::fmt;

/// The head of a request, borrowed from the host's header map where possible.
/// Values are raw bytes: a client may send anything. Repeated lines of one
/// header are folded (`Cookie` with `"; "`, others with `", "`).
#[derive(Clone, Debug, Default)]
pub struct RequestHead<'a> {
    /// `:method`.
    pub method: Cow<'a, [u8]>,
    /// `:path`, with the query; empty when absent (`CONNECT`).
    pub path: Cow<'a, [u8]>,
    /// `:authority`.
    pub authority: Cow<'a, [u8]>,
    /// `:scheme`.
    pub scheme: Cow<'a, [u8]>,
    /// `:protocol` (extended CONNECT) or `upgrade` is present.
    pub upgrade: bool,
    /// `cookie`, folded.
    pub cookie: Option<Cow<'a, [u8]>>,
    /// `content-type`.
    pub content_type: Option<Cow<'a, [u8]>>,
    /// `accept`.
    pub accept: Option<Cow<'a, [u8]>>,
    /// `origin`.
    pub origin: Option<Cow<'a, [u8]>>,
    /// `sec-fetch-site`.
    pub sec_fetch_site: Option<Cow<'a, [u8]>>,
    /// `sec-fetch-mode`.
    pub sec_fetch_mode: Option<Cow<'a, [u8]>>,
    /// Any `sec-fetch-*` header is present.
    pub has_sec_fetch: bool,
    /// `access-control-request-method` is present.
    pub has_request_method: bool,
    /// `traceparent`.
    pub traceparent: Option<Cow<'a, [u8]>>,
    /// `x-request-id`.
    pub request_id: Option<Cow<'a, [u8]>>,
}

/// The body of a request, once the relay has asked for it.
#[derive(Clone, Copy)]
pub enum RequestBody<'a> {
    /// All of it.
    Whole {
        /// Its bytes; empty where there is none.
        bytes: &'a [u8],
        /// The caller's address as the proxy knows it, without a port, where it
        /// is to be had: the issuer's throttling goes by it.
        client: Option<&'a str>,
    },
    /// Longer than asked for; nothing of it was kept.
    TooLarge,
}

/// Bodies hold passwords: none of their bytes are shown.
impl fmt::Debug for RequestBody<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole { .. } => "[request body]",
            Self::TooLarge => "[request body, too large]",
        })
    }
}

impl<'a> RequestHead<'a> {
    /// Picks the fields out of a header list. Names are expected in lower case,
    /// as HTTP/2 and Envoy have them.
    pub fn from_headers(headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut head = Self::default();
        for (name, value) in headers {
            head.take(name, value);
        }
        head
    }

    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        match name {
            b":method" => self.method = Cow::Borrowed(value),
            b":path" => self.path = Cow::Borrowed(value),
            b":authority" => self.authority = Cow::Borrowed(value),
            b":scheme" => self.scheme = Cow::Borrowed(value),
            b":protocol" | b"upgrade" => self.upgrade = true,
            b"cookie" => fold(&mut self.cookie, value, b"; "),
            b"content-type" => fold(&mut self.content_type, value, b", "),
            b"accept" => fold(&mut self.accept, value, b", "),
            b"origin" => fold(&mut self.origin, value, b", "),
            b"access-control-request-method" => self.has_request_method = true,
            b"traceparent" => fold(&mut self.traceparent, value, b", "),
            b"x-request-id" => fold(&mut self.request_id, value, b", "),
            _ if name.starts_with(b"sec-fetch-") => {
                self.has_sec_fetch = true;
                match name {
                    b"sec-fetch-site" => fold(&mut self.sec_fetch_site, value, b", "),
                    b"sec-fetch-mode" => fold(&mut self.sec_fetch_mode, value, b", "),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

fn fold<'a>(field: &mut Option<Cow<'a, [u8]>>, value: &'a [u8], separator: &[u8]) {
    match field {
        None => *field = Some(Cow::Borrowed(value)),
        Some(folded) => {
            let folded = folded.to_mut();
            folded.extend_from_slice(separator);
            folded.extend_from_slice(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_cookie_lines_are_folded_in_order() {
        let headers: [(&[u8], &[u8]); 3] = [
            (b"cookie", b"a=1"),
            (b"x-other", b"\xff\xfe"),
            (b"cookie", b"b=2"),
        ];
        let head = RequestHead::from_headers(headers.into_iter());
        assert_eq!(head.cookie.as_deref(), Some(b"a=1; b=2".as_slice()));
    }

    fn head<'a>(headers: &[(&'a str, &'a str)]) -> RequestHead<'a> {
        let headers = headers.iter();
        RequestHead::from_headers(headers.map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    }

    #[test]
    fn repeated_lines_of_other_headers_are_folded_with_a_comma() {
        let twice = |name| head(&[(name, "x"), (name, "y")]);
        let folded = Some(b"x, y".as_slice());
        assert_eq!(twice("accept").accept.as_deref(), folded);
        assert_eq!(twice("origin").origin.as_deref(), folded);
        assert_eq!(twice("sec-fetch-site").sec_fetch_site.as_deref(), folded);
        assert_eq!(twice("sec-fetch-mode").sec_fetch_mode.as_deref(), folded);
    }

    #[test]
    fn headers_that_only_need_to_be_there_are_noticed() {
        assert!(head(&[("upgrade", "websocket")]).upgrade);
        assert!(head(&[(":protocol", "websocket")]).upgrade);
        assert!(head(&[("sec-fetch-dest", "empty")]).has_sec_fetch);
        assert!(head(&[("access-control-request-method", "GET")]).has_request_method);
        let none = head(&[("accept", "*/*")]);
        assert!(!none.upgrade && !none.has_sec_fetch && !none.has_request_method);
    }

    /// Contract, section 4, "Paths".
    #[test]
    fn headers_that_claim_another_path_are_never_read() {
        let head = head(&[
            (":path", "/a"),
            ("x-original-url", "/b"),
            ("x-rewrite-url", "/b"),
            ("x-envoy-original-path", "/b"),
        ]);
        assert_eq!(&*head.path, b"/a");
    }
}
