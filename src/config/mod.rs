//! What the operator says: the plugin configuration, parsed, checked and
//! explained (contract, section 2). Field names, defaults and bounds for the
//! operator: `docs/configuration.md`.
//!
//! | file | subject |
//! |---|---|
//! | `types` | what a checked configuration is made of |
//! | `value` | bytes → a tree of values (JSON, or a `google.protobuf.Struct`) |
//! | `reader` | walks the tree, knows each value's path, collects every mistake |
//! | `mistake` | what a mistake says, and how text of others is quoted |
//! | `syntax`, `duration`, `secret` | forms that several fields share |
//! | `schema` | the same rules as a JSON Schema, for editors |
//! | `session`, `store`, `issuer`, `timing`, `routes`, `web`, `endpoints` | the fields themselves |

mod duration;
mod endpoints;
mod issuer;
mod mistake;
mod reader;
mod routes;
#[cfg(not(target_os = "wasi"))]
mod schema;
mod secret;
mod session;
mod store;
mod syntax;
mod timing;
mod types;
mod value;
mod web;

#[cfg(test)]
mod tests;

pub use mistake::Mistake;
#[cfg(not(target_os = "wasi"))]
pub use schema::schema;
pub(crate) use syntax::decode_where;
pub use types::*;

use reader::{Report, Section};
use value::Value;

/// A configuration that can be used, and what its operator should still know.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The checked configuration.
    pub config: Config,
    /// One log line each: things that work but are likely not meant. No
    /// secrets in them.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads and checks a plugin configuration as the host hands it over: the
    /// JSON text of a `google.protobuf.StringValue`, or a binary
    /// `google.protobuf.Struct` (Envoy 1.40 does not turn it into JSON).
    ///
    /// `env` looks up an environment variable of the VM.
    ///
    /// # Errors
    ///
    /// Every mistake there is, never none; no secret is quoted in any of them.
    pub fn parse(
        bytes: &[u8],
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Parsed, Vec<Mistake>> {
        let tree = Value::from_bytes(bytes).map_err(|mistake| vec![mistake])?;
        let report = Report::new(env);
        let config = reader::read(&tree, &report, whole);
        let (mistakes, warnings) = report.into_parts();
        match config {
            Some(config) if mistakes.is_empty() => Ok(Parsed { config, warnings }),
            _ => Err(mistakes),
        }
    }
}

/// The outermost object. Every section is read before the first one that
/// failed ends this, so that all mistakes come to light.
fn whole(root: &mut Section<'_>) -> Option<Config> {
    let session = root.section("session", session::session);
    let store = root.section("store", store::store);
    let issuer = root.section("issuer", issuer::issuer);
    let preset = issuer.as_ref().map(|issuer| issuer.preset);
    let refresh = root.section("refresh", |s| timing::refresh(s, preset));
    let cache = root.section("cache", timing::cache);
    let endpoints = root.section("endpoints", endpoints::endpoints);
    let serves = endpoints
        .as_ref()
        .is_some_and(|e| e.iter().next().is_some());
    let routes = if serves {
        root.or("routes", Vec::new(), |field| routes::routes(field, true))
    } else {
        root.required("routes", routes::ALLOWED, |field| {
            routes::routes(field, false)
        })
    };
    let csrf = root.section("csrf", web::csrf);
    let upstream = root.section("upstream", web::upstream);
    let login_url = root.optional("login_url", web::login_url);

    if let (Some(store), Some(refresh)) = (&store, &refresh) {
        timing::store_answers_in_time(root, store, refresh);
    }
    if let (Some(issuer), Some(routes)) = (&issuer, &routes) {
        issuer::paths_are_not_shadowing(root, issuer, routes);
    }
    if let (Some(Some(login_url)), Some(issuer), Some(routes)) = (&login_url, &issuer, &routes) {
        web::login_page_is_reachable(root, login_url, issuer, routes);
    }

    if let (Some(endpoints), Some(session)) = (&endpoints, &session) {
        endpoints::cookie_can_be_set(root, endpoints, session);
    }
    if let (Some(endpoints), Some(issuer), Some(routes), Some(login_url)) =
        (&endpoints, &issuer, &routes, &login_url)
    {
        endpoints::paths_are_free(root, endpoints, issuer, routes, login_url.as_deref());
    }

    Some(Config {
        session: session?,
        store: store?,
        issuer: issuer?,
        refresh: refresh?,
        cache: cache?,
        routes: routes?,
        csrf: csrf?,
        upstream: upstream?,
        login_url: login_url?,
        endpoints: endpoints?,
    })
}

/// Every document that a test gives to the parser passes here: the tests of
/// the command (`cli/tests/configurations`) give it to the command and to the
/// schema as well.
#[cfg(test)]
fn judged(_config: &serde_json::Value, _result: &Result<Parsed, Vec<Mistake>>) {}
