//! A verdict, carried out on the request of the effective stream.

use super::complaint::complain;
use super::error::HostError;
use super::host::{self, Map};
use crate::relay::{CookieEdit, Injection, PROXY_ERROR, Verdict};
use crate::reply::Reply;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on to the upstream.
    GoesOn {
        /// The response is to be marked as private to the cookie.
        private_response: bool,
    },
    /// It was answered here and must not go on.
    Answered,
}

/// Changes or answers the request. Where the host fails, the request must be
/// refused: what the client sent as `Authorization` may still be in it.
pub(super) fn carry_out(verdict: &Verdict, worker: &str) -> Result<Fate, HostError> {
    note(verdict, worker);
    match verdict {
        Verdict::Off | Verdict::Pass => Ok(GOES_ON),
        Verdict::PassWithoutAuthorization => {
            host::remove_header(Map::Request, "authorization").map(|()| GOES_ON)
        }
        Verdict::Inject(injection) => inject(injection),
        Verdict::Reply { reply, problem } => answer(reply, problem.code()).map(|()| Fate::Answered),
        Verdict::Answer { reply, word } => answer(reply, word).map(|()| Fate::Answered),
    }
}

const GOES_ON: Fate = Fate::GoesOn {
    private_response: false,
};

fn inject(injection: &Injection) -> Result<Fate, HostError> {
    // Replacing takes away repeated lines, too: exactly one goes upstream.
    let authorization = injection.authorization.expose().as_bytes();
    host::replace_header(Map::Request, "authorization", authorization)?;
    match &injection.cookie {
        CookieEdit::Keep => {}
        CookieEdit::Remove => host::remove_header(Map::Request, "cookie")?,
        CookieEdit::Replace(line) => host::replace_header(Map::Request, "cookie", line.expose())?,
    }
    Ok(Fate::GoesOn {
        private_response: injection.private_response,
    })
}

fn answer(reply: &Reply, code: &str) -> Result<(), HostError> {
    let headers: Vec<(&str, &str)> = reply
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let details = format!("token_relay{{{code}}}");
    host::send_local_response(reply.status, &details, &headers, reply.body.as_bytes())
}

/// Answers 503 without the core, because the host would not do its part. If it
/// does not even do that, the request stays held until its stream times out.
pub(super) fn refuse(error: &HostError) -> Fate {
    complain(format_args!(
        "a request was refused, because a host call did not work: {error}"
    ));
    let _ = host::set_property(VERDICT, PROXY_ERROR.as_bytes());
    let headers = [
        ("content-type", "application/problem+json"),
        ("cache-control", "no-store"),
        ("retry-after", "1"),
    ];
    let body =
        br#"{"status":503,"title":"The proxy cannot handle the request","code":"proxy_error"}"#;
    if let Err(error) = host::send_local_response(503, "token_relay{proxy_error}", &headers, body) {
        complain(format_args!(
            "a refused request could not be answered: {error}"
        ));
    }
    Fate::Answered
}

/// The filter state that holds the verdict's word.
const VERDICT: &str = "token_relay.verdict";

/// Leaves the verdict and the worker's name for the access log, where the
/// request was one of the relay's: `%FILTER_STATE(wasm.token_relay.verdict:PLAIN)%`.
/// A log that lacks them is no reason to refuse anything.
fn note(verdict: &Verdict, worker: &str) {
    let Some(word) = verdict.word() else {
        return;
    };
    let _ = host::set_property(VERDICT, word.as_bytes());
    let _ = host::set_property("token_relay.worker", worker.as_bytes());
}
