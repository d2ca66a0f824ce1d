//! Users and their browsers: what they send, and what they may get for it.

use std::time::Duration;

use serde_json::json;
use token_relay::relay::{Injection, Input, StreamId, Verdict};
use token_relay::reply::Problem;
use token_relay::request::{RequestBody, RequestHead};
use token_relay::session::SessionId;

use super::fault::Fault;
use super::truth::End;
use super::world::{Event, Instance, World, ms, s};

#[derive(Default)]
pub(crate) struct User {
    /// The key of the session that its cookie names.
    pub(crate) session: Option<String>,
    logins: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Api,
    Login { name: String },
    Logout,
    Look,
}

/// A request that has no verdict yet.
pub(crate) struct Stream {
    user: usize,
    asked: Duration,
    /// The session that its cookie names.
    key: Option<String>,
    kind: Kind,
}

impl World {
    pub(crate) fn act(&mut self, user: usize) {
        if self.now >= self.until {
            return;
        }
        let pause = match self.dice.below(100) {
            0..70 => self.dice.millis(20, 800),
            70..95 => self.dice.millis(1000, 5000),
            _ => self.dice.millis(10_000, 40_000),
        };
        self.later(pause, Event::Act(user));
        let Some(key) = self.users[user].session.clone() else {
            return match self.dice.permille(500) {
                true => self.log_in(user),
                false => self.log_in_at_next(user),
            };
        };
        if self.dice.permille(30) {
            self.send(user, Kind::Look);
            return;
        }
        for _ in 0..1 + self.dice.below(4) {
            if self.users[user].session.as_ref() == Some(&key) {
                self.send(user, Kind::Api);
            }
        }
    }

    fn name_of_next_login(&mut self, user: usize) -> String {
        self.users[user].logins += 1;
        format!("u{user}.{}", self.users[user].logins)
    }

    /// Through the relay.
    pub(crate) fn log_in(&mut self, user: usize) {
        let name = self.name_of_next_login(user);
        // Which ends the session that there is.
        if let Some(key) = self.users[user].session.clone()
            && let Some(session) = self.truth.sessions.get_mut(&key)
        {
            session.logout_asked = true;
        }
        self.send(user, Kind::Login { name });
    }

    /// Through an application that stores the tokens itself.
    fn log_in_at_next(&mut self, user: usize) {
        let name = self.name_of_next_login(user);
        let (access, refresh) = self.issuer.obtain(&name, Duration::ZERO);
        let id: String = self.dice.bytes()[..16]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let id = SessionId::parse(&id).expect("a session id");
        let key = format!("session:{}", id.expose());
        let record = json!({"access": access, "refresh": refresh, "name": name});
        let ends = self.now + self.issuer.refresh_life;
        self.redis.set(&key, &record.to_string(), Some(ends));
        self.say(|_| format!("{name} logs in at the application"));
        self.truth.add(id, name, refresh, true);
        self.users[user].session = Some(key);
    }

    pub(crate) fn send(&mut self, user: usize, kind: Kind) {
        let up: Vec<_> = self
            .proxies
            .iter()
            .filter(|proxy| !proxy.workers.is_empty())
            .collect();
        if up.is_empty() {
            return;
        }
        let workers = &up[self.dice.below(up.len())].workers;
        let instance = workers[self.dice.below(workers.len())];
        let Some(worker) = self.workers.get_mut(&instance) else {
            return;
        };
        worker.last_stream += 1;
        let stream = StreamId(worker.last_stream);
        let key = self.users[user].session.clone();
        let (method, path) = match &kind {
            Kind::Api => ("GET", "/api/x"),
            Kind::Login { .. } => ("POST", "/auth/login"),
            Kind::Logout => ("POST", "/auth/logout"),
            Kind::Look => ("GET", "/auth/session"),
        };
        let cookie = key.as_ref().and_then(|key| self.truth.sessions.get(key));
        let cookie = cookie.map(|session| format!("__Host-session={}", session.id.expose()));
        let mut headers = vec![
            (":method", method),
            (":scheme", "https"),
            (":authority", "app.example.com"),
            (":path", path),
            ("content-type", "application/json"),
        ];
        headers.extend(cookie.as_deref().map(|cookie| ("cookie", cookie)));
        let name = self.name_of(key.as_deref());
        self.say(|_| format!("{name} sends {method} {path} to worker {instance}"));
        self.figures.requests += 1;
        let waits = Stream {
            user,
            asked: self.now,
            key,
            kind,
        };
        self.streams.insert((instance, stream), waits);
        let leaves = self
            .weather
            .world
            .iter()
            .any(|(fault, _)| *fault == Fault::ClientLeft);
        if leaves && self.dice.permille(200) {
            let after = self.dice.between(Duration::ZERO, self.issuer_pace * 2);
            self.later(after, Event::Leave(instance, stream));
        }
        let headers = headers.iter();
        let head = RequestHead::from_headers(headers.map(|(n, v)| (n.as_bytes(), v.as_bytes())));
        self.tell(
            instance,
            Input::Request {
                stream,
                head: &head,
            },
        );
    }

