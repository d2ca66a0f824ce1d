//! Clients that ask without haste and without end.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::sessions::Session;
use crate::stack::Stack;
use crate::stack::client::Request;
use crate::stack::cookie;
use crate::stack::django::WHOAMI;
use crate::stack::http::Response;

/// How many clients there are.
pub const CLIENTS: usize = 8;

/// Each asks so often: together with the refreshes of 5,000 sessions this is half of
/// what two cores can do.
const PAUSE: Duration = Duration::from_millis(60);

/// So many wrong answers are remembered.
const TOLD: usize = 20;

/// What all clients do and see.
#[derive(Default)]
pub struct Load {
    pub over: AtomicBool,
    /// Nobody asks for anything meanwhile.
    pub rests: AtomicBool,
    pub requests: AtomicU64,
    pub strangers: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Load {
    /// Asks for every session of this client's share, of every Envoy and often enough that
    /// nearly all workers know it: what they remember does not grow any more then.
    pub fn warm_up(&self, stack: &Stack, sessions: &[Session], number: usize) {
        for session in sessions.iter().skip(number).step_by(CLIENTS) {
            for envoy in (0..stack.envoys.len()).cycle().take(3 * stack.envoys.len()) {
                self.ask_as(stack, envoy, session);
            }
        }
    }

    fn ask_as(&self, stack: &Stack, envoy: usize, session: &Session) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let answer = ask(stack, envoy, &session.cookie);
        self.expect(answer, "a user", |answer| {
            answer.status == 200 && answer.json()["username"] == session.user.as_str()
        });
    }

    /// One client, until it is over.
    pub fn run(&self, stack: &Stack, sessions: &[Session], seed: u64) {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut below = |n: usize| usize::try_from(dice.next_u32()).expect("64 bits") % n;
        while !self.over.load(Ordering::Relaxed) {
            thread::sleep(PAUSE);
            if self.rests.load(Ordering::Relaxed) {
                continue;
            }
            let session = &sessions[below(sessions.len())];
            let envoy = below(stack.envoys.len());
            if below(10) == 0 {
                self.strangers.fetch_add(1, Ordering::Relaxed);
                let answer = ask(stack, envoy, &stranger(session, below(3)));
                self.expect(answer, "a stranger", |answer| answer.status == 401);
            } else {
                self.ask_as(stack, envoy, session);
            }
        }
    }

    /// Answers that were not as they must be.
    pub fn wrong(&self) -> Vec<String> {
        self.wrong.lock().expect("the list").clone()
    }

    fn expect(&self, answer: io::Result<Response>, who: &str, is_good: impl Fn(&Response) -> bool) {
        let text = match answer {
            Ok(answer) if is_good(&answer) => return,
            Ok(answer) => format!("{who} got {} {}", answer.status, answer.text()),
            Err(error) => format!("{who} got no answer: {error}"),
        };
        let mut wrong = self.wrong.lock().expect("the list");
        if wrong.len() < TOLD {
            wrong.push(text);
        }
    }
}

/// A cookie that opens nothing.
fn stranger(session: &Session, kind: usize) -> String {
    match kind {
        0 => format!("{}={}", cookie::V5, cookie::random_id()),
        1 => session.cookie[..session.cookie.len() - 6].to_owned(),
        _ => format!("other={}", cookie::random_id()),
    }
}

/// Asks who one is.
pub fn ask(stack: &Stack, envoy: usize, cookie: &str) -> io::Result<Response> {
    let request = Request::get(WHOAMI).cookie(cookie);
    request.try_send(stack.envoys[envoy].at.ingress)
}
