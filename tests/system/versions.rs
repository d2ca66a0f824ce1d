//! Two versions of the relay on one Redis (section 5), as during an upgrade: Envoy 1 runs
//! the present module, Envoy 2 another version with scripts of its own.

use crate::common::assert_problem;
use crate::stack::Stack;
use crate::stack::act::Act;
use crate::stack::django::REFRESH;
use crate::stack::envoy::{wasm_config, wasm_config_of};
use crate::stack::places::PLACES;
use crate::stack::wait;

fn both_versions() -> Stack {
    assert!(
        PLACES.other_wasm.is_file(),
        "another version of the module is missing: tests/stack/build-other-version"
    );
    let stack = Stack::build().envoys(2).each_envoy(|number, bootstrap| {
        if number == 2 {
            let other = PLACES.other_wasm.display().to_string();
            wasm_config(bootstrap)["vm_config"]["code"]["local"]["filename"] = other.clone().into();
            let internal = wasm_config_of(bootstrap, "internal");
            internal["vm_config"]["code"]["local"]["filename"] = other.into();
        }
    });
    let stack = stack.start();
    let says = |envoy: usize, version| stack.envoys[envoy].log().contains(version);
    assert!(says(0, concat!("token-relay ", env!("CARGO_PKG_VERSION"))));
    assert!(says(1, "token-relay 0.0.1"));
    stack
}

/// Asks through one of the two.
fn ask(
    stack: &Stack,
    envoy: usize,
    session: &crate::stack::session::Session,
) -> crate::stack::http::Response {
    let request = stack.request(crate::stack::django::WHOAMI, session);
    request.send(stack.envoys[envoy].at.ingress)
}

#[test]
fn what_one_version_refreshes_the_other_reads() {
    let stack = both_versions();
    for (first, second) in [(0, 1), (1, 0)] {
        let session = stack.expired();
        session.assert_is_me(&ask(&stack, first, &session));
        session.assert_is_me(&ask(&stack, second, &session));
        assert_eq!(stack.refreshes(&session), 1);
    }
}

#[test]
fn of_two_versions_that_find_a_token_expired_one_refreshes_it() {
    let stack = both_versions();
    let session = stack.expired();
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..40)
            .map(|number| {
                scope.spawn({
                    let (stack, session) = (&stack, &session);
                    move || ask(stack, number % 2, session)
                })
            })
            .collect();
        for call in calls {
            session.assert_is_me(&call.join().expect("an answer"));
        }
    });
    assert_eq!(stack.refreshes(&session), 1);
    wait::until("the lease is given back", || stack.lease_is_free(&session));
}

#[test]
fn an_answer_that_one_version_lost_the_other_knows_of() {
    let stack = both_versions();
    for (first, second) in [(0, 1), (1, 0)] {
        let session = stack.expired();
        stack
            .issuer
            .once(REFRESH, Act::forward().losing_the_answer());
        assert_problem(&ask(&stack, first, &session), 503, "issuer_unavailable");
        wait::until("the lease is given back", || stack.lease_is_free(&session));
        assert_problem(&ask(&stack, second, &session), 401, "session_ended");
        let log = stack.envoys[second].log();
        let told = format!("session={} event=session_lost", session.tag());
        assert!(log.contains(&told), "{log}");
    }
}
