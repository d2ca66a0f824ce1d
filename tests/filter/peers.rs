//! The store and the issuer, as the tests play them, and what all tests share.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::host::{self, Call, HOST};

/// A session id.
pub(crate) const ALICE: &str = "alice-0123456789";
/// Another one.
pub(crate) const BOB: &str = "bob-0123456789ab";

/// A small, complete configuration.
pub(crate) fn configuration() -> serde_json::Value {
    json!({
        "session": {"format": "opaque", "cookies": ["sid"]},
        "store": {"cluster": "webdis", "authority": "webdis"},
        "issuer": {"cluster": "django", "authority": "api.example.com"},
        "routes": [
            {"prefix": "/api/", "session": "required"},
            {"prefix": "/maybe/", "session": "optional"},
        ],
        "endpoints": {
            "login": {"path": "/auth/login", "reply": "body"},
            "logout": {"path": "/auth/logout"},
        },
    })
}

/// A running root with that configuration and both clusters there.
pub(crate) fn start() -> u32 {
    start_with(&configuration())
}

pub(crate) fn start_with(configuration: &serde_json::Value) -> u32 {
    HOST.with_borrow_mut(|host| {
        host.clusters
            .extend(["webdis".to_owned(), "django".to_owned()]);
    });
    host::configure(configuration.to_string()).expect("a good configuration")
}

/// A GET with further headers.
pub(crate) fn get(root: u32, path: &str, headers: &[(&str, &[u8])]) -> u32 {
    let mut all: Vec<(&str, &[u8])> = vec![
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", b"app.example.com"),
        (":path", path.as_bytes()),
    ];
    all.extend_from_slice(headers);
    host::request(root, &all)
}

/// A GET of `/api/` with the session's cookie, and a forged `Authorization`.
pub(crate) fn get_as(root: u32, session: &str) -> u32 {
    let cookie = format!("sid={session}");
    let headers: [(&str, &[u8]); 2] = [
        ("cookie", cookie.as_bytes()),
        ("authorization", b"Bearer forged"),
    ];
    get(root, "/api/things", &headers)
}

/// The headers of a login, whose body is to follow.
pub(crate) fn login(root: u32) -> u32 {
    login_with(root, &[])
}

pub(crate) fn login_with(root: u32, headers: &[(&str, &[u8])]) -> u32 {
    let mut all: Vec<(&str, &[u8])> = vec![
        (":method", b"POST"),
        (":scheme", b"https"),
        (":authority", b"app.example.com"),
        (":path", b"/auth/login"),
        ("content-type", b"application/json"),
    ];
    all.extend_from_slice(headers);
    host::upload(root, &all)
}

/// What went upstream as `Authorization`; panics if the request did not go on.
pub(crate) fn authorization(stream: u32) -> Vec<String> {
    let stream = host::stream(stream);
    assert!(stream.went_on, "the request did not go on");
    host::values(&stream.request, "authorization")
}

/// The calls not yet seen by the test.
pub(crate) fn calls() -> Vec<Call> {
    HOST.with_borrow_mut(|host| std::mem::take(&mut host.calls))
}

/// The one call not yet seen by the test.
pub(crate) fn the_call() -> Call {
    let calls = calls();
    assert_eq!(calls.len(), 1, "calls: {:?}", calls.len());
    calls.into_iter().next().unwrap()
}

/// The arguments of a script call: keys, then nonce and what else there is.
pub(crate) fn arguments(call: &Call) -> Vec<String> {
    assert_eq!(call.cluster, "webdis");
    let body = String::from_utf8(call.body.clone()).unwrap();
    let decoded = body.split('/').map(|segment| {
        let mut bytes = Vec::new();
        let mut rest = segment.as_bytes();
        while let [first, tail @ ..] = rest {
            if *first == b'%' {
                let hex = std::str::from_utf8(&tail[..2]).unwrap();
                bytes.push(u8::from_str_radix(hex, 16).unwrap());
                rest = &tail[2..];
            } else {
                bytes.push(*first);
                rest = tail;
            }
        }
        String::from_utf8(bytes).unwrap()
    });
    let mut segments: Vec<String> = decoded.collect();
    assert_eq!(segments[0], "EVALSHA");
    segments.split_off(3)
}

