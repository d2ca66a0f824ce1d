//! What a request to an endpoint must look like.

use std::io::{BufReader, Write};
use std::net::TcpStream;

use serde_json::json;

use super::*;
use crate::common::assert_problem;
use crate::stack::client::Request;
use crate::stack::http::{self};
use crate::stack::{Stack, envoy};

#[test]
fn no_upstream_sees_a_request_to_an_endpoint() {
    let stack = for_browsers();
    let made = log_in(&stack);
    stack.send(&Request::get(SESSION).cookie(made.cookie()));
    stack.send(&Request::post(LOGOUT).cookie(made.cookie()).body("{}"));
    stack.send(&Request::post(LOGIN).body("no json"));
    let seen = stack.issuer.seen();
    assert!(
        !seen
            .iter()
            .any(|request| request.target.starts_with("/auth/"))
    );
}

#[test]
fn bodies_come_whole_in_pieces_or_not_at_all() {
    let stack = for_browsers();
    let user = stack.django.new_user();
    let body = credentials(&stack, &user).to_string();
    let (one, two) = body.split_at(body.len() / 2);
    let head =
        "POST /auth/login HTTP/1.1\r\nhost: app.example.com\r\ncontent-type: application/json\r\n";
    // With a length, and in chunks.
    for (head, end) in [
        (
            format!("{head}content-length: {}\r\n\r\n{one}", body.len()),
            two.to_owned(),
        ),
        (
            format!(
                "{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{one}\r\n",
                one.len()
            ),
            format!("{:x}\r\n{two}\r\n0\r\n\r\n", two.len()),
        ),
    ] {
        let mut stream = TcpStream::connect(stack.ingress()).expect("Envoy");
        stream.set_nodelay(true).expect("a socket");
        stream.write_all(head.as_bytes()).expect("the first half");
        // Envoy has taken in the first half when it answers somebody else.
        stack.send(&Request::get(SESSION));
        stream.write_all(end.as_bytes()).expect("the rest");
        let answer = http::read_response(&mut BufReader::new(&mut stream), false);
        assert_eq!(answer.expect("an answer").status, 200);
    }
    let none = Request::post(LOGIN).header("content-type", "application/json");
    assert_problem(&stack.send(&none), 400, "body_invalid");
}

#[test]
fn a_body_of_more_than_16_kib_is_refused_and_one_of_16_is_not() {
    let stack = for_browsers();
    let post = |size: usize| {
        let frame = r#"{"username":"","password":"x"}"#.len();
        let name = "u".repeat(size - frame);
        let body = json!({"username": name, "password": "x"}).to_string();
        stack.send(
            &Request::post(LOGIN)
                .header("content-type", "application/json")
                .body(body),
        )
    };
    assert_problem(&post(16 * 1024 + 1), 413, "body_too_large");
    assert_problem(&post(30 * 1024), 413, "body_too_large");
    assert_eq!(stack.issuer.calls(OBTAIN), 0);
    // Django has its own opinion of such a name.
    assert!([400, 401].contains(&post(16 * 1024).status));
    assert_eq!(stack.issuer.calls(OBTAIN), 1);
}

#[test]
fn another_media_type_or_method_is_refused() {
    let stack = for_browsers();
    let form = Request::post(LOGIN)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("username=a&password=b");
    assert_problem(&stack.send(&form), 415, "media_type_unsupported");
    let answer = stack.send(&Request::get(LOGIN));
    assert_problem(&answer, 405, "method_not_allowed");
    assert_eq!(answer.get("allow").as_deref(), Some("POST"));
}

/// A plugin without the setting that lets the relay see bodies.
#[test]
fn without_allow_on_headers_stop_iteration_a_login_is_told_so() {
    let stack = Stack::build()
        .bootstrap(|bootstrap| {
            let wasm = envoy::wasm_config(bootstrap).as_object_mut();
            wasm.expect("an object")
                .remove("allow_on_headers_stop_iteration");
            let config = envoy::plugin_config(bootstrap);
            config["session"] = json!({"format": "opaque"});
            config["endpoints"] = endpoints("cookie");
        })
        .start();
    let login = Request::post(LOGIN).json(&json!({"username": "a", "password": "b"}));
    assert_problem(&stack.send(&login), 408, "body_timeout");
    assert!(
        stack
            .envoy()
            .log()
            .contains("allow_on_headers_stop_iteration")
    );
    // What has no body works.
    assert_eq!(stack.send(&Request::get(SESSION)).status, 200);
}
