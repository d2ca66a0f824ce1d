//! Section 7: login and adopt.

use log::Level;
use serde_json::{Value, json};

use super::harness::*;
use crate::config::{Config, LoginConfig, LoginReply};
use crate::metrics::{IssuerOutcome, Metric};
use crate::relay::StreamId;
use crate::reply::Reply;

/// All endpoints, a login that answers so.
pub(super) fn endpoints(reply: LoginReply) -> impl Fn(&mut Config) {
    move |config| {
        let path = "/auth/login".to_owned();
        config.endpoints.login = Some(LoginConfig { path, reply });
        config.endpoints.logout = Some("/auth/logout".into());
        config.endpoints.session = Some("/auth/session".into());
        config.endpoints.adopt = Some("/auth/adopt".into());
    }
}

pub(super) fn world(reply: LoginReply) -> World {
    World::with(2, endpoints(reply))
}

pub(super) fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    let mut headers = reply.headers.iter().filter(|(known, _)| *known == name);
    let value = headers.next().map(|(_, value)| value.as_str());
    assert!(headers.next().is_none(), "{name} twice");
    value
}

pub(super) fn body(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap()
}

fn login(password: &str) -> Ask {
    Ask::new("POST", "/auth/login").json(&json!({"username": "alice", "password": password}))
}

/// Sends it and waits for its answer.
pub(super) fn answered(world: &mut World, ask: &Ask) -> StreamId {
    let stream = world.send(0, ask);
    world.run_until_decided();
    stream
}

/// The session that a login with `reply: body` made.
fn made(world: &World, stream: StreamId) -> Session {
    let body = body(world.reply(stream));
    Session {
        id: body["session_id"].as_str().unwrap().to_owned(),
        user: "alice".into(),
    }
}

#[test]
fn a_visit_counts_with_its_stream() {
    let mut world = world(LoginReply::Body);
    world.send(0, &login("right"));
    world.send(0, &login("right"));
    world.send(0, &login("right"));
    assert_eq!(world.sizes(0).visits, 6);
    world.run_until_decided();
    assert_eq!(world.sizes(0).visits, 0);
}

#[test]
fn a_login_makes_a_session_that_lives_as_long_as_its_refresh_token() {
    let mut world = world(LoginReply::Body);
    let stream = answered(&mut world, &login("right"));
    assert_eq!(world.outcome(stream), "login");
    let reply = world.reply(stream);
    assert_eq!(reply.status, 200);
    assert_eq!(header(reply, "content-type"), Some("application/json"));
    assert_eq!(header(reply, "cache-control"), Some("no-store"));
    assert_eq!(header(reply, "set-cookie"), None);
    let answer = body(reply);
    assert_eq!(answer["user_id"], "alice");
    assert_eq!(answer["expires_at"], 1_800_000_000 + 86400);
    assert_eq!(answer.as_object().unwrap().len(), 3);

    let alice = made(&world, stream);
    assert_eq!(alice.id.len(), 43);
    let record = world.record(&alice);
    assert_eq!(record["access_exp"], 1_800_000_000 + 300);
    assert_eq!(record["refresh_exp"], answer["expires_at"]);
    assert!(!reply.body.contains(SECRET), "a token was handed out");
    let ttl = world.store.ttl(&alice.record()).unwrap();
    assert!(ttl > s(86399) && ttl <= s(86400));
    assert_eq!(world.ask_and_wait(1, &alice), "store");
    world.finish();
}

