//! The harness searches everything that the relay writes for secrets when a
//! stack ends. A check that cannot fail is none, so here it does.

use serde_json::json;

use crate::stack::Stack;
use crate::stack::client::Request;
use crate::stack::django::WHOAMI;
use crate::stack::envoy::connection_manager;
use crate::stack::secrets::Secrets;

/// A stack whose access log tells what it must not.
fn talkative(format: &'static str) -> Stack {
    Stack::build()
        .bootstrap(move |bootstrap| {
            let log = &mut connection_manager(bootstrap)["access_log"][0]["typed_config"];
            log["log_format"]["json_format"]["told"] = json!(format);
        })
        .start()
}

#[test]
#[should_panic(expected = "the log of envoy1 contains")]
fn a_token_in_a_log_is_noticed() {
    let stack = talkative("%REQ(AUTHORIZATION)%");
    let session = stack.login();
    stack.whoami_ok(&session);
    assert!(stack.logged("told", 1)[0].starts_with("Bearer "));
}

#[test]
#[should_panic(expected = "the log of envoy1 contains a session id")]
fn a_session_id_in_a_log_is_noticed() {
    let stack = talkative("%REQ(X-TOLD)%");
    let session = stack.login();
    stack.send(&Request::get(WHOAMI).header("x-told", &session.id));
    assert_eq!(stack.logged("told", 1), [session.id]);
}

#[test]
#[should_panic(expected = "an answer through Envoy contains")]
fn a_token_in_an_answer_is_noticed() {
    let stack = Stack::new();
    let session = stack.login();
    let answer = crate::stack::http::Response::new(200).body(session.access.clone());
    stack
        .issuer
        .once(WHOAMI, crate::stack::act::Act::answer(answer));
    stack.whoami(&session);
}

#[test]
fn half_a_secret_is_a_secret() {
    let secrets = Secrets::default();
    let token = "abcdefghij".repeat(12);
    secrets.add("a token", &token);
    assert_eq!(secrets.found_in("nothing here"), Vec::<String>::new());
    assert!(!secrets.found_in(&format!("x{token}y")).is_empty());
    assert!(!secrets.found_in(&token[40..]).is_empty());
    assert!(!secrets.found_in(&token[..100]).is_empty());
    assert!(
        !secrets
            .found_in("token=eyJhbGciOiJIUzI1NiIsInR5cCI6")
            .is_empty()
    );
}
