//! Exactly one refresh, and nobody logged out, whatever else happens at that
//! moment (section 6). The gate holds Django's answer, so that each race takes
//! place every time.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::common::{assert_problem, counter};
use crate::stack::act::{Act, Latch};
use crate::stack::django::{REFRESH, REVOKE, WHOAMI};
use crate::stack::{Stack, wait};

#[test]
fn two_hundred_requests_on_three_proxies_refresh_once() {
    let stack = Stack::build().envoys(3).workers(2).alone().start();
    let session = stack.expired();
    // Long enough for all to have come while the one refresh is under way.
    stack
        .issuer
        .once(REFRESH, Act::forward().delayed(Duration::from_millis(600)));
    let answers = stack.whoami_many(&session, 200);
    assert_eq!(answers.len(), 200);
    for answer in &answers {
        session.assert_is_me(answer);
    }
    assert_eq!(stack.refreshes(&session), 1, "by Django's own account");
    assert_eq!(stack.issuer.calls(REFRESH), 1);
    let record = stack.redis.record(&session.key).expect("a record");
    for request in stack.issuer.seen_at(WHOAMI) {
        assert_eq!(
            request.bearer(),
            record["access"].as_str().expect("a token")
        );
    }
    // Workers of different Envoys may have equal names: count them by Envoy.
    stack.logged("worker", 200);
    let mut workers = HashSet::new();
    for (number, envoy) in stack.envoys.iter().enumerate() {
        for line in envoy.access_log() {
            workers.insert((
                number,
                line["worker"].as_str().unwrap_or_default().to_owned(),
            ));
        }
    }
    assert!(
        workers.iter().all(|(_, worker)| !worker.is_empty()),
        "every line names its worker"
    );
    assert!(
        workers.len() >= 5,
        "only {} of 6 workers took part",
        workers.len()
    );
    let verdicts = stack.verdicts(200);
    assert!(
        verdicts.iter().any(|verdict| verdict == "held"),
        "{verdicts:?}"
    );
    assert!(verdicts.iter().any(|verdict| verdict == "refreshed"));
}

#[test]
fn the_client_leaves_and_the_refresh_goes_on() {
    let stack = Stack::new();
    let session = stack.expired();
    stack
        .issuer
        .once(REFRESH, Act::forward().delayed(Duration::from_secs(2)));
    let pending = stack.start(&stack.request(WHOAMI, &session));
    stack.issuer.wait_for_calls(REFRESH, 1);
    pending.leave();
    wait::until("the new tokens are in Redis", || {
        let record = stack.redis.record(&session.key).expect("a record");
        record["access"] != session.access.as_str()
    });
    let record = stack.redis.record(&session.key).expect("a record");
    assert_eq!(
        record["refresh"],
        stack.django.newest_refresh(&session.user)
    );
    assert_eq!(
        stack.issuer.calls(WHOAMI),
        0,
        "nobody was there to be served"
    );
    stack.whoami_ok(&session);
    assert_eq!(stack.refreshes(&session), 1);
}

#[test]
fn of_several_clients_one_leaves_and_the_others_are_served() {
    let stack = Stack::build().workers(1).start();
    let session = stack.expired();
    let latch = Latch::default();
    stack.issuer.once(REFRESH, Act::forward().until(&latch));
    let request = stack.request(WHOAMI, &session);
    let first = stack.start(&request);
    stack.issuer.wait_for_calls(REFRESH, 1);
    let others = [stack.start(&request), stack.start(&request)];
    wait::until("three requests are there", || {
        stack.envoy().stat("http.ingress.downstream_rq_active") == 3
    });
    first.leave();
    wait::until("one has left", || {
        stack.envoy().stat("http.ingress.downstream_rq_active") == 2
    });
    latch.open();
    for pending in others {
        session.assert_is_me(&stack.answer(pending));
    }
    assert_eq!(stack.refreshes(&session), 1);
}

#[test]
fn a_logout_during_a_refresh_stays_a_logout() {
    let stack = Stack::new();
    let session = stack.expired();
    let (redis, key) = (stack.redis.clone(), session.key.clone());
    stack
        .issuer
        .once(REFRESH, Act::forward().after(move || redis.delete(&key)));
    let answer = stack.whoami(&session);
    assert!(matches!(answer.status, 200 | 401), "{}", answer.status);
    stack.issuer.wait_for_calls(REVOKE, 1);
    stack.issuer.wait_until_quiet();
    assert_eq!(
        stack.redis.record(&session.key),
        None,
        "the record stays away"
    );
    let new = stack.django.newest_refresh(&session.user);
    assert_ne!(new, session.refresh);
    assert!(
        stack.django.is_blacklisted(&new),
        "the new refresh token is revoked"
    );
    wait::until("the session has ended", || {
        stack.whoami(&session).status == 401
    });
    assert_eq!(stack.redis.record(&session.key), None);
    wait::until("the lease is released", || stack.lease_is_free(&session));
    assert_eq!(stack.counted("revocation.calls", "done"), 1);
}

