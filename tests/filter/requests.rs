//! What becomes of a request and of its response (contract, section 4).

use crate::host::{self, HOST};
use crate::peers::*;

fn made() -> Vec<&'static str> {
    HOST.with_borrow_mut(|host| std::mem::take(&mut host.made))
}

#[test]
fn a_request_on_an_off_route_is_not_touched() {
    let root = start();
    made();
    let headers: [(&str, &[u8]); 2] = [("authorization", b"Bearer own"), ("x", b"\xff\xfe")];
    let id = get(root, "/static/app.js", &headers);
    assert_eq!(
        made(),
        ["get_header_map_pairs"],
        "the price of an off route"
    );
    assert_eq!(authorization(id), ["Bearer own"]);
    assert!(host::stream(id).properties.is_empty());
    made();
    host::respond(id, vec![(":status".into(), b"200".to_vec())]);
    host::end(id);
    assert_eq!(made(), [""; 0], "its response costs nothing");
}

#[test]
fn a_request_without_a_session_is_answered_here() {
    let root = start();
    let id = get(root, "/api/things", &[("authorization", b"Bearer own")]);
    let stream = host::stream(id);
    let reply = stream.reply.expect("an answer");
    assert_eq!(reply.status, 401);
    assert_eq!(reply.details, "token_relay{no_session}");
    assert!(reply.body.contains("no_session"));
    assert_eq!(stream.properties["token_relay.verdict"], "no_session");
    assert!(!stream.went_on);
    assert!(calls().is_empty());
}

#[test]
fn the_relays_own_answer_is_not_treated_as_a_response() {
    let root = start();
    let id = get(root, "/api/things", &[]);
    let stream = host::stream(id);
    assert_eq!(stream.response, stream.reply.unwrap().headers);
}

#[test]
fn repeated_authorization_lines_become_the_one_of_the_session() {
    let root = start();
    let cookie = format!("sid={ALICE}");
    let headers: [(&str, &[u8]); 4] = [
        ("authorization", b"Bearer forged"),
        ("cookie", cookie.as_bytes()),
        ("authorization", b"Basic forged"),
        ("authorization", b"\xff"),
    ];
    for source in ["store", "cache"] {
        let id = get(root, "/api/things", &headers);
        if source == "store" {
            store_says(root, &the_call(), &["found", &record("a")]);
        }
        assert_eq!(authorization(id), [format!("Bearer {}", fresh("a"))]);
        assert_eq!(host::stream(id).properties["token_relay.verdict"], source);
    }
}

#[test]
fn repeated_cookie_lines_are_read_as_one_and_sent_on_as_one() {
    let root = start();
    let session = format!("b=2; sid={ALICE}");
    let headers: [(&str, &[u8]); 3] = [
        ("cookie", b"a=1"),
        ("cookie", session.as_bytes()),
        ("cookie", b"c=\xff"),
    ];
    let id = get(root, "/api/things", &headers);
    store_says(root, &the_call(), &["found", &record("a")]);
    assert_eq!(authorization(id).len(), 1);
    let cookies: Vec<_> = host::stream(id)
        .request
        .into_iter()
        .filter(|(name, _)| name == "cookie")
        .map(|(_, value)| value)
        .collect();
    assert_eq!(cookies, [b"a=1; b=2; c=\xff".to_vec()]);
}

#[test]
fn a_cookie_header_with_nothing_but_the_session_is_removed() {
    let root = start();
    let id = get_as(root, ALICE);
    store_says(root, &the_call(), &["found", &record("a")]);
    assert!(host::stream(id).went_on);
    assert!(host::values(&host::stream(id).request, "cookie").is_empty());
}

