//! People who use the application: they log in, ask the API for themselves,
//! alone and in bursts when their token runs out, leave early, and log out.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::basics::{Chance, Ms, Tag, now};
use crate::bogus;
use crate::ledger::{Ledger, Outcome, Pages, Request as Entry, Session, What};
use crate::plan::Part;
use crate::stack::client::Request;
use crate::stack::django::WHOAMI;
use crate::stack::http::Response;
use crate::stack::redis::Reply;
use crate::stack::secrets::Secrets;
use crate::stack::store::Redis;
use crate::stack::{Stack, cookie, jwt};

/// Longer than any wait that Envoy and the relay allow themselves: a request
/// that takes this long hangs.
pub const LIMIT: Duration = Duration::from_secs(45);

/// A writer that knows nothing of tokens changes a member of its own.
const TOUCH: &str = "local text = redis.call('GET', KEYS[1]) \
    if not text then return 0 end \
    local record = cjson.decode(text) \
    record.touched = tonumber(ARGV[1]) \
    redis.call('SET', KEYS[1], cjson.encode(record), 'KEEPTTL') \
    return 1";

/// Where an Envoy listens.
#[derive(Clone, Copy)]
pub struct Door {
    pub ingress: SocketAddr,
    pub internal: SocketAddr,
}

/// What all users share.
pub struct World {
    pub doors: Vec<Door>,
    pub ledger: Ledger,
    pub redis: Redis,
    pub password: String,
    pub auth_secret: String,
    pub secrets: Secrets,
    /// How long a logout may go unnoticed (contract, section 8, and
    /// `cache.max_age`), with the store's time-outs.
    pub grace: Duration,
    pub over: AtomicBool,
}

/// Which of its listeners a request goes to.
#[derive(Clone, Copy, PartialEq)]
pub enum Side {
    Browsers,
    Servers,
}

/// A session, as its user knows it.
#[derive(Clone)]
pub struct Live {
    pub tag: Tag,
    id: String,
    user: String,
    cookie: String,
    /// When its access token expires.
    expires: Ms,
}

impl Live {
    /// Its browser's `Cookie` line.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }
}

