//! The body of a request that the relay answers itself is read first, and none of
//! it ever goes upstream (contract, section 7).

use crate::host::{self, Call, HOST, Held};
use crate::peers::*;
use crate::streams::{STOP_AND_BUFFER, STOP_AND_WATERMARK, STOP_ITERATION};

const LIMIT: usize = 16 << 10;

const CREDENTIALS: &[u8] = br#"{"username": "alice", "password": "secret"}"#;

/// Django refuses the one login that was sent to it.
fn refuse_login(root: u32) -> Call {
    let call = the_call();
    assert_eq!(call.cluster, "django");
    let head = [
        (":status", "401"),
        ("content-type", "application/json"),
        ("x-envoy-upstream-service-time", "1"),
    ];
    host::answer(root, call.token, &head, b"{}");
    call
}

fn status(id: u32) -> Option<u32> {
    let stream = host::stream(id);
    assert!(!stream.went_on, "nothing goes upstream");
    stream.reply.map(|reply| reply.status)
}

fn has_read() -> bool {
    HOST.with_borrow(|host| host.made.contains(&"get_buffer_bytes"))
}

fn forget_calls_made() {
    HOST.with_borrow_mut(|host| host.made.clear());
}

#[test]
fn a_body_in_one_piece_is_read_with_it() {
    let root = start();
    let id = login(root);
    assert_eq!(host::stream(id).held, Held::Headers { again: false });
    assert!(calls().is_empty() && status(id).is_none());
    assert_eq!(host::body(id, CREDENTIALS, true), Some(STOP_AND_BUFFER));
    assert_eq!(refuse_login(root).body, CREDENTIALS);
    assert_eq!(status(id), Some(401));
}

#[test]
fn a_body_in_pieces_is_read_when_the_last_has_come() {
    let root = start();
    let id = login(root);
    forget_calls_made();
    let (one, other) = CREDENTIALS.split_at(7);
    for piece in [one, other] {
        assert_eq!(host::body(id, piece, false), Some(STOP_AND_BUFFER));
    }
    assert!(calls().is_empty() && !has_read());
    assert_eq!(host::body(id, b"", true), Some(STOP_AND_BUFFER));
    assert_eq!(refuse_login(root).body, CREDENTIALS);
    assert_eq!(status(id), Some(401));
}

#[test]
fn trailers_are_the_end_of_a_body() {
    let root = start();
    let id = login(root);
    host::body(id, CREDENTIALS, false);
    assert!(calls().is_empty());
    assert_eq!(host::trailers(id), Some(STOP_ITERATION));
    assert_eq!(refuse_login(root).body, CREDENTIALS);
    assert_eq!(status(id), Some(401));
}

#[test]
fn where_there_is_no_body_none_is_awaited() {
    let root = start();
    let headers: [(&str, &[u8]); 2] = [(":method", b"POST"), (":path", b"/auth/logout")];
    assert_eq!(status(host::request(root, &headers)), Some(204));
    let id = login(root);
    host::trailers(id);
    assert_eq!(status(id), Some(400), "an empty one is no JSON");
}

#[test]
fn a_body_that_says_it_is_too_large_is_refused_unseen() {
    let root = start();
    let length = (LIMIT + 1).to_string();
    let id = login_with(root, &[("content-length", length.as_bytes())]);
    assert_eq!(status(id), Some(413));
    assert_eq!(host::say_to_body(id, 3, true), STOP_AND_WATERMARK);
    assert!(calls().is_empty());
}

#[test]
fn a_body_that_grows_too_large_is_refused_at_that_piece() {
    let root = start();
    let id = login(root);
    forget_calls_made();
    assert_eq!(
        host::body(id, &vec![b' '; LIMIT], false),
        Some(STOP_AND_BUFFER)
    );
    assert_eq!(status(id), None);
    host::body(id, b" ", false);
    assert_eq!(status(id), Some(413));
    assert!(!has_read() && calls().is_empty());
}

#[test]
fn a_body_of_just_the_limit_is_taken() {
    let root = start();
    let mut body = vec![b' '; LIMIT];
    body[..CREDENTIALS.len()].copy_from_slice(CREDENTIALS);
    let length = LIMIT.to_string();
    let id = login_with(root, &[("content-length", length.as_bytes())]);
    host::body(id, &body, true);
    refuse_login(root);
    assert_eq!(status(id), Some(401));
}

#[test]
fn a_client_that_leaves_before_its_body_came_leaves_nothing_behind() {
    let root = start();
    let id = login(root);
    host::body(id, b"{", false);
    host::end(id);
    assert!(calls().is_empty());
    assert!(host::retire(root), "nothing is under way");
}

#[test]
fn a_request_answered_by_the_proxy_meanwhile_is_not_read_any_more() {
    let root = start();
    let id = login(root);
    host::respond(id, vec![(":status".into(), b"504".to_vec())]);
    assert_eq!(host::say_to_body(id, 3, true), STOP_AND_WATERMARK);
    assert!(calls().is_empty() && status(id).is_none());
    host::end(id);
}

#[test]
fn the_end_of_a_body_counts_once() {
    let root = start();
    let id = login(root);
    host::body(id, CREDENTIALS, true);
    host::say_to_body(id, 3, true);
    host::say_to_trailers(id);
    refuse_login(root);
    assert_eq!(status(id), Some(401));
}

#[test]
fn a_body_that_the_host_does_not_hand_over_is_answered_503() {
    let root = start();
    HOST.with_borrow_mut(|host| host.refused.insert("get_buffer_bytes"));
    let id = login(root);
    host::body(id, CREDENTIALS, true);
    assert_eq!(status(id), Some(503));
    HOST.with_borrow_mut(|host| host.refused.clear());
    let cut = login(root);
    host::announce_body(cut, &CREDENTIALS[1..], CREDENTIALS.len(), true);
    assert_eq!(status(cut), Some(503));
    assert!(calls().is_empty());
    assert!(host::retire(root), "nothing is under way");
}

#[test]
fn the_issuer_hears_who_the_client_is_where_the_host_knows() {
    let root = start();
    let forwarded = |peer: &str| {
        HOST.with_borrow_mut(|host| {
            host.known.clear();
            host.known.insert("source\0address".into(), peer.into());
        });
        let id = login(root);
        host::body(id, CREDENTIALS, true);
        host::values(&refuse_login(root).headers, "x-forwarded-for")
    };
    assert_eq!(forwarded("203.0.113.9:4711"), ["203.0.113.9"]);
    assert_eq!(forwarded("[2001:db8::7]:4711"), ["2001:db8::7"]);
    assert_eq!(forwarded("@a socket"), [""; 0]);
    HOST.with_borrow_mut(|host| host.refused.insert("get_property"));
    assert_eq!(forwarded("203.0.113.9:4711"), [""; 0]);
}

/// `allow_on_headers_stop_iteration` is not set: the core's timer answers.
#[test]
fn a_body_that_does_not_come_goes_nowhere_either() {
    HOST.with_borrow_mut(|host| host.stops_all = true);
    let root = start();
    let id = login(root);
    assert_eq!(host::body(id, CREDENTIALS, true), None);
    assert!(calls().is_empty() && status(id).is_none());
    let due = HOST.with_borrow(|host| host.periods.last().copied());
    assert!(matches!(due, Some(1..=10_000)), "{due:?}");
    host::end(id);
}
