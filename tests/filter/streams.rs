//! A request's way through the host: what Envoy does with what the callbacks
//! return.

#![allow(unsafe_code, reason = "the filter's exports are declared here")]

use crate::abi::Headers;
use crate::host::{Held, Reply, call, call_request, create, delete, done, with};

unsafe extern "C" {
    safe fn proxy_on_request_headers(context: u32, headers: usize, end: u32) -> u32;
    safe fn proxy_on_request_body(context: u32, size: usize, end: u32) -> u32;
    safe fn proxy_on_request_trailers(context: u32, trailers: usize) -> u32;
    safe fn proxy_on_response_headers(context: u32, headers: usize, end: u32) -> u32;
}

const CONTINUE: u32 = 0;
/// Of headers and trailers.
pub(crate) const STOP_ITERATION: u32 = 1;
/// Of headers.
pub(crate) const STOP_ALL_AND_WATERMARK: u32 = 4;
/// Of a body.
pub(crate) const STOP_AND_BUFFER: u32 = 1;
/// Of a body.
pub(crate) const STOP_AND_WATERMARK: u32 = 2;

/// A request without a body comes in. Returns the stream's id.
pub(crate) fn request(root: u32, headers: &[(&str, &[u8])]) -> u32 {
    let id = create(root);
    open(id, headers, true);
    id
}

/// The headers of a request come in whose body is to follow. Returns the
/// stream's id.
pub(crate) fn upload(root: u32, headers: &[(&str, &[u8])]) -> u32 {
    let id = create(root);
    open(id, headers, false);
    id
}

/// The headers of this stream's request come in; returns what the guest said.
pub(crate) fn open(id: u32, headers: &[(&str, &[u8])], end: bool) -> u32 {
    with(|host| {
        let context = host.stream_mut(id);
        context.request = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
            .collect();
        context.request_open = true;
    });
    let (status, stopped) = call_request(id, Vec::new(), || {
        proxy_on_request_headers(id, headers.len(), end.into())
    });
    match status {
        _ if stopped => hold(id, Held::All),
        CONTINUE => carry_on(id),
        STOP_ITERATION if with(|host| host.stops_all) => hold(id, Held::All),
        STOP_ITERATION => hold(id, Held::Headers { again: false }),
        STOP_ALL_AND_WATERMARK => hold(id, Held::All),
        other => panic!("{other} is no status of the filter's for headers"),
    }
    status
}

/// A piece of the request's body comes in. Returns what the guest said, if it
/// was asked.
pub(crate) fn body(id: u32, piece: &[u8], end: bool) -> Option<u32> {
    let context = stream(id);
    let again = match context.held {
        Held::All => {
            with(|host| host.stream_mut(id).kept.extend_from_slice(piece));
            return None;
        }
        Held::Headers { again } => again,
        Held::No => false,
    };
    let earlier = if again { context.kept.as_slice() } else { &[] };
    let readable = [earlier, piece].concat();
    let size = readable.len();
    let (status, stopped) =
        call_request(id, readable, || proxy_on_request_body(id, size, end.into()));
    if !stopped {
        with(|host| host.stream_mut(id).kept.extend_from_slice(piece));
        match status {
            CONTINUE => carry_on(id),
            STOP_AND_BUFFER => hold(id, Held::Headers { again: true }),
            STOP_AND_WATERMARK => hold(id, Held::Headers { again: false }),
            other => panic!("{other} is no status of the filter's for a body"),
        }
    }
    Some(status)
}

/// The request's trailers come in. Returns what the guest said, if it was asked.
pub(crate) fn trailers(id: u32) -> Option<u32> {
    let context = stream(id);
    let readable = match context.held {
        Held::All => return None,
        Held::Headers { again: true } => context.kept,
        _ => Vec::new(),
    };
    let (status, stopped) = call_request(id, readable, || proxy_on_request_trailers(id, 1));
    match status {
        _ if stopped => {}
        CONTINUE => carry_on(id),
        STOP_ITERATION => {}
        other => panic!("{other} is no status of the filter's for trailers"),
    }
    Some(status)
}

/// What the guest says to a piece of a body that Envoy would have kept.
pub(crate) fn say_to_body(id: u32, size: usize, end: bool) -> u32 {
    announce_body(id, &vec![b'x'; size], size, end)
}

/// What the guest says to a body that is not of the announced size.
pub(crate) fn announce_body(id: u32, body: &[u8], size: usize, end: bool) -> u32 {
    call_request(id, body.to_vec(), || {
        proxy_on_request_body(id, size, end.into())
    })
    .0
}

/// What the guest says to trailers that Envoy would have kept.
pub(crate) fn say_to_trailers(id: u32) -> u32 {
    call_request(id, Vec::new(), || proxy_on_request_trailers(id, 1)).0
}

fn hold(id: u32, held: Held) {
    with(|host| host.stream_mut(id).held = held);
}

/// All that is there of a request goes on to the upstream, a body that Envoy kept
/// to itself by way of the filter. A stream that is gone is passed over.
pub(crate) fn carry_on(id: u32) {
    let comes_now = with(|host| {
        let context = host.contexts.get_mut(&id)?;
        assert!(
            context.reply.is_none(),
            "a request goes on that was answered"
        );
        context.went_on = true;
        context.request_open = false;
        let kept = std::mem::take(&mut context.kept);
        if std::mem::take(&mut context.held) == Held::All && !kept.is_empty() {
            return Some(kept);
        }
        context.passed.extend(kept);
        None
    });
    if let Some(kept) = comes_now {
        assert_eq!(body(id, &kept, false), Some(CONTINUE));
    }
}

/// The guest's answer goes out.
pub(crate) fn reply(id: u32, reply: Reply) {
    let headers = reply.headers.clone();
    let known = with(|host| {
        let context = host.contexts.get_mut(&id)?;
        assert!(!context.went_on, "an answer to a request that went on");
        context.held = Held::All;
        context.reply.get_or_insert(reply);
        Some(())
    });
    if known.is_some() {
        respond(id, headers);
    }
}

/// A response comes from the upstream, or from another part of the proxy.
pub(crate) fn respond(id: u32, headers: Headers) {
    let count = headers.len();
    with(|host| {
        let context = host.stream_mut(id);
        context.response = headers;
        context.response_open = true;
    });
    let (status, stopped) = call(id, || proxy_on_response_headers(id, count, 0));
    assert!(status == CONTINUE && !stopped, "responses are never held");
    with(|host| host.stream_mut(id).response_open = false);
}

/// A stream ends.
pub(crate) fn end(id: u32) {
    assert!(done(id), "streams end at once");
    delete(id);
}

/// What is known of a stream.
pub(crate) fn stream(id: u32) -> crate::host::Context {
    with(|host| host.stream_mut(id).clone())
}
