//! Which rule a request falls under (contract, section 4): paths, methods,
//! ambiguity, preflights, CSRF.

use crate::config::Config;
use crate::request::RequestHead;

/// What the routes say about a request before its session is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// Not touched.
    Off,
    /// A path of the issuer, reached from outside: 404.
    Hidden,
    /// A path that a lenient upstream may read as another: 400.
    PathAmbiguous,
    /// A CORS preflight: goes on without a session. On a required route the
    /// client's `Authorization` is removed.
    Preflight {
        /// The route is `required`.
        required: bool,
    },
    /// A session decides.
    Session {
        /// The route is `required`, not `optional`.
        required: bool,
        /// An unsafe request that another site may have caused: no token for it.
        cross_site: bool,
    },
}

/// The configured routes, ready to match.
#[derive(Debug)]
pub struct Routes {}

impl Routes {
    /// Prepares the rules, the issuer's paths and the CSRF origins.
    pub fn new(_config: &Config) -> Self {
        todo!()
    }

    /// Decides without allocating when the path is plain.
    pub fn route(&self, _request: &RequestHead<'_>) -> Routing {
        todo!()
    }
}
