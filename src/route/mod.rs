//! Which rule a request falls under (contract, section 4): paths, methods,
//! ambiguity, preflights, CSRF.

mod csrf;
mod paths;
#[cfg(test)]
mod tests;

use crate::config::{
    Config, CsrfConfig, Endpoint, IssuerConfig, PathMatch, RouteRule, SessionRule,
};
use crate::request::RequestHead;

/// What the routes say about a request before its session is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// Not touched.
    Off,
    /// A path of the issuer, reached from outside: 404.
    Hidden,
    /// The relay itself answers.
    Endpoint {
        /// Which one.
        endpoint: Endpoint,
        /// An unsafe request that another site may have caused.
        cross_site: bool,
    },
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
pub struct Routes {
    rules: Vec<Rule>,
    /// The issuer's paths as Django reads them, without a trailing slash.
    hidden: Vec<Vec<u8>>,
    endpoints: Vec<(Vec<u8>, Endpoint)>,
    csrf: csrf::Csrf,
}

struct Rule {
    written: Pattern,
    /// `written` with its percent-escapes decoded.
    decoded: Pattern,
    methods: Vec<String>,
    session: SessionRule,
}

enum Pattern {
    Prefix(Vec<u8>),
    Exact(Vec<u8>),
}

/// Where a path leads.
enum Place {
    Hidden,
    Endpoint(Endpoint),
    Ambiguous,
    Under(SessionRule),
}

impl Routes {
    /// Prepares the rules, the issuer's paths and the CSRF origins.
    pub fn new(config: &Config) -> Self {
        let endpoints = config.endpoints.iter();
        Self {
            endpoints: endpoints
                .map(|(endpoint, path)| (path.as_bytes().to_vec(), endpoint))
                .collect(),
            ..Self::build(&config.routes, &config.issuer, &config.csrf)
        }
    }

    fn build(rules: &[RouteRule], issuer: &IssuerConfig, csrf: &CsrfConfig) -> Self {
        let paths = &issuer.paths;
        let hidden = if issuer.expose {
            Vec::new()
        } else {
            [&paths.obtain, &paths.refresh, &paths.revoke]
                .map(|path| without_slash(&paths::decode(path.as_bytes())).to_vec())
                .into()
        };
        Self {
            rules: rules.iter().map(Rule::new).collect(),
            hidden,
            endpoints: Vec::new(),
            csrf: csrf::Csrf::new(csrf),
        }
    }

    /// Decides without allocating when the path is plain.
    pub fn route(&self, request: &RequestHead<'_>) -> Routing {
        // CONNECT has no path, `OPTIONS *` names none.
        if matches!(&*request.path, b"" | b"*") {
            return Routing::Off;
        }
        let path = paths::without_query(&request.path);
        match self.place(&request.method, path) {
            Place::Hidden => Routing::Hidden,
            Place::Endpoint(endpoint) => Routing::Endpoint {
                endpoint,
                cross_site: self.csrf.is_cross_site(request),
            },
            Place::Ambiguous => Routing::PathAmbiguous,
            Place::Under(SessionRule::Off) => Routing::Off,
            Place::Under(rule) => {
                let required = rule == SessionRule::Required;
                if *request.method == *b"OPTIONS" && request.has_request_method {
                    Routing::Preflight { required }
                } else {
                    let cross_site = self.csrf.is_cross_site(request);
                    Routing::Session {
                        required,
                        cross_site,
                    }
                }
            }
        }
    }

    fn place(&self, method: &[u8], path: &[u8]) -> Place {
        if !path.starts_with(b"/") {
            // Neither origin-form nor `*` (RFC 9112, 3.2); Envoy lets no such
            // path through.
            return Place::Ambiguous;
        }
        if let Some(endpoint) = self.endpoint(path) {
            return Place::Endpoint(endpoint);
        }
        if paths::is_plain(path) {
            return if self.is_hidden(path) {
                Place::Hidden
            } else {
                Place::Under(self.rule(method, path, |rule| &rule.written))
            };
        }
        self.place_in_doubt(method, path)
    }

    /// For the rare path that is not plain: looks at all its readings.
    ///
    /// Resolving says what a lenient proxy or server makes of the path. Decoding
    /// the rest says what Django sees: it decodes every escape, so `/%61pi/` is
    /// `/api/` there and must not slip past that rule.
    fn place_in_doubt(&self, method: &[u8], path: &[u8]) -> Place {
        let resolved = paths::resolve(path);
        let decoded = resolved.each_ref().map(|path| paths::decode(path));
        if decoded.iter().any(|path| self.is_hidden(path)) {
            return Place::Hidden;
        }
        let readings = resolved.iter().chain(&decoded);
        if readings
            .into_iter()
            .any(|path| self.endpoint(path).is_some())
        {
            // Not what is written, but perhaps what is meant.
            return Place::Ambiguous;
        }
        let rule = self.rule(method, path, |rule| &rule.written);
        let same_rule =
            |path: &[u8], pattern: fn(&Rule) -> &Pattern| self.rule(method, path, pattern) == rule;
        let changed = resolved.iter().any(|resolved| resolved != path);
        let agreed = resolved.iter().all(|path| same_rule(path, |r| &r.written))
            && decoded.iter().all(|path| same_rule(path, |r| &r.decoded));
        if !agreed || (changed && rule != SessionRule::Off) {
            Place::Ambiguous
        } else {
            Place::Under(rule)
        }
    }

    /// `path` is resolved and decoded. Django's patterns are case-sensitive.
    fn is_hidden(&self, path: &[u8]) -> bool {
        let path = without_slash(path);
        self.hidden.iter().any(|hidden| hidden == path)
    }

    fn endpoint(&self, path: &[u8]) -> Option<Endpoint> {
        self.endpoints
            .iter()
            .find(|(known, _)| known == path)
            .map(|(_, endpoint)| *endpoint)
    }

    fn rule(&self, method: &[u8], path: &[u8], pattern: fn(&Rule) -> &Pattern) -> SessionRule {
        self.rules
            .iter()
            .find(|rule| pattern(rule).matches(path) && rule.takes(method))
            .map_or(SessionRule::Off, |rule| rule.session)
    }
}

impl Rule {
    fn new(rule: &RouteRule) -> Self {
        let pattern = |read: fn(&[u8]) -> Vec<u8>| match &rule.path {
            PathMatch::Prefix(path) => Pattern::Prefix(read(path.as_bytes())),
            PathMatch::Exact(path) => Pattern::Exact(read(path.as_bytes())),
        };
        Self {
            written: pattern(<[u8]>::to_vec),
            decoded: pattern(paths::decode),
            methods: rule.methods.clone(),
            session: rule.session,
        }
    }

    /// Methods are case-sensitive (RFC 9110, 9.1), and `HEAD` is not `GET`.
    fn takes(&self, method: &[u8]) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|known| known.as_bytes() == method)
    }
}

impl Pattern {
    fn matches(&self, path: &[u8]) -> bool {
        match self {
            Self::Prefix(prefix) => path.starts_with(prefix),
            Self::Exact(exact) => path == exact,
        }
    }
}

fn without_slash(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"/").unwrap_or(path)
}
