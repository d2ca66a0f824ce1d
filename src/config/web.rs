//! What browsers and upstreams get to see: `csrf`, `upstream`, `login_url`.

use std::net::Ipv6Addr;

use super::mistake::quoted;
use super::reader::{Field, Section};
use super::routes::rules_for;
use super::syntax::{Underscore, decoded, host_and_port, is_plain_path};
use super::types::{CsrfConfig, IssuerConfig, RouteRule, SessionRule, UpstreamConfig};

pub(super) const MAX_ORIGINS: usize = 64;

pub(super) fn csrf(s: &mut Section<'_>) -> Option<CsrfConfig> {
    let enabled = s.or("enabled", true, |field| field.boolean());
    let origins = s.or("origins", Vec::new(), |field| {
        field.list(MAX_ORIGINS, "a list of origins", |item| {
            let text = item.text(ORIGIN)?;
            origin(text).or_else(|| item.refuse(quoted(text), ORIGIN))
        })
    });
    let (enabled, mut origins) = (enabled?, origins?);
    if !enabled {
        if !origins.is_empty() {
            return s.refuse(
                "origins",
                "origins beside enabled: false",
                "an empty list when the check is switched off; origins are exceptions to it",
            );
        }
        s.warn(
            "enabled",
            "cross-site requests are not checked: any site may send unsafe requests with a user's token",
        );
    }
    origins.sort();
    origins.dedup();
    Some(CsrfConfig { enabled, origins })
}

const ORIGIN: &str = "an origin scheme://host or scheme://host:port, without path or slash at its end, in ASCII (punycode)";

/// Normalises an origin to what browsers send (RFC 6454, section 6.2).
fn origin(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let (scheme, authority) = lower.split_once("://")?;
    let mut letters = scheme.bytes();
    let is_scheme = letters.next().is_some_and(|b| b.is_ascii_lowercase())
        && letters.all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !is_scheme {
        return None;
    }
    let (host, port) = host_and_port(authority, Underscore::Allowed)?;
    let default_port = match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address) => format!("[{}]", shortest(address.parse().ok()?)),
        None => host.to_owned(),
    };
    Some(match port.filter(|port| Some(*port) != default_port) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// The address as the URL standard writes it: RFC 5952, but an embedded IPv4
/// address in hexadecimal, too.
fn shortest(address: Ipv6Addr) -> String {
    match (address.to_ipv4_mapped(), address.segments()) {
        (Some(_), [.., high, low]) => format!("::ffff:{high:x}:{low:x}"),
        _ => address.to_string(),
    }
}

pub(super) fn upstream(s: &mut Section<'_>) -> Option<UpstreamConfig> {
    let strip_session_cookie = s.or("strip_session_cookie", true, |field| field.boolean());
    let private_responses = s.or("private_responses", true, |field| field.boolean());
    Some(UpstreamConfig {
        strip_session_cookie: strip_session_cookie?,
        private_responses: private_responses?,
    })
}

const LOGIN_URL: &str = "a path such as /login, or https://host/path; without \"?\" and \"#\" (the relay appends ?callbackUrl=…), user, spaces, \"\\\", \"//\" or dot segments";

pub(super) fn login_url(field: Field<'_>) -> Option<String> {
    let fits = |text: &str| match text.strip_prefix("https://") {
        None => is_plain_path(text),
        Some(rest) => {
            let path_at = rest.find('/').unwrap_or(rest.len());
            rest.split_at_checked(path_at)
                .is_some_and(|(authority, path)| {
                    host_and_port(authority, Underscore::Allowed).is_some()
                        && (path.is_empty() || is_plain_path(path))
                })
        }
    };
    field.text_if(fits, LOGIN_URL).map(str::to_owned)
}

/// A login page that needs a session sends the browser round in circles; one
/// that is hidden, or may be read as another, is never shown. Of a https URL
/// nobody knows here whose it is.
pub(super) fn login_page_is_reachable(
    root: &Section<'_>,
    login_url: &str,
    issuer: &IssuerConfig,
    routes: &[RouteRule],
) {
    let shown = quoted(login_url);
    let allowed = "a page that can be seen without a session, e.g. one with a route {path: …, session: off} before the others";
    let [as_written, as_read] = rules_for(routes, login_url, "GET");
    if [as_written, as_read].contains(&SessionRule::Required) {
        root.refuse::<()>(
            "login_url",
            format!("{shown}, which a route with session required matches"),
            allowed,
        );
    } else if as_written != as_read {
        root.refuse::<()>(
            "login_url",
            format!("{shown}, which may be read as another path, with another route, and is answered 400"),
            "a path without percent-escapes of characters that need none",
        );
    }
    let paths = &issuer.paths;
    // With or without the slash at its end, as Django's own redirects have it.
    let read = |path: &str| {
        let path = decoded(path);
        path.strip_suffix(b"/").map(<[u8]>::to_vec).unwrap_or(path)
    };
    if !issuer.expose
        && [&paths.obtain, &paths.refresh, &paths.revoke]
            .iter()
            .any(|path| read(path) == read(login_url))
    {
        root.refuse::<()>(
            "login_url",
            format!("{shown}, which is a path of the issuer and answered 404"),
            allowed,
        );
    }
}
