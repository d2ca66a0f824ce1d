//! A host that behaves as Envoy 1.40 does where it matters: one per thread, so
//! that tests run side by side.
//!
//! Its functions call into the guest with nothing borrowed; the imports borrow
//! for the length of one host call. A request's way through it is in
//! [`crate::streams`].

#![allow(unsafe_code, reason = "the filter's exports are declared here")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::abi::Headers;
use crate::streams;
pub(crate) use crate::streams::{
    announce_body, body, end, open, request, respond, say_to_body, say_to_trailers, stream,
    trailers, upload,
};

unsafe extern "C" {
    safe fn proxy_on_context_create(context: u32, root: u32);
    safe fn proxy_on_vm_start(context: u32, size: usize) -> u32;
    safe fn proxy_on_configure(context: u32, size: usize) -> u32;
    safe fn proxy_on_tick(context: u32);
    safe fn proxy_on_http_call_response(
        context: u32,
        token: u32,
        headers: usize,
        body: usize,
        trailers: usize,
    );
    safe fn proxy_on_done(context: u32) -> u32;
    safe fn proxy_on_delete(context: u32);
}

thread_local! {
    pub(crate) static HOST: RefCell<Host> = RefCell::default();
}

/// The host's state.
#[derive(Default)]
pub(crate) struct Host {
    /// Host calls that fail; `*` stands for all.
    pub(crate) refused: BTreeSet<&'static str>,
    /// Every host call but log lines, in order.
    pub(crate) made: Vec<&'static str>,
    pub(crate) clusters: BTreeSet<String>,
    pub(crate) contexts: BTreeMap<u32, Context>,
    pub(crate) effective: u32,
    pub(crate) deferred: VecDeque<Deferred>,
    pub(crate) stop_iteration: bool,
    pub(crate) calls: Vec<Call>,
    pub(crate) periods: Vec<u32>,
    pub(crate) metrics: Vec<(String, i64)>,
    pub(crate) logs: Vec<(u32, String)>,
    pub(crate) pending_done: BTreeSet<u32>,
    /// `allow_on_headers_stop_iteration` is not set.
    pub(crate) stops_all: bool,
    /// What [`proxy_get_property`](crate::imports) knows, by path.
    pub(crate) known: BTreeMap<String, String>,
    /// What the guest did that Envoy does not bear.
    pub(crate) wrongs: Vec<&'static str>,
    current: u32,
    /// The stream of which a part of the request is being handed over.
    in_request: Option<u32>,
    /// What the guest may read of its body.
    readable_body: Vec<u8>,
    tokens: u32,
    contexts_made: u32,
    configuration: Vec<u8>,
    answer: Option<(Headers, Vec<u8>)>,
}

/// A root or a stream.
#[derive(Clone, Default)]
pub(crate) struct Context {
    /// The request's headers, as the guest left them.
    pub(crate) request: Headers,
    /// The response's headers, as the guest left them.
    pub(crate) response: Headers,
    pub(crate) is_stream: bool,
    pub(crate) properties: BTreeMap<String, String>,
    /// The request went on to the upstream.
    pub(crate) went_on: bool,
    /// The filter answered.
    pub(crate) reply: Option<Reply>,
    /// What Envoy keeps of the request, and what of it comes again.
    pub(crate) held: Held,
    pub(crate) kept: Vec<u8>,
    /// The request's body as the upstream got it.
    pub(crate) passed: Vec<u8>,
    pub(crate) request_open: bool,
    pub(crate) response_open: bool,
}

/// How a request is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Held {
    #[default]
    No,
    /// The body still comes to the filter: what it was given before, too, if
    /// `again`.
    Headers { again: bool },
    /// None of the body comes to the filter.
    All,
}

/// A callout.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) token: u32,
    pub(crate) cluster: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: u32,
    /// The context whose callback sent it.
    pub(crate) by: u32,
}

/// A local reply.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u32,
    pub(crate) details: String,
    pub(crate) headers: Headers,
    pub(crate) body: String,
}

/// What the host does when the callback has returned.
pub(crate) enum Deferred {
    Continue(u32),
    Reply(u32, Reply),
    DeleteRoot(u32),
}

impl Host {
    pub(crate) fn refuses(&self, call: &str) -> bool {
        self.refused.contains(call) || self.refused.contains("*")
    }

    pub(crate) fn effective(&self) -> u32 {
        if self.effective == 0 {
            self.current
        } else {
            self.effective
        }
    }

    pub(crate) fn stream_mut(&mut self, id: u32) -> &mut Context {
        self.contexts.get_mut(&id).expect("a context that is gone")
    }

    pub(crate) fn next_token(&mut self) -> u32 {
        self.tokens += 1;
        self.tokens
    }

    /// Whose callback runs.
    pub(crate) fn current(&self) -> u32 {
        self.current
    }

    /// The effective stream is continued or answered: not its own affair where
    /// another's callback runs, and not to be continued within its own.
    pub(crate) fn note_decision(&mut self, continued: bool) {
        let (stream, current) = (self.effective(), self.current);
        if self.is_stream(current) && stream != current {
            self.wrongs
                .push("decided another's request within its own callback");
        }
        let is_decided = self
            .contexts
            .get(&stream)
            .is_some_and(|context| context.went_on || context.reply.is_some());
        let is_deferred = self.deferred.iter().any(|action| match action {
            Deferred::Continue(id) | Deferred::Reply(id, _) => *id == stream,
            Deferred::DeleteRoot(_) => false,
        });
        if is_decided || is_deferred {
            self.wrongs.push("decided a request twice");
        }
        if continued && self.in_request == Some(stream) {
            // Envoy would send the headers, then see the callback pause, and may
            // keep the body for ever.
            self.wrongs.push("continued within its own callback");
        }
    }

