//! Section 4: where a page navigation without a session is sent.

use super::harness::*;
use crate::relay::{StreamId, Verdict};

fn world() -> World {
    World::with(1, |config| config.login_url = Some("/login".into()))
}

fn navigation(path: &str) -> Ask {
    Ask::get(path).header("sec-fetch-mode", "navigate")
}

fn location(world: &World, stream: StreamId) -> &str {
    let Verdict::Reply { reply, .. } = world.verdict(stream) else {
        panic!("no reply");
    };
    let mut headers = reply.headers.iter();
    let (_, value) = headers.find(|(name, _)| *name == "location").unwrap();
    value
}

#[test]
fn a_navigation_without_a_session_is_sent_to_the_login_page() {
    let mut world = world();
    let stream = world.send(0, &navigation("/api/report?year=1"));
    assert_eq!(world.outcome(stream), "redirect");
    assert_eq!(
        location(&world, stream),
        "/login?callbackUrl=%2Fapi%2Freport%3Fyear%3D1"
    );
}

#[test]
fn a_navigation_of_an_ended_session_is_sent_to_the_login_page() {
    let mut world = world();
    let alice = world.log_in("alice");
    world.log_out(&alice);
    let gone = world.send(0, &navigation("/api/x").of(&alice));
    let fetch = world.ask(0, &alice);
    let optional = world.send(0, &navigation("/api/maybe/x").of(&alice));
    world.run_until_decided();
    let outcomes = world.outcomes(&[gone, fetch, optional]);
    assert_eq!(outcomes, ["redirect", "session_ended", "pass"]);
    world.finish();
}

#[test]
fn a_navigation_with_cookies_of_several_sessions_is_sent_to_the_login_page() {
    let mut world = world();
    let (alice, bob) = (world.log_in("alice"), world.log_in("bob"));
    let cookie = format!("__Host-session={}; __Host-session={}", alice.id, bob.id);
    let stream = world.send(0, &navigation("/api/x").header("cookie", &cookie));
    assert_eq!(world.outcome(stream), "redirect");
}

#[test]
fn a_fetch_never_gets_a_redirect() {
    let mut world = world();
    for ask in [
        Ask::get("/api/x").header("sec-fetch-mode", "cors"),
        Ask::get("/api/x").header("accept", "application/json"),
        Ask::new("POST", "/api/x").header("accept", "text/html"),
    ] {
        let stream = world.send(0, &ask);
        assert_eq!(world.outcome(stream), "no_session");
    }
}

#[test]
fn an_outage_is_told_to_a_navigation_as_it_is() {
    let mut world = world();
    let alice = world.log_in("alice");
    world.set_outage(&Target::STORE, Fate::Status(503, ""));
    let stream = world.send(0, &navigation("/api/x").of(&alice));
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "store_unavailable");
    world.finish();
}

/// On an optional route it is shown to whoever has no session, but nobody knows
/// whose session two cookies mean.
#[test]
fn the_login_page_is_not_sent_to_itself() {
    let login_url = Some("/api/maybe/login".into());
    let mut world = World::with(1, |config| config.login_url = login_url);
    let (alice, bob) = (world.log_in("alice"), world.log_in("bob"));
    let cookie = format!("__Host-session={}; __Host-session={}", alice.id, bob.id);
    let ask = |path| navigation(path).header("cookie", &cookie);
    let page = world.send(0, &ask("/api/maybe/x"));
    assert_eq!(world.outcome(page), "redirect");
    let login = world.send(0, &ask("/api/maybe/login?callbackUrl=%2Fapi%2Fmaybe%2Fx"));
    assert_eq!(world.outcome(login), "session_ambiguous");
}