#[test]
fn header_values_that_are_not_utf8_harm_nobody() {
    let root = start();
    let cookie = [b"sid=\xff\xfe; sid=", ALICE.as_bytes()].concat();
    let headers: [(&str, &[u8]); 4] = [
        ("x", b"\xff\xfe"),
        ("origin", b"\xff"),
        ("accept", b"\xc3\x28"),
        ("cookie", &cookie),
    ];
    let id = get(root, "/api/\u{fffd}", &headers);
    // Whatever the core makes of it: it was decided or it waits.
    let stream = host::stream(id);
    assert!(stream.reply.is_some() || !calls().is_empty());
    let id = get_as(root, BOB);
    store_says(root, &the_call(), &["found", &record("b")]);
    assert_eq!(authorization(id), [format!("Bearer {}", fresh("b"))]);
}

#[test]
fn a_preflight_loses_its_authorization_only() {
    let root = start();
    let headers: [(&str, &[u8]); 4] = [
        (":method", b"OPTIONS"),
        (":path", b"/api/things"),
        ("access-control-request-method", b"PUT"),
        ("authorization", b"Bearer forged"),
    ];
    let id = host::request(root, &headers);
    assert_eq!(authorization(id), [""; 0]);
    assert_eq!(host::stream(id).properties["token_relay.verdict"], "pass");
}

#[test]
fn the_access_log_learns_which_worker_served() {
    let root = start();
    let served_by = |id| host::stream(id).properties["token_relay.worker"].clone();
    let name = served_by(get(root, "/api/a", &[]));
    assert_eq!(name.len(), 8);
    assert!(name.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(served_by(get(root, "/api/b", &[])), name);
    let other = start();
    assert_ne!(served_by(get(other, "/api/a", &[])), name);
}

#[test]
fn the_response_to_an_injected_request_is_private_to_the_cookie() {
    let root = start();
    let id = get_as(root, ALICE);
    store_says(root, &the_call(), &["found", &record("a")]);
    let response = [
        (":status", "200"),
        ("vary", "Origin"),
        ("vary", "Accept"),
        ("cache-control", "max-age=60"),
    ];
    let response = response.map(|(n, v)| (n.to_owned(), v.as_bytes().to_vec()));
    host::respond(id, response.to_vec());
    let response = host::stream(id).response;
    let vary = host::values(&response, "vary").join(",");
    for name in ["Origin", "Accept", "Cookie"] {
        assert!(vary.contains(name), "{vary}");
    }
    let cache_control = host::values(&response, "cache-control");
    assert_eq!(cache_control.len(), 1);
    assert!(cache_control[0].contains("private") && cache_control[0].contains("max-age=60"));
}

#[test]
fn the_response_to_a_request_without_a_token_stays_as_it_is() {
    let root = start();
    let id = get(root, "/maybe/", &[]);
    assert!(host::stream(id).went_on);
    let response = vec![(":status".to_owned(), b"200".to_vec())];
    host::respond(id, response.clone());
    assert_eq!(host::stream(id).response, response);
}

#[test]
fn a_held_request_that_the_proxy_answers_itself_is_not_resumed() {
    let root = start();
    let id = get_as(root, ALICE);
    host::respond(id, vec![(":status".into(), b"504".to_vec())]);
    store_says(root, &the_call(), &["found", &record("a")]);
    let stream = host::stream(id);
    assert!(!stream.went_on && stream.reply.is_none());
    host::end(id);
}

#[test]
fn a_path_with_line_breaks_adds_no_header_to_an_answer() {
    let mut configuration = configuration();
    configuration["login_url"] = "/login".into();
    let root = start_with(&configuration);
    let headers: [(&str, &[u8]); 3] = [
        (":method", b"GET"),
        (":path", b"/api/\r\nset-cookie: a=b\x00"),
        ("sec-fetch-mode", b"navigate"),
    ];
    let id = host::request(root, &headers);
    let reply = host::stream(id).reply.expect("an answer");
    for (name, value) in reply.headers {
        assert!(!value.iter().any(u8::is_ascii_control), "{name}");
    }
}

#[test]
fn a_request_whose_headers_the_host_does_not_have_is_refused() {
    let root = start();
    let id = host::request(root, &[]);
    assert_eq!(host::stream(id).reply.expect("an answer").status, 503);
    assert!(!host::stream(id).went_on);
}
