//! What becomes of a request and its response where a token is injected
//! (section 4), and whatever bytes a client may send (section 8).

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::common::{
    PAGE, THING, assert_problem, optional_route, stack_with_optional, upstream_at,
};
use crate::stack::Stack;
use crate::stack::act::{Act, Latch};
use crate::stack::client::{Request, raw};
use crate::stack::cookie;
use crate::stack::django::{REFRESH, WHOAMI};
use crate::stack::envoy::wasm_config;
use crate::stack::http::{self, Received, Response};

#[test]
fn the_clients_authorization_is_replaced_however_often_it_comes() {
    let stack = Stack::new();
    let session = stack.login();
    let request = stack
        .request(WHOAMI, &session)
        .header("authorization", "Bearer planted-one")
        .header("Authorization", "Basic cGxhbnRlZDp0d28=")
        .header("AUTHORIZATION", b"Bearer \xff\xfe");
    session.assert_is_me(&stack.send(&request));
    assert_eq!(stack.issuer.last(WHOAMI).bearer(), session.access);
}

#[test]
fn bytes_that_are_not_utf8_harm_nobody() {
    let stack = stack_with_optional(|config| config["login_url"] = json!("/login"));
    let session = stack.login();
    let names = [
        "x-anything",
        "accept",
        "authorization",
        "origin",
        "sec-fetch-mode",
        "sec-fetch-site",
        "x-request-id",
        "user-agent",
        "access-control-request-method",
        "upgrade-insecure-requests",
    ];
    for name in names {
        let request = stack.request(THING, &session).header(name, b"\xff\xfe\x80");
        assert_eq!(stack.send(&request).status, 200, "{name}");
        let anonymous = Request::get(THING).header(name, b"\xff\xfe\x80");
        assert_problem(&stack.send(&anonymous), 401, "no_session");
    }
    let mut line = b"junk=\xff\xfe; \xc3\x28=1; ".to_vec();
    line.extend_from_slice(session.cookie().as_bytes());
    assert_eq!(stack.send(&Request::get(THING).cookie(&line)).status, 200);
    let seen = stack.issuer.last(THING);
    assert_eq!(seen.bearer(), session.access);
    assert_eq!(
        seen.values("cookie"),
        [b"junk=\xff\xfe; \xc3\x28=1"],
        "the rest is kept as it was"
    );

    let path =
        b"GET /api/thing%ff?q=\xff HTTP/1.1\r\nhost: app.example.com\r\nconnection: close\r\n\r\n";
    let answer = raw(stack.ingress(), path);
    assert!(matches!(answer.status, 400 | 401), "{}", answer.status);
    assert_eq!(
        stack.stat("wasm.token_relay.vm_reload_success"),
        0,
        "no VM died"
    );
}

#[test]
fn repeated_cookie_lines_are_read_as_one() {
    let stack = stack_with_optional(|_| {});
    let (session, other) = (stack.login(), stack.login());
    let request = Request::get(THING)
        .cookie("first=1")
        .cookie(session.cookie())
        .cookie("last=2; more=3");
    assert_eq!(stack.send(&request).status, 200);
    let seen = stack.issuer.last(THING);
    assert_eq!(seen.bearer(), session.access);
    assert_eq!(seen.values("cookie"), [b"first=1; last=2; more=3"]);

    let two = Request::get(THING)
        .cookie(session.cookie())
        .cookie(other.cookie());
    assert_problem(&stack.send(&two), 401, "session_ambiguous");
}

#[test]
fn a_cookie_header_may_be_as_long_as_envoy_allows() {
    let stack = stack_with_optional(|_| {});
    let session = stack.login();
    let padded = |total: usize| {
        let cookie = session.cookie();
        let filler = "x".repeat(total - cookie.len() - "filler=; ".len());
        Request::get(THING).cookie(format!("filler={filler}; {cookie}"))
    };
    // Envoy's limit is 60 KiB for all headers together.
    assert_eq!(stack.send(&padded(60 * 1000)).status, 200);
    assert_eq!(stack.issuer.last(THING).bearer(), session.access);
    assert_eq!(stack.send(&padded(60 * 1024 + 1)).status, 431);
    // As many cookies as fit, and none of them ours.
    let many = (0..9000)
        .map(|i| format!("c{i}="))
        .collect::<Vec<_>>()
        .join(";");
    assert_problem(
        &stack.send(&Request::get(THING).cookie(&many[..60_000])),
        401,
        "no_session",
    );
    let ours = format!("{}=x;", cookie::V5).repeat(2000);
    assert_problem(
        &stack.send(&Request::get(THING).cookie(&ours)),
        401,
        "no_session",
    );
    assert_eq!(stack.send(&padded(2000)).status, 200);
    assert_eq!(
        stack.stat("wasm.token_relay.vm_reload_success"),
        0,
        "no VM died"
    );
}

