//! The answer to a callout, as the core takes it.

use super::host::{self, Buffer, Map};
use crate::callout::{Answer, CalloutResult, Failure, MAX_ANSWER};

/// Reads the answer that the host announces in `on_http_call_response`.
pub(super) fn read(num_headers: usize, body_size: usize) -> CalloutResult {
    // Envoy's sign for a connection that broke after the answer's headers.
    if num_headers == 0 {
        return CalloutResult::Failure(Failure::Reset);
    }
    if body_size > MAX_ANSWER {
        return CalloutResult::Failure(Failure::TooLarge);
    }
    let Ok(headers) = host::header_map(Map::Answer) else {
        return CalloutResult::Failure(Failure::Reset);
    };
    let body = if body_size == 0 {
        Vec::new()
    } else {
        match host::buffer(Buffer::AnswerBody, body_size) {
            Ok(body) => body,
            Err(_) => return CalloutResult::Failure(Failure::Reset),
        }
    };
    CalloutResult::Answer(Answer {
        status: headers.get(b":status").and_then(number).unwrap_or(0),
        content_type: headers.get(b"content-type").map(<[u8]>::to_vec),
        sets_cookie: headers.get(b"set-cookie").is_some(),
        retry_after: headers.get(b"retry-after").map(<[u8]>::to_vec),
        // Envoy's router adds it to what came from upstream, and only to that.
        from_peer: headers.get(b"x-envoy-upstream-service-time").is_some(),
        body: body.into(),
    })
}

fn number(value: &[u8]) -> Option<u16> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
