//! Section 4: the table of situations, on required and on optional routes.

use super::harness::*;
use crate::callout::Failure;
use crate::relay::{CookieEdit, StreamId, Verdict};

const BOTH: [&str; 2] = ["/api/x", "/api/maybe/x"];

/// The same request on a required and on an optional route.
fn on_both(world: &mut World, edit: impl Fn(Ask) -> Ask) -> [StreamId; 2] {
    BOTH.map(|path| world.send(0, &edit(Ask::get(path))))
}

#[test]
fn a_request_with_a_session_goes_on_with_its_token_on_either_route() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    let streams = on_both(&mut world, |ask| ask.of(&alice));
    world.run_until_decided();
    assert_eq!(world.outcomes(&streams), ["store", "store"]);
    for stream in streams {
        assert_eq!(world.token(stream), world.access_token(&alice));
    }
    world.finish();
}

#[test]
fn without_a_usable_cookie_a_required_route_refuses_and_an_optional_one_passes() {
    let mut world = World::new(1);
    for cookie in [
        None,
        Some("theme=dark"),
        Some("__Host-session="),
        Some("__Host-session=tooshort"),
        Some("__Host-session=not an id, far from it"),
        Some("x__Host-session=S3CRET-S3CRET-S3CRET"),
    ] {
        let streams = on_both(&mut world, |ask| match cookie {
            Some(cookie) => ask.header("cookie", cookie),
            None => ask,
        });
        assert_eq!(
            world.outcomes(&streams),
            ["no_session", "pass"],
            "{cookie:?}"
        );
    }
    assert!(world.calls.is_empty());
}

#[test]
fn cookies_of_several_sessions_are_refused_on_either_route() {
    let mut world = World::new(1);
    let (alice, bob) = (world.log_in("alice"), world.log_in("bob"));
    let cookie = format!("__Host-session={}; __Host-session={}", alice.id, bob.id);
    let streams = on_both(&mut world, |ask| ask.header("cookie", &cookie));
    assert_eq!(world.outcomes(&streams), ["session_ambiguous"; 2]);
    assert!(world.calls.is_empty());
}

#[test]
fn without_a_record_a_required_route_says_so_and_an_optional_one_passes() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    world.log_out(&alice);
    let streams = on_both(&mut world, |ask| ask.of(&alice));
    world.run_until_decided();
    assert_eq!(world.outcomes(&streams), ["session_ended", "pass"]);
    world.finish();
}

#[test]
fn a_refused_refresh_ends_a_required_request_and_lets_an_optional_one_pass() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    let refresh = world.refresh_token(&alice);
    world.issuer.end(&refresh);
    let streams = on_both(&mut world, |ask| ask.of(&alice));
    world.run_until_decided();
    assert_eq!(world.outcomes(&streams), ["session_ended", "pass"]);
    world.finish();
}

#[test]
fn a_cross_site_request_gets_no_token() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    let cross = |path: &str| Ask::new("POST", path).header("sec-fetch-site", "cross-site");

    let required = world.send(0, &cross("/api/x").of(&alice));
    assert_eq!(world.outcome(required), "cross_site");
    assert!(
        world.calls.is_empty(),
        "it is refused before the store is asked"
    );

    let optional = world.send(0, &cross("/api/maybe/x").of(&alice));
    world.run_until_decided();
    assert_eq!(world.outcome(optional), "cross_site");
    let cached = world.send(0, &cross("/api/maybe/x").of(&alice));
    assert_eq!(world.outcome(cached), "cross_site");

    world.log_out(&alice);
    world.run_for(s(3));
    let without_token = world.send(0, &cross("/api/maybe/x").of(&alice));
    let without_cookie = world.send(0, &cross("/api/maybe/x"));
    let no_session = world.send(0, &cross("/api/x"));
    world.run_until_decided();
    let outcomes = world.outcomes(&[without_token, without_cookie, no_session]);
    assert_eq!(outcomes, ["pass", "pass", "no_session"]);
    world.finish();
}

#[test]
fn a_request_of_the_own_site_gets_its_token_whatever_the_method() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    for (name, value) in [
        ("sec-fetch-site", "same-origin"),
        ("origin", "https://app.example.com"),
        ("accept", "*/*"),
    ] {
        let ask = Ask::new("POST", "/api/x").header(name, value).of(&alice);
        let stream = world.send(0, &ask);
        world.run_until_decided();
        world.token(stream);
    }
}

#[test]
fn without_the_store_both_routes_answer_503() {
    for fate in [
        Fate::Lost,
        Fate::Status(503, ""),
        Fate::Redis("LOADING Redis is loading the dataset in memory"),
        Fate::Fails(Failure::NotSent),
    ] {
        let mut world = World::new(1);
        let alice = world.log_in("alice");
        world.set_outage(&Target::STORE, fate);
        let streams = on_both(&mut world, |ask| ask.of(&alice));
        world.run_until_decided();
        assert_eq!(world.outcomes(&streams), ["store_unavailable"; 2]);
        world.finish();
    }
}

