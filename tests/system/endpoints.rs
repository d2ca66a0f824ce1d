//! The relay's own endpoints (section 7), on the real stack.

use std::io::{BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::common::{assert_problem, counter};
use crate::stack::act::{Act, Latch};
use crate::stack::client::Request;
use crate::stack::django::{self, REVOKE, User, WHOAMI};
use crate::stack::http::{self, Response};
use crate::stack::{Stack, cookie, envoy, jwt, wait};

const LOGIN: &str = "/auth/login";
const LOGOUT: &str = "/auth/logout";
const SESSION: &str = "/auth/session";
const ADOPT: &str = "/auth/adopt";
const OBTAIN: &str = "/api/token/";

fn endpoints(reply: &str) -> Value {
    json!({
        "login": {"path": LOGIN, "reply": reply},
        "logout": {"path": LOGOUT},
        "session": {"path": SESSION},
        "adopt": {"path": ADOPT},
    })
}

/// A stack for a browser without NextAuth.
fn for_browsers() -> Stack {
    Stack::build()
        .bootstrap(|bootstrap| {
            envoy::wasm_config(bootstrap)["allow_on_headers_stop_iteration"] = true.into();
            let config = envoy::plugin_config(bootstrap);
            config["session"] = json!({"format": "opaque"});
            config["endpoints"] = endpoints("cookie");
        })
        .start()
}

/// A stack for a server that keeps the ids itself.
fn for_servers() -> Stack {
    Stack::build()
        .bootstrap(|bootstrap| {
            envoy::wasm_config(bootstrap)["allow_on_headers_stop_iteration"] = true.into();
            envoy::plugin_config(bootstrap)["endpoints"] = endpoints("body");
        })
        .start()
}

fn credentials(stack: &Stack, user: &User) -> Value {
    json!({"username": user.name, "password": stack.django.password()})
}

/// A session that the relay made, as its holder knows it.
struct Made {
    id: String,
    user: User,
    record: Value,
}

impl Made {
    fn of(stack: &Stack, user: User, id: &str) -> Self {
        let record = stack.redis.record(&format!("session:{id}"));
        let record = record.expect("a record");
        stack.secrets.add("a new session id", id);
        for name in ["access", "refresh"] {
            let token = record[name].as_str().expect("a token");
            stack.secrets.add("a new token", token);
        }
        Self {
            id: id.to_owned(),
            user,
            record,
        }
    }

    fn key(&self) -> String {
        format!("session:{}", self.id)
    }

    fn cookie(&self) -> String {
        format!("__Host-session={}", self.id)
    }

    fn refresh(&self) -> &str {
        self.record["refresh"].as_str().expect("a refresh token")
    }
}

fn set_cookie(answer: &Response) -> String {
    answer.get("set-cookie").expect("a cookie")
}

/// Logs a new user in, as a browser.
fn log_in(stack: &Stack) -> Made {
    let user = stack.django.new_user();
    let answer = stack.send(&Request::post(LOGIN).json(&credentials(stack, &user)));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cookie = set_cookie(&answer);
    let value = cookie.split(';').next().expect("a value");
    let id = value.strip_prefix("__Host-session=").expect("the name");
    Made::of(stack, user, id)
}

#[test]
fn a_browser_logs_in_calls_the_api_and_logs_out() {
    let stack = for_browsers();
    let user = stack.django.new_user();
    let answer = stack.send(&Request::post(LOGIN).json(&credentials(&stack, &user)));
    assert_eq!(answer.status, 200);
    let cookie = set_cookie(&answer);
    let (value, attributes) = cookie.split_once("; ").expect("attributes");
    assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(answer.get("cache-control").as_deref(), Some("no-store"));
    let body = answer.json();
    assert_eq!(body["authenticated"], true);
    assert_eq!(body["user_id"], user.id.to_string());
    let id = value.strip_prefix("__Host-session=").expect("the name");
    let made = Made::of(&stack, user, id);
    assert_eq!(body["expires_at"], made.record["refresh_exp"]);

    let whoami = || stack.send(&Request::get(WHOAMI).cookie(made.cookie()));
    assert_eq!(whoami().json()["username"], made.user.name.as_str());

    let answer = stack.send(&Request::post(LOGOUT).cookie(made.cookie()));
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert!(set_cookie(&answer).starts_with("__Host-session=; "));
    assert!(set_cookie(&answer).ends_with("; Max-Age=0"));
    assert_eq!(stack.redis.get(&made.key()), None);
    wait::until("the refresh token is revoked", || {
        stack.django.is_blacklisted(made.refresh())
    });
    wait::until("every worker knows", || whoami().status == 401);
    assert_eq!(stack.stat(&counter("sessions.created")), 1);
    assert_eq!(stack.stat(&counter("sessions.logged_out")), 1);
}

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
fn django_hears_from_whom_a_login_comes() {
    let stack = for_browsers();
    log_in(&stack);
    let obtain = stack.issuer.last(OBTAIN);
    assert_eq!(
        obtain.header("x-forwarded-for").as_deref(),
        Some("127.0.0.1")
    );
    assert_eq!(obtain.header("cookie"), None);
}

#[test]
fn a_wrong_password_is_djangos_answer() {
    let stack = for_browsers();
    let user = stack.django.new_user();
    let wrong = json!({"username": user.name, "password": "wrong"});
    let answer = stack.send(&Request::post(LOGIN).json(&wrong));
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.get("content-type").as_deref(),
        Some("application/json")
    );
    let detail = &answer.json()["detail"];
    assert_eq!(detail, "No active account found with the given credentials");
    assert_eq!(answer.get("set-cookie"), None);
    let missing = stack.send(&Request::post(LOGIN).json(&json!({"username": user.name})));
    assert_eq!(missing.status, 400);
    assert!(missing.json()["password"].is_array());
}

