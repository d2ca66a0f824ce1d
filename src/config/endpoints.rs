//! The section `endpoints`: where the relay itself answers (contract, section
//! 7).

use super::mistake::quoted;
use super::reader::{Field, Section};
use super::syntax::{PLAIN_PATH, decoded, is_plain_path};
use super::types::{
    EndpointsConfig, IssuerConfig, LoginConfig, LoginReply, PathMatch, RouteRule, SessionConfig,
    SessionFormat,
};

const NAMES: [&str; 4] = ["login", "logout", "session", "adopt"];

pub(super) fn endpoints(s: &mut Section<'_>) -> Option<EndpointsConfig> {
    let login = s.optional("login", |field| field.object(login));
    let mut path = |name| s.optional(name, |field| field.object(only_path));
    let (logout, session, adopt) = (path("logout"), path("session"), path("adopt"));
    let (login, logout, session, adopt) = (login?, logout?, session?, adopt?);
    let paths = [
        login.as_ref().map(|login| login.path.clone()),
        logout.clone(),
        session.clone(),
        adopt.clone(),
    ];
    s.distinct(NAMES, &paths, "a path of its own for each endpoint")
        .then_some(EndpointsConfig {
            login,
            logout,
            session,
            adopt,
        })
}

fn login(s: &mut Section<'_>) -> Option<LoginConfig> {
    let path = path(s);
    let reply = s.required("reply", REPLY, |field| match field.text(REPLY)? {
        "cookie" => Some(LoginReply::Cookie),
        "body" => Some(LoginReply::Body),
        other => field.refuse(quoted(other), REPLY),
    });
    Some(LoginConfig {
        path: path?,
        reply: reply?,
    })
}

const REPLY: &str = "cookie (for browsers: the session id goes into a cookie) or body (for a server that keeps the id itself; on an internal listener only)";

fn only_path(s: &mut Section<'_>) -> Option<String> {
    path(s)
}

fn path(s: &mut Section<'_>) -> Option<String> {
    s.required("path", PLAIN_PATH, |field: Field<'_>| {
        field.text_if(is_plain_path, PLAIN_PATH).map(str::to_owned)
    })
}

/// NextAuth writes its own cookie, encrypted; the relay does not.
pub(super) fn cookie_can_be_set(
    root: &Section<'_>,
    endpoints: &EndpointsConfig,
    session: &SessionConfig,
) {
    if !endpoints.sets_cookie() {
        return;
    }
    if session
        .cookies
        .first()
        .is_some_and(|name| !name.starts_with("__Host-"))
    {
        root.warn(
            "session.cookies",
            "the cookie that a login sets should have a name that begins with \"__Host-\": any other can be planted by a sub-domain, and a user be made to act as somebody else",
        );
    }
    if !matches!(session.format, SessionFormat::Opaque) {
        root.refuse::<()>(
            "endpoints.login.reply",
            "cookie beside session.format nextauth",
            "body, for a NextAuth authorize that keeps the session id in its own cookie; or session.format opaque, for an application without NextAuth",
        );
    }
}

/// An endpoint is looked for first, so nothing else may need its path.
pub(super) fn paths_are_free(
    root: &Section<'_>,
    endpoints: &EndpointsConfig,
    issuer: &IssuerConfig,
    routes: &[RouteRule],
    login_url: Option<&str>,
) {
    let issuers = [
        &issuer.paths.obtain,
        &issuer.paths.refresh,
        &issuer.paths.revoke,
    ];
    for (endpoint, path) in endpoints.iter() {
        let field = format!("endpoints.{}.path", endpoint.name());
        if issuers.iter().any(|taken| *taken == path) {
            root.refuse::<()>(
                &field,
                format!("{}, which is a path of the issuer", quoted(path)),
                "a path that nothing else answers, e.g. /auth/login",
            );
        }
        if let Some(login_url) = login_url
            && decoded(login_url) == decoded(path)
        {
            root.refuse::<()>(
                "login_url",
                format!(
                    "{}, which is an endpoint of the relay and no page",
                    quoted(login_url)
                ),
                "the page on which users log in",
            );
        }
        for (index, rule) in routes.iter().enumerate() {
            if rule.path == PathMatch::Exact(path.to_owned()) {
                root.warn(
                    &format!("routes[{index}]"),
                    "never reached: an endpoint of the relay has this path, and endpoints are looked for first",
                );
            }
        }
    }
}