#[test]
fn another_writer_changes_an_unknown_member_during_the_refresh() {
    let stack = Stack::new();
    let session = stack
        .session()
        .access_left(-5)
        .member("theme", "light")
        .save();
    let (redis, key) = (stack.redis.clone(), session.key.clone());
    let other_writer = move || redis.set_member(&key, "theme", "dark");
    stack
        .issuer
        .once(REFRESH, Act::forward().after(other_writer));
    stack.whoami_ok(&session);
    let newest = stack.django.newest_refresh(&session.user);
    wait::until("the new tokens are in Redis", || {
        stack.redis.record(&session.key).expect("a record")["refresh"] == newest.as_str()
    });
    let record = stack.redis.record(&session.key).expect("a record");
    assert_eq!(record["theme"], "dark", "both changes are in the record");
    assert!(
        !stack.django.is_blacklisted(&newest),
        "nobody is logged out"
    );
    assert_eq!(stack.refreshes(&session), 1);
    stack.whoami_ok(&session);
}

#[test]
fn another_writer_has_rotated_and_the_issuer_refuses_us() {
    let stack = Stack::new();
    let session = stack.expired();
    let (redis, key) = (stack.redis.clone(), session.key.clone());
    let (django, old) = (stack.django.clone(), session.refresh.clone());
    // Between our reading the record and our call, somebody else refreshes, and
    // writes only after our call has been refused.
    let tokens = std::sync::Arc::new(std::sync::Mutex::new(json!(null)));
    let taken = tokens.clone();
    let rotate = move || *taken.lock().expect("tokens") = django.refresh(&old).json();
    let write = {
        let tokens = tokens.clone();
        move || {
            let tokens = tokens.lock().expect("tokens").clone();
            redis.set_member(&key, "refresh", tokens["refresh"].clone());
            redis.set_member(&key, "access", tokens["access"].clone());
            redis.set_member(&key, "access_exp", json!(null));
        }
    };
    stack
        .issuer
        .once(REFRESH, Act::forward().before(rotate).after(write));
    stack.whoami_ok(&session);
    let tokens = tokens.lock().expect("tokens").clone();
    for token in ["access", "refresh"] {
        stack.secrets.add(
            "a token of the other writer",
            tokens[token].as_str().expect("a token"),
        );
    }
    assert_eq!(
        stack.issuer.last(WHOAMI).bearer(),
        tokens["access"].as_str().expect("a token")
    );
    let record = stack
        .redis
        .record(&session.key)
        .expect("nobody is logged out");
    assert_eq!(record["refresh"], tokens["refresh"]);
    assert_eq!(stack.counted("refresh.calls", "refused"), 1);
}

#[test]
fn a_refusal_waits_for_a_writer_that_is_a_second_late() {
    let stack = Stack::new();
    let session = stack.expired();
    let rotated = stack.django.refresh(&session.refresh).json();
    thread::scope(|scope| {
        let call = scope.spawn(|| stack.whoami(&session));
        stack.wait_for_counted("refresh.calls", "refused", 1);
        thread::sleep(Duration::from_secs(1));
        for name in ["refresh", "access"] {
            stack
                .redis
                .set_member(&session.key, name, rotated[name].clone());
        }
        stack
            .redis
            .set_member(&session.key, "access_exp", json!(null));
        session.assert_is_me(&call.join().expect("a request"));
    });
    assert!(stack.redis.record(&session.key).is_some());
    assert_eq!(
        stack.issuer.last(WHOAMI).bearer(),
        rotated["access"].as_str().expect("a token")
    );
}

#[test]
fn another_writer_has_rotated_while_we_were_accepted() {
    let stack = Stack::new();
    let session = stack.expired();
    let (redis, key) = (stack.redis.clone(), session.key.clone());
    // Logged in again under the same session id, say.
    let (access, refresh) = stack.django.login(&session.user);
    let (new_access, new_refresh) = (access.clone(), refresh.clone());
    let write = move || {
        let record = json!({"access": new_access, "refresh": new_refresh});
        redis.command(&["SET", &key, &record.to_string(), "EX", "900"]);
    };
    stack.issuer.once(REFRESH, Act::forward().after(write));
    stack.whoami_ok(&session);
    stack.issuer.wait_for_calls(REVOKE, 1);
    stack.issuer.wait_until_quiet();
    let ours = stack.django.newest_refresh(&session.user);
    assert_ne!(ours, refresh);
    assert!(
        stack.django.is_blacklisted(&ours),
        "our new token is revoked"
    );
    assert!(!stack.django.is_blacklisted(&refresh), "the other's is not");
    let record = stack.redis.record(&session.key).expect("a record");
    assert_eq!(record["refresh"], refresh.as_str());
    wait::until("the other's token is used", || {
        stack.whoami_ok(&session);
        stack.issuer.last(WHOAMI).bearer() == access
    });
}

