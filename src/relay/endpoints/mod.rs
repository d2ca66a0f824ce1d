//! The relay's own endpoints (contract, section 7): login, logout, session,
//! adopt.
//!
//! A request at one of them is a *visit*. It waits for nothing but calls, each
//! with a time-out of its own, and for its body; so it ends without a timer. What
//! a visit has begun goes on when its client leaves, until nothing is left behind:
//! tokens that nobody will hold are revoked, a record that nobody can name is
//! deleted.
//!
//! | file | subject |
//! |---|---|
//! | here | visits: how they begin, are told things, and end |
//! | `login` | credentials, or tokens from elsewhere, become a session |
//! | `ending` | sessions end: logout, and what a login replaces |
//! | `answers` | what is answered |

mod answers;
mod ending;
mod login;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use log::Level;

use self::ending::Ending;
use self::login::Creating;
use super::calls::Event;
use super::core::Core;
use super::notices::Subject;
use super::{Output, StreamId, Verdict};
use crate::config::{Config, Endpoint, Fields, LoginReply};
use crate::reply::{Problem, Reply};
use crate::request::{RequestBody, RequestHead};
use crate::session::SessionId;
use crate::store::{Command, StoreAnswer, StoreError};
use crate::time::Now;
use crate::tokens::Record;
use crate::trace::Trace;

/// The longest body that an endpoint takes, in bytes.
const MAX_BODY: usize = 16 << 10;

/// How long a client may take to send its body.
const BODY_WAIT: Duration = Duration::from_secs(10);

/// A request at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct VisitId(u64);

/// All requests at the endpoints of one worker.
pub(super) struct Endpoints {
    /// How a login is answered; `None`: there is none.
    reply: Option<LoginReply>,
    /// The cookie that a login sets.
    cookie: String,
    fields: Fields,
    visits: HashMap<VisitId, Visit>,
    streams: HashMap<StreamId, VisitId>,
    /// Until when which body is waited for.
    deadlines: BTreeSet<(Duration, VisitId)>,
    last: u64,
    /// Sessions that have just ended: this worker's memory of them is wrong.
    ended: Vec<SessionId>,
}

/// One request at an endpoint.
#[derive(Debug)]
struct Visit {
    endpoint: Endpoint,
    /// `None`: the client has left, or has its answer.
    stream: Option<StreamId>,
    trace: Trace,
    /// The sessions that its cookies name.
    cookies: Vec<SessionId>,
    step: Step,
}

/// What a visit waits for.
#[derive(Debug)]
enum Step {
    /// Its body, until then.
    Body(Duration),
    /// The store's look at the session.
    Looking,
    /// The issuer's answer to credentials.
    Obtaining,
    /// The store's, to a new session.
    Creating(Creating),
    /// The end of sessions.
    Ending(Ending),
}

/// What became of a step.
enum Next {
    /// The visit waits on.
    Wait(Step),
    /// It is over, and this is the answer.
    Done(Verdict),
    /// It is over, and nobody waits.
    Over,
}

