//! What makes a request be found again in other programs' logs and traces: its
//! `traceparent` (W3C Trace Context, level 1) and its `x-request-id` (Envoy), which
//! the calls that it causes carry on.

use std::rc::Rc;

use crate::request::RequestHead;

/// The trace of the request that caused something. Values that are not of the
/// expected form are left out: a client may send anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    parent: Option<Rc<str>>,
    request_id: Option<Rc<str>>,
}

/// The longest request id that is passed on. Envoy's are UUIDs, of 36.
const MAX_REQUEST_ID: usize = 64;

impl Trace {
    /// The trace of a request.
    pub fn of(head: &RequestHead<'_>) -> Self {
        let pick = |value: &Option<_>, is_fit: fn(&str) -> bool| {
            let text = std::str::from_utf8(value.as_deref()?).ok()?;
            is_fit(text).then(|| text.into())
        };
        Self {
            parent: pick(&head.traceparent, is_traceparent),
            request_id: pick(&head.request_id, is_request_id),
        }
    }

    /// The headers that a call caused by the request carries.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let parent = self.parent.as_deref().map(|value| ("traceparent", value));
        let id = self.request_id().map(|value| ("x-request-id", value));
        parent.into_iter().chain(id)
    }

    /// The request's id.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

/// `00-<trace id>-<parent id>-<flags>` in lower-case hex, neither id all zero; a
/// later version may say more, which is not for us to pass on.
fn is_traceparent(text: &str) -> bool {
    let is_hex = |part: &&str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let parts: Vec<_> = text.split('-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else {
        return false;
    };
    let sizes = [version.len(), trace.len(), parent.len(), flags.len()];
    let is_id = |id: &str| id.bytes().any(|b| b != b'0');
    sizes == [2, 32, 16, 2]
        && parts.iter().all(is_hex)
        && *version != "ff"
        && is_id(trace)
        && is_id(parent)
}

fn is_request_id(text: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:=+/".contains(&byte);
    (1..=MAX_REQUEST_ID).contains(&text.len()) && text.bytes().all(is_fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(traceparent: &str, request_id: &str) -> Vec<(String, String)> {
        let headers = [("traceparent", traceparent), ("x-request-id", request_id)];
        let headers = headers.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        let trace = Trace::of(&RequestHead::from_headers(headers));
        let pairs = trace.headers().map(|(n, v)| (n.to_owned(), v.to_owned()));
        pairs.collect()
    }

    #[test]
    fn well_formed_values_are_passed_on() {
        let id = "6f1d3a5c-0b1e-4c4f-9a51-0e3c1b9a7d42";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            headers(PARENT, id),
            [pair("traceparent", PARENT), pair("x-request-id", id)]
        );
    }

    #[test]
    fn what_has_not_the_expected_form_is_left_out() {
        let upper = PARENT.to_uppercase();
        let more = format!("{PARENT}-01");
        let twice = format!("{PARENT}, {PARENT}");
        let zero = PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        let forbidden = PARENT.replacen("00", "ff", 1);
        let bad = ["", "00", &upper, &more, &twice, &zero, &forbidden];
        for traceparent in bad {
            assert_eq!(headers(traceparent, ""), [], "{traceparent:?}");
        }
        let long = "a".repeat(MAX_REQUEST_ID + 1);
        for id in ["", "a b", "a\r\nb", "\"", "é", &long] {
            assert_eq!(headers("", id), [], "{id:?}");
        }
        let none: [(&[u8], &[u8]); 1] = [(b"x-request-id", b"\xff")];
        let trace = Trace::of(&RequestHead::from_headers(none.into_iter()));
        assert_eq!(trace, Trace::default());
    }
}