#[test]
fn the_store_dies_between_the_issuers_answer_and_the_write_back() {
    let stack = Stack::new();
    let session = stack.expired();
    let redis = stack.redis.clone();
    stack
        .issuer
        .once(REFRESH, Act::forward().after(move || redis.kill()));
    let first = stack.whoami(&session);
    session.assert_is_me(&first);
    let new = stack.issuer.last(WHOAMI).bearer();
    assert_ne!(new, session.access);
    thread::sleep(Duration::from_secs(8));
    stack.redis.restart();
    wait::until("the new tokens are in Redis", || {
        let record = stack.redis.record(&session.key).expect("the session lives");
        record["access"] == new.as_str()
    });
    let record = stack.redis.record(&session.key).expect("a record");
    assert_eq!(
        record["refresh"],
        stack.django.newest_refresh(&session.user)
    );
    wait::until("the session serves", || {
        stack.whoami(&session).status == 200
    });
    assert_eq!(stack.issuer.last(WHOAMI).bearer(), new);
    assert_eq!(stack.refreshes(&session), 1);
    assert_eq!(stack.stat(&counter("sessions.deleted")), 0);
}

#[test]
fn while_the_write_back_is_pending_no_other_refresh_starts() {
    let stack = Stack::build().workers(1).start();
    let session = stack.expired();
    let redis = stack.redis.clone();
    stack
        .issuer
        .once(REFRESH, Act::forward().after(move || redis.freeze()));
    session.assert_is_me(&stack.whoami(&session));
    thread::sleep(Duration::from_secs(3));
    stack.redis.thaw();
    for _ in 0..20 {
        let answer = stack.whoami(&session);
        assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
    }
    wait::until("the new tokens are in Redis", || {
        let record = stack.redis.record(&session.key).expect("the session lives");
        record["refresh"] == stack.django.newest_refresh(&session.user).as_str()
    });
    stack.whoami_ok(&session);
    assert_eq!(stack.refreshes(&session), 1);
    assert_eq!(stack.issuer.calls(REFRESH), 1);
}

#[test]
fn a_crashed_holder_delays_the_others_no_longer_than_its_lease() {
    let stack = Stack::build()
        .envoys(2)
        .config(|config| {
            config["issuer"]["timeout"] = json!("1s");
            config["store"]["timeout"] = json!("300ms");
        })
        .start();
    let session = stack.expired();
    // The second Envoy dies while Django thinks; Django never heard of it.
    stack.issuer.once(REFRESH, Act::hang());
    let pending = stack
        .request(WHOAMI, &session)
        .start(stack.envoys[1].at.ingress);
    stack.issuer.wait_for_calls(REFRESH, 1);
    stack.envoys[1].part.kill();
    assert!(pending.try_answer().is_err());
    let first = stack.whoami(&session);
    if first.status != 200 {
        assert_problem(&first, 503, "refresh_timeout");
    }
    wait::until("the lease has ended", || {
        stack.whoami(&session).status == 200
    });
    assert_eq!(stack.refreshes(&session), 1);
}

#[test]
fn a_new_configuration_lets_the_refresh_finish() {
    let stack = Stack::build().watch_listeners().start();
    let session = stack.expired();
    let latch = Latch::default();
    stack.issuer.once(REFRESH, Act::forward().until(&latch));
    let pending = stack.start(&stack.request(WHOAMI, &session));
    stack.issuer.wait_for_calls(REFRESH, 1);
    // Only the refresh itself is left of the old listener.
    pending.leave();
    let envoy = stack.envoy();
    envoy.reconfigure(|config| config["cache"] = json!({"max_age": "1s"}));
    // Only filter chains differ, so Envoy replaces those in the same listener.
    let replaced = || envoy.stat("listener_manager.listener_in_place_updated") > 0;
    wait::until("the new listener is in place", replaced);
    // On a busy machine the old one may have drained between two looks.
    let draining = || envoy.stat("listener_manager.total_filter_chains_draining") > 0;
    wait::within(Duration::from_secs(2), draining);
    wait::until("the old listener is gone", || !draining());
    latch.open();
    wait::until("the new tokens are in Redis", || {
        let record = stack.redis.record(&session.key).expect("a record");
        record["refresh"] == stack.django.newest_refresh(&session.user).as_str()
    });
    wait::until("the new listener serves", || {
        stack.whoami(&session).status == 200
    });
    assert_eq!(stack.refreshes(&session), 1);
}
