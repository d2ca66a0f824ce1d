//! How credentials, or tokens from elsewhere, become a session.

use log::Level;
use serde_json::{Map, Value};

use super::answers::{self, NewSession, unix_seconds};
use super::ending::Then;
use super::{Endpoints, Next, Step, Visit, VisitId, refuse, refuse_for};
use crate::callout::CalloutResult;
use crate::config::{Endpoint, LoginReply};
use crate::issuer::ObtainAnswer;
use crate::metrics::{IssuerOutcome, Metric};
use crate::relay::core::Core;
use crate::relay::flight::text;
use crate::relay::notices::Subject;
use crate::reply::Problem;
use crate::session::SessionId;
use crate::store::{Command, StoreAnswer, StoreError};
use crate::time::Now;
use crate::tokens::{IssuedTokens, Record, fits_header};

/// A session that is being stored.
#[derive(Debug)]
pub(super) struct Creating {
    record: Record,
    expires_at: u64,
}

/// Sends somebody's credentials to the issuer.
pub(super) fn obtain(core: &mut Core, id: VisitId, body: &[u8], client: Option<&str>) -> Next {
    match core.issuer.obtain(body, client) {
        Ok(callout) => {
            core.obtain(id, callout);
            Next::Wait(Step::Obtaining)
        }
        Err(_) => Next::Done(refuse(Problem::BodyInvalid)),
    }
}

impl Endpoints {
    /// The issuer answered.
    pub(super) fn on_obtained(
        &self,
        core: &mut Core,
        now: Now,
        id: VisitId,
        visit: &Visit,
        result: &CalloutResult,
    ) -> Next {
        let unavailable = |retry_after| {
            let problem = Problem::IssuerUnavailable;
            Next::Done(refuse_for(problem, retry_after))
        };
        match core.issuer.read_obtain(result, now.unix) {
            ObtainAnswer::Accepted(tokens) => {
                core.count(Metric::Login(IssuerOutcome::Accepted));
                let record = Record::new(&tokens, None, &self.fields);
                if visit.stream.is_some() {
                    return create(core, now, id, record);
                }
                // Nobody will hold them.
                drop_tokens(core, &record);
                unavailable(None)
            }
            ObtainAnswer::Refused(refusal) => {
                core.count(Metric::Login(IssuerOutcome::Refused));
                let reply = self.reply.unwrap_or(LoginReply::Cookie);
                Next::Done(answers::refused(refusal, reply))
            }
            ObtainAnswer::Unavailable { retry_after } => {
                core.count(Metric::Login(IssuerOutcome::Unavailable));
                let text = "the issuer could not answer a login";
                core.tell(now, Level::Warn, Subject::LoginFailed, text);
                unavailable(retry_after)
            }
            ObtainAnswer::Misconfigured { why } => {
                core.count(Metric::Login(IssuerOutcome::Misconfigured));
                let text = format!("the issuer answered a login as none of its kind does: {why}");
                core.tell(now, Level::Error, Subject::LoginFailed, &text);
                unavailable(None)
            }
        }
    }

    /// Tokens that a server got elsewhere.
    pub(super) fn adopt(&self, core: &mut Core, now: Now, id: VisitId, body: &[u8]) -> Next {
        match adopted(body) {
            Some((tokens, refresh_exp)) => {
                let record = Record::new(&tokens, refresh_exp, &self.fields);
                create(core, now, id, record)
            }
            None => Next::Done(refuse(Problem::BodyInvalid)),
        }
    }

    /// The store answered.
    pub(super) fn on_created(
        &self,
        core: &mut Core,
        id: VisitId,
        visit: &mut Visit,
        creating: Creating,
        session: SessionId,
        answer: Result<StoreAnswer, StoreError>,
    ) -> Next {
        let is_created = matches!(answer, Ok(StoreAnswer::Created));
        let client = visit.stream.take_if(|_| is_created);
        let Some(stream) = client else {
            // Nobody has the new session's id, nor that of an attempt which may have
            // arrived all the same: what they hold is to be worth nothing. Tokens
            // that were adopted are the caller's, and may be brought again.
            if visit.endpoint != Endpoint::Adopt {
                drop_tokens(core, &creating.record);
            }
            if is_created {
                return self.end_all(core, id, vec![session], None, Then::KeepTokens);
            }
            return Next::Done(refuse(Problem::StoreUnavailable));
        };
        core.count(Metric::SessionsCreated);
        let new = NewSession {
            id: session,
            expires_at: creating.expires_at,
            user_id: creating.record.user_id(),
        };
        let sets_cookie = self.sets_cookie() && visit.endpoint == Endpoint::Login;
        let cookie = sets_cookie.then_some(self.cookie.as_str());
        core.resume(stream, answers::created(visit.endpoint, &new, cookie));
        // Whatever the browser was before, it is this session now. Nobody waits for
        // the end of the others, nor is the new one refused if that fails.
        let old = std::mem::take(&mut visit.cookies);
        self.end_all(core, id, old, None, Then::Nothing)
    }
}

fn create(core: &mut Core, now: Now, id: VisitId, record: Record) -> Next {
    let ttl = record.session_life(now.unix).unwrap_or(core.lifetime);
    let command = Command::Create {
        record: text(&record),
        ttl,
    };
    core.create_session(id, command);
    Next::Wait(Step::Creating(Creating {
        record,
        expires_at: unix_seconds(now.unix, ttl),
    }))
}

fn drop_tokens(core: &mut Core, record: &Record) {
    if let Some(refresh) = record.refresh() {
        core.revoke(refresh, Some(record.access()));
    }
}

/// The tokens in the body of `adopt`, and the refresh token's expiry. `refresh`
/// may be missing; `access_exp` and `refresh_exp`, in Unix seconds, serve tokens
/// that are no JWT.
fn adopted(body: &[u8]) -> Option<(IssuedTokens, Option<u64>)> {
    let mut members: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let mut token = |name: &str| match members.remove(name) {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(token)) if token.is_empty() => Some(None),
        Some(Value::String(token)) if fits_header(&token) => Some(Some(token)),
        Some(_) => None,
    };
    let (access, refresh) = (token("access")??, token("refresh")?);
    let time = |name: &str| match members.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(value) => value.as_u64().map(Some),
    };
    let (access_exp, refresh_exp) = (time("access_exp")?, time("refresh_exp")?);
    let tokens = IssuedTokens {
        access: access.into(),
        refresh: refresh.map(Into::into),
        access_exp,
    };
    Some((tokens, refresh_exp))
}
