//! The relay's own endpoints (section 7), on the real stack.

mod bodies;
mod browsers;
mod failures;
mod servers;

use serde_json::{Value, json};

use crate::stack::client::Request;
use crate::stack::django::User;
use crate::stack::http::Response;
use crate::stack::{Stack, envoy};

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