#[test]
fn a_throttled_login_is_passed_on_with_its_wait() {
    let stack = for_browsers();
    let throttled = Response::json_body(429, &json!({"detail": "Request was throttled."}))
        .header("retry-after", "60");
    stack.issuer.once(OBTAIN, Act::answer(throttled));
    let user = stack.django.new_user();
    let answer = stack.send(&Request::post(LOGIN).json(&credentials(&stack, &user)));
    assert_eq!(answer.status, 429);
    assert_eq!(answer.get("retry-after").as_deref(), Some("60"));
}

#[test]
fn a_login_ends_the_session_that_its_cookie_named() {
    let stack = for_browsers();
    let first = log_in(&stack);
    let login = Request::post(LOGIN).json(&credentials(&stack, &first.user));
    let answer = stack.send(&login.cookie(first.cookie()));
    assert_eq!(answer.status, 200);
    assert!(!set_cookie(&answer).contains(&first.id));
    assert_eq!(stack.redis.get(&first.key()), None);
    wait::until("the first refresh token is revoked", || {
        stack.django.is_blacklisted(first.refresh())
    });
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

#[test]
fn another_sites_page_can_neither_log_in_nor_out() {
    let stack = for_browsers();
    let made = log_in(&stack);
    for path in [LOGIN, LOGOUT] {
        let request = Request::post(path)
            .header("origin", "https://evil.example")
            .cookie(made.cookie());
        assert_problem(&stack.send(&request), 403, "cross_site");
    }
    assert!(stack.redis.get(&made.key()).is_some());
}

#[test]
fn the_session_endpoint_says_whether_there_is_one_and_no_more() {
    let stack = for_browsers();
    let made = log_in(&stack);
    let ask = |request: Request| stack.send(&request).json();
    let there = json!({"authenticated": true, "expires_at": made.record["refresh_exp"]});
    assert_eq!(ask(Request::get(SESSION).cookie(made.cookie())), there);
    let none = json!({"authenticated": false, "expires_at": null});
    assert_eq!(ask(Request::get(SESSION)), none);
    stack.redis.delete(&made.key());
    assert_eq!(ask(Request::get(SESSION).cookie(made.cookie())), none);
    assert_eq!(stack.verdicts(4)[1..], ["session", "session", "session"]);
}

#[test]
fn a_server_logs_in_and_out_by_the_session_id() {
    let stack = for_servers();
    let user = stack.django.new_user();
    let answer = stack.send(&Request::post(LOGIN).json(&credentials(&stack, &user)));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.get("set-cookie"), None);
    let body = answer.json();
    let id = body["session_id"].as_str().expect("an id");
    assert_eq!(body["user_id"], user.id.to_string());
    let made = Made::of(&stack, user, id);
    assert_eq!(body["expires_at"], made.record["refresh_exp"]);
    let logout = Request::post(LOGOUT).json(&json!({"session_id": made.id}));
    assert_eq!(stack.send(&logout).status, 204);
    assert_eq!(stack.redis.get(&made.key()), None);
    wait::until("the refresh token is revoked", || {
        stack.django.is_blacklisted(made.refresh())
    });
    // Without a body, and again: done already.
    assert_eq!(stack.send(&Request::post(LOGOUT)).status, 204);
    assert_eq!(stack.send(&logout).status, 204);
}

