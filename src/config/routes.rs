//! The list `routes`: which requests need a session; the first match wins.

use super::mistake::quoted;
use super::reader::{Field, Section};
use super::syntax::{PLAIN_PATH, decoded, is_plain_path, is_token};
use super::types::{PathMatch, RouteRule, SessionRule};
use super::value::Value;

pub(super) const MAX_ROUTES: usize = 256;
pub(super) const MAX_METHODS: usize = 16;

/// What `routes` looks like.
pub(super) const ALLOWED: &str = "a list such as [{prefix: /api/, session: required}]";

/// `may_be_off`: the relay has endpoints, and so something to do without routes.
pub(super) fn routes(field: Field<'_>, may_be_off: bool) -> Option<Vec<RouteRule>> {
    let mut seen: Vec<Option<RouteRule>> = Vec::new();
    let rules = field.list(MAX_ROUTES, ALLOWED, |item| {
        let rule = item.object(route);
        if let Some(rule) = &rule {
            let mut earlier = seen.iter().enumerate();
            let covers = |seen: &Option<RouteRule>| seen.as_ref().is_some_and(|s| covers(s, rule));
            if let Some((index, _)) = earlier.find(|(_, seen)| covers(seen)) {
                item.warn(&format!(
                    "never reached: routes[{index}] matches all of its requests first; put the more special route before it"
                ));
            }
        }
        seen.push(rule.clone());
        rule
    })?;
    if !may_be_off && rules.iter().all(|rule| rule.session == SessionRule::Off) {
        return field.refuse(
            if rules.is_empty() {
                "an empty list"
            } else {
                "only routes with session off"
            },
            format!("at least one route with session required or optional, else the relay does nothing: {ALLOWED}"),
        );
    }
    Some(rules)
}

fn route(s: &mut Section<'_>) -> Option<RouteRule> {
    let path = |field: Field<'_>| field.text_if(is_plain_path, PLAIN_PATH).map(str::to_owned);
    let prefix = s.optional("prefix", path);
    let exact = s.optional("path", path);
    let methods = s.or("methods", Vec::new(), |field| methods(&field));
    let session = s.required("session", SESSION, |field| session(&field));
    let path = match (prefix?, exact?) {
        (Some(prefix), None) => PathMatch::Prefix(prefix),
        (None, Some(path)) => PathMatch::Exact(path),
        (None, None) => return s.refuse_whole("neither prefix nor path", ONE_OF),
        (Some(_), Some(_)) => return s.refuse_whole("both prefix and path", ONE_OF),
    };
    Some(RouteRule {
        path,
        methods: methods?,
        session: session?,
    })
}

const ONE_OF: &str = "one of prefix (the path starts with it) and path (the path is it)";
const SESSION: &str = "off, optional or required";

fn session(field: &Field<'_>) -> Option<SessionRule> {
    // YAML 1.1, which Envoy and Kubernetes speak, reads a plain `off` as false.
    if *field.value() == Value::Bool(false) {
        return Some(SessionRule::Off);
    }
    match field.text(SESSION)? {
        "off" => Some(SessionRule::Off),
        "optional" => Some(SessionRule::Optional),
        "required" => Some(SessionRule::Required),
        other => field.refuse(quoted(other), SESSION),
    }
}

fn methods(field: &Field<'_>) -> Option<Vec<String>> {
    let allowed =
        "a list of methods such as [GET, HEAD]; leave the field out to match every method";
    let mut names: Vec<&str> = Vec::new();
    let methods = field.list(MAX_METHODS, allowed, |item| {
        // Methods are case-sensitive (RFC 9110, section 9.1): `get` is another.
        let fits = |text: &str| is_token(text) && !text.bytes().any(|b| b.is_ascii_lowercase());
        let name = item.text_if(fits, "a method in upper case, e.g. GET")?;
        if names.contains(&name) {
            return item.refuse(
                format!("{}, which is there already", quoted(name)),
                "each method once",
            );
        }
        names.push(name);
        Some(name.to_owned())
    })?;
    if methods.is_empty() {
        return field.refuse("an empty list", allowed);
    }
    Some(methods)
}

/// Whether every request that `later` matches is matched by `earlier`.
fn covers(earlier: &RouteRule, later: &RouteRule) -> bool {
    let path = match (&earlier.path, &later.path) {
        (PathMatch::Prefix(prefix), PathMatch::Prefix(path) | PathMatch::Exact(path)) => {
            path.starts_with(prefix)
        }
        (PathMatch::Exact(path), PathMatch::Exact(other)) => path == other,
        (PathMatch::Exact(_), PathMatch::Prefix(_)) => false,
    };
    let methods = earlier.methods.is_empty()
        || (!later.methods.is_empty() && later.methods.iter().all(|m| earlier.methods.contains(m)));
    path && methods
}

/// What the routes say about a plain path: as it is written, and as Django reads
/// it, with every escape decoded. The routes room answers nothing but 400 where
/// the two differ.
pub(super) fn rules_for(routes: &[RouteRule], path: &str, method: &str) -> [SessionRule; 2] {
    let readings: [fn(&str) -> Vec<u8>; 2] = [|text| text.as_bytes().to_vec(), decoded];
    readings.map(|read| {
        let path = read(path);
        let rule = routes.iter().find(|rule| {
            let matches = match &rule.path {
                PathMatch::Prefix(prefix) => path.starts_with(&read(prefix)),
                PathMatch::Exact(exact) => path == read(exact),
            };
            matches && (rule.methods.is_empty() || rule.methods.iter().any(|m| m == method))
        });
        rule.map_or(SessionRule::Off, |rule| rule.session)
    })
}
