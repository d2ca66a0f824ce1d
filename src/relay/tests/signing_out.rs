//! Section 7: logout and session.

use log::Level;
use serde_json::{Value, json};

use super::harness::*;
use super::signing_in::{answered, body, header, world};
use crate::config::LoginReply;
use crate::metrics::Metric;

fn logout() -> Ask {
    Ask::new("POST", "/auth/logout")
}

fn session() -> Ask {
    Ask::get("/auth/session")
}

#[test]
fn a_logout_removes_the_record_revokes_the_token_and_takes_the_cookie() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in("alice");
    let refresh = world.refresh_token(&alice);
    assert_eq!(world.ask_and_wait(0, &alice), "store");
    let stream = answered(&mut world, &logout().of(&alice));
    assert_eq!(world.outcome(stream), "logout");
    let reply = world.reply(stream);
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    let expired = "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";
    assert_eq!(header(reply, "set-cookie"), Some(expired));
    assert!(!world.has_record(&alice));
    // This worker knows at once.
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    world.finish();
    assert_eq!(world.issuer.revoked, [refresh]);
    assert_eq!(world.count(Metric::SessionsLoggedOut), 1);
    assert!(world.logged(Level::Info, "event=session_logged_out"));
}

#[test]
fn a_logout_without_a_session_is_done_already() {
    for mode in [LoginReply::Cookie, LoginReply::Body] {
        let mut world = world(mode);
        let gone = world.log_in("alice");
        world.log_out(&gone);
        for ask in [
            logout(),
            logout().header("cookie", "__Host-session=short"),
            logout().of(&gone),
        ] {
            let stream = answered(&mut world, &ask);
            assert_eq!(world.reply(stream).status, 204);
        }
        world.finish();
    }
}

#[test]
fn a_server_names_the_session_in_the_body() {
    let mut world = world(LoginReply::Body);
    let alice = world.log_in("alice");
    let stream = answered(&mut world, &logout().json(&json!({"session_id": alice.id})));
    assert_eq!(world.reply(stream).status, 204);
    assert_eq!(header(world.reply(stream), "set-cookie"), None);
    assert!(!world.has_record(&alice));
    for harmless in [
        "",
        " ",
        "{}",
        r#"{"session_id": null}"#,
        r#"{"session_id": "no id"}"#,
    ] {
        let stream = answered(&mut world, &logout().text(harmless));
        assert_eq!(world.reply(stream).status, 204, "{harmless}");
    }
    for wrong in ["[]", "{", r#"{"session_id": 1}"#] {
        let stream = answered(&mut world, &logout().text(wrong));
        assert_eq!(world.outcome(stream), "body_invalid", "{wrong}");
    }
    world.finish();
}

#[test]
fn a_browser_cannot_name_a_session_in_the_body() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in("alice");
    let stream = answered(&mut world, &logout().json(&json!({"session_id": alice.id})));
    assert_eq!(world.reply(stream).status, 204);
    assert!(world.has_record(&alice));
}

#[test]
fn every_session_that_the_cookies_name_is_ended() {
    let mut world = world(LoginReply::Cookie);
    let (alice, other) = (world.log_in("alice"), world.log_in("alice"));
    let cookie = format!("__Host-session={}; __Host-session={}", alice.id, other.id);
    let stream = answered(&mut world, &logout().header("cookie", &cookie));
    assert_eq!(world.reply(stream).status, 204);
    assert_eq!(world.store.records(), 0);
    world.finish();
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
}

#[test]
fn a_store_that_cannot_answer_is_told_and_the_cookie_stays() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in("alice");
    for target in [Target::Read, Target::Delete] {
        world.set_outage(&[target], Fate::Status(503, ""));
        let stream = answered(&mut world, &logout().of(&alice));
        assert_eq!(world.outcome(stream), "store_unavailable");
        assert_eq!(header(world.reply(stream), "set-cookie"), None);
        world.end_outage();
    }
    world.finish();
}

#[test]
fn an_issuer_that_cannot_revoke_fails_no_logout() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in("alice");
    world.set_outage(&[Target::Revoke], Fate::Lost);
    let stream = answered(&mut world, &logout().of(&alice));
    assert_eq!(world.reply(stream).status, 204);
    assert!(world.held(stream) < s(1), "nobody waits for the issuer");
    world.finish();
}

#[test]
fn a_record_that_changes_under_a_logout_is_read_and_revoked_again() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in("alice");
    let stream = world.send(0, &logout().of(&alice));
    // Between the read and the deletion.
    world.run_for(ms(1));
    world.rotate_elsewhere(&alice);
    let newest = world.refresh_token(&alice);
    world.run_until_decided();
    assert_eq!(world.reply(stream).status, 204);
    assert!(!world.has_record(&alice));
    world.finish();
    assert!(world.issuer.revoked.contains(&newest));
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
}

#[test]
fn a_logout_during_a_refresh_leaves_no_live_token() {
    for moment in 0..30 {
        let mut world = world(LoginReply::Cookie);
        let alice = world.log_in_expired("alice");
        let request = world.ask(1, &alice);
        world.run_for(ms(moment));
        let stream = world.send(0, &logout().of(&alice));
        world.run_until_decided();
        assert_eq!(world.reply(stream).status, 204);
        world.finish();
        assert!(!world.has_record(&alice), "after {moment} ms");
        assert_eq!(world.issuer.live_refresh_tokens(), 0, "after {moment} ms");
        let outcome = world.outcome(request);
        let fine = ["refreshed", "session_ended"];
        assert!(
            fine.contains(&outcome.as_str()),
            "{outcome} after {moment} ms"
        );
    }
}

