//! All that is known of a run, and how it hangs together.

use std::collections::{BTreeMap, HashMap};

use crate::basics::{Ms, Tag};
use crate::ledger::{Outage, Pages};
use crate::plan::Part;
use crate::tap::Call;
use crate::witnesses::{Line, Presentation};

/// Times that the configuration of the run makes.
#[derive(Clone, Copy)]
pub struct Times {
    /// `issuer.timeout`.
    pub issuer: Ms,
    /// How long a lease lives.
    pub lease: Ms,
    /// Whoever finds that a holder has vanished waits so long, and a refusal is
    /// believed after so long.
    pub reread: Ms,
}

/// Clocks and logs of several processes agree to this.
pub const BLUR: Ms = 60;

pub struct Evidence<'a> {
    pub pages: &'a Pages,
    pub calls: &'a [Call],
    pub lines: &'a [Line],
    pub presentations: &'a [Presentation],
    pub times: Times,
    /// Whose refresh token it is, by its `jti`.
    owners: HashMap<&'a str, Tag>,
}

impl<'a> Evidence<'a> {
    pub fn new(
        pages: &'a Pages,
        calls: &'a [Call],
        lines: &'a [Line],
        presentations: &'a [Presentation],
        times: Times,
    ) -> Self {
        let mut owners = HashMap::new();
        for call in calls {
            for jti in [&call.presented, &call.written].into_iter().flatten() {
                owners.insert(jti.as_str(), call.session);
            }
        }
        Self {
            pages,
            calls,
            lines,
            presentations,
            times,
            owners,
        }
    }

    pub fn owner(&self, jti: &str) -> Option<Tag> {
        self.owners.get(jti).copied()
    }

    /// Presentations by token, each in the order of time.
    pub fn by_token(&self) -> BTreeMap<&'a str, Vec<&'a Presentation>> {
        let mut all = BTreeMap::<_, Vec<_>>::new();
        for presentation in self.presentations {
            let jti = presentation.jti.as_str();
            all.entry(jti).or_default().push(presentation);
        }
        all
    }

    /// The lines that say of a session that an attempt had no answer.
    pub fn attempts_without_answer(&self, session: Tag) -> impl Iterator<Item = &'a Line> {
        self.lines
            .iter()
            .filter(move |line| line.session == session && line.is_attempt_without_answer())
    }

    /// The kill or restart that cut a presentation off: of Django before it had
    /// answered, or of the Envoy before it had stored the answer.
    pub fn cut_by(&self, presentation: &Presentation) -> Option<&'a Outage> {
        let came = presentation.at;
        // Django may have read it long after it was sent, from a queue.
        let claims = self.calls.iter().filter(|call| {
            call.script == "claim"
                && Some(call.envoy) == presentation.envoy
                && call.presented.as_ref() == Some(&presentation.jti)
                && call.sent <= came + BLUR
        });
        let sent = claims.map(|claim| claim.sent).max().unwrap_or(came);
        let end = self.well_after(came) + self.times.issuer;
        let forgetful = self.pages.outages.iter().filter(|o| o.kind.forgets());
        forgetful
            .filter(|o| o.gone() <= end)
            .find(|o| match o.part {
                Part::Django => o.gone() >= came - BLUR,
                Part::Envoy(index) => Some(index) == presentation.envoy && o.gone() >= sent - BLUR,
                Part::Redis | Part::Webdis => false,
            })
    }

    /// Whether the lease of an Envoy that was killed may keep the session from
    /// being refreshed at this moment.
    pub fn has_dead_lease(&self, session: Tag, at: Ms) -> bool {
        let mut claims = self
            .calls
            .iter()
            .filter(|call| call.session == session && call.script == "claim" && call.sent <= at);
        claims.any(|claim| {
            // Unanswered, it may have been carried out, and later than it was sent.
            let word = claim.answer.as_ref().map(|(_, word)| word.as_str());
            if !matches!(word, None | Some("claimed")) || self.is_given_back(claim) {
                return false;
            }
            let kills = self.pages.outages.iter().filter(|o| {
                o.part == Part::Envoy(claim.envoy) && o.kind.forgets() && o.gone() >= claim.sent
            });
            let Some(killed) = kills.map(Outage::gone).min() else {
                return false;
            };
            // Not carried out before the store was well, and then a lease long; who
            // finds it ended waits for a reread more.
            let carried_out = self.well_after(claim.sent.max(killed));
            at <= carried_out + self.times.lease + self.times.reread + 1000
        })
    }

    /// When all parts were well for the first time after this moment.
    fn well_after(&self, at: Ms) -> Ms {
        let mut end = at;
        for outage in &self.pages.outages {
            if outage.from <= end && outage.to > end {
                end = outage.to;
            }
        }
        end
    }

    fn is_given_back(&self, claim: &Call) -> bool {
        self.calls.iter().any(|call| {
            call.owner == claim.owner
                && matches!(call.script.as_str(), "release" | "commit" | "delete")
                && call.answer.as_ref().is_some_and(|(_, word)| {
                    matches!(word.as_str(), "released" | "written" | "gone" | "deleted")
                })
        })
    }
}
