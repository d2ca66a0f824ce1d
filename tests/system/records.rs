//! What a record may look like (section 5).

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::common::{THING, assert_problem, upstream_at};
use crate::stack::act::Act;
use crate::stack::django::{REFRESH, WHOAMI};
use crate::stack::http::Response;
use crate::stack::session::Session;
use crate::stack::store::hex;
use crate::stack::{Stack, jwt};

/// What is in Redis after a refresh, checked for what always holds: the new
/// tokens, both times, and the TTL of the refresh token's life.
fn refreshed(stack: &Stack, session: &Session) -> Value {
    stack.issuer.wait_until_quiet();
    let mut record = Value::Null;
    crate::stack::wait::until("the new tokens are in Redis", || {
        record = stack.redis.record(&session.key).expect("the session lives");
        record["access"] != session.access.as_str()
    });
    let token = |name: &str| record[name].as_str().expect("a token").to_owned();
    assert_eq!(record["access_exp"], jwt::exp(&token("access")));
    assert_eq!(record["refresh_exp"], jwt::exp(&token("refresh")));
    let life = jwt::exp(&token("refresh")) - jwt::now();
    let ttl = stack.redis.ttl(&session.key);
    assert!(
        (life - 3..=life + 1).contains(&ttl),
        "TTL {ttl}, refresh token {life}"
    );
    assert_eq!(token("refresh"), stack.django.newest_refresh(&session.user));
    assert_eq!(stack.refreshes(session), 1);
    record
}

#[test]
fn a_refresh_writes_both_tokens_both_times_and_the_ttl() {
    let stack = Stack::new();
    let session = stack.session().access_left(-5).ttl(600).save();
    stack.whoami_ok(&session);
    refreshed(&stack, &session);
    assert!(
        stack.django.is_blacklisted(&session.refresh),
        "the old one is spent"
    );
    // The new record serves from now on.
    stack.whoami_ok(&session);
    assert_eq!(stack.issuer.calls(REFRESH), 1);
}

#[test]
fn a_record_without_times_is_read_from_its_tokens() {
    let stack = Stack::new();
    let fresh = stack.session().without_times().save();
    stack.whoami_ok(&fresh);
    assert_eq!(stack.issuer.calls(REFRESH), 0);
    let expired = stack.session().access_left(-5).without_times().save();
    stack.whoami_ok(&expired);
    refreshed(&stack, &expired);
}

#[test]
fn milliseconds_do_not_make_an_expired_token_live() {
    let stack = Stack::new();
    let builder = stack.session().access_left(-5);
    let now = jwt::now();
    let session = builder
        .member("access_exp", (now - 5) * 1000)
        .member("refresh_exp", (now + 86400) * 1000)
        .save();
    stack.whoami_ok(&session);
    refreshed(&stack, &session);
}

#[test]
fn where_token_and_record_disagree_the_earlier_counts() {
    let stack = Stack::new();
    let session = stack.session().member("access_exp", jwt::now() - 5).save();
    stack.whoami_ok(&session);
    refreshed(&stack, &session);
}

#[test]
fn unknown_members_are_kept() {
    let stack = Stack::new();
    let members = json!({
        "user": {"name": "Zoë \u{1F680}", "roles": ["a", "b"], "quote": "\"\\/\n"},
        "created": 1_795_363_123.25,
        "big": 9_007_199_254_740_993_i64,
        "empty": {}, "none": null, "list": [], "yes": true,
    });
    let mut builder = stack.session().access_left(-5);
    for (name, value) in members.as_object().expect("an object") {
        builder = builder.member(name, value.clone());
    }
    let session = builder.save();
    stack.whoami_ok(&session);
    let record = refreshed(&stack, &session);
    for (name, value) in members.as_object().expect("an object") {
        assert_eq!(&record[name.as_str()], value, "{name}");
    }
}

#[test]
fn without_a_refresh_token_the_access_token_is_used_until_it_ends() {
    let stack = Stack::new();
    for refresh in [json!(""), Value::Null] {
        let fresh = stack.session().member("refresh", refresh.clone()).save();
        stack.whoami_ok(&fresh);
        let expired = stack
            .session()
            .access_left(-5)
            .member("refresh", refresh)
            .save();
        assert_problem(&stack.whoami(&expired), 401, "session_ended");
    }
    assert_eq!(stack.issuer.calls(REFRESH), 0);
}

