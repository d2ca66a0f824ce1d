//! A host that behaves as Envoy 1.40 does where it matters: one per thread, so
//! that tests run side by side.
//!
//! Its functions call into the guest with nothing borrowed; the imports borrow
//! for the length of one host call.

#![allow(unsafe_code, reason = "the SDK's exports are declared here")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;

use crate::abi::Headers;

unsafe extern "C" {
    safe fn proxy_on_context_create(context: u32, root: u32);
    safe fn proxy_on_vm_start(context: u32, size: usize) -> bool;
    safe fn proxy_on_configure(context: u32, size: usize) -> bool;
    safe fn proxy_on_tick(context: u32);
    safe fn proxy_on_request_headers(context: u32, headers: usize, end: bool) -> u32;
    safe fn proxy_on_request_body(context: u32, size: usize, end: bool) -> u32;
    safe fn proxy_on_request_trailers(context: u32, trailers: usize) -> u32;
    safe fn proxy_on_response_headers(context: u32, headers: usize, end: bool) -> u32;
    safe fn proxy_on_http_call_response(
        context: u32,
        token: u32,
        headers: usize,
        body: usize,
        trailers: usize,
    );
    safe fn proxy_on_done(context: u32) -> bool;
    safe fn proxy_on_log(context: u32);
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
    pub(crate) counters: Vec<(String, i64)>,
    pub(crate) logs: Vec<(u32, String)>,
    pub(crate) pending_done: BTreeSet<u32>,
    current: u32,
    /// The stream whose request headers are being handed over.
    pub(crate) in_headers: Option<u32>,
    /// It was continued meanwhile.
    pub(crate) continued_in_headers: bool,
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
    pub(crate) properties: BTreeMap<String, String>,
    /// The request went on to the upstream.
    pub(crate) went_on: bool,
    /// The filter answered.
    pub(crate) reply: Option<Reply>,
    request_open: bool,
    response_open: bool,
}

/// A callout.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) token: u32,
    pub(crate) cluster: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: u32,
    /// The effective context of the dispatch.
    pub(crate) context: u32,
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

    pub(crate) fn buffer(&self, buffer: u32) -> Option<Vec<u8>> {
        match buffer {
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

fn with<R>(f: impl FnOnce(&mut Host) -> R) -> R {
    HOST.with_borrow_mut(f)
}

/// Calls into the guest as Envoy does; true if the callback's stream stops
/// whatever the callback returned.
fn call<R>(context: u32, f: impl FnOnce() -> R) -> (R, bool) {
    with(|host| {
        assert_eq!(host.current, 0, "Envoy does not call into a running VM");
        (host.current, host.effective) = (context, 0);
    });
    let result = f();
    let (stopped, deferred) = with(|host| {
        (host.current, host.effective) = (0, 0);
        (
            std::mem::take(&mut host.stop_iteration),
            std::mem::take(&mut host.deferred),
        )
    });
    for action in deferred {
        carry_out(action);
    }
    (result, stopped)
}

fn carry_out(action: Deferred) {
    match action {
        Deferred::Continue(id) => with(|host| {
            if let Some(context) = host.contexts.get_mut(&id) {
                context.went_on = true;
            }
        }),
        Deferred::Reply(id, reply) => {
            let headers = reply.headers.clone();
            let known = with(|host| {
                let context = host.contexts.get_mut(&id)?;
                assert!(!context.went_on, "an answer to a request that went on");
                context.reply.get_or_insert(reply);
                Some(())
            });
            if known.is_some() {
                respond(id, headers);
            }
        }
        Deferred::DeleteRoot(id) => delete(id),
    }
}

fn delete(id: u32) {
    call(id, || proxy_on_delete(id));
    with(|host| host.contexts.remove(&id));
}

fn create(root: u32) -> u32 {
    let id = with(|host| {
        host.contexts_made += 1;
        let id = host.contexts_made;
        host.contexts.insert(id, Context::default());
        id
    });
    call(id, || proxy_on_context_create(id, root));
    id
}

/// Loads the module into this thread's VM.
fn load() {
    // The SDK installs its logger once per process, and not atomically.
    static LOADING: Mutex<()> = Mutex::new(());
    let _guard = LOADING.lock();
    token_relay::filter::start();
}

/// Starts a root with a configuration; `Err` with its id if it refuses.
pub(crate) fn configure(configuration: impl Into<Vec<u8>>) -> Result<u32, u32> {
    load();
    let configuration = configuration.into();
    let size = configuration.len();
    let root = create(0);
    with(|host| host.configuration = configuration);
    assert!(call(root, || proxy_on_vm_start(root, 0)).0);
    let accepted = call(root, || proxy_on_configure(root, size)).0;
    if accepted { Ok(root) } else { Err(root) }
}

/// A request's headers come in. Returns the stream's id.
pub(crate) fn request(root: u32, headers: &[(&str, &[u8])]) -> u32 {
    let id = create(root);
    with(|host| {
        let context = host.stream_mut(id);
        context.request = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
            .collect();
        context.request_open = true;
        host.in_headers = Some(id);
    });
    let (action, stopped) = call(id, || proxy_on_request_headers(id, headers.len(), true));
    with(|host| {
        host.in_headers = None;
        // Envoy would send the headers, then see the callback pause, and may keep
        // the body for ever.
        assert!(
            !host.continued_in_headers,
            "continued within its own callback"
        );
    });
    if action == 0 && !stopped {
        with(|host| {
            host.close_request_map(id);
            host.stream_mut(id).went_on = true;
        });
    }
    id
}

/// A piece of the request's body comes in; true if it is held back.
pub(crate) fn request_body(id: u32) -> bool {
    call(id, || proxy_on_request_body(id, 3, false)).0 == 1
}

/// The request's trailers come in; true if they are held back.
pub(crate) fn request_trailers(id: u32) -> bool {
    call(id, || proxy_on_request_trailers(id, 1)).0 == 1
}

/// A response comes from the upstream, or from another part of the proxy.
pub(crate) fn respond(id: u32, headers: Headers) {
    let count = headers.len();
    with(|host| {
        let context = host.stream_mut(id);
        context.response = headers;
        context.response_open = true;
    });
    let (action, stopped) = call(id, || proxy_on_response_headers(id, count, false));
    assert!(action == 0 && !stopped, "responses are never held");
    with(|host| host.stream_mut(id).response_open = false);
}

/// A stream ends.
pub(crate) fn end(id: u32) {
    assert!(call(id, || proxy_on_done(id)).0, "streams end at once");
    call(id, || proxy_on_log(id));
    delete(id);
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
    let at_once = call(root, || proxy_on_done(root)).0;
    if at_once {
        delete(root);
    } else {
        with(|host| host.pending_done.insert(root));
    }
    at_once
}

/// What is known of a stream.
pub(crate) fn stream(id: u32) -> Context {
    with(|host| host.stream_mut(id).clone())
}

/// The values of a header.
pub(crate) fn values(headers: &Headers, name: &str) -> Vec<String> {
    headers
        .iter()
        .filter(|(n, _)| n == name)
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        .collect()
}
