//! How sessions end at their users' wish: read, revoke what was read, delete if
//! unchanged, start again where it has changed.
//!
//! A refresh that is under way meanwhile finds the record gone, and revokes what
//! it got.

use std::rc::Rc;

use log::Level;
use serde_json::Value;

use super::answers;
use super::{Endpoints, Next, Step, Visit, VisitId, refuse};
use crate::metrics::Metric;
use crate::redacted::Redacted;
use crate::relay::calls::Event;
use crate::relay::core::Core;
use crate::relay::notices::Subject;
use crate::reply::Problem;
use crate::session::SessionId;
use crate::store::{Command, StoreAnswer};
use crate::time::Now;
use crate::tokens::Record;

/// How often a record may change under a deletion before that is given up. A
/// session refreshes once a second at most, and a round takes milliseconds.
const MAX_ROUNDS: u32 = 10;

/// Sessions that are being ended, one after the other.
#[derive(Debug)]
pub(super) struct Ending {
    current: SessionId,
    left: Vec<SessionId>,
    /// The refresh token that was revoked last.
    revoked: Option<Redacted<String>>,
    rounds: u32,
    /// One of them could not be ended.
    failed: Option<Problem>,
    then: Then,
}

/// Who waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The caller of a logout.
    LoggedOut,
    /// Nobody.
    Nothing,
    /// Nobody, and the tokens are revoked already, or are somebody else's.
    KeepTokens,
}

/// The session that a logout's body names, if it has one.
pub(super) fn named(body: &[u8]) -> Result<Option<SessionId>, Problem> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| Problem::BodyInvalid)?;
    let members = body.as_object().ok_or(Problem::BodyInvalid)?;
    match members.get("session_id") {
        None | Some(Value::Null) => Ok(None),
        // What is no session id names no session.
        Some(Value::String(id)) => Ok(SessionId::parse(id)),
        Some(_) => Err(Problem::BodyInvalid),
    }
}

impl Endpoints {
    /// A logout of the sessions that the cookies name, and of `named`.
    pub(super) fn log_out(
        &self,
        core: &mut Core,
        id: VisitId,
        visit: &mut Visit,
        named: Option<SessionId>,
    ) -> Next {
        let mut sessions = std::mem::take(&mut visit.cookies);
        sessions.extend(named.filter(|session| !sessions.contains(session)));
        self.end_all(core, id, sessions, None, Then::LoggedOut)
    }

    /// Ends the first of these sessions, or is done.
    pub(super) fn end_all(
        &self,
        core: &mut Core,
        id: VisitId,
        mut left: Vec<SessionId>,
        failed: Option<Problem>,
        then: Then,
    ) -> Next {
        let Some(current) = left.pop() else {
            return self.after(failed, then);
        };
        core.ask_store_for(id, &current, Command::Read);
        Next::Wait(Step::Ending(Ending {
            current,
            left,
            revoked: None,
            rounds: 0,
            failed,
            then,
        }))
    }

    /// The store answered.
    pub(super) fn on_ending(
        &mut self,
        core: &mut Core,
        now: Now,
        id: VisitId,
        mut ending: Ending,
        event: Event,
    ) -> Next {
        let Event::Stored {
            command, answer, ..
        } = event
        else {
            return Next::Wait(Step::Ending(ending));
        };
        let problem = match answer {
            Ok(StoreAnswer::Found(text) | StoreAnswer::Changed(text))
                if ending.rounds < MAX_ROUNDS =>
            {
                if !shows_the_same(&command, &text) {
                    ending.rounds += 1;
                    self.revoke(core, now, &mut ending, &text);
                    let delete = Command::Delete {
                        // Nobody's: a lease that another holds stays.
                        owner: core.random.token().into(),
                        record: Rc::new(text),
                    };
                    core.ask_store_for(id, &ending.current, delete);
                    return Next::Wait(Step::Ending(ending));
                }
                // The store holds more than its gateway shows: it can never be
                // compared.
                Some(Problem::RecordInvalid)
            }
            Ok(StoreAnswer::Deleted) => {
                core.count(Metric::SessionsLoggedOut);
                let text = "a session was ended by a logout, or by the login that replaced it";
                core.tell_of(now, Level::Info, Subject::LoggedOut, &ending.current, text);
                None
            }
            Ok(StoreAnswer::Gone) => None,
            // Nor would it answer about the others.
            Ok(_) | Err(_) => return self.after(Some(Problem::StoreUnavailable), ending.then),
        };
        if problem.is_none() {
            self.ended.push(ending.current);
        }
        let failed = ending.failed.or(problem);
        self.end_all(core, id, ending.left, failed, ending.then)
    }

    /// Revokes the refresh token of a record, unless that was done before. What
    /// cannot be understood has none.
    fn revoke(&self, core: &mut Core, now: Now, ending: &mut Ending, text: &Redacted<String>) {
        let Ok(record) = Record::parse(text.expose(), &self.fields) else {
            return;
        };
        if ending.then != Then::KeepTokens
            && let Some(refresh) = record.refresh()
            && ending.revoked.as_ref() != Some(refresh)
        {
            core.revoke(refresh, record.live_access(now.unix));
            ending.revoked = Some(refresh.clone());
        }
    }

    fn after(&self, failed: Option<Problem>, then: Then) -> Next {
        match (then, failed) {
            (Then::Nothing | Then::KeepTokens, _) => Next::Over,
            (Then::LoggedOut, Some(problem)) => Next::Done(refuse(problem)),
            (Then::LoggedOut, None) => {
                let cookie = self.sets_cookie().then_some(self.cookie.as_str());
                Next::Done(answers::logged_out(cookie))
            }
        }
    }
}

/// Whether a deletion was answered with the very record that it named.
fn shows_the_same(command: &Command, found: &Redacted<String>) -> bool {
    matches!(command, Command::Delete { record, .. } if **record == *found)
}