impl Endpoints {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            reply: config.endpoints.login.as_ref().map(|login| login.reply),
            cookie: config.session.cookies.first().cloned().unwrap_or_default(),
            fields: config.store.fields.clone(),
            visits: HashMap::new(),
            streams: HashMap::new(),
            deadlines: BTreeSet::new(),
            last: 0,
            ended: Vec::new(),
        }
    }

    /// A request arrives at an endpoint, which [admits](admit) it. `cookies`: the
    /// sessions that it may end, or, for [`Endpoint::Session`], the one that it asks
    /// about.
    pub(super) fn on_request(
        &mut self,
        core: &mut Core,
        now: Now,
        stream: StreamId,
        endpoint: Endpoint,
        cookies: Vec<SessionId>,
    ) {
        let mut visit = Visit {
            endpoint,
            stream: Some(stream),
            trace: core.cause.clone(),
            cookies,
            step: Step::Looking,
        };
        self.last += 1;
        let id = VisitId(self.last);
        let next = match endpoint {
            Endpoint::Session => match visit.cookies.pop() {
                Some(session) => {
                    core.ask_store_for(id, &session, Command::Look);
                    Next::Wait(Step::Looking)
                }
                None => Next::Done(answers::session(None)),
            },
            Endpoint::Logout if self.sets_cookie() => self.log_out(core, id, &mut visit, None),
            Endpoint::Login | Endpoint::Adopt | Endpoint::Logout => {
                let limit = MAX_BODY;
                core.out.push_back(Output::ReadBody { stream, limit });
                Next::Wait(Step::Body(now.mono + BODY_WAIT))
            }
        };
        self.go_on(core, id, visit, next);
    }

    /// A body that was waited for came, or is too large.
    pub(super) fn on_body(
        &mut self,
        core: &mut Core,
        now: Now,
        stream: StreamId,
        body: RequestBody<'_>,
    ) {
        let Some(id) = self.streams.get(&stream).copied() else {
            return;
        };
        let awaited = |visit: &Visit| matches!(visit.step, Step::Body(_));
        if !self.visits.get(&id).is_some_and(awaited) {
            return;
        }
        let Some(mut visit) = self.remove(id) else {
            return;
        };
        core.cause = visit.trace.clone();
        let next = match (body, visit.endpoint) {
            (RequestBody::TooLarge, _) => Next::Done(refuse(Problem::BodyTooLarge)),
            (RequestBody::Whole { bytes, client }, Endpoint::Login) => {
                login::obtain(core, id, bytes, client)
            }
            (RequestBody::Whole { bytes, .. }, Endpoint::Adopt) => self.adopt(core, now, id, bytes),
            (RequestBody::Whole { bytes, .. }, _) => match ending::named(bytes) {
                Ok(session) => self.log_out(core, id, &mut visit, session),
                Err(problem) => Next::Done(refuse(problem)),
            },
        };
        self.go_on(core, id, visit, next);
    }

    /// A call of a visit ended.
    pub(super) fn on_event(&mut self, core: &mut Core, now: Now, id: VisitId, event: Event) {
        let Some(mut visit) = self.remove(id) else {
            return;
        };
        core.cause = visit.trace.clone();
        let step = std::mem::replace(&mut visit.step, Step::Looking);
        let next = match (step, event) {
            (Step::Obtaining, Event::Issued(result)) => {
                self.on_obtained(core, now, id, &visit, &result)
            }
            (
                Step::Looking,
                Event::Stored {
                    id: session,
                    answer,
                    ..
                },
            ) => self.on_looked(core, now, &session, answer),
            (
                Step::Creating(creating),
                Event::Stored {
                    id: session,
                    answer,
                    ..
                },
            ) => self.on_created(core, id, &mut visit, creating, session, answer),
            (Step::Ending(ending), event @ Event::Stored { .. }) => {
                self.on_ending(core, now, id, ending, event)
            }
            // No call of this step.
            (step, _) => Next::Wait(step),
        };
        self.go_on(core, id, visit, next);
    }

    /// A client left; whether it waited for an answer here.
    pub(super) fn on_gone(&mut self, stream: StreamId) -> bool {
        let Some(id) = self.streams.get(&stream).copied() else {
            return false;
        };
        let Some(mut visit) = self.remove(id) else {
            return false;
        };
        // Without its body nothing has begun.
        if !matches!(visit.step, Step::Body(_)) {
            visit.stream = None;
            self.visits.insert(id, visit);
        }
        true
    }

    /// Time passed: bodies that did not come.
    pub(super) fn on_time(&mut self, core: &mut Core, now: Now) {
        while let Some((at, id)) = self.deadlines.first().copied()
            && at <= now.mono
        {
            self.deadlines.remove(&(at, id));
            let Some(visit) = self.remove(id) else {
                continue;
            };
            core.cause = visit.trace.clone();
            let text = "the body of a request to an endpoint did not come within 10 s; if this is \
                        so for every request, the plugin's allow_on_headers_stop_iteration is not \
                        set to true";
            core.tell(now, Level::Warn, Subject::BodyMissing, text);
            self.go_on(core, id, visit, Next::Done(refuse(Problem::BodyTimeout)));
        }
    }

    /// When time next matters.
    pub(super) fn next_wake(&self) -> Option<Duration> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.visits.is_empty()
    }

    /// Sessions that have ended since the last call.
    pub(super) fn take_ended(&mut self) -> Vec<SessionId> {
        std::mem::take(&mut self.ended)
    }

    /// How many visits there are, and how much is remembered of them.
    pub(super) fn len(&self) -> usize {
        let remembered = [self.streams.len(), self.deadlines.len(), self.ended.len()];
        self.visits.len() + remembered.iter().sum::<usize>()
    }

    fn sets_cookie(&self) -> bool {
        self.reply == Some(LoginReply::Cookie)
    }

    fn remove(&mut self, id: VisitId) -> Option<Visit> {
        let visit = self.visits.remove(&id)?;
        if let Some(stream) = visit.stream {
            self.streams.remove(&stream);
        }
        if let Step::Body(deadline) = visit.step {
            self.deadlines.remove(&(deadline, id));
        }
        Some(visit)
    }

    fn go_on(&mut self, core: &mut Core, id: VisitId, mut visit: Visit, next: Next) {
        match next {
            Next::Wait(step) => {
                if let Step::Body(deadline) = step {
                    self.deadlines.insert((deadline, id));
                }
                if let Some(stream) = visit.stream {
                    self.streams.insert(stream, id);
                }
                visit.step = step;
                self.visits.insert(id, visit);
            }
            Next::Over => {}
            Next::Done(verdict) => {
                if let Some(stream) = visit.stream {
                    core.resume(stream, verdict);
                }
            }
        }
    }

    fn on_looked(
        &self,
        core: &mut Core,
        now: Now,
        session: &SessionId,
        answer: Result<StoreAnswer, StoreError>,
    ) -> Next {
        Next::Done(match answer {
            Ok(StoreAnswer::Gone) => answers::session(None),
            Ok(StoreAnswer::Seen { record, ttl }) => {
                match Record::parse(record.expose(), &self.fields) {
                    Ok(record) if record.is_over(now.unix) => answers::session(None),
                    Ok(record) => answers::session(Some(record.session_end(now.unix, ttl))),
                    Err(error) => {
                        core.misunderstood(now, session, error);
                        refuse(Problem::RecordInvalid)
                    }
                }
            }
            Ok(_) | Err(_) => refuse(Problem::StoreUnavailable),
        })
    }
}