/// What a read shows that was sent before the end may be older than the end.
#[test]
fn a_slow_read_does_not_bring_a_logged_out_session_back() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in("alice");
    let slow = Fate::Takes {
        there: ms(1),
        back: ms(400),
    };
    world.plan(Target::Read, slow);
    let before = world.ask(0, &alice);
    world.run_for(ms(5));
    let stream = world.send(0, &logout().of(&alice));
    world.run_for(ms(50));
    assert_eq!(world.reply(stream).status, 204);
    assert_eq!(world.outcome(before), "session_ended");
    let meanwhile = world.ask(0, &alice);
    world.run_for(ms(500));
    assert_eq!(world.outcome(meanwhile), "session_ended");
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    world.finish();
}

/// The same of a claim that finds another writer's tokens.
#[test]
fn a_slow_claim_does_not_bring_a_logged_out_session_back() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in_expired("alice");
    let slow = Fate::Takes {
        there: ms(20),
        back: ms(300),
    };
    world.plan(Target::Claim, slow);
    let before = world.ask(0, &alice);
    while world.made(Target::Claim).is_empty() {
        world.run_for(ms(1));
    }
    world.rotate_elsewhere(&alice);
    world.run_for(ms(30));
    let stream = world.send(0, &logout().of(&alice));
    world.run_for(ms(50));
    assert_eq!(world.reply(stream).status, 204);
    assert_eq!(world.outcome(before), "session_ended");
    world.run_for(ms(500));
    assert_eq!(world.ask_and_wait(0, &alice), "session_ended");
    world.finish();
    assert_eq!(world.store.get(&alice.lease()), None);
}

#[test]
fn a_session_whose_tokens_have_all_expired_is_none() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in_expired("alice");
    world.rewrite(&alice, |record| {
        record["refresh_exp"] = json!(1_800_000_000 - 1)
    });
    let stream = answered(&mut world, &session().of(&alice));
    assert_eq!(body(world.reply(stream))["authenticated"], false);
}

#[test]
fn a_logout_goes_on_when_its_client_leaves() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in("alice");
    let stream = world.send(0, &logout().of(&alice));
    world.leave(stream);
    assert_eq!(world.count(Metric::Request("client_gone")), 1);
    world.finish();
    assert!(!world.has_record(&alice));
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
}

#[test]
fn a_record_that_cannot_be_understood_can_be_ended() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in("alice");
    world.store.set(&alice.record(), "no json", None);
    let stream = answered(&mut world, &logout().of(&alice));
    assert_eq!(world.reply(stream).status, 204);
    assert!(!world.has_record(&alice));
    world.finish();
}

#[test]
fn a_record_that_the_gateway_does_not_show_whole_is_no_endless_loop() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in("alice");
    world.store.set(&alice.record(), "{}\0", None);
    let stream = answered(&mut world, &logout().of(&alice));
    assert_eq!(world.outcome(stream), "record_invalid");
    world.finish();
}

#[test]
fn the_session_endpoint_says_whether_and_until_when() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in("alice");
    let none = json!({"authenticated": false, "expires_at": null});
    let stream = answered(&mut world, &session().of(&alice));
    assert_eq!(world.outcome(stream), "session");
    let reply = world.reply(stream);
    assert_eq!(header(reply, "cache-control"), Some("no-store"));
    let there = json!({"authenticated": true, "expires_at": 1_800_000_000 + 86400});
    assert_eq!(body(reply), there);

    let nobody = answered(&mut world, &session());
    assert_eq!(body(world.reply(nobody)), none);
    world.log_out(&alice);
    let ended = answered(&mut world, &session().of(&alice));
    assert_eq!(body(world.reply(ended)), none);
    let head = answered(&mut world, &Ask::new("HEAD", "/auth/session"));
    assert_eq!(world.reply(head).status, 200);
    world.finish();
}

#[test]
fn without_an_expiry_of_the_refresh_token_that_of_the_record_counts() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in("alice");
    let opaque = json!({"access": "opaque", "refresh": "S3CRET"}).to_string();
    world.store.set(&alice.record(), &opaque, Some(s(1000)));
    let expires_at = |world: &mut World| {
        let stream = answered(world, &session().of(&alice));
        body(world.reply(stream))["expires_at"].clone()
    };
    assert_eq!(expires_at(&mut world), 1_800_000_000 + 1000);
    world.store.set(&alice.record(), &opaque, None);
    assert_eq!(expires_at(&mut world), Value::Null);
}

#[test]
fn a_session_that_nothing_can_renew_is_none() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in_expired("alice");
    world.rewrite(&alice, |record| record["refresh"] = json!(null));
    let stream = answered(&mut world, &session().of(&alice));
    assert_eq!(body(world.reply(stream))["authenticated"], false);
}

#[test]
fn an_outage_is_no_answer_to_whether_there_is_a_session() {
    let mut world = world(LoginReply::Cookie);
    let alice = world.log_in("alice");
    world.set_outage(&Target::STORE, Fate::Lost);
    let stream = answered(&mut world, &session().of(&alice));
    assert_eq!(world.outcome(stream), "store_unavailable");
    world.end_outage();
    world.store.set(&alice.record(), "no json", None);
    let stream = answered(&mut world, &session().of(&alice));
    assert_eq!(world.outcome(stream), "record_invalid");
    world.finish();
}
