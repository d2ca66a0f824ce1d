//! Users who ask the API all the time, with tokens that do not last, and what
//! they were answered.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::stack::client::Request;
use crate::stack::django::{self, WHOAMI};
use crate::stack::setup::Builder;
use crate::stack::store::hex;
use crate::stack::{Stack, cookie, envoy, jwt, wait};

/// Unix time in milliseconds.
pub type Ms = i64;

pub fn now() -> Ms {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Ms::try_from(now.expect("after 1970").as_millis()).expect("before the sun dies")
}

/// A user who has logged in.
pub struct Guest {
    pub name: String,
    pub id: String,
    cookie: String,
}

impl Guest {
    pub fn key(&self) -> String {
        format!("session:{}", self.id)
    }

    /// The session as logs name it.
    pub fn tag(&self) -> String {
        hex(&Sha256::digest(&self.id))[..8].to_owned()
    }

    pub fn request(&self) -> Request {
        Request::get(WHOAMI).cookie(&self.cookie)
    }
}

/// What a request was answered.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Ms,
    pub guest: usize,
    pub status: u16,
    pub code: String,
}

/// The users of a stack.
pub struct Load<'a> {
    pub stack: &'a Stack,
    pub guests: Vec<Guest>,
    seen: Mutex<Vec<Seen>>,
    next: AtomicUsize,
    /// What Django had accepted before.
    before: usize,
}

/// How long a lease lives with the time-outs below (section 6.2), and how long who
/// finds it run out waits for its holder (6.8).
pub const LEASE: Ms = 8_000 + 2 * 2_000 + 5_000 + 2_000;

/// A stack of two Envoys whose tokens live for so many seconds.
pub fn build(seconds: u32) -> Builder {
    let django = django::Options {
        access: seconds,
        presentations: true,
        ..django::Options::default()
    };
    Stack::build()
        .envoys(2)
        .workers(2)
        .alone()
        .django(django)
        // A busy machine is no fault of Redis: its answers may take longer here.
        .each_envoy(|_, bootstrap| {
            envoy::set_redis_timeout(bootstrap, "1s");
            for listener in ["ingress", "internal"] {
                let plugin = envoy::plugin_config_of(bootstrap, listener);
                plugin["store"]["timeout"] = "2s".into();
                plugin["issuer"]["timeout"] = "8s".into();
            }
        })
}

impl<'a> Load<'a> {
    pub fn new(stack: &'a Stack, guests: usize) -> Self {
        let guests = (0..guests).map(|_| log_in(stack)).collect();
        Self {
            stack,
            guests,
            seen: Mutex::default(),
            next: AtomicUsize::new(0),
            before: accepted(stack),
        }
    }

    /// All users ask all the time while this goes on.
    pub fn during<T>(&self, act: impl FnOnce() -> T) -> T {
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let _end = End(&over);
            for guest in 0..self.guests.len() {
                let over = &over;
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        self.ask(guest);
                        thread::sleep(Duration::from_millis(150));
                    }
                });
            }
            act()
        })
    }

    /// One request, through each Envoy in turn; whether the answer is the user's.
    pub fn ask(&self, guest: usize) -> bool {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let envoys = &self.stack.envoys;
        let to = envoys[turn % envoys.len()].at.ingress;
        let answer = self.guests[guest].request().send(to);
        let (status, code) = (answer.status, answer.code());
        if status == 200 {
            let user = &answer.json()["username"];
            assert_eq!(user, self.guests[guest].name.as_str(), "another's data");
        }
        let at = now();
        let seen = Seen {
            at,
            guest,
            status,
            code,
        };
        self.lock().push(seen);
        status == 200
    }

    /// Every user is served again, through every Envoy, or is told that the
    /// session has ended.
    pub fn wait_until_served(&self) {
        for guest in 0..self.guests.len() {
            for _ in 0..self.stack.envoys.len() {
                wait::until("the user is served again", || {
                    self.ask(guest) || self.ended().contains(&guest)
                });
            }
        }
    }

    /// The users who were told that their session has ended.
    pub fn ended(&self) -> Vec<usize> {
        let mut ended: Vec<usize> = self
            .seen()
            .iter()
            // Django's own 401 has no code: a token that ran out on its way there.
            .filter(|seen| (seen.status, &*seen.code) == (401, "session_ended"))
            .map(|s| s.guest)
            .collect();
        ended.sort_unstable();
        ended.dedup();
        ended
    }

    /// The server errors between two moments.
    pub fn errors(&self, from: Ms, to: Ms) -> Vec<Seen> {
        let mut errors = self.seen();
        errors.retain(|seen| seen.status >= 500 && (from..to).contains(&seen.at));
        errors
    }

    /// Nobody got anything but their data or a 503, and those only in this time.
    pub fn assert_errors_only(&self, from: Ms, to: Ms) {
        self.assert_errors_but(from, to, |_| false);
    }

    /// The same, but for those that are excused.
    pub fn assert_errors_but(&self, from: Ms, to: Ms, is_excused: impl Fn(&Seen) -> bool) {
        let seen = self.seen();
        let fine = |seen: &&Seen| matches!(seen.status, 200 | 401 | 503);
        assert_eq!(seen.iter().filter(fine).count(), seen.len());
        let mut others = [self.errors(0, from), self.errors(to, Ms::MAX)].concat();
        others.retain(|seen| !is_excused(seen));
        let told = others.iter().fold(String::new(), |mut told, seen| {
            let _ = write!(told, " {} ms {};", seen.at - from, seen.code);
            told
        });
        assert!(others.is_empty(), "outside of 0 to {} ms:{told}", to - from);
    }

    fn seen(&self) -> Vec<Seen> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many refreshes the issuer has accepted since these users are there.
    pub fn refreshes(&self) -> usize {
        accepted(self.stack) - self.before
    }

    /// Waits until so many more were accepted.
    pub fn wait_for_refreshes(&self, count: usize) {
        let begun = self.refreshes();
        wait::until("sessions are refreshed", || {
            self.refreshes() >= begun + count
        });
    }
}

/// The refreshes that Django has accepted, by its own notes.
fn accepted(stack: &Stack) -> usize {
    let notes = stack.django.presentations();
    notes.matches("\"status\": 200").count()
}

fn log_in(stack: &Stack) -> Guest {
    let name = stack.django.new_user().name;
    let body = json!({"username": name, "password": stack.django.password()});
    let to = stack.envoy().at.internal;
    let answer = Request::post("/auth/login").json(&body).send(to);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.json()["session_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    stack.secrets.add("a session id", &id);
    let claims = json!({"sid": id, "exp": jwt::now() + 3600});
    let value = cookie::v5(&stack.auth_secret, cookie::V5, &claims);
    let cookie = format!("{}={value}", cookie::V5);
    Guest { name, id, cookie }
}
