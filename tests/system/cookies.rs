//! From cookie to session id (section 3).

use serde_json::{Value, json};

use crate::common::{THING, assert_problem, upstream_at};
use crate::stack::Stack;
use crate::stack::client::Request;
use crate::stack::cookie::{self, V4, V5};
use crate::stack::http::Response;
use crate::stack::jwt;

const SECURE_V4: &str = "__Secure-next-auth.session-token";
const SECURE_V5: &str = "__Secure-authjs.session-token";

/// The shipped stack with an upstream at [`THING`].
fn stack() -> Stack {
    let stack = Stack::new();
    upstream_at(&stack, THING);
    stack
}

fn ask(stack: &Stack, line: &str) -> Response {
    stack.send(&Request::get(THING).cookie(line))
}

#[track_caller]
fn assert_injected(stack: &Stack, line: &str, token: &str) {
    assert_eq!(
        ask(stack, line).status,
        200,
        "{} bytes of cookies",
        line.len()
    );
    assert_eq!(stack.issuer.last(THING).bearer(), token);
}

#[track_caller]
fn assert_nobody(stack: &Stack, line: &str) {
    assert_problem(&ask(stack, line), 401, "no_session");
}

#[test]
fn both_generations_of_auth_js_are_read_under_all_their_names() {
    let stack = stack();
    let session = stack.login();
    let claims = session.claims();
    let secret = &stack.auth_secret;
    for name in [V4, SECURE_V4] {
        let line = format!("{name}={}", cookie::v4(secret, &claims));
        assert_injected(&stack, &line, &session.access);
    }
    for name in [V5, SECURE_V5] {
        for value in [
            cookie::v5(secret, name, &claims),
            cookie::v5_without_kid(secret, name, &claims),
            cookie::v5_beta(secret, name, &claims),
        ] {
            assert_injected(&stack, &format!("{name}={value}"), &session.access);
        }
    }
    // The name is part of the key: a v5 value under another name is nobody's.
    assert_nobody(&stack, &format!("{SECURE_V5}={}", session.v5()));
}

#[test]
fn a_long_cookie_comes_in_chunks() {
    let stack = stack();
    let session = stack.login();
    let mut claims = session.claims();
    claims["picture"] = json!("p".repeat(9000));
    let value = cookie::v5(&stack.auth_secret, V5, &claims);
    let chunks = cookie::chunks(V5, &value, 3936);
    assert!(chunks.len() >= 3);
    assert_injected(&stack, &chunks.join("; "), &session.access);
    let backwards: Vec<String> = chunks.iter().rev().cloned().collect();
    assert_injected(&stack, &backwards.join("; "), &session.access);

    let small = cookie::chunks(V5, &value, value.len() / 12);
    assert!(small.len() > 10, "`.10` comes after `.9`");
    assert_injected(&stack, &small.join("; "), &session.access);

    assert_nobody(&stack, &chunks[1..].join("; "));
    assert_nobody(&stack, &[&chunks[..1], &chunks[2..]].concat().join("; "));
    // What v5 leaves behind when a cookie shrank from chunks to one.
    let left_over = format!("{}; {V5}.1=old", session.cookie());
    assert_injected(&stack, &left_over, &session.access);
}

#[test]
fn planted_and_look_alike_cookies_lock_nobody_out() {
    let stack = stack();
    let session = stack.login();
    let planted = [
        format!("{V5}=garbage"),
        format!("{V5}="),
        format!("{V5}=a.b.c.d.e"),
        format!("{SECURE_V5}=garbage"),
        format!("{V5}-x={}", session.v5()),
        format!("x{V5}=1"),
        format!("{}=1", V5.to_uppercase()),
        format!("{V5}.0=garbage"),
        format!("{V5}.00=garbage"),
        format!("{V5}.x=garbage"),
        format!("{V5}.99999999999999999999=garbage"),
        format!(
            "{V5}={}",
            cookie::v5("somebody else's secret", V5, &session.claims())
        ),
        "=".to_owned(),
        ";;;".to_owned(),
    ];
    for plant in planted {
        for line in [
            format!("{plant}; {}", session.cookie()),
            format!("{}; {plant}", session.cookie()),
        ] {
            assert_injected(&stack, &line, &session.access);
        }
        assert_nobody(&stack, &plant);
    }
}

#[test]
fn the_first_name_with_a_valid_candidate_decides() {
    let stack = stack();
    let (one, other) = (stack.login(), stack.login());
    // v5's name stands before v4's in the list, whatever the order in the header.
    let v4 = format!("{V4}={}", other.v4());
    assert_injected(&stack, &format!("{v4}; {}", one.cookie()), &one.access);
    assert_injected(&stack, &format!("{}; {v4}", one.cookie()), &one.access);
    assert_injected(&stack, &format!("{V5}=garbage; {v4}"), &other.access);
    let both = format!("{}; {}", one.cookie(), other.cookie());
    assert_problem(&ask(&stack, &both), 401, "session_ambiguous");
}

#[test]
fn times_are_honoured_with_fifteen_seconds_of_tolerance() {
    let stack = stack();
    let session = stack.login();
    let now = jwt::now();
    let with = |name: &str, value: Value| {
        let mut claims = session.claims();
        claims[name] = value;
        format!("{V5}={}", cookie::v5(&stack.auth_secret, V5, &claims))
    };
    assert_injected(&stack, &with("exp", json!(now - 8)), &session.access);
    assert_nobody(&stack, &with("exp", json!(now - 15)));
    assert_nobody(&stack, &with("exp", json!((now + 3600).to_string())));
    assert_injected(&stack, &with("nbf", json!(now + 10)), &session.access);
    assert_nobody(&stack, &with("nbf", json!(now + 30)));
    assert_injected(&stack, &with("iat", json!(now + 9999)), &session.access);
}