    fn is_stream(&self, id: u32) -> bool {
        self.contexts
            .get(&id)
            .is_some_and(|context| context.is_stream)
    }

    pub(crate) fn buffer(&self, buffer: u32) -> Option<Vec<u8>> {
        match buffer {
            0 => self.in_request.map(|_| self.readable_body.clone()),
            4 => Some(self.answer.clone()?.1),
            7 => Some(self.configuration.clone()),
            other => panic!("buffer {other} is none of the filter's business"),
        }
    }

    pub(crate) fn map(&mut self, map: u32) -> Option<&mut Headers> {
        let id = self.effective();
        let context = self.contexts.get_mut(&id)?;
        match map {
            0 => context.request_open.then_some(&mut context.request),
            2 => context.response_open.then_some(&mut context.response),
            _ => None,
        }
    }

    pub(crate) fn readable_map(&mut self, map: u32) -> Option<Headers> {
        match map {
            6 => Some(self.answer.clone()?.0),
            map => self.map(map).cloned(),
        }
    }

    pub(crate) fn close_request_map(&mut self, id: u32) {
        if let Some(context) = self.contexts.get_mut(&id) {
            context.request_open = false;
        }
    }
}

pub(crate) fn with<R>(f: impl FnOnce(&mut Host) -> R) -> R {
    HOST.with_borrow_mut(f)
}

/// Calls into the guest as Envoy does; true if the callback's stream stops
/// whatever the callback returned.
pub(crate) fn call<R>(context: u32, f: impl FnOnce() -> R) -> (R, bool) {
    with(|host| {
        assert_eq!(host.current, 0, "Envoy does not call into a running VM");
        (host.current, host.effective) = (context, 0);
    });
    let result = f();
    let (stopped, deferred) = with(|host| {
        assert_eq!(host.wrongs, [""; 0]);
        (host.current, host.effective) = (0, 0);
        (
            std::mem::take(&mut host.stop_iteration),
            std::mem::take(&mut host.deferred),
        )
    });
    for action in deferred {
        match action {
            Deferred::Continue(id) => streams::carry_on(id),
            Deferred::Reply(id, reply) => streams::reply(id, reply),
            Deferred::DeleteRoot(id) => delete(id),
        }
    }
    (result, stopped)
}

/// The same for a part of a request, whose body so far may be read.
pub(crate) fn call_request(id: u32, body: Vec<u8>, f: impl FnOnce() -> u32) -> (u32, bool) {
    with(|host| (host.in_request, host.readable_body) = (Some(id), body));
    let result = call(id, f);
    with(|host| (host.in_request, host.readable_body) = (None, Vec::new()));
    result
}

pub(crate) fn delete(id: u32) {
    call(id, || proxy_on_delete(id));
    with(|host| host.contexts.remove(&id));
}

/// Makes a root, where `root` is 0, or a stream.
pub(crate) fn create(root: u32) -> u32 {
    let id = with(|host| {
        host.contexts_made += 1;
        let id = host.contexts_made;
        let context = Context {
            is_stream: root != 0,
            ..Context::default()
        };
        host.contexts.insert(id, context);
        id
    });
    call(id, || proxy_on_context_create(id, root));
    id
}

/// A stream of which the guest was never told.
pub(crate) fn create_unannounced() -> u32 {
    with(|host| {
        host.contexts_made += 1;
        let context = Context {
            is_stream: true,
            ..Context::default()
        };
        host.contexts.insert(host.contexts_made, context);
        host.contexts_made
    })
}

/// Starts a root with a configuration; `Err` with its id if it refuses.
pub(crate) fn configure(configuration: impl Into<Vec<u8>>) -> Result<u32, u32> {
    token_relay::filter::start();
    let configuration = configuration.into();
    let size = configuration.len();
    let root = create(0);
    with(|host| host.configuration = configuration);
    assert_eq!(call(root, || proxy_on_vm_start(root, 0)).0, 1);
    let accepted = call(root, || proxy_on_configure(root, size)).0 == 1;
    if accepted { Ok(root) } else { Err(root) }
}

/// Announces a root once more, and configures it; true if it accepts.
pub(crate) fn start_again(root: u32) -> bool {
    if with(|host| !host.is_stream(root)) {
        call(root, || proxy_on_context_create(root, 0));
    }
    call(root, || proxy_on_vm_start(root, 0));
    call(root, || proxy_on_configure(root, 0)).0 == 1
}

/// A root or a stream is to end; true if it may at once.
pub(crate) fn done(id: u32) -> bool {
    call(id, || proxy_on_done(id)).0 == 1
}

/// The answer to a callout comes in.
pub(crate) fn answer(root: u32, token: u32, headers: &[(&str, &str)], body: &[u8]) {
    let headers: Headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect();
    let (count, size) = (headers.len(), body.len());
    with(|host| host.answer = Some((headers, body.to_vec())));
    call(root, || {
        proxy_on_http_call_response(root, token, count, size, 0)
    });
    with(|host| host.answer = None);
}

/// The root's timer fires.
pub(crate) fn tick(root: u32) {
    call(root, || proxy_on_tick(root));
}

/// The root's configuration has been replaced; true if it ends at once.
pub(crate) fn retire(root: u32) -> bool {
    let at_once = done(root);
    if at_once {
        delete(root);
    } else {
        with(|host| host.pending_done.insert(root));
    }
    at_once
}

/// The values of a header.
pub(crate) fn values(headers: &Headers, name: &str) -> Vec<String> {
    headers
        .iter()
        .filter(|(n, _)| n == name)
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        .collect()
}
