//! `endpoints` (contract, section 7).

use serde_json::json;

use super::*;
use crate::config::{Endpoint, LoginReply};

fn opaque_with(endpoints: Json) -> Json {
    and(opaque(), "endpoints", endpoints)
}

fn all(reply: &str) -> Json {
    json!({
        "login": {"path": "/auth/login", "reply": reply},
        "logout": {"path": "/auth/logout"},
        "session": {"path": "/auth/session"},
        "adopt": {"path": "/auth/adopt"},
    })
}

#[test]
fn without_endpoints_there_are_none() {
    for config in [minimal(), with("endpoints", json!({}))] {
        let endpoints = accepted(&config).endpoints;
        assert_eq!(endpoints.iter().count(), 0);
        assert!(!endpoints.sets_cookie());
    }
}

#[test]
fn each_endpoint_has_its_path_and_the_login_its_reply() {
    let endpoints = accepted(&opaque_with(all("cookie"))).endpoints;
    let found: Vec<_> = endpoints.iter().collect();
    let expected = [
        (Endpoint::Login, "/auth/login"),
        (Endpoint::Logout, "/auth/logout"),
        (Endpoint::Session, "/auth/session"),
        (Endpoint::Adopt, "/auth/adopt"),
    ];
    assert_eq!(found, expected);
    assert!(endpoints.sets_cookie());
    let endpoints = accepted(&with("endpoints", all("body"))).endpoints;
    assert_eq!(endpoints.login.unwrap().reply, LoginReply::Body);
}

/// The cookie of NextAuth is encrypted, and its own.
#[test]
fn a_login_cookie_beside_nextauth_is_refused() {
    let line = mistake(&with("endpoints", all("cookie")));
    assert!(line.starts_with("endpoints.login.reply: found cookie beside session.format nextauth"));
}

#[test]
fn a_login_says_how_it_replies() {
    let missing = opaque_with(json!({"login": {"path": "/auth/login"}}));
    assert!(mistake(&missing).starts_with("endpoints.login.reply: found nothing"));
    let wrong = opaque_with(json!({"login": {"path": "/auth/login", "reply": "header"}}));
    assert!(mistake(&wrong).starts_with("endpoints.login.reply: found \"header\""));
    let reply = opaque_with(json!({"logout": {"path": "/auth/logout", "reply": "body"}}));
    assert!(mistake(&reply).starts_with("endpoints.logout.reply: found an unknown field"));
}

#[test]
fn a_path_is_plain_and_serves_one_endpoint() {
    for bad in ["auth", "", "/auth?x", "/a//b", "/a/../b", "/%2fb"] {
        let config = opaque_with(json!({"logout": {"path": bad}}));
        assert!(
            mistake(&config).starts_with("endpoints.logout.path: "),
            "{bad}"
        );
    }
    let twice = opaque_with(json!({"logout": {"path": "/auth"}, "session": {"path": "/auth"}}));
    assert!(mistake(&twice).starts_with("endpoints.session: found \"/auth\", as in logout"));
}

#[test]
fn a_path_that_something_else_needs_is_refused() {
    let issuers = opaque_with(json!({"session": {"path": "/api/token/"}}));
    assert!(mistake(&issuers).contains("which is a path of the issuer"));
    let page = and(
        opaque_with(json!({"session": {"path": "/login"}})),
        "login_url",
        json!("/login"),
    );
    assert!(mistake(&page).starts_with("login_url: found \"/login\", which is an endpoint"));
    let escaped = and(page, "login_url", json!("/%6cogin"));
    assert!(mistake(&escaped).starts_with("login_url: found \"/%6cogin\", which is an endpoint"));
    let route = json!([
        {"path": "/auth/session", "session": "required"},
        {"prefix": "/api/", "session": "required"},
    ]);
    let shadowed = and(
        opaque_with(json!({"session": {"path": "/auth/session"}})),
        "routes",
        route,
    );
    assert!(warned(&shadowed).starts_with("routes[0]: never reached"));
}

#[test]
fn a_relay_with_endpoints_needs_no_routes() {
    let mut config = opaque_with(all("body"));
    config["routes"] = json!([]);
    accepted(&config);
    config.as_object_mut().unwrap().remove("routes");
    accepted(&config);
    config["endpoints"] = json!({});
    assert!(mistake(&config).starts_with("routes: "));
}

#[test]
fn what_is_no_object_is_refused() {
    refuses_each("endpoints", [json!([]), json!("login"), json!(true)]);
    for wrong in [json!("/auth/login"), json!([]), json!(1)] {
        let config = opaque_with(json!({"login": wrong}));
        assert!(mistake(&config).starts_with("endpoints.login: "));
    }
    let unknown = opaque_with(json!({"log_in": {"path": "/x"}}));
    assert!(mistake(&unknown).contains("did you mean \"login\"?"));
}

#[test]
fn a_login_cookie_that_a_sub_domain_can_plant_is_warned_about() {
    let config = opaque_with(all("cookie"));
    let named = |name: &str| and(config.clone(), "session.cookies", json!([name]));
    accepted(&named("__Host-app"));
    assert!(warned(&named("session")).starts_with("session.cookies: "));
}