impl World {
    pub fn new(stack: &Stack, grace: Duration) -> Self {
        let doors = stack.envoys.iter().map(|envoy| Door {
            ingress: envoy.at.ingress,
            internal: envoy.at.internal,
        });
        Self {
            doors: doors.collect(),
            ledger: Ledger::default(),
            redis: stack.redis.clone(),
            password: stack.django.password(),
            auth_secret: stack.auth_secret.clone(),
            secrets: stack.secrets.clone(),
            grace,
            over: AtomicBool::new(false),
        }
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// The cookie of a browser whose session has this id.
    pub fn cookie(&self, id: &str) -> String {
        let claims = json!({"sid": id, "exp": jwt::now() + 3600});
        let value = cookie::v5(&self.auth_secret, cookie::V5, &claims);
        format!("{}={value}", cookie::V5)
    }

    /// Sends a request, waits for its answer and notes both.
    pub fn send(
        &self,
        envoy: usize,
        side: Side,
        what: What,
        session: Option<Tag>,
        request: &Request,
    ) -> Option<(Ms, Response)> {
        let to = match side {
            Side::Browsers => self.doors[envoy].ingress,
            Side::Servers => self.doors[envoy].internal,
        };
        let sent = now();
        let answer = request.try_send_within(to, LIMIT);
        let outcome = match &answer {
            Ok(answer) => Outcome::Answer(answer.status, answer.code()),
            Err(error) if is_timeout(error) => Outcome::Hung,
            Err(_) => Outcome::Cut,
        };
        self.note(sent, envoy, what, session, outcome);
        answer.ok().map(|answer| (sent, answer))
    }

    fn note(&self, sent: Ms, envoy: usize, what: What, session: Option<Tag>, outcome: Outcome) {
        let entry = Entry {
            sent,
            done: now(),
            envoy,
            what,
            session,
            outcome,
        };
        self.ledger.pages().requests.push(entry);
    }

    /// Asks the API who the session's user is. Gives the expiry of its access
    /// token.
    pub fn ask(&self, live: &Live, envoy: usize, side: Side) -> Option<Ms> {
        let request = Request::get(WHOAMI).cookie(&live.cookie);
        let tag = live.tag;
        let (sent, answer) = self.send(envoy, side, What::Api, Some(tag), &request)?;
        match (answer.status, answer.code().as_str()) {
            (200, _) => {
                let json = answer.json();
                if json["username"] != live.user.as_str() {
                    self.ledger
                        .violation(Some(tag), "an answer with another user's data");
                }
                self.check_not_logged_out(live, sent);
                json["exp"].as_i64().map(|seconds| seconds * 1000)
            }
            (401, "session_ended") => {
                self.ended(live);
                None
            }
            (401, "") => {
                // Django's own: the token has run out on its way there.
                if now() - sent < 700 {
                    let text = "Django refused a token that was sent to it at once";
                    self.ledger.violation(Some(tag), text);
                }
                None
            }
            (500.., code) if code != "record_invalid" => None,
            (status, code) => {
                let text = format!("the API was asked, and the answer is {status} {code}");
                self.ledger.violation(Some(tag), text);
                None
            }
        }
    }

    fn check_not_logged_out(&self, live: &Live, sent: Ms) {
        let left = self.ledger.with_session(live.tag, |session| session.left);
        let grace = Ms::try_from(self.grace.as_millis()).expect("a short time");
        if let Some(left) = left.filter(|left| sent > left + grace) {
            let late = sent - left;
            let text = format!("a session was served {late} ms after its logout was answered");
            self.ledger.violation(Some(live.tag), text);
        }
    }

    /// A request was told that the session had ended.
    fn ended(&self, live: &Live) {
        self.ledger.with_session(live.tag, |session| {
            if session.is_open() {
                session.ended = Some(now());
            }
        });
    }

    /// The client leaves so long after it has asked.
    fn ask_and_leave(&self, live: &Live, envoy: usize, after: Duration) {
        let request = Request::get(WHOAMI).cookie(&live.cookie);
        let sent = now();
        let pending = request.try_start(self.doors[envoy].ingress, LIMIT);
        thread::sleep(after);
        let outcome = match pending {
            Ok(pending) => {
                pending.leave();
                Outcome::Left
            }
            Err(_) => Outcome::Cut,
        };
        self.note(sent, envoy, What::Api, Some(live.tag), outcome);
    }

    fn touch(&self, live: &Live) {
        let next = self
            .ledger
            .with_session(live.tag, |session| session.touched + 1);
        let key = format!("session:{}", live.id);
        let words = ["EVAL", TOUCH, "1", &key, &next.to_string()];
        if self.redis.try_command(&words) == Some(Reply::Int(1)) {
            self.ledger
                .with_session(live.tag, |session| session.touched = next);
        }
    }

    fn log_in(&self, user: &str, envoy: usize) -> Option<Live> {
        let body = json!({"username": user, "password": self.password});
        let request = Request::post("/auth/login").json(&body);
        let (_, answer) = self.send(envoy, Side::Servers, What::Login, None, &request)?;
        if answer.status != 200 {
            if answer.status < 500 {
                let text = format!("a good login was answered {}", answer.status);
                self.ledger.violation(None, text);
            }
            return None;
        }
        let id = answer.json()["session_id"]
            .as_str()
            .expect("an id")
            .to_owned();
        self.secrets.add("a session id", &id);
        let tag = Tag::of(&id);
        let session = Session {
            id: id.clone(),
            user: user.to_owned(),

            leaving: None,
            left: None,
            ended: None,
            touched: 0,
        };
        self.ledger.pages().sessions.insert(tag, session);
        Some(self.live(tag, user, &id))
    }

    /// What a user of this session knows.
    pub fn live(&self, tag: Tag, user: &str, id: &str) -> Live {
        Live {
            tag,
            cookie: self.cookie(id),
            id: id.to_owned(),
            user: user.to_owned(),
            expires: 0,
        }
    }

    /// Whether the logout was answered.
    fn log_out(&self, live: &Live, envoy: usize) -> bool {
        self.ledger.with_session(live.tag, |session| {
            session.leaving.get_or_insert_with(now);
        });
        let body = json!({"session_id": live.id});
        let request = Request::post("/auth/logout").json(&body);
        let answer = self.send(envoy, Side::Servers, What::Logout, Some(live.tag), &request);
        match answer.map(|(_, answer)| answer.status) {
            Some(204) => {
                self.ledger
                    .with_session(live.tag, |session| session.left = Some(now()));
                true
            }
            Some(..500) => {
                self.ledger
                    .violation(Some(live.tag), "a logout was not taken");
                false
            }
            _ => false,
        }
    }

    fn ask_session(&self, live: &Live, envoy: usize) {
        let request = Request::get("/auth/session").cookie(&live.cookie);
        let tag = Some(live.tag);
        let Some((_, answer)) = self.send(envoy, Side::Servers, What::Session, tag, &request)
        else {
            return;
        };
        if answer.status == 200 && answer.json()["authenticated"] == Value::Bool(false) {
            self.ended(live);
        } else if answer.status != 200 && answer.status < 500 {
            let text = format!("GET session was answered {}", answer.status);
            self.ledger.violation(tag, text);
        }
    }

    /// A session that was logged out is asked for once more.
    pub fn ask_as_ghost(&self, live: &Live, envoy: usize) {
        let request = Request::get(WHOAMI).cookie(&live.cookie);
        let tag = Some(live.tag);
        let Some((sent, answer)) = self.send(envoy, Side::Browsers, What::Ghost, tag, &request)
        else {
            return;
        };
        match (answer.status, answer.code().as_str()) {
            (200, _) => self.check_not_logged_out(live, sent),
            (401, _) | (503, _) => {}
            (status, code) => {
                let text = format!("a session that was logged out is answered {status} {code}");
                self.ledger.violation(tag, text);
            }
        }
    }
}

/// One user, until it is over.
pub fn live_on(world: &World, user: &str, mut chance: Chance) {
    let envoys: Vec<usize> = (0..world.doors.len()).collect();
    let mut ghosts: Vec<Live> = Vec::new();
    // Not all at once.
    thread::sleep(chance.between(Duration::ZERO, Duration::from_millis(1500)));
    while !world.is_over() {
        let Some(mut live) = world.log_in(user, chance.of(&envoys)) else {
            thread::sleep(chance.between(Duration::from_millis(100), Duration::from_millis(500)));
            continue;
        };
        while !world.is_over() && world.ledger.with_session(live.tag, |s| s.is_open()) {
            act(world, &mut live, &ghosts, &mut chance, &envoys);
            thread::sleep(chance.between(Duration::from_millis(40), Duration::from_millis(440)));
        }
        if world.ledger.with_session(live.tag, |s| s.leaving.is_some()) {
            // Until it is done.
            while !world.ledger.with_session(live.tag, |s| s.left.is_some()) && !world.is_over() {
                world.log_out(&live, chance.of(&envoys));
                thread::sleep(Duration::from_millis(300));
            }
            ghosts.push(live);
        }
    }
}

/// What a user does next.
fn act(world: &World, live: &mut Live, ghosts: &[Live], chance: &mut Chance, envoys: &[usize]) {
    let envoy = chance.of(envoys);
    match chance.below(1000) {
        0..30 => {
            rest(world, live, chance);
            burst(world, live, chance, envoys);
        }
        30..45 => burst(world, live, chance, envoys),
        45..75 => {
            let after = chance.between(Duration::ZERO, Duration::from_millis(20));
            world.ask_and_leave(live, envoy, after);
        }
        75..95 => world.ask_session(live, envoy),
        95..125 => world.touch(live),
        125..155 => bogus::ask(world, live, chance, envoy),
        155..175 => {
            if !ghosts.is_empty() {
                let ghost = chance.below(ghosts.len());
                world.ask_as_ghost(&ghosts[ghost], envoy);
            }
        }
        175..180 => {
            world.log_out(live, envoy);
        }
        roll => {
            let side = if roll < 260 {
                Side::Servers
            } else {
                Side::Browsers
            };
            if let Some(expires) = world.ask(live, envoy, side) {
                live.expires = expires;
            }
        }
    }
}

/// Does nothing until about the moment when the access token runs out.
fn rest(world: &World, live: &Live, chance: &mut Chance) {
    let around = chance.between(Duration::ZERO, Duration::from_millis(2000));
    let until = live.expires - 1000 + Ms::try_from(around.as_millis()).expect("a short time");
    while now() < until && !world.is_over() {
        thread::sleep(Duration::from_millis(20));
    }
}

/// Several requests at once, of which one may not wait, beside another writer or
/// a logout.
fn burst(world: &World, live: &mut Live, chance: &mut Chance, envoys: &[usize]) {
    let count = 3 + chance.below(5);
    let targets: Vec<usize> = (0..count).map(|_| chance.of(envoys)).collect();
    let leaves = chance.in_thousand(200);
    let after = chance.between(Duration::ZERO, Duration::from_millis(30));
    let touches = chance.in_thousand(150);
    let leaver = chance.of(envoys);
    let logs_out = chance.in_thousand(60);
    let exit = chance.of(envoys);
    let asked: &Live = live;
    let expires = thread::scope(|scope| {
        let asks: Vec<_> = targets
            .iter()
            .map(|&envoy| scope.spawn(move || world.ask(asked, envoy, Side::Browsers)))
            .collect();
        if leaves {
            scope.spawn(move || world.ask_and_leave(asked, leaver, after));
        }
        if touches {
            scope.spawn(|| world.touch(asked));
        }
        if logs_out {
            scope.spawn(|| world.log_out(asked, exit));
        }
        let answers = asks.into_iter().map(|ask| ask.join().expect("a request"));
        answers.flatten().max()
    });
    if let Some(expires) = expires {
        live.expires = expires;
    }
}

/// Whether the Envoy, or Django in the middle of its answer, was not well at some
/// moment of a request.
pub fn is_excused(pages: &Pages, request: &Entry) -> bool {
    let mut parts = [Part::Envoy(request.envoy), Part::Django].into_iter();
    parts.any(|part| pages.was_out(part, request.sent, request.done))
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