#[test]
fn the_session_cookie_is_not_passed_on_unless_asked_for() {
    for strip in [true, false] {
        let stack = stack_with_optional(move |config| {
            config["upstream"] = json!({"strip_session_cookie": strip});
        });
        let session = stack.login();
        let chunks = cookie::chunks(cookie::V4, &session.v4(), 100).join("; ");
        let line = format!(
            "a=1; {}; {chunks}; authjs.session-token-x=2; b=3",
            session.cookie()
        );
        assert_eq!(stack.send(&Request::get(THING).cookie(&line)).status, 200);
        let passed = stack.issuer.last(THING).header("cookie");
        let kept = if strip {
            "a=1; authjs.session-token-x=2; b=3"
        } else {
            line.as_str()
        };
        assert_eq!(passed.as_deref(), Some(kept));

        let only = Request::get(THING).cookie(session.cookie());
        assert_eq!(stack.send(&only).status, 200);
        let passed = stack.issuer.last(THING).header("cookie");
        assert_eq!(passed.is_some(), !strip, "no empty line is left behind");
    }
}

#[test]
fn answers_to_injected_requests_are_private_to_the_cookie() {
    let stack = stack_with_optional(|_| {});
    let session = stack.login();
    // What the upstream says, and what the browser gets to see, in order.
    let cases = [
        (None, None, "private", "Cookie"),
        (Some("max-age=60"), None, "max-age=60, private", "Cookie"),
        (Some("no-store"), None, "no-store, private", "Cookie"),
        (
            Some("private, max-age=5"),
            None,
            "max-age=5, private",
            "Cookie",
        ),
        (
            Some("public, max-age=60"),
            None,
            "max-age=60, public",
            "Cookie",
        ),
        (Some("s-maxage=60"), None, "s-maxage=60", "Cookie"),
        (None, Some("Accept"), "private", "Accept, Cookie"),
        (None, Some("accept, cookie"), "private", "accept, cookie"),
        (None, Some("*"), "private", "*"),
    ];
    for (control, vary, control_after, vary_after) in cases {
        let mut answer = Response::new(200);
        for (name, value) in [("cache-control", control), ("vary", vary)] {
            if let Some(value) = value {
                answer = answer.header(name, value);
            }
        }
        stack.issuer.forget_script();
        stack.issuer.always(THING, Act::answer(answer));
        let answer = stack.send(&stack.request(THING, &session));
        let joined = |name| {
            let lines = answer.values(name).into_iter().map(String::from_utf8_lossy);
            let all = lines.collect::<Vec<_>>().join(", ");
            let mut parts: Vec<&str> = all.split(", ").collect();
            parts.sort_unstable();
            parts.join(", ")
        };
        let seen = (joined("cache-control"), joined("vary"));
        assert_eq!(
            seen,
            (control_after.to_owned(), vary_after.to_owned()),
            "{control:?} {vary:?}"
        );
    }
}

#[test]
fn marking_answers_can_be_switched_off() {
    let stack =
        stack_with_optional(|config| config["upstream"] = json!({"private_responses": false}));
    let session = stack.login();
    let answer = stack.send(&stack.request(THING, &session));
    assert_eq!(
        (answer.get("vary"), answer.get("cache-control")),
        (None, None)
    );
    let page = stack.send(&stack.request(PAGE, &session));
    assert_eq!((page.get("vary"), page.get("cache-control")), (None, None));
}