    /// The session's user, for the trace.
    pub(crate) fn name_of(&self, key: Option<&str>) -> String {
        let session = key.and_then(|key| self.truth.sessions.get(key));
        session.map_or_else(|| "a stranger".to_owned(), |session| session.user.clone())
    }

    pub(crate) fn send_body(&mut self, instance: Instance, stream: StreamId) {
        let Some(waits) = self.streams.get(&(instance, stream)) else {
            return;
        };
        let body = match &waits.kind {
            Kind::Login { name } => json!({"username": name, "password": "right"}).to_string(),
            _ => String::new(),
        };
        let body = RequestBody::Whole {
            bytes: body.as_bytes(),
            client: None,
        };
        self.tell(instance, Input::Body { stream, body });
    }

    pub(crate) fn leave(&mut self, instance: Instance, stream: StreamId) {
        let Some(waits) = self.streams.remove(&(instance, stream)) else {
            return;
        };
        let in_flight = waits
            .key
            .as_deref()
            .is_some_and(|key| self.in_flight(Some(key)));
        self.hits.note(Fault::ClientLeft, in_flight);
        let name = self.name_of(waits.key.as_deref());
        self.say(|_| format!("{name} gives up a request at worker {instance}"));
        self.tell(instance, Input::StreamGone { stream });
    }

    /// A relay has decided.
    pub(crate) fn resume(&mut self, instance: Instance, stream: StreamId, verdict: Verdict) {
        let Some(waits) = self.streams.remove(&(instance, stream)) else {
            return self.fail(format!("worker {instance} decides for nobody, or twice"));
        };
        let name = self.name_of(waits.key.as_deref());
        self.say(|_| format!("  worker {instance} decides for {name}: {}", word(&verdict)));
        let longest = match waits.kind {
            Kind::Api => self.config.refresh.wait,
            _ => s(10) + self.config.issuer.timeout + 24 * self.config.store.timeout,
        };
        if self.now - waits.asked > longest + ms(1) {
            self.fail("a request was held for too long".into());
        }
        match verdict {
            Verdict::Inject(injection) => self.injected(instance, &waits, &injection),
            Verdict::Reply { reply, problem } => {
                if self.shows_a_secret(&format!("{reply:?}")) {
                    self.fail("a reply shows a secret".into());
                }
                self.refused(&waits, problem);
            }
            Verdict::Answer { reply, word } => {
                let mut cookies = reply
                    .headers
                    .iter()
                    .filter(|(name, _)| *name == "set-cookie");
                let cookie = cookies.next().map(|(_, value)| value.clone());
                if reply.body.contains("S3CRET") {
                    self.fail("an answer shows a token".into());
                }
                self.answered(instance, &waits, word, cookie.as_deref());
            }
            _ => self.fail(format!("what is that for a verdict: {}", word(&verdict))),
        }
        self.tell(instance, Input::StreamGone { stream });
    }

