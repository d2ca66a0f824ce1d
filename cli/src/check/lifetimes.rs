//! How long NextAuth's session lasts, and how long Django's refresh token
//! does: the filter knows the first not at all and the second only later.

use std::time::Duration;

use token_relay::config::{Config, Preset, SessionFormat};

use crate::duration::written;
use crate::finding::Finding;

/// What the operator says about the two.
#[derive(Clone, Copy, Default)]
pub(crate) struct Lifetimes {
    /// `session.maxAge` of NextAuth.
    pub(crate) max_age: Option<Duration>,
    /// The refresh token's life at the issuer.
    pub(crate) refresh_token: Option<Duration>,
}

/// SimpleJWT's and allauth's own default.
const REFRESH_TOKEN: Duration = Duration::from_hours(24);

impl Lifetimes {
    /// Warns when the cookie outlives what it stands for.
    pub(super) fn check(self, config: &Config, line: usize, findings: &mut Vec<Finding>) {
        let Some(max_age) = self.max_age else { return };
        if matches!(config.session.format, SessionFormat::Opaque) {
            return;
        }
        let (life, whose) = match (self.refresh_token, config.issuer.preset) {
            (Some(life), _) => (life, "the refresh token's life"),
            (None, Preset::OAuth2) => (config.session.lifetime, "session.lifetime"),
            (None, _) => (
                REFRESH_TOKEN,
                "the refresh token's life (the default; say another with --refresh-token-lifetime)",
            ),
        };
        if max_age > life {
            findings.push(Finding::warning(
                line,
                "session",
                format!(
                    "NextAuth's maxAge {} is longer than {whose}, {}: a user who stays away for longer has a cookie without a session, and is answered 401 session_ended",
                    written(max_age),
                    written(life)
                ),
            ));
        }
    }
}