/// Whether an endpoint takes a request with this head; if not, its answer.
pub(super) fn admit(endpoint: Endpoint, head: &RequestHead<'_>) -> Result<(), Verdict> {
    let (allowed, allow): (&[&[u8]], _) = match endpoint {
        Endpoint::Session => (&[b"GET", b"HEAD"], "GET, HEAD"),
        Endpoint::Login | Endpoint::Logout | Endpoint::Adopt => (&[b"POST"], "POST"),
    };
    if !allowed.contains(&&*head.method) {
        let mut reply = Problem::MethodNotAllowed.reply(None);
        reply.headers.push(("allow", allow.to_owned()));
        return Err(Verdict::Reply {
            reply,
            problem: Problem::MethodNotAllowed,
        });
    }
    // A form of another site cannot say so: defence in depth beside section 4's
    // rule, which judges by what a browser says of itself.
    let needs_json = matches!(endpoint, Endpoint::Login | Endpoint::Adopt);
    let is_json = head.content_type.as_deref().is_some_and(is_json);
    if needs_json && !is_json {
        return Err(refuse(Problem::MediaTypeUnsupported));
    }
    Ok(())
}

/// `application/json`, whatever its parameters.
fn is_json(content_type: &[u8]) -> bool {
    let mut parts = content_type.split(|byte| *byte == b';');
    let media_type = parts.next().unwrap_or_default().trim_ascii();
    media_type.eq_ignore_ascii_case(b"application/json")
}

fn refuse(problem: Problem) -> Verdict {
    refuse_for(problem, None)
}

fn refuse_for(problem: Problem, retry_after: Option<Duration>) -> Verdict {
    Verdict::Reply {
        reply: problem.reply(retry_after),
        problem,
    }
}

fn answer(endpoint: Endpoint, reply: Reply) -> Verdict {
    Verdict::Answer {
        reply,
        word: endpoint.name(),
    }
}