#[test]
fn a_browser_gets_the_id_as_a_cookie_and_nowhere_else() {
    let mut world = world(LoginReply::Cookie);
    let stream = answered(&mut world, &login("right"));
    let reply = world.reply(stream);
    let cookie = header(reply, "set-cookie").unwrap();
    let (value, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Lax");
    let id = value.strip_prefix("__Host-session=").unwrap();
    assert!(!reply.body.contains(id));
    let answer = body(reply);
    assert_eq!(answer["authenticated"], true);
    assert_eq!(answer["user_id"], "alice");
    assert!(world.store.get(&format!("session:{id}")).is_some());
    world.finish();
}

/// Nobody can know beforehand which id a user will have.
#[test]
fn a_login_replaces_the_session_that_its_cookie_named() {
    for mode in [LoginReply::Cookie, LoginReply::Body] {
        let mut world = world(mode);
        let before = world.log_in("alice");
        let old = world.refresh_token(&before);
        assert_eq!(world.ask_and_wait(0, &before), "store");
        let stream = answered(&mut world, &login("right").of(&before));
        assert_eq!(world.outcome(stream), "login");
        world.finish();
        assert!(!world.has_record(&before));
        assert_eq!(world.store.records(), 1);
        assert_eq!(world.ask_and_wait(0, &before), "session_ended");
        assert_eq!(world.issuer.revoked, [old]);
        assert_eq!(world.count(Metric::SessionsLoggedOut), 1);
    }
}

#[test]
fn a_wrong_password_is_told_as_the_issuer_tells_it_and_ends_nothing() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in("alice");
    let stream = answered(&mut world, &login("wrong").of(&alice));
    assert_eq!(world.outcome(stream), "login_refused");
    let reply = world.reply(stream);
    assert_eq!(reply.status, 401);
    assert!(body(reply)["detail"].is_string());
    assert_eq!(header(reply, "set-cookie"), None);
    assert!(header(reply, "www-authenticate").is_some());
    assert!(world.has_record(&alice));
    world.finish();
}

#[test]
fn an_issuer_that_cannot_answer_is_no_wrong_password() {
    for fate in [
        Fate::Status(503, ""),
        Fate::Status(502, "<html>"),
        Fate::Status(301, ""),
        Fate::Status(404, ""),
        Fate::Lost,
    ] {
        let mut world = world(LoginReply::Body);
        world.plan(Target::Obtain, fate);
        let stream = answered(&mut world, &login("right"));
        assert_eq!(world.outcome(stream), "issuer_unavailable");
        assert_eq!(world.store.records(), 0);
        world.finish();
    }
}

#[test]
fn an_issuer_that_is_not_as_configured_is_logged_as_an_error() {
    let mut world = world(LoginReply::Body);
    world.plan(Target::Obtain, Fate::Status(404, "<html>"));
    answered(&mut world, &login("right"));
    assert!(world.logged(Level::Error, "answered a login as none of its kind does"));
    assert_eq!(world.count(Metric::Login(IssuerOutcome::Misconfigured)), 1);
}

/// Each attempt has an id of its own: what arrives late is a session that nobody
/// can name.
#[test]
fn a_lost_answer_of_the_store_is_followed_by_an_attempt_with_another_id() {
    for (fate, carried_out) in [
        (Fate::UNANSWERED, true),
        (Fate::OtherNonce, true),
        (Fate::Garbled(200, NOSCRIPT), true),
        (Fate::Lost, false),
    ] {
        let mut world = world(LoginReply::Body);
        world.plan(Target::Create, fate);
        let stream = answered(&mut world, &login("right"));
        assert_eq!(world.outcome(stream), "login");
        let alice = made(&world, stream);
        assert!(world.has_record(&alice));
        assert_eq!(world.made(Target::Create).len(), 2);
        world.finish();
        assert_eq!(world.store.records(), 1 + usize::from(carried_out));
        assert!(world.issuer.revoked.is_empty());
    }
}

#[test]
fn tokens_that_cannot_be_stored_are_revoked() {
    let mut world = world(LoginReply::Body);
    world.set_outage(&[Target::Create], Fate::Status(503, ""));
    let stream = answered(&mut world, &login("right"));
    assert_eq!(world.outcome(stream), "store_unavailable");
    world.finish();
    assert_eq!(world.issuer.revoked.len(), 1);
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
}