#[test]
fn a_websocket_gets_the_token_on_its_upgrade() {
    let stack = Stack::new();
    stack.issuer.always("/api/ws", Act::upgrade());
    let upgrade = |request: Request| {
        request
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("origin", "http://app.example.com")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    let session = stack.login();
    let mut stream = stack
        .start(&upgrade(stack.request("/api/ws", &session)))
        .into_stream();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the head of the 101");
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    stream.write_all(b"ping").expect("written");
    let mut echo = [0; 4];
    stream.read_exact(&mut echo).expect("the echo");
    assert_eq!(&echo, b"ping");
    assert_eq!(stack.issuer.last("/api/ws").bearer(), session.access);

    assert_problem(
        &stack.send(&upgrade(Request::get("/api/ws"))),
        401,
        "no_session",
    );
}

/// With the setting that the relay's endpoints need, and without: nothing of an
/// upload is lost or let through, and it may be longer than Envoy's buffers.
#[test]
fn a_body_waits_for_the_decision_and_arrives_whole() {
    for setting in [Some(true), Some(false), None] {
        let stack = Stack::build()
            .bootstrap(move |bootstrap| {
                let plugin = wasm_config(bootstrap).as_object_mut().expect("a plugin");
                match setting {
                    Some(value) => {
                        plugin.insert(STOP_ITERATION.to_owned(), value.into());
                    }
                    None => {
                        plugin.remove(STOP_ITERATION);
                    }
                }
            })
            .start();
        upstream_at(&stack, THING);
        let session = stack.expired();
        let latch = Latch::default();
        stack.issuer.once(REFRESH, Act::forward().until(&latch));
        // Envoy's buffers take 1 MiB.
        let body: Vec<u8> = (0..3_000_000_u32).map(|i| i.to_le_bytes()[0]).collect();
        let request = Request::post(THING)
            .cookie(session.cookie())
            .body(body.clone());
        std::thread::scope(|scope| {
            let call = scope.spawn(|| stack.send(&request));
            stack.issuer.wait_for_calls(REFRESH, 1);
            // The body is on its way meanwhile; none of it may pass.
            std::thread::sleep(Duration::from_millis(200));
            assert_eq!(stack.issuer.calls(THING), 0);
            latch.open();
            let answer = call.join().expect("a request");
            assert_eq!(answer.status, 200, "{setting:?}");
        });
        let seen = stack.issuer.last(THING);
        assert!(seen.body == body, "{setting:?}");
        assert_ne!(seen.bearer(), session.access, "with the new token");
    }
}

const STOP_ITERATION: &str = "allow_on_headers_stop_iteration";

#[test]
fn an_empty_or_chunked_body_is_no_exception() {
    let stack = Stack::with(optional_route);
    upstream_at(&stack, THING);
    let session = stack.login();
    let text = format!(
        "POST /api/thing HTTP/1.1\r\nhost: app.example.com\r\ncookie: {}\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        session.cookie()
    );
    assert_eq!(raw(stack.ingress(), text.as_bytes()).status, 200);
    assert_eq!(stack.issuer.last(THING).body, b"hello");
    let other = stack.login();
    assert_eq!(
        stack
            .send(&Request::post(THING).cookie(other.cookie()))
            .status,
        200
    );
}

#[test]
fn several_requests_on_one_connection_are_several_decisions() {
    let stack = Stack::new();
    upstream_at(&stack, THING);
    let (one, other) = (stack.login(), stack.login());
    let stream = TcpStream::connect(stack.ingress()).expect("Envoy");
    let mut reader = BufReader::new(&stream);
    let mut ask = |cookie: &str| {
        let text = format!("GET {THING} HTTP/1.1\r\nhost: a.example\r\ncookie: {cookie}\r\n\r\n");
        (&stream).write_all(text.as_bytes()).expect("written");
        http::read_response(&mut reader, false)
            .expect("an answer")
            .status
    };
    // Not pipelined: Envoy itself closes after a reply of its own then.
    let statuses = [one.cookie(), "none=1".to_owned(), other.cookie()].map(|c| ask(&c));
    assert_eq!(statuses, [200, 401, 200]);
    let seen = stack.issuer.seen_at(THING);
    let tokens: Vec<String> = seen.iter().map(Received::bearer).collect();
    assert_eq!(tokens, [one.access, other.access]);
}