#[test]
fn tokens_that_a_server_got_elsewhere_become_a_session() {
    let stack = for_servers();
    let user = stack.django.new_user();
    let (access, refresh) = stack.django.login(&user);
    let adopt = Request::post(ADOPT).json(&json!({"access": access, "refresh": refresh}));
    let answer = stack.send(&adopt);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.json()["session_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let made = Made::of(&stack, user, &id);
    assert_eq!(made.refresh(), refresh);
    let nothing = Request::post(ADOPT).json(&json!({"refresh": refresh}));
    assert_problem(&stack.send(&nothing), 400, "body_invalid");
}

#[test]
fn without_a_store_nobody_logs_in_and_the_new_token_is_revoked() {
    let stack = for_browsers();
    let made = log_in(&stack);
    stack.redis.freeze();
    let user = stack.django.new_user();
    let login = Request::post(LOGIN).json(&credentials(&stack, &user));
    assert_problem(&stack.send(&login), 503, "store_unavailable");
    let logout = Request::post(LOGOUT).cookie(made.cookie());
    assert_problem(&stack.send(&logout), 503, "store_unavailable");
    let session = Request::get(SESSION).cookie(made.cookie());
    assert_problem(&stack.send(&session), 503, "store_unavailable");
    wait::until("the new refresh token is revoked", || {
        stack
            .django
            .is_blacklisted(&stack.django.newest_refresh(&user))
    });
    stack.redis.thaw();
    assert_eq!(stack.send(&logout).status, 204);
}

#[test]
fn without_an_issuer_nobody_logs_in_and_everybody_logs_out() {
    let stack = for_browsers();
    let made = log_in(&stack);
    stack.issuer.shut();
    let login = Request::post(LOGIN).json(&credentials(&stack, &made.user));
    assert_problem(&stack.send(&login), 503, "issuer_unavailable");
    let logout = Request::post(LOGOUT).cookie(made.cookie());
    assert_eq!(stack.send(&logout).status, 204);
    assert_eq!(stack.redis.get(&made.key()), None);
    stack.issuer.open();
}

#[test]
fn a_client_that_leaves_during_its_login_leaves_no_session_behind() {
    let stack = for_browsers();
    let user = stack.django.new_user();
    let latch = Latch::default();
    stack.issuer.once(OBTAIN, Act::forward().until(&latch));
    let pending = stack.start(&Request::post(LOGIN).json(&credentials(&stack, &user)));
    stack.issuer.wait_for_calls(OBTAIN, 1);
    pending.leave();
    // Envoy has noticed when the request is in its access log.
    stack.verdicts(1);
    latch.open();
    stack.issuer.wait_for_calls(REVOKE, 1);
    stack.issuer.wait_until_quiet();
    assert!(
        stack
            .django
            .is_blacklisted(&stack.django.newest_refresh(&user))
    );
    assert_eq!(stack.stat(&counter("sessions.created")), 0);
}

#[test]
fn sessions_made_by_a_login_are_refreshed_like_any_other() {
    let stack = Stack::build()
        .django(django::Options {
            access: 1,
            ..django::Options::default()
        })
        .bootstrap(|bootstrap| {
            envoy::wasm_config(bootstrap)["allow_on_headers_stop_iteration"] = true.into();
            let config = envoy::plugin_config(bootstrap);
            config["session"] = json!({"format": "opaque"});
            config["endpoints"] = endpoints("cookie");
        })
        .start();
    let made = log_in(&stack);
    wait::until("the access token has been refreshed", || {
        let answer = stack.send(&Request::get(WHOAMI).cookie(made.cookie()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let record = stack.redis.record(&made.key()).expect("a record");
        record["refresh"] != made.record["refresh"]
    });
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

/// As shipped: Next.js's server logs in at the internal listener, and the
/// browser's requests come in at the other one.
#[test]
fn the_shipped_internal_listener_serves_a_server_and_the_other_one_does_not() {
    let stack = Stack::new();
    let internal = stack.envoy().at.internal;
    let user = stack.django.new_user();
    let login = Request::post(LOGIN)
        .json(&credentials(&stack, &user))
        .header("x-forwarded-for", "192.0.2.66, 203.0.113.5");
    let answer = login.send(internal);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.json()["session_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let made = Made::of(&stack, user, &id);
    // The last one is whom the public listener saw.
    let obtain = stack.issuer.last(OBTAIN);
    assert_eq!(
        obtain.header("x-forwarded-for").as_deref(),
        Some("203.0.113.5")
    );

    let claims = json!({"sid": made.id, "exp": jwt::now() + 60});
    let value = cookie::v5(&stack.auth_secret, cookie::V5, &claims);
    let line = format!("{}={value}", cookie::V5);
    let whoami = || Request::get(WHOAMI).cookie(&line);
    assert_eq!(
        stack.send(&whoami()).json()["username"],
        made.user.name.as_str()
    );
    let server_component = whoami().send(internal);
    assert_eq!(server_component.json()["username"], made.user.name.as_str());
    let session = Request::get(SESSION).cookie(&line).send(internal);
    assert_eq!(session.json()["authenticated"], true);

    // Outside there are no endpoints: these paths are Next.js's.
    for path in [LOGIN, LOGOUT, ADOPT] {
        let before = stack.issuer.calls(path);
        stack.send(&Request::post(path).body("{}"));
        assert_eq!(stack.issuer.calls(path), before + 1, "{path}");
    }
    let logout = Request::post(LOGOUT).json(&json!({"session_id": made.id}));
    assert_eq!(logout.send(internal).status, 204);
    assert_eq!(stack.redis.get(&made.key()), None);
}