#[test]
fn with_an_unusable_token_and_no_issuer_both_routes_answer_503() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.set_outage(&[Target::Refresh], Fate::Status(502, ""));
    let streams = on_both(&mut world, |ask| ask.of(&alice));
    world.run_until_decided();
    assert_eq!(world.outcomes(&streams), ["issuer_unavailable"; 2]);
    world.finish();
}

#[test]
fn held_for_too_long_both_routes_answer_503() {
    let mut world = World::new(1);
    let alice = world.log_in_expired("alice");
    world.plan(Target::Refresh, Fate::slow(s(20)));
    let streams = on_both(&mut world, |ask| ask.of(&alice));
    world.run_until_decided();
    assert_eq!(world.outcomes(&streams), ["refresh_timeout"; 2]);
    world.finish();
}

#[test]
fn a_record_that_cannot_be_understood_is_answered_502_on_both_routes() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    world.store.set(&alice.record(), "{}", None);
    let streams = on_both(&mut world, |ask| ask.of(&alice));
    world.run_until_decided();
    assert_eq!(world.outcomes(&streams), ["record_invalid"; 2]);
    world.finish();
}

#[test]
fn an_ambiguous_path_is_answered_400_on_both_routes() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    for path in ["/api//x", "/api/maybe/../x", "/other/%2e%2e/api/maybe/x"] {
        let stream = world.send(0, &Ask::get(path).of(&alice));
        assert_eq!(world.outcome(stream), "path_ambiguous", "{path}");
    }
    assert!(world.calls.is_empty());
}

#[test]
fn a_route_that_is_off_is_not_touched() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    for path in ["/", "/other", "/api/auth/session"] {
        let cross = Ask::new("POST", path).header("sec-fetch-site", "cross-site");
        let stream = world.send(0, &cross.of(&alice));
        assert_eq!(world.outcome(stream), "pass", "{path}");
    }
    assert!(world.calls.is_empty());
}

#[test]
fn a_preflight_passes_without_a_session() {
    let mut world = World::new(1);
    let preflight = |path: &str| {
        Ask::new("OPTIONS", path)
            .header("origin", "https://elsewhere.example.com")
            .header("access-control-request-method", "POST")
    };
    for (path, outcome) in [
        ("/api/x", "pass_without_authorization"),
        ("/api/maybe/x", "pass"),
        ("/other", "pass"),
    ] {
        let stream = world.send(0, &preflight(path));
        assert_eq!(world.outcome(stream), outcome, "{path}");
    }
    let options = world.send(0, &Ask::new("OPTIONS", "/api/x"));
    assert_eq!(world.outcome(options), "no_session", "not a preflight");
}

#[test]
fn the_issuers_own_paths_are_hidden() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    for path in [
        "/api/token/",
        "/api/token/refresh/",
        "/api/token/blacklist/",
    ] {
        let stream = world.send(0, &Ask::new("POST", path).of(&alice));
        assert_eq!(world.outcome(stream), "not_found", "{path}");
    }
    assert!(world.calls.is_empty());
}

#[test]
fn the_session_cookie_goes_no_further_than_the_relay() {
    let mut world = World::new(1);
    let alice = world.log_in("alice");
    let cookie_of = |world: &World, stream| match world.verdict(stream) {
        Verdict::Inject(injection) => injection.cookie.clone(),
        other => panic!("no token was given: {other:?}"),
    };
    let only = world.ask(0, &alice);
    let cookie = format!("a=1; __Host-session={}; b=2", alice.id);
    let among = Ask::get("/api/x").header("cookie", &cookie);
    let among = world.send(0, &among.belonging_to(&alice));
    world.run_until_decided();
    assert_eq!(cookie_of(&world, only), CookieEdit::Remove);
    let rest = b"a=1; b=2".to_vec();
    assert_eq!(cookie_of(&world, among), CookieEdit::Replace(rest.into()));
    let cached = world.ask(0, &alice);
    assert_eq!(cookie_of(&world, cached), CookieEdit::Remove);
}

#[test]
fn the_upstream_section_decides_about_cookie_and_caching() {
    for wanted in [true, false] {
        let mut world = World::with(1, |config| {
            config.upstream.strip_session_cookie = wanted;
            config.upstream.private_responses = wanted;
        });
        let alice = world.log_in("alice");
        let asked = world.ask(0, &alice);
        world.run_until_decided();
        let cached = world.ask(0, &alice);
        for stream in [asked, cached] {
            let Verdict::Inject(injection) = world.verdict(stream) else {
                panic!("no token was given");
            };
            assert_eq!(injection.private_response, wanted);
            assert_eq!(injection.cookie == CookieEdit::Keep, !wanted);
        }
    }
}
