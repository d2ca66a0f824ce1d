//! Events are carried out, as a host would do it.

#![allow(unsafe_code, reason = "the filter's exports are declared here")]

use std::collections::BTreeSet;

use serde_json::json;

use super::events::{Body, Cookies, EXTRAS, Event, Oddity, Path};
use super::peers::Said;
use super::setups::{SETUPS, Setup};
use super::world::{Request, World};
use crate::abi::Headers;
use crate::host::{self, HOST, Held};

unsafe extern "C" {
    safe fn proxy_on_context_create(context: u32, root: u32);
    safe fn proxy_on_configure(context: u32, size: usize) -> u32;
    safe fn proxy_on_request_headers(context: u32, headers: usize, end: u32) -> u32;
    safe fn proxy_on_request_body(context: u32, size: usize, end: u32) -> u32;
    safe fn proxy_on_request_trailers(context: u32, trailers: usize) -> u32;
    safe fn proxy_on_response_headers(context: u32, headers: usize, end: u32) -> u32;
    safe fn proxy_on_done(context: u32) -> u32;
    safe fn proxy_on_delete(context: u32);
    safe fn proxy_on_tick(context: u32);
}

/// Requests at a time.
const MAX_REQUESTS: usize = 24;

impl World {
    /// Lets it happen.
    pub(crate) fn play(&mut self, event: &Event<'_>) {
        match event {
            Event::Open {
                cookies,
                path,
                method,
                extras,
                end,
            } => self.open(cookies, path, method, *extras, *end),
            Event::Body { stream, body, end } => {
                if let Some(id) = self.open_request(*stream) {
                    let piece = self.piece(body);
                    host::body(id, &piece, *end);
                    if *end {
                        self.bodies_ended.insert(id);
                    }
                }
            }
            Event::Trailers { stream } => {
                if let Some(id) = self.open_request(*stream) {
                    host::trailers(id);
                    self.bodies_ended.insert(id);
                }
            }
            Event::End { stream } => {
                if let Some(id) = self.request(*stream) {
                    self.end_request(id);
                }
            }
            Event::Respond { stream } => {
                if let Some(id) = self.request(*stream) {
                    self.respond(id);
                }
            }
            Event::Answer { call, answer } => self.answer(*call, answer),
            Event::AnswerAgain { token } => {
                let waits = self.waits_for(u32::from(*token));
                if !waits {
                    let said = Said {
                        headers: vec![(":status".to_owned(), b"200".to_vec())],
                        body: b"{}".to_vec(),
                    };
                    self.say(self.root, u32::from(*token), &said);
                }
            }
            Event::Pass { millis } => self.pass(*millis),
            Event::Jump { seconds } => self.jump(*seconds),
            Event::Refuse { call } => {
                self.has_failed |= call.is_some();
                HOST.with_borrow_mut(|host| host.refused = call.iter().copied().collect());
            }
            Event::Cluster { is_store, is_there } => HOST.with_borrow_mut(|host| {
                let name = if *is_store { "webdis" } else { "django" };
                if *is_there {
                    host.clusters.insert(name.to_owned());
                } else {
                    host.clusters.remove(name);
                }
            }),
            Event::Configure { configuration } => {
                let old = self.root;
                if self.roots.len() < 4 {
                    self.configure(&SETUPS[configuration % SETUPS.len()]);
                    if old != self.root {
                        host::retire(old);
                    }
                }
            }
            Event::Odd { stream, oddity } => self.odd(*stream, *oddity),
        }
        self.collect();
    }

    fn open(
        &mut self,
        cookies: &Cookies<'_>,
        path: &Path<'_>,
        method: &str,
        extras: u8,
        end: bool,
    ) {
        if self.requests.len() >= MAX_REQUESTS {
            return;
        }
        let path = match path {
            Path::Known(path) => path.as_bytes(),
            Path::Raw(path) => path,
        };
        let mut headers: Headers = Vec::new();
        let mut add = |name: &str, value: &[u8]| headers.push((name.to_owned(), value.to_vec()));
        if !method.is_empty() {
            add(":method", method.as_bytes());
            add(":scheme", b"https");
            add(":authority", b"app.example.com");
            add(":path", path);
        }
        let numbers: Vec<usize> = match cookies {
            Cookies::None | Cookies::Raw(_) => Vec::new(),
            Cookies::One(one) | Cookies::Lines(one) => vec![*one],
            Cookies::Two(one, other) => vec![*one, *other],
            Cookies::Created => (self.old_ids..self.ids.len()).rev().take(1).collect(),
        };
        let ids: Vec<String> = numbers
            .iter()
            .map(|number| self.ids[*number].clone())
            .collect();
        let Setup { cookie, .. } = self.setup;
        let values = ids
            .iter()
            .map(|id| format!("{cookie}={}", self.setup.value(id)));
        let session = values.collect::<Vec<_>>().join("; ");
        match cookies {
            Cookies::Raw(bytes) => add("cookie", bytes),
            Cookies::Lines(_) => {
                add("cookie", b"theme=dark");
                add("cookie", session.as_bytes());
                add("cookie", b"x=\xff; y");
            }
            _ if session.is_empty() => {}
            _ => add("cookie", session.as_bytes()),
        }
        for (bit, (name, value)) in EXTRAS.iter().enumerate() {
            if extras >> bit & 1 == 1 {
                add(name, value.as_bytes());
            }
        }
        let keys: BTreeSet<String> = ids.iter().map(|id| self.setup.key(id)).collect();
        let id = host::create(self.root);
        let request = Request {
            root: self.root,
            setup: self.setup,
            headers: headers.clone(),
            path: String::from_utf8_lossy(path).into_owned(),
            keys,
            is_raw: matches!(cookies, Cookies::Raw(_)),
            is_lost: false,
            is_seen: false,
        };
        self.requests.insert(id, request);
        if end {
            self.bodies_ended.insert(id);
        }
        let borrowed: Vec<(&str, &[u8])> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        host::open(id, &borrowed, end);
    }

