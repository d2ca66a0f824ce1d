//! What must hold, whatever happens.

use std::collections::BTreeSet;

use super::events::Answer;
use super::world::{Request, World};
use crate::abi::Headers;
use crate::host::{self, Context, HOST, Reply, values};

/// Longer than any request waits: for a client's body.
const LONGEST_WAIT_MILLIS: u64 = 12_000;
const STEP_MILLIS: u64 = 1000;

/// More rounds of answers than anything takes to come to its end.
const MAX_ROUNDS: usize = 200;

impl World {
    /// After each event.
    pub(crate) fn check(&mut self) {
        let mark = &self.peers.tokens.mark;
        HOST.with_borrow_mut(|host| {
            for (_, line) in host.logs.drain(..) {
                assert!(!line.contains(mark), "a secret in the log");
                assert!(!line.chars().any(char::is_control) && line.len() < 1000);
            }
            // Nobody reads these here.
            host.made.clear();
            host.periods.clear();
        });
        // What has been decided is so for good: the host would notice a change.
        let unseen = self.requests.iter().filter(|(_, request)| !request.is_seen);
        let mut seen = Vec::new();
        let mut created = Vec::new();
        for (id, request) in unseen {
            HOST.with_borrow(|host| {
                let stream = &host.contexts[id];
                if stream.reply.is_none() && !stream.went_on {
                    return;
                }
                seen.push(*id);
                for (name, value) in &stream.properties {
                    assert!(!value.contains(mark), "a secret in {name}");
                }
                if let Some(reply) = &stream.reply {
                    assert!(!stream.went_on, "answered, and sent on");
                    created.extend(check_reply(reply, mark));
                } else {
                    self.check_sent(request, stream);
                }
            });
        }
        for id in seen {
            if let Some(request) = self.requests.get_mut(&id) {
                request.is_seen = true;
            }
        }
        for id in created {
            if !self.ids.contains(&id) && self.ids.len() < 12 {
                self.ids.push(id);
            }
        }
    }

    /// What the upstream gets to see of a request.
    fn check_sent(&self, request: &Request, stream: &Context) {
        let before = &request.headers;
        let after = &stream.request;
        let authorization = values(after, "authorization");
        let is_own = authorization == values(before, "authorization");
        let others = |headers: &Headers| -> Headers {
            let ours = ["authorization", "cookie"];
            let others = headers
                .iter()
                .filter(|(name, _)| !ours.contains(&name.as_str()));
            others.cloned().collect()
        };
        assert!(others(before) == others(after), "nothing else is changed");
        let injected = match authorization.as_slice() {
            [value] => value
                .strip_prefix("Bearer ")
                .filter(|token| self.peers.tokens.owners(token).is_some()),
            _ => None,
        };
        if let Some(token) = injected {
            let owners = self.peers.tokens.owners(token).expect("it has one");
            assert!(
                owners.iter().any(|key| request.may_use(key)),
                "a token of another session"
            );
            if request.setup.strips {
                let cookie = values(after, "cookie").concat();
                let is_there = cookie.contains(&self.peers.tokens.mark) || cookie.contains("=eyJ");
                assert!(!is_there, "the session cookie is not passed on");
            }
        }
        let is_required = request.path == "/api/things";
        let is_preflight = values(before, ":method") == ["OPTIONS"]
            && !values(before, "access-control-request-method").is_empty();
        let is_off = request.path == "/static/app.js";
        if is_required && is_preflight {
            assert!(authorization.is_empty(), "no credential of the client's");
        } else if is_required {
            assert!(injected.is_some(), "no session, no request");
        } else if is_off {
            assert!(before == after, "no business of the relay's");
        } else {
            assert!(injected.is_some() || is_own || authorization.is_empty());
        }
    }

    /// Everything ends: calls are answered, time passes, clients leave, and the
    /// roots are taken away. Gives the names of what was counted.
    pub(crate) fn end(mut self) -> BTreeSet<String> {
        HOST.with_borrow_mut(|host| {
            host.refused.clear();
            host.clusters
                .extend(["webdis".to_owned(), "django".to_owned()]);
        });
        for _ in 0..LONGEST_WAIT_MILLIS / STEP_MILLIS {
            self.go_on();
        }
        for (id, request) in &self.requests {
            let stream = host::stream(*id);
            let is_decided = stream.went_on || stream.reply.is_some();
            assert!(
                is_decided || request.is_lost || self.has_failed,
                "a request that hangs"
            );
        }
        for id in self.requests.keys().copied().collect::<Vec<_>>() {
            self.end_request(id);
        }
        for root in self.roots.clone() {
            let leaves = HOST.with_borrow(|host| host.pending_done.contains(&root));
            if !leaves {
                host::retire(root);
            }
        }
        let mut rounds = 0;
        while !self.roots.is_empty() && rounds < MAX_ROUNDS {
            self.go_on();
            rounds += 1;
        }
        for root in std::mem::take(&mut self.roots) {
            assert!(self.has_failed, "something is still under way");
            host::delete(root);
        }
        self.check();
        let metrics = HOST.with_borrow_mut(std::mem::take).metrics;
        let counted = metrics.into_iter().filter(|(_, count)| *count > 0);
        counted.map(|(name, _)| name).collect()
    }

    /// All that waits is answered, and some time passes.
    fn go_on(&mut self) {
        let mut left = 1000;
        while self.calls() > 0 {
            self.answer(0, &Answer::Good);
            left -= 1;
            assert!(left > 0, "calls without end");
        }
        self.pass(STEP_MILLIS);
        self.check();
    }
}

impl Request {
    /// Whether one of its sessions has its record under this key.
    fn may_use(&self, key: &str) -> bool {
        if self.keys.contains(key) {
            return true;
        }
        // Of what a client made up, only the id can be looked for; a hash cannot.
        let id = key.strip_prefix("session:").unwrap_or(key).as_bytes();
        let cookies = self.headers.iter().filter(|(name, _)| name == "cookie");
        let mut cookies = cookies.map(|(_, value)| value);
        self.is_raw
            && (self.setup.key("") != "session:"
                || cookies.any(|cookie| cookie.windows(id.len()).any(|part| part == id)))
    }
}

/// What the relay answers has no secret in it, and adds no header. Gives the id of
/// a session that was made.
fn check_reply(reply: &Reply, mark: &str) -> Option<String> {
    let mut id = None;
    for (name, value) in &reply.headers {
        let value = str::from_utf8(value).expect("text");
        assert!(!value.contains(mark), "a secret in {name}");
        assert!(!value.chars().any(char::is_control), "a header of its own");
        if name == "set-cookie" {
            let named = value.split([';', '=']).nth(1).filter(|id| !id.is_empty());
            id = named.map(str::to_owned);
        }
    }
    assert!(!reply.body.contains(mark) && !reply.details.contains(mark));
    assert!(matches!(
        reply.status,
        200 | 204 | 302 | 400..=415 | 429 | 502 | 503
    ));
    let body: serde_json::Value = serde_json::from_str(&reply.body).unwrap_or_default();
    id.or(body["session_id"].as_str().map(str::to_owned))
}