#[test]
fn a_token_whose_expiry_is_not_to_be_had_is_sent_as_it_is() {
    let stack = Stack::new();
    upstream_at(&stack, THING);
    let session = stack.session().access("an-opaque-access-token").save();
    assert_eq!(stack.send(&stack.request(THING, &session)).status, 200);
    assert_eq!(stack.issuer.last(THING).bearer(), "an-opaque-access-token");
    assert_eq!(stack.issuer.calls(REFRESH), 0);
}

#[test]
fn a_refresh_token_without_expiry_leaves_the_ttl_as_it_was() {
    let stack = Stack::new();
    upstream_at(&stack, THING);
    let session = stack.session().access_left(-5).ttl(5000).save();
    let access = stack.django.mint("access", &session.user, 0, 300);
    let tokens = json!({"access": access, "refresh": "an-opaque-refresh-token"});
    stack
        .issuer
        .once(REFRESH, Act::answer(Response::json_body(200, &tokens)));
    assert_eq!(stack.send(&stack.request(THING, &session)).status, 200);
    assert_eq!(stack.issuer.last(THING).bearer(), access);
    crate::stack::wait::until("the record is written", || {
        stack.redis.record(&session.key).expect("a record")["access"] == access.as_str()
    });
    let record = stack.redis.record(&session.key).expect("a record");
    assert_eq!(record["refresh"], "an-opaque-refresh-token");
    let ttl = stack.redis.ttl(&session.key);
    assert!((4900..=5000).contains(&ttl), "{ttl}");
}

#[test]
fn with_rotation_off_the_refresh_token_stays() {
    let stack = Stack::build()
        .django(crate::stack::django::Options {
            rotate: false,
            ..Default::default()
        })
        .start();
    let session = stack.expired();
    stack.whoami_ok(&session);
    crate::stack::wait::until("the new token is in Redis", || {
        stack.redis.record(&session.key).expect("a record")["access"] != session.access.as_str()
    });
    let record = stack.redis.record(&session.key).expect("a record");
    assert_eq!(record["refresh"], session.refresh.as_str());
    assert_eq!(record["refresh_exp"], jwt::exp(&session.refresh));
    assert!(!stack.django.is_blacklisted(&session.refresh));
    assert_eq!(stack.refreshes(&session), 0);
    assert_eq!(stack.issuer.calls(REFRESH), 1);
    // The second time is as good as the first.
    stack
        .redis
        .set_member(&session.key, "access", session.access.as_str());
    stack
        .redis
        .set_member(&session.key, "access_exp", jwt::exp(&session.access));
    let again = crate::stack::wait::within(std::time::Duration::from_secs(20), || {
        stack.whoami_ok(&session);
        stack.issuer.calls(REFRESH) == 2
    });
    assert!(again, "it was refreshed again");
}

#[test]
fn members_and_keys_have_the_names_that_are_configured() {
    let stack = Stack::with(|config| {
        config["store"]["key"] = json!("session:{id}:tokens");
        config["store"]["fields"] = json!({
            "access": "accessToken", "refresh": "refreshToken",
            "access_exp": "accessExpires", "refresh_exp": "refreshExpires",
        });
    });
    let builder = stack.session().access_left(-5).without_times();
    let session = builder.key(|id| format!("session:{id}:tokens")).save();
    let record = json!({"accessToken": session.access, "refreshToken": session.refresh});
    stack
        .redis
        .command(&["SET", &session.key, &record.to_string(), "EX", "900"]);
    stack.whoami_ok(&session);
    crate::stack::wait::until("the new tokens are in Redis", || {
        stack.redis.record(&session.key).expect("a record")["refreshToken"]
            == stack.django.newest_refresh(&session.user).as_str()
    });
    let record = stack.redis.record(&session.key).expect("a record");
    assert!(record["accessExpires"].is_i64() && record["refreshExpires"].is_i64());
    assert_eq!(
        record.as_object().map(serde_json::Map::len),
        Some(4),
        "and nothing else"
    );
}

#[test]
fn the_key_can_hold_the_ids_hash() {
    let stack = Stack::with(|config| config["store"]["hash_id"] = json!(true));
    let hashed = |id: &str| format!("session:{}", hex(&Sha256::digest(id)));
    let session = stack.session().access_left(-5).key(hashed).save();
    stack.whoami_ok(&session);
    assert_eq!(stack.issuer.last(WHOAMI).bearer().split('.').count(), 3);
    refreshed(&stack, &session);
}