    fn injected(&mut self, instance: Instance, waits: &Stream, injection: &Injection) {
        self.figures.injected += 1;
        let token = injection.authorization.expose();
        let token = token.strip_prefix("Bearer ").unwrap_or_default();
        let is_stale = self.is_stale(instance, token);
        let Some(session) = waits
            .key
            .as_ref()
            .and_then(|key| self.truth.sessions.get(key))
        else {
            return self.fail("a token was sent for no session".into());
        };
        let wrong = if !self.issuer.is_access(token) {
            Some("not an access token was sent".to_owned())
        } else if self.issuer.user_of(token) != Some(&session.user) {
            Some("another session's token was sent".to_owned())
        } else if is_stale {
            Some("a token was sent that is about to expire".to_owned())
        } else {
            let cache = self.config.cache;
            let allowance = match cache.max_sessions {
                0 => Duration::ZERO,
                _ => cache.max_age + cache.max_stale,
            };
            // A worker may have read a moment before the end, and learnt it after.
            let last = allowance + self.config.store.timeout;
            let told = session.logout_told.filter(|(_, by)| *by == instance);
            match (session.ended, told) {
                (_, Some((at, _))) if waits.asked > at => {
                    Some("a token was sent by the worker that has answered a logout".to_owned())
                }
                (Some((at, end)), _) if waits.asked > at + last => {
                    Some(format!("a token was sent long after the end ({end:?})"))
                }
                _ => None,
            }
        };
        if let Some(why) = wrong {
            self.fail(why);
        }
    }

    /// By the proxy's own clock. What has just come is sent however old it looks,
    /// for clocks differ.
    fn is_stale(&mut self, instance: Instance, token: &str) -> bool {
        let expiry = self.issuer.expiry_of(token).unwrap_or_default();
        let leeway = self.config.refresh.leeway.min(self.issuer.access_life / 10);
        if expiry > self.clock(instance).unix + leeway {
            return false;
        }
        let received = self.truth.received.get(token);
        let just = received.is_some_and(|at| self.now <= *at + s(4));
        self.figures.looked_stale += u64::from(just);
        !just
    }

    fn refused(&mut self, waits: &Stream, problem: Problem) {
        match problem {
            Problem::SessionEnded => {
                let key = waits.key.clone().unwrap_or_default();
                if self.truth.is_live(&key) {
                    self.fail("a user is told that a session has ended, and it lives".into());
                }
                let user = &mut self.users[waits.user];
                if user.session.as_ref() == Some(&key) {
                    user.session = None;
                }
            }
            Problem::StoreUnavailable | Problem::IssuerUnavailable | Problem::RefreshTimeout => {}
            other => self.fail(format!("a request was refused: {other:?}")),
        }
    }

    fn answered(&mut self, instance: Instance, waits: &Stream, word: &str, cookie: Option<&str>) {
        match (&waits.kind, word) {
            (Kind::Login { .. }, "login") => {
                let id = cookie.and_then(|cookie| cookie.split(['=', ';']).nth(1));
                let key = format!("session:{}", id.unwrap_or_default());
                match self.truth.sessions.get_mut(&key) {
                    Some(session) => {
                        session.named = true;
                        self.users[waits.user].session = Some(key);
                    }
                    None => self.fail("a login without a session".into()),
                }
            }
            (Kind::Logout, "logout") => {
                let Some(key) = waits.key.clone() else {
                    return;
                };
                if self.truth.is_live(&key) {
                    self.fail("a logout was confirmed, and the session lives".into());
                }
                let now = self.now;
                if let Some(session) = self.truth.sessions.get_mut(&key) {
                    session.logout_told = Some((now, instance));
                }
                let user = &mut self.users[waits.user];
                if user.session.as_ref() == Some(&key) {
                    user.session = None;
                }
            }
            (Kind::Look, "session") | (Kind::Login { .. }, "login_refused") => {}
            (kind, word) => self.fail(format!("{kind:?} was answered {word}")),
        }
    }

    /// The user logs out: through the relay, or where the application deletes the
    /// record itself.
    pub(crate) fn log_out(&mut self, key: &str, user: usize) {
        let name = self.name_of(Some(key));
        if let Some(session) = self.truth.sessions.get_mut(key) {
            session.logout_asked = true;
        }
        if self.dice.permille(600) {
            return self.send(user, Kind::Logout);
        }
        self.say(|_| format!("{name} logs out at the application"));
        self.redis.remove(key);
        self.truth.end(self.now, key, End::LoggedOut);
        self.users[user].session = None;
    }
}

fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Inject(injection) => format!("a token, from {}", injection.source.word()),
        Verdict::Reply { problem, .. } => format!("{problem:?}"),
        Verdict::Answer { word, .. } => (*word).to_owned(),
        Verdict::Off => "off".to_owned(),
        Verdict::Pass => "pass".to_owned(),
        Verdict::PassWithoutAuthorization => "pass without authorization".to_owned(),
    }
}