/// Answers a script call: the nonce, then these words.
pub(crate) fn store_says(root: u32, call: &Call, words: &[&str]) {
    let keys: usize = String::from_utf8_lossy(&call.body)
        .split('/')
        .nth(2)
        .unwrap()
        .parse()
        .unwrap();
    let mut items = vec![arguments(call)[keys].clone()];
    items.extend(words.iter().map(|word| (*word).to_owned()));
    let body = json!({"EVALSHA": items}).to_string();
    host::answer(root, call.token, UPSTREAM_200, body.as_bytes());
}

/// The head of an answer that comes from a peer and not from Envoy.
pub(crate) const UPSTREAM_200: &[(&str, &str)] = &[
    (":status", "200"),
    ("content-type", "application/json"),
    ("x-envoy-upstream-service-time", "1"),
];

const FAR: u64 = 4_102_444_800;
const PAST: u64 = 1_000_000_000;

/// A token that expires when told; nobody checks its signature here.
pub(crate) fn jwt(exp: u64, mark: &str) -> String {
    let claims = json!({"exp": exp, "iat": exp - 300, "jti": mark}).to_string();
    format!("eyJhbGciOiJub25lIn0.{}.sig", URL_SAFE_NO_PAD.encode(claims))
}

/// A fresh access token.
pub(crate) fn fresh(mark: &str) -> String {
    jwt(FAR, mark)
}

/// A record with a fresh access token.
pub(crate) fn record(mark: &str) -> String {
    json!({"access": fresh(mark), "refresh": jwt(FAR, "refresh")}).to_string()
}

/// A record whose access token must be refreshed first.
pub(crate) fn expired_record() -> String {
    json!({"access": jwt(PAST, "old"), "refresh": jwt(FAR, "refresh")}).to_string()
}

/// A record whose access token is still sent while it is being refreshed.
#[allow(
    clippy::disallowed_methods,
    reason = "the filter under test has the real clock"
)]
pub(crate) fn ageing_record() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    json!({"access": jwt(now + 30, "ageing"), "refresh": jwt(FAR, "refresh")}).to_string()
}

/// What the metrics whose names begin so stand at, together.
pub(crate) fn count(name: &str) -> i64 {
    HOST.with_borrow(|host| {
        let named = host.metrics.iter().filter(|(n, _)| n.starts_with(name));
        named.map(|(_, count)| count).sum()
    })
}

/// The lines logged at a level.
pub(crate) fn lines(level: u32) -> Vec<String> {
    HOST.with_borrow(|host| {
        let lines = host.logs.iter().filter(|(l, _)| *l == level);
        lines.map(|(_, line)| line.clone()).collect()
    })
}

pub(crate) const INFO: u32 = 2;
pub(crate) const WARN: u32 = 3;
pub(crate) const ERROR: u32 = 4;

/// Lets a session's next request be answered from the cache.
pub(crate) fn warm(root: u32, session: &str) {
    let stream = get_as(root, session);
    store_says(root, &the_call(), &["found", &record(session)]);
    host::end(stream);
}

/// A request has its session's tokens refreshed.
pub(crate) fn refresh(root: u32) {
    let id = get_as(root, ALICE);
    store_says(root, &the_call(), &["found", &expired_record()]);
    store_says(root, &the_call(), &["claimed", "none"]);
    issue_and_write(root, &the_call());
    assert_eq!(authorization(id), [format!("Bearer {}", fresh("new"))]);
    host::end(id);
}

/// The issuer answers with new tokens, and the store takes them.
pub(crate) fn issue_and_write(root: u32, issue: &Call) {
    let tokens = json!({"access": fresh("new"), "refresh": fresh("new-refresh")}).to_string();
    host::answer(root, issue.token, UPSTREAM_200, tokens.as_bytes());
    let commit = the_call();
    assert!(
        arguments(&commit)
            .iter()
            .any(|argument| argument.contains(&fresh("new")))
    );
    store_says(root, &commit, &["written"]);
}

/// A request that waits for nothing but time, where a record is asked for each
/// time: another writer's came just after a refresh, and no session is refreshed
/// more than once a second.
pub(crate) fn waiting_without_a_call(root: u32) -> u32 {
    refresh(root);
    let id = get_as(root, ALICE);
    store_says(root, &the_call(), &["found", &expired_record()]);
    assert!(calls().is_empty() && host::stream(id).reply.is_none());
    id
}