#[test]
fn a_client_that_leaves_during_its_login_leaves_nothing_behind() {
    // At Django, and on the way into the store.
    for moment in [5, 20] {
        let mut world = world(LoginReply::Cookie);
        let before = world.log_in("alice");
        let stream = world.send(0, &login("right").of(&before));
        world.run_for(ms(moment));
        assert!(world.is_waiting(stream), "{moment} ms");
        world.leave(stream);
        world.finish();
        // A login that nobody waited for leaves the session of before alone.
        assert!(world.has_record(&before), "{moment} ms");
        assert_eq!(world.store.records(), 1, "{moment} ms");
        assert_eq!(world.issuer.live_refresh_tokens(), 1, "{moment} ms");
    }
}

/// Section 7: the tokens are revoked even if the store fails just then.
#[test]
fn the_tokens_of_a_login_that_nobody_waited_for_are_revoked_without_the_store() {
    let mut world = world(LoginReply::Cookie);
    let stream = world.send(0, &login("right"));
    world.run_for(ms(20));
    world.leave(stream);
    world.set_outage(&[Target::Read, Target::Delete], Fate::Status(503, ""));
    world.finish();
    assert_eq!(world.made(Target::Create).len(), 1);
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
    assert_eq!(world.made(Target::Revoke).len(), 1);
}

#[test]
fn a_body_that_is_no_json_object_is_refused_before_the_issuer_is_asked() {
    let mut world = world(LoginReply::Body);
    let post = || Ask::new("POST", "/auth/login");
    let json = || post().header("content-type", "application/json; charset=utf-8");
    for (ask, status, code) in [
        (
            post().text("username=a&password=b"),
            415,
            "media_type_unsupported",
        ),
        (
            post().header("content-type", "text/plain").text("{}"),
            415,
            "media_type_unsupported",
        ),
        (json().text("[]"), 400, "body_invalid"),
        (json().text(""), 400, "body_invalid"),
        (json().text("{"), 400, "body_invalid"),
        (json().too_large(), 413, "body_too_large"),
        (Ask::get("/auth/login"), 405, "method_not_allowed"),
        (Ask::new("PUT", "/auth/logout"), 405, "method_not_allowed"),
        (Ask::new("POST", "/auth/session"), 405, "method_not_allowed"),
        (Ask::new("DELETE", "/auth/adopt"), 405, "method_not_allowed"),
    ] {
        let stream = answered(&mut world, &ask);
        assert_eq!(world.outcome(stream), code);
        assert_eq!(world.reply(stream).status, status);
        let allow = header(world.reply(stream), "allow");
        assert_eq!(allow.is_some(), status == 405, "{code}");
    }
    assert!(world.made(Target::Obtain).is_empty());
    world.finish();
}

#[test]
fn a_body_that_never_comes_ends_after_ten_seconds() {
    let mut world = world(LoginReply::Body);
    let stream = world.send(0, &login("right").without_body());
    world.run_until_decided();
    assert_eq!(world.outcome(stream), "body_timeout");
    assert_eq!(world.held(stream), s(10));
    assert!(world.logged(Level::Warn, "allow_on_headers_stop_iteration"));
    let gone = world.send(0, &login("right").without_body());
    world.leave(gone);
    world.finish();
}

#[test]
fn another_site_can_neither_log_in_nor_out_nor_adopt() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in("alice");
    for path in ["/auth/login", "/auth/logout", "/auth/adopt"] {
        let ask = Ask::new("POST", path).of(&alice).json(&json!({}));
        for ask in [
            ask.clone().header("origin", "https://evil.example"),
            ask.header("sec-fetch-site", "same-site"),
        ] {
            let stream = answered(&mut world, &ask);
            assert_eq!(world.outcome(stream), "cross_site");
        }
    }
    assert!(world.has_record(&alice));
}

