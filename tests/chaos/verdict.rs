//! What must hold of a run, checked when it is over.

use crate::basics::{Ms, Tag};
use crate::evidence::{BLUR, Evidence};
use crate::ledger::{Outcome, Pages, Request, Violation};
use crate::plan::Part;
use crate::witnesses::Word;

/// No server error later than this after everything is well again.
const RECOVERY: Ms = 2000;

/// What the checks counted on their way.
#[derive(Default)]
pub struct Findings {
    pub violations: Vec<Violation>,
    /// 5xx while a part was not well, or just after.
    pub errors_in_storms: usize,
    /// How long after recovery the last of them came.
    pub last_error: Ms,
    /// 503 `refresh_timeout` while the lease of a dead Envoy ran.
    pub errors_of_dead_leases: usize,
    /// Other 5xx.
    pub errors_later: usize,
    /// Sessions that ended without a logout, and those of them that a kill and a
    /// logged attempt explain.
    pub lost: usize,
    pub matched: usize,
    /// Tokens that Django was shown more than once.
    pub presented_again: usize,
}

impl Findings {
    fn violation(&mut self, at: Ms, session: Option<Tag>, text: String) {
        self.violations.push(Violation { at, session, text });
    }

    /// All checks. `grace`: Django gives a token whose successor was lost another
    /// chance.
    pub fn of(evidence: &Evidence<'_>, grace: bool) -> Self {
        let mut findings = Self {
            violations: evidence.pages.violations.clone(),
            ..Self::default()
        };
        for request in &evidence.pages.requests {
            findings.check_request(evidence, request);
        }
        findings.check_lost(evidence, grace);
        findings.check_presentations(evidence);
        findings
    }

    fn check_request(&mut self, evidence: &Evidence<'_>, request: &Request) {
        let text = request.to_string();
        match &request.outcome {
            Outcome::Answer(500.., code) => self.check_error(evidence, request, code),
            Outcome::Hung => {
                let text = format!("a request hangs: {text}");
                self.violation(request.done, request.session, text);
            }
            Outcome::Cut if !is_excused(evidence.pages, request) => {
                let text = format!("a proxy that was well cut a connection: {text}");
                self.violation(request.done, request.session, text);
            }
            Outcome::Answer(..) | Outcome::Cut | Outcome::Left => {}
        }
    }

    fn check_error(&mut self, evidence: &Evidence<'_>, request: &Request, code: &str) {
        let since = evidence.pages.well_since(request.done);
        let late = since.map_or(0, |since| request.done - since);
        let dead = || {
            code == "refresh_timeout"
                && request
                    .session
                    .is_some_and(|tag| evidence.has_dead_lease(tag, request.done))
        };
        if late <= RECOVERY {
            self.errors_in_storms += 1;
            self.last_error = self.last_error.max(late);
        } else if dead() {
            self.errors_of_dead_leases += 1;
        } else {
            self.errors_later += 1;
            let text = format!("{late} ms after recovery: {request}");
            self.violation(request.done, request.session, text);
        }
    }

    /// A session ends by a logout, or because a kill cut its refresh off; then
    /// the log says so.
    fn check_lost(&mut self, evidence: &Evidence<'_>, grace: bool) {
        let told = evidence.pages.sessions.iter();
        let told = told.filter_map(|(tag, session)| Some((*tag, session.ended?)));
        let logged = evidence
            .lines
            .iter()
            .filter(|line| line.word == Word::Ended);
        let mut lost: Vec<(Tag, Ms)> = told
            .chain(logged.map(|line| (line.session, line.at)))
            .collect();
        lost.sort_unstable();
        lost.dedup_by_key(|(tag, _)| *tag);
        for (tag, at) in lost {
            let session = evidence.pages.sessions.get(&tag);
            let leaving = session.and_then(|session| session.leaving);
            if leaving.is_some_and(|leaving| leaving <= at) {
                // A logout that did not get to its end revokes the token, too.
                continue;
            }
            self.lost += 1;
            let logged = evidence.attempts_without_answer(tag).next().is_some();
            let cut = evidence.presentations.iter().any(|presentation| {
                evidence.owner(&presentation.jti) == Some(tag)
                    && presentation.status != Some(401)
                    && evidence.cut_by(presentation).is_some()
            });
            match (logged, cut) {
                _ if grace => {
                    let text = "a session was lost in spite of the grace period";
                    self.violation(at, Some(tag), text.into());
                }
                (true, true) => self.matched += 1,
                (true, false) => {
                    let text = "a session was lost, and no kill cut its refresh off";
                    self.violation(at, Some(tag), text.into());
                }
                (false, _) => {
                    let text = "a session was lost, and no line of the log tells why";
                    self.violation(at, Some(tag), text.into());
                }
            }
        }
    }

    /// Django is shown a refresh token once, and once more for each attempt whose
    /// answer was lost.
    fn check_presentations(&mut self, evidence: &Evidence<'_>) {
        for (jti, times) in evidence.by_token() {
            if times.len() < 2 {
                continue;
            }
            self.presented_again += 1;
            let owner = evidence.owner(jti);
            for pair in times.windows(2) {
                let between = pair[0].at - BLUR..=pair[1].at + BLUR;
                let told = owner.is_some_and(|tag| {
                    evidence
                        .attempts_without_answer(tag)
                        .any(|line| between.contains(&line.at))
                });
                if !told {
                    let text = "a refresh token was presented again, and the log does not say \
                                that the first attempt had no answer";
                    self.violation(pair[1].at, owner, text.into());
                }
            }
        }
    }
}

/// Whether the Envoy, or Django in the middle of its answer, was not well at some
/// moment of a request.
fn is_excused(pages: &Pages, request: &Request) -> bool {
    let mut parts = [Part::Envoy(request.envoy), Part::Django].into_iter();
    parts.any(|part| pages.was_out(part, request.sent, request.done))
}
