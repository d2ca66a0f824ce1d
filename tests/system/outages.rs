//! Redis and Webdis stopped, frozen, restarted. No outage ends a session
//! (section 4), and no request hangs (section 8).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::{THING, assert_problem, upstream_at};
use crate::stack::session::Session;
use crate::stack::store::Redis;
use crate::stack::{Stack, wait};

/// `store.timeout` twice and time for a busy machine.
const SOON: Duration = Duration::from_secs(4);

/// One that asks the store for every request.
pub fn stack() -> Stack {
    let stack = Stack::with(|config| config["cache"] = json!({"max_age": "1ms"}));
    upstream_at(&stack, THING);
    stack
}

pub fn status(stack: &Stack, session: &Session) -> u16 {
    stack.send(&stack.request(THING, session)).status
}

/// While the store is out: an answer, and soon. Afterwards: the session lives.
pub fn assert_unavailable(stack: &Stack, session: &Session) {
    for _ in 0..3 {
        let start = Instant::now();
        let answer = stack.send(&stack.request(THING, session));
        assert_problem(&answer, 503, "store_unavailable");
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    }
}

pub fn assert_recovers(stack: &Stack, sessions: &[&Session]) {
    for session in sessions {
        wait::until("the session serves again", || status(stack, session) == 200);
        wait::until("Redis can be asked again", || {
            stack.redis.try_command(&["PING"]).is_some()
        });
        assert!(stack.redis.record(&session.key).is_some());
    }
}

#[test]
fn redis_stopped_and_restarted() {
    let stack = stack();
    let (session, expired) = (stack.login(), stack.expired());
    assert_eq!(status(&stack, &session), 200);
    stack.redis.stop();
    assert_unavailable(&stack, &session);
    assert_unavailable(&stack, &expired);
    // It comes back without its script cache.
    stack.redis.restart();
    assert_recovers(&stack, &[&session, &expired]);
    assert_eq!(stack.refreshes(&expired), 1);
}

#[test]
fn redis_comes_back_with_what_was_refreshed_before() {
    let stack = stack();
    let session = stack.expired();
    assert_eq!(status(&stack, &session), 200);
    let newest = stack.django.newest_refresh(&session.user);
    let holds_the_newest =
        || stack.redis.record(&session.key).expect("a record")["refresh"] == newest.as_str();
    wait::until("the new tokens are in Redis", holds_the_newest);
    for end in [Redis::stop, Redis::kill] {
        end(&stack.redis);
        stack.redis.restart();
        // What a script writes with several commands is a transaction in Redis'
        // file, and is played back as the default user: off, but not without
        // rights.
        assert!(holds_the_newest(), "the old, spent refresh token is back");
    }
}

#[test]
fn redis_frozen_and_thawed() {
    let stack = stack();
    let (session, expired) = (stack.login(), stack.expired());
    assert_eq!(status(&stack, &session), 200);
    stack.redis.freeze();
    assert_unavailable(&stack, &session);
    assert_unavailable(&stack, &expired);
    stack.redis.thaw();
    assert_recovers(&stack, &[&session, &expired]);
    assert_eq!(
        stack.refreshes(&expired),
        1,
        "claims that came late do no harm"
    );
}

#[test]
fn redis_killed_in_the_middle_of_requests() {
    let stack = stack();
    let session = stack.login();
    assert_eq!(status(&stack, &session), 200);
    std::thread::scope(|scope| {
        let load: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..50)
                        .map(|_| status(&stack, &session))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        stack.redis.kill();
        stack.redis.restart();
        for statuses in load {
            let statuses = statuses.join().expect("requests");
            assert!(
                statuses.iter().all(|s| matches!(s, 200 | 503)),
                "{statuses:?}"
            );
        }
    });
    assert_recovers(&stack, &[&session]);
}