    fn piece(&mut self, body: &Body<'_>) -> Vec<u8> {
        match body {
            Body::Credentials => {
                let password = &self.peers.tokens.mark;
                json!({"username": "alice", "password": password})
                    .to_string()
                    .into()
            }
            Body::Tokens => {
                let unix = self.unix();
                let (access, refresh) = self.peers.tokens.issue(None, unix, 0);
                json!({"access": access, "refresh": refresh})
                    .to_string()
                    .into()
            }
            Body::Session(number) => {
                let id = &self.ids[number % self.ids.len()];
                json!({"session_id": id}).to_string().into()
            }
            Body::Long => vec![b' '; 17 << 10],
            Body::Raw(bytes) => bytes.to_vec(),
        }
    }

    /// A request that has not ended.
    fn request(&self, number: usize) -> Option<u32> {
        let count = self.requests.len();
        if count == 0 {
            return None;
        }
        self.requests.keys().nth(number % count).copied()
    }

    /// One whose body may still come, and has somewhere to go.
    fn open_request(&self, number: usize) -> Option<u32> {
        let id = self.request(number)?;
        let is_over = self.bodies_ended.contains(&id) || host::stream(id).reply.is_some();
        (!is_over && !self.requests[&id].is_lost).then_some(id)
    }

    /// The client of a request leaves, or it is done.
    pub(crate) fn end_request(&mut self, id: u32) {
        host::end(id);
        self.collect();
        self.requests.remove(&id);
    }

    fn respond(&mut self, id: u32) {
        let stream = host::stream(id);
        if stream.reply.is_some() {
            return; // it has its response
        }
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let headers = vec![
            header(":status", "200"),
            header("vary", "Origin"),
            header("cache-control", "max-age=60"),
        ];
        host::respond(id, headers);
        if !stream.went_on
            && let Some(request) = self.requests.get_mut(&id)
        {
            request.is_lost = true;
        }
    }

    fn odd(&mut self, number: usize, oddity: Oddity) {
        let nobody = 1_000_000 + u32::try_from(number).unwrap_or_default();
        match oddity {
            Oddity::DoneTwice => {
                if let Some(id) = self.request(number) {
                    host::done(id);
                    self.collect();
                    self.end_request(id);
                }
            }
            Oddity::Deleted => {
                if let Some(id) = self.request(number) {
                    host::delete(id);
                    self.collect();
                    self.requests.remove(&id);
                }
            }
            Oddity::HeadersAgain => {
                if let Some(id) = self.request(number)
                    && host::stream(id).held == Held::All
                    && host::stream(id).reply.is_none()
                {
                    host::call_request(id, Vec::new(), || proxy_on_request_headers(id, 4, 1));
                }
            }
            Oddity::BodyOfNobody => {
                host::call(nobody, || {
                    assert!(proxy_on_request_body(nobody, 3, 1) != 0);
                    assert!(proxy_on_request_trailers(nobody, 1) != 0);
                    proxy_on_response_headers(nobody, 1, 1);
                    proxy_on_done(nobody);
                    proxy_on_delete(nobody);
                });
            }
            Oddity::Unannounced => {
                let id = host::create_unannounced();
                host::open(id, &[(":method", b"GET"), (":path", b"/static/x")], true);
                assert!(self.has_failed || host::stream(id).reply.is_some());
                host::end(id);
            }
            Oddity::BodyFirst => {
                let id = host::create(self.root);
                host::call_request(id, vec![b'x'], || {
                    assert!(proxy_on_request_body(id, 1, 0) != 0);
                    proxy_on_request_trailers(id, 1)
                });
                host::respond(id, vec![(":status".to_owned(), b"400".to_vec())]);
                host::end(id);
            }
            Oddity::RootAgain => {
                let root = self.root;
                host::call(root, || {
                    proxy_on_context_create(root, 0);
                    proxy_on_configure(root, 0)
                });
            }
            Oddity::RootOfNobody => {
                host::call(nobody, || {
                    proxy_on_tick(nobody);
                    proxy_on_configure(nobody, 5);
                    proxy_on_done(nobody);
                });
                self.say(nobody, 1, &Said::default());
            }
            Oddity::RootDeleted => {
                let root = self.root;
                host::delete(root);
                for request in self.requests.values_mut() {
                    request.is_lost |= request.root == root;
                }
                self.collect();
                self.configure(self.setup);
            }
            Oddity::BadConfiguration => {
                let root = host::configure("{\"session\": 5}").expect_err("refused");
                host::delete(root);
            }
        }
    }
}