#[test]
fn only_what_the_libraries_write_is_opened() {
    let stack = stack();
    let session = stack.login();
    let secret = &stack.auth_secret;
    let claims = session.claims();
    for extra in [
        json!({"zip": "DEF"}),
        json!({"crit": ["exp"]}),
        json!({"alg": "A256KW"}),
        json!({"enc": "A128GCM"}),
    ] {
        assert_nobody(
            &stack,
            &format!("{V4}={}", cookie::v4_with_header(secret, &extra, &claims)),
        );
    }
    let value = session.v5();
    let parts: Vec<&str> = value.split('.').collect();
    let rebuilt = |index: usize, part: &str| {
        let mut parts = parts.clone();
        parts[index] = part;
        format!("{V5}={}", parts.join("."))
    };
    assert_injected(&stack, &rebuilt(0, parts[0]), &session.access);
    for (index, part) in [
        (1, "AAAA"),
        (2, "AAAA"),
        (3, ""),
        (4, &parts[4][..22]),
        (4, ""),
        (3, &format!("{}AAAA", parts[3])),
        (0, &format!("{}x", parts[0])),
    ] {
        assert_nobody(&stack, &rebuilt(index, part));
    }
}

#[test]
fn a_session_id_is_16_to_128_plain_characters() {
    let stack = stack();
    let stored = |id: &str| {
        let session = stack.session().key({
            let id = id.to_owned();
            move |_| format!("session:{id}")
        });
        let session = session.save();
        let mut claims = session.claims();
        claims["sid"] = json!(id);
        (
            session,
            format!("{V5}={}", cookie::v5(&stack.auth_secret, V5, &claims)),
        )
    };
    for id in [
        "a".repeat(16),
        "Z".repeat(128),
        "0123456789_-abcdef".to_owned(),
    ] {
        let (session, line) = stored(&id);
        assert_injected(&stack, &line, &session.access);
    }
    for id in [
        "a".repeat(15),
        "Z".repeat(129),
        "with/slash/in/the/id".to_owned(),
        "with a space in the id".into(),
    ] {
        let (_, line) = stored(&id);
        assert_nobody(&stack, &line);
    }
    assert_eq!(stack.issuer.calls(THING), 3);
}

#[test]
fn secrets_rotate_newest_first() {
    const OLD: &str = "an-old-secret-that-still-opens-cookies";
    let stack = Stack::build()
        .env("OLD_SECRET", OLD)
        .config(|config| {
            config["session"]["secrets"] = json!([{"env": "AUTH_SECRET"}, {"env": "OLD_SECRET"}]);
        })
        .start();
    upstream_at(&stack, THING);
    let session = stack.login();
    let claims = session.claims();
    assert_injected(&stack, &session.cookie(), &session.access);
    let v5 = format!("{V5}={}", cookie::v5(OLD, V5, &claims));
    assert_injected(&stack, &v5, &session.access);
    let v4 = format!("{V4}={}", cookie::v4(OLD, &claims));
    assert_injected(&stack, &v4, &session.access);
    // Without `kid` only the first secret is tried, as Auth.js does.
    let no_kid = format!("{V5}={}", cookie::v5_without_kid(OLD, V5, &claims));
    assert_nobody(&stack, &no_kid);
}

#[test]
fn the_claim_and_the_cookies_names_are_configured() {
    let stack = Stack::with(|config| {
        config["session"]["claim"] = json!("session_ref");
        config["session"]["cookies"] = json!(["first", "second"]);
    });
    upstream_at(&stack, THING);
    let session = stack.login();
    let mut claims = session.claims();
    claims["session_ref"] = claims["sid"].take();
    for name in ["first", "second"] {
        let line = format!("{name}={}", cookie::v5(&stack.auth_secret, name, &claims));
        assert_injected(&stack, &line, &session.access);
    }
    assert_nobody(
        &stack,
        &format!("{V5}={}", cookie::v5(&stack.auth_secret, V5, &claims)),
    );
    assert_nobody(&stack, &session.cookie());
}

#[test]
fn an_opaque_cookie_is_the_id_itself() {
    let stack = Stack::with(|config| config["session"] = json!({"format": "opaque"}));
    upstream_at(&stack, THING);
    let (session, other) = (stack.login(), stack.login());
    assert_injected(
        &stack,
        &format!("a=1; {}", session.opaque()),
        &session.access,
    );
    assert_eq!(
        stack.issuer.last(THING).header("cookie").as_deref(),
        Some("a=1")
    );
    assert_injected(
        &stack,
        &format!("__Host-session-x=1; {}", session.opaque()),
        &session.access,
    );
    for line in [
        "__Host-session=",
        "__Host-session=short",
        "__Host-session=with%20escapes%20in%20it",
        "__host-session=0123456789abcdef0123456789abcdef",
    ] {
        assert_nobody(&stack, line);
    }
    let both = format!("{}; {}", session.opaque(), other.opaque());
    assert_problem(&ask(&stack, &both), 401, "session_ambiguous");
}
