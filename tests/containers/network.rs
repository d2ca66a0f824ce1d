//! What only a network can show: packets that vanish, addresses that change, one
//! of several proxies replaced.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;

use crate::common::{THING, upstream_at};
use crate::cut::CutOff;
use crate::outages::{assert_recovers, assert_unavailable, stack, status};
use crate::stack::act::{Act, Latch};
use crate::stack::django::{REFRESH, WHOAMI};
use crate::stack::{Stack, wait};

#[test]
fn redis_is_cut_off_and_comes_back() {
    let stack = stack();
    let (session, expired) = (stack.login(), stack.expired());
    assert_eq!(status(&stack, &session), 200);
    let cut_off = CutOff::of(stack.redis.addr);
    assert_unavailable(&stack, &session);
    assert_unavailable(&stack, &expired);
    cut_off.end();
    assert_recovers(&stack, &[&session, &expired]);
    assert_eq!(stack.refreshes(&expired), 1);
}

#[test]
fn redis_is_cut_off_between_the_issuers_answer_and_the_write_back() {
    // The engine may take its time to cut the line, and Django's answer waits for that.
    let stack = Stack::with(|config| config["refresh"] = json!({"wait": "30s"}));
    upstream_at(&stack, THING);
    let session = stack.expired();
    let redis = stack.redis.addr;
    let cut_off = Arc::new(Mutex::new(None));
    let keeper = Arc::clone(&cut_off);
    let cut = move || *keeper.lock().expect("a cut") = Some(CutOff::of(redis));
    stack.issuer.once(REFRESH, Act::forward().after(cut));
    session.assert_is_me(&stack.whoami(&session));
    let new = stack.issuer.last(WHOAMI).bearer();
    assert_ne!(new, session.access);
    let cut_off = cut_off.lock().expect("a cut").take();
    cut_off.expect("Redis was cut off").end();
    assert_recovers(&stack, &[&session]);
    wait::until("the new tokens are in Redis", || {
        stack.redis.record(&session.key).expect("the session lives")["access"] == new.as_str()
    });
    assert_eq!(stack.refreshes(&session), 1);
    wait::until("the session serves", || {
        stack.whoami(&session).status == 200
    });
}

#[test]
fn webdis_is_cut_off_and_comes_back() {
    let stack = stack();
    let session = stack.login();
    assert_eq!(status(&stack, &session), 200);
    let cut_off = CutOff::of(stack.webdis.addr);
    assert_unavailable(&stack, &session);
    cut_off.end();
    assert_recovers(&stack, &[&session]);
}

#[test]
fn webdis_is_paused_and_goes_on() {
    let stack = stack();
    let (session, expired) = (stack.login(), stack.expired());
    assert_eq!(status(&stack, &session), 200);
    stack.webdis.freeze();
    assert_unavailable(&stack, &session);
    assert_unavailable(&stack, &expired);
    stack.webdis.thaw();
    assert_recovers(&stack, &[&session, &expired]);
    assert_eq!(stack.refreshes(&expired), 1);
}

#[test]
fn an_envoy_is_replaced_while_others_serve() {
    let stack = Stack::build().envoys(3).workers(1).alone().start();
    let session = stack.login();
    let request = stack.request(WHOAMI, &session);
    let over = AtomicBool::new(false);
    let served = AtomicUsize::new(0);
    thread::scope(|scope| {
        // Whatever happens here, the load ends with it.
        let _end = Ends(&over);
        for envoy in &stack.envoys[..2] {
            let (request, session, over, served) = (&request, &session, &over, &served);
            let to = envoy.at.ingress;
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    session.assert_is_me(&request.send(to));
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let served_since = |count: usize| served.load(Ordering::Relaxed) >= count + 20;
        let third = &stack.envoys[2];
        session.assert_is_me(&request.send(third.at.ingress));
        third.part.stop();
        let count = served.load(Ordering::Relaxed);
        wait::until("the others serve without it", || served_since(count));
        third.restart();
        session.assert_is_me(&request.send(third.at.ingress));
        let count = served.load(Ordering::Relaxed);
        wait::until("the others serve beside the new one", || {
            served_since(count)
        });
    });
    assert_eq!(stack.refreshes(&session), 0);
}

/// Sets what it holds when it is dropped.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn an_envoy_that_is_replaced_in_the_middle_of_a_refresh_costs_no_session() {
    let builder = Stack::build().envoys(2).alone().config(|config| {
        config["issuer"]["timeout"] = json!("1s");
        config["store"]["timeout"] = json!("300ms");
    });
    let stack = builder.start();
    let session = stack.expired();
    let latch = Latch::default();
    // Django does not hear of it before the Envoy is gone.
    stack.issuer.once(REFRESH, Act::close().until(&latch));
    let second = &stack.envoys[1];
    let pending = stack.request(WHOAMI, &session).start(second.at.ingress);
    stack.issuer.wait_for_calls(REFRESH, 1);
    second.part.kill();
    latch.open();
    assert!(pending.try_answer().is_err());
    second.restart();
    let request = stack.request(WHOAMI, &session);
    wait::until("the lease has ended", || {
        request.send(second.at.ingress).status == 200
    });
    session.assert_is_me(&stack.whoami(&session));
    assert_eq!(stack.refreshes(&session), 1);
}