#[test]
fn webdis_killed_and_restarted() {
    let stack = stack();
    let (session, expired) = (stack.login(), stack.expired());
    assert_eq!(status(&stack, &session), 200);
    stack.webdis.kill();
    assert_unavailable(&stack, &session);
    assert_unavailable(&stack, &expired);
    stack.webdis.restart();
    assert_recovers(&stack, &[&session, &expired]);
    assert_eq!(stack.refreshes(&expired), 1);
}

#[test]
fn webdis_frozen_and_thawed() {
    let stack = stack();
    let session = stack.login();
    assert_eq!(status(&stack, &session), 200);
    stack.webdis.freeze();
    assert_unavailable(&stack, &session);
    stack.webdis.thaw();
    assert_recovers(&stack, &[&session]);
}

#[test]
fn a_fresh_token_in_the_cache_outlives_a_short_outage() {
    // One worker, so that it is known which cache knows the session.
    let builder = Stack::build().workers(1).config(|config| {
        config["cache"] = json!({"max_age": "1ms", "max_stale": "60s"});
    });
    let stack = builder.start();
    upstream_at(&stack, THING);
    let session = stack.login();
    assert_eq!(status(&stack, &session), 200);
    stack.redis.freeze();
    for _ in 0..3 {
        assert_eq!(status(&stack, &session), 200);
    }
    stack.redis.thaw();
    stack.redis.delete(&session.key);
    wait::until("the logout is seen again", || {
        status(&stack, &session) == 401
    });
}

#[test]
fn a_body_arrives_when_envoy_refuses_to_ask_the_store_at_all() {
    let builder = Stack::build().workers(1).config(|config| {
        config["cache"] = json!({"max_age": "1ms", "max_stale": "10m"});
    });
    let builder = builder.bootstrap(|bootstrap| {
        let clusters = bootstrap["static_resources"]["clusters"].as_array_mut();
        let mut clusters = clusters.expect("clusters").iter_mut();
        let webdis = clusters.find(|cluster| cluster["name"] == "webdis");
        let webdis = webdis.expect("the cluster webdis");
        // Without a healthy endpoint a call is refused before it is sent.
        webdis["common_lb_config"] = json!({"healthy_panic_threshold": {"value": 0.0}});
        webdis["health_checks"] = json!([{
            "tcp_health_check": {}, "timeout": "5s", "interval": "0.1s", "no_traffic_interval": "0.1s",
            "unhealthy_threshold": 1, "healthy_threshold": 1,
        }]);
    });
    let stack = builder.start();
    upstream_at(&stack, THING);
    let session = stack.login();
    // The gauge membership_healthy tells too early: the workers hear of it a moment later.
    wait::until("Envoy knows that Webdis is there", || {
        status(&stack, &session) == 200
    });
    let refused = stack.counted("store.calls", "not_sent");
    stack.webdis.kill();
    wait::until("Envoy refuses a call", || {
        status(&stack, &session);
        stack.counted("store.calls", "not_sent") > refused
    });
    let answered = stack.counted("requests", "cache");
    let head = format!(
        "POST {THING} HTTP/1.1\r\nhost: app.example.com\r\ncookie: {}\r\n\
         content-length: 5\r\nconnection: close\r\n\r\n",
        session.cookie()
    );
    let mut client = TcpStream::connect(stack.ingress()).expect("Envoy");
    client.write_all(head.as_bytes()).expect("the head is sent");
    // The body comes when the verdict is there, not in the same piece.
    stack.wait_for_counted("requests", "cache", answered + 1);
    client.write_all(b"hello").expect("the body is sent");
    client.set_read_timeout(Some(SOON)).expect("a time-out");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(stack.issuer.last(THING).body, b"hello");
}

#[test]
fn an_envoy_that_is_restarted_finds_every_session_again() {
    let stack = stack();
    let session = stack.login();
    assert_eq!(status(&stack, &session), 200);
    stack.envoy().part.kill();
    stack.envoy().restart();
    stack.webdis.wait_ready();
    assert_recovers(&stack, &[&session]);
}
