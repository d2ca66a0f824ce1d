//! What happened, as the clients and whoever made the faults saw it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::basics::{Ms, Tag, now};
use crate::plan::{Kind, Part};

/// What a request was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// The API, with a session.
    Api,
    /// The API, with a session that was logged out.
    Ghost,
    /// The API, with something that is no session.
    Bogus,
    /// The relay's endpoints.
    Login,
    Logout,
    Session,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Status and, of the relay's own answers, code.
    Answer(u16, String),
    /// The connection was refused or cut.
    Cut,
    /// No answer in [`crate::world::LIMIT`].
    Hung,
    /// The client did not wait.
    Left,
}

/// A request, as its client saw it.
#[derive(Clone, Debug)]
pub struct Request {
    pub sent: Ms,
    pub done: Ms,
    /// Counted from 0.
    pub envoy: usize,
    pub what: What,
    pub session: Option<Tag>,
    pub outcome: Outcome,
}

/// A session that a login made.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: String,
    pub user: String,
    /// When its user first tried to log out.
    pub leaving: Option<Ms>,
    /// When the logout was answered.
    pub left: Option<Ms>,
    /// When a request was first told that it had ended.
    pub ended: Option<Ms>,
    /// The highest number that another writer is known to have put into the
    /// record.
    pub touched: i64,
}

impl Session {
    /// Its user did not log out, and was not told that it had ended.
    pub fn is_open(&self) -> bool {
        self.leaving.is_none() && self.ended.is_none()
    }
}

/// A part was not well.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    pub part: Part,
    pub kind: Kind,
    pub from: Ms,
    /// When its process was gone, if it was killed or restarted.
    pub killed: Option<Ms>,
    /// When it was ready again.
    pub to: Ms,
}

impl Outage {
    /// When what it had in memory was lost.
    pub fn gone(&self) -> Ms {
        self.killed.unwrap_or(Ms::MAX)
    }
}

/// Something that must not happen.
#[derive(Clone, Debug)]
pub struct Violation {
    pub at: Ms,
    pub session: Option<Tag>,
    pub text: String,
}

#[derive(Default)]
pub struct Pages {
    pub requests: Vec<Request>,
    pub sessions: BTreeMap<Tag, Session>,
    pub outages: Vec<Outage>,
    pub violations: Vec<Violation>,
}

/// The ledger, which everybody writes into.
#[derive(Default)]
pub struct Ledger(Mutex<Pages>);

impl Ledger {
    pub fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn violation(&self, session: Option<Tag>, text: impl Into<String>) {
        let at = now();
        let text = text.into();
        self.pages()
            .violations
            .push(Violation { at, session, text });
    }

    pub fn with_session<T>(&self, tag: Tag, act: impl FnOnce(&mut Session) -> T) -> T {
        act(self.pages().sessions.get_mut(&tag).expect("a session"))
    }

    /// A fault begins; gives what [`Ledger::well_again`] wants.
    pub fn outage(&self, part: Part, kind: Kind) -> usize {
        let mut pages = self.pages();
        pages.outages.push(Outage {
            part,
            kind,
            from: now(),
            killed: None,
            to: Ms::MAX,
        });
        pages.outages.len() - 1
    }

    /// The process is killed, or asked to end.
    pub fn killed(&self, outage: usize) {
        self.pages().outages[outage].killed = Some(now());
    }

    pub fn well_again(&self, outage: usize) {
        self.pages().outages[outage].to = now();
    }
}

impl Pages {
    /// Since when all parts are well at this moment; `None` while one is not.
    pub fn well_since(&self, at: Ms) -> Option<Ms> {
        let begun = self.outages.iter().filter(|outage| outage.from <= at);
        let last = begun.map(|outage| outage.to).max().unwrap_or(0);
        (last <= at).then_some(last)
    }

    /// Whether a part was not well at some moment between the two.
    pub fn was_out(&self, part: Part, from: Ms, to: Ms) -> bool {
        let mut outages = self.outages.iter().filter(|outage| outage.part == part);
        outages.any(|outage| outage.from <= to && outage.to >= from)
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} through envoy{}: ", self.what, self.envoy + 1)?;
        match &self.outcome {
            Outcome::Answer(status, code) => write!(f, "{status} {code}")?,
            outcome => write!(f, "{outcome:?}")?,
        }
        write!(f, " after {} ms", self.done - self.sent)
    }
}