#[test]
fn tokens_from_elsewhere_become_a_session() {
    let mut world = world(LoginReply::Cookie);
    let (access, refresh) = world.issuer.obtain("alice", s(0));
    let ask = Ask::new("POST", "/auth/adopt").json(&json!({"access": access, "refresh": refresh}));
    let stream = answered(&mut world, &ask);
    assert_eq!(world.outcome(stream), "adopt");
    assert_eq!(header(world.reply(stream), "set-cookie"), None);
    let alice = made(&world, stream);
    assert_eq!(world.refresh_token(&alice), refresh);
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    world.finish();
}

#[test]
fn opaque_tokens_are_adopted_with_the_times_that_come_with_them() {
    let mut world = world(LoginReply::Body);
    let exp = 1_800_000_000 + 50;
    let tokens = json!({"access": "opaque", "refresh": "S3CRET", "access_exp": exp});
    let stream = answered(&mut world, &Ask::new("POST", "/auth/adopt").json(&tokens));
    let answer = body(world.reply(stream));
    assert_eq!(answer["user_id"], Value::Null);
    // session.lifetime
    assert_eq!(answer["expires_at"], 1_800_000_000 + 86400);
    assert_eq!(world.record(&made(&world, stream))["access_exp"], exp);
}

#[test]
fn what_is_no_token_is_not_adopted() {
    let mut world = world(LoginReply::Body);
    for wrong in [
        json!({}),
        json!({"access": ""}),
        json!({"access": 1}),
        json!({"access": "a b"}),
        json!({"access": "a\r\nb"}),
        json!({"access": "a", "refresh": 1}),
        json!({"access": "a", "refresh": "b c"}),
        json!({"access": "a", "access_exp": "soon"}),
    ] {
        let stream = answered(&mut world, &Ask::new("POST", "/auth/adopt").json(&wrong));
        assert_eq!(world.outcome(stream), "body_invalid", "{wrong}");
    }
    assert_eq!(world.store.records(), 0);
}

#[test]
fn the_callers_address_is_told_to_the_issuer() {
    let mut world = world(LoginReply::Body);
    answered(&mut world, &login("right"));
    assert_eq!(
        world.made(Target::Obtain)[0].forwarded_for.as_deref(),
        Some("192.0.2.7")
    );
}

#[test]
fn a_login_does_not_wait_for_the_end_of_the_sessions_that_it_replaces() {
    let mut world = world(LoginReply::Cookie);
    let before = world.log_in("alice");
    world.set_outage(&[Target::Read], Fate::Lost);
    let stream = answered(&mut world, &login("right").of(&before));
    assert_eq!(world.outcome(stream), "login");
    assert!(world.held(stream) < ms(100));
    world.finish();
    assert!(world.has_record(&before), "the store could not be asked");
}

/// Whoever brought them may bring them again.
#[test]
fn adopted_tokens_that_cannot_be_stored_stay_good() {
    let mut world = world(LoginReply::Body);
    let (access, refresh) = world.issuer.obtain("alice", s(0));
    let adopt =
        Ask::new("POST", "/auth/adopt").json(&json!({"access": access, "refresh": refresh}));
    world.set_outage(&[Target::Create], Fate::Status(503, ""));
    let stream = answered(&mut world, &adopt);
    assert_eq!(world.outcome(stream), "store_unavailable");
    world.end_outage();
    let gone = world.send(0, &adopt);
    world.leave(gone);
    world.finish();
    assert_eq!(world.store.records(), 0);
    assert!(world.issuer.is_live(&refresh));
    let stream = answered(&mut world, &adopt);
    assert_eq!(world.outcome(stream), "adopt");
}

#[test]
fn without_a_refresh_token_a_session_lives_as_long_as_its_access_token() {
    let mut world = world(LoginReply::Body);
    let (access, _) = world.issuer.obtain("alice", s(0));
    let adopt = Ask::new("POST", "/auth/adopt").json(&json!({"access": access}));
    let stream = answered(&mut world, &adopt);
    assert_eq!(body(world.reply(stream))["expires_at"], 1_800_000_000 + 300);
    let ttl = world.store.ttl(&made(&world, stream).record()).unwrap();
    assert!(ttl <= s(300), "{ttl:?}");
}
