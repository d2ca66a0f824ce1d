//! A request with a body: none of it goes on before the verdict, however the host
//! takes what the callbacks return.

use crate::host::{self, HOST, Held};
use crate::peers::*;
use crate::streams::{STOP_ALL_AND_WATERMARK, STOP_AND_WATERMARK, STOP_ITERATION};

/// A POST as `session` whose body is to follow.
fn post_as(root: u32, session: &str) -> u32 {
    let cookie = format!("sid={session}");
    let headers: [(&str, &[u8]); 5] = [
        (":method", b"POST"),
        (":scheme", b"https"),
        (":authority", b"app.example.com"),
        (":path", b"/api/things"),
        ("cookie", cookie.as_bytes()),
    ];
    host::upload(root, &headers)
}

/// With `allow_on_headers_stop_iteration` and without.
fn with_and_without_the_flag(test: fn()) {
    for stops_all in [false, true] {
        HOST.with_borrow_mut(|host| host.stops_all = stops_all);
        test();
    }
}

#[test]
fn an_upload_that_waits_is_held_in_full_and_then_passed_on_in_full() {
    with_and_without_the_flag(|| {
        let root = start();
        let id = post_as(root, ALICE);
        assert_eq!(host::stream(id).held, Held::All, "Envoy keeps its body");
        host::body(id, b"one, ", false);
        host::body(id, b"two", true);
        assert!(!host::stream(id).went_on);
        store_says(root, &the_call(), &["found", &record("a")]);
        assert_eq!(authorization(id), [format!("Bearer {}", fresh("a"))]);
        assert_eq!(host::stream(id).passed, b"one, two");
    });
}

#[test]
fn what_comes_of_a_body_after_the_verdict_just_passes() {
    let root = start();
    let id = post_as(root, ALICE);
    host::body(id, b"one, ", false);
    store_says(root, &the_call(), &["found", &record("a")]);
    assert_eq!(host::body(id, b"two", false), Some(0));
    assert_eq!(host::trailers(id), Some(0));
    assert_eq!(host::stream(id).passed, b"one, two");
}

/// Should a host hand them over all the same.
#[test]
fn body_and_trailers_wait_for_the_verdict_by_themselves() {
    let root = start();
    let id = post_as(root, ALICE);
    assert_eq!(host::say_to_body(id, 3, false), STOP_AND_WATERMARK);
    assert_eq!(host::say_to_body(id, 3, true), STOP_AND_WATERMARK);
    assert_eq!(host::say_to_trailers(id), STOP_ITERATION);
    store_says(root, &the_call(), &["found", &record("a")]);
    assert!(host::stream(id).went_on);
    assert_eq!(host::say_to_body(id, 3, false), 0);
    assert_eq!(host::say_to_trailers(id), 0);
}

#[test]
fn an_upload_that_was_answered_goes_nowhere() {
    let root = start();
    let headers: [(&str, &[u8]); 2] = [(":method", b"POST"), (":path", b"/api/things")];
    let id = host::upload(root, &headers);
    assert_eq!(host::stream(id).reply.expect("an answer").status, 401);
    assert_eq!(host::say_to_body(id, 3, true), STOP_AND_WATERMARK);
    assert_eq!(host::say_to_trailers(id), STOP_ITERATION);
}

#[test]
fn a_verdict_within_the_requests_own_callback_takes_its_body_along() {
    let mut configuration = configuration();
    configuration["cache"] = serde_json::json!({"max_age": "0s", "max_stale": "1h"});
    let root = start_with(&configuration);
    get_as(root, ALICE);
    store_says(root, &the_call(), &["found", &record("a")]);
    // The store has to be asked, and the host refuses at once, twice.
    HOST.with_borrow_mut(|host| host.clusters.remove("webdis"));
    let id = post_as(root, ALICE);
    assert_eq!(authorization(id), [format!("Bearer {}", fresh("a"))]);
    assert_eq!(host::body(id, b"whole", true), Some(0));
    assert_eq!(host::stream(id).passed, b"whole");
}

#[test]
fn a_request_that_the_host_never_announced_is_refused_and_ends_nothing() {
    let root = start();
    for end in [true, false] {
        let id = host::create_unannounced();
        let headers: [(&str, &[u8]); 2] = [(":method", b"POST"), (":path", b"/static/app.js")];
        assert_eq!(host::open(id, &headers, end), STOP_ALL_AND_WATERMARK);
        let reply = host::stream(id).reply.expect("an answer");
        assert_eq!(reply.details, "token_relay{proxy_error}");
        assert_eq!(host::say_to_body(id, 3, true), STOP_AND_WATERMARK);
        assert_eq!(host::say_to_trailers(id), STOP_ITERATION);
        host::end(id);
    }
    let orphan = host::create(root + 1000);
    host::open(
        orphan,
        &[(":method", b"GET"), (":path", b"/static/app.js")],
        true,
    );
    assert_eq!(host::stream(orphan).reply.expect("an answer").status, 503);
    host::end(orphan);
    let id = get_as(root, ALICE);
    store_says(root, &the_call(), &["found", &record("a")]);
    assert!(host::stream(id).went_on, "the others go on");
}

#[test]
fn a_root_that_the_host_never_announced_does_nothing() {
    let root = start();
    get_as(root, ALICE);
    let call = the_call();
    let stranger = host::create_unannounced();
    host::tick(stranger);
    host::answer(stranger, call.token, UPSTREAM_200, b"{}");
    assert!(!host::start_again(stranger), "it has no configuration");
    assert!(host::retire(stranger));
    store_says(root, &call, &["found", &record("a")]);
    assert_eq!(count("token_relay.store.calls."), 1);
}

#[test]
fn a_root_that_is_announced_again_keeps_what_it_has() {
    let root = start();
    let id = get_as(root, ALICE);
    assert!(host::start_again(root));
    store_says(root, &the_call(), &["found", &record("a")]);
    assert_eq!(authorization(id), [format!("Bearer {}", fresh("a"))]);
}
