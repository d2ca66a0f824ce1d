//! A request that wants a session's token, and the verdicts it can get.

use std::rc::Rc;
use std::time::Duration;

use super::{CookieEdit, Injection, Source, Verdict};
use crate::redacted::Redacted;
use crate::reply::{self, Problem};

/// What is remembered of a request while it waits.
#[derive(Debug)]
pub(super) struct Asker {
    /// The route is `required`, not `optional`.
    pub(super) required: bool,
    /// No token for it: another site may have caused it.
    pub(super) cross_site: bool,
    /// What becomes of its cookies if a token is injected.
    pub(super) cookie: CookieEdit,
    /// Where it is sent in place of a 401.
    pub(super) login: Option<String>,
}

impl Asker {
    /// The verdict when there is a token to be sent.
    pub(super) fn inject(
        self,
        authorization: Rc<Redacted<String>>,
        source: Source,
        private_response: bool,
    ) -> Verdict {
        if self.cross_site {
            return self.problem(Problem::CrossSite, None);
        }
        Verdict::Inject(Injection {
            authorization,
            cookie: self.cookie,
            private_response,
            source,
        })
    }

    /// The verdict when there is none.
    pub(super) fn problem(self, problem: Problem, retry_after: Option<Duration>) -> Verdict {
        let no_session = matches!(problem, Problem::NoSession | Problem::SessionEnded);
        if no_session && !self.required {
            return Verdict::Pass;
        }
        let reply = match self.login {
            Some(location) if no_session || problem == Problem::SessionAmbiguous => {
                reply::redirect(location)
            }
            _ => problem.reply(retry_after),
        };
        Verdict::Reply { reply, problem }
    }
}
