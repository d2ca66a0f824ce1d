//! What a user can do, and what the answer has to be.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::basics::{Ms, Tag, now};
use crate::ledger::{Ledger, Outcome, Request as Entry, Session, What};
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
    /// How long a logout may go unnoticed: `cache.max_age` and the store's
    /// time-outs.
    pub unnoticed: Duration,
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
    pub expires: Ms,
}

impl Live {
    /// Its browser's `Cookie` line.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }
}

impl World {
    pub fn new(stack: &Stack, unnoticed: Duration) -> Self {
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
            unnoticed,
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
        let unnoticed = Ms::try_from(self.unnoticed.as_millis()).expect("a short time");
        if let Some(left) = left.filter(|left| sent > left + unnoticed) {
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
    pub fn ask_and_leave(&self, live: &Live, envoy: usize, after: Duration) {
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

    pub fn touch(&self, live: &Live) {
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

    pub fn log_in(&self, user: &str, envoy: usize) -> Option<Live> {
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
    pub fn log_out(&self, live: &Live, envoy: usize) -> bool {
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

    pub fn ask_session(&self, live: &Live, envoy: usize) {
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

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
