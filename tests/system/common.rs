//! What the test bodies share.

use serde_json::{Value, json};

use crate::stack::Stack;
use crate::stack::act::Act;
use crate::stack::http::Response;

/// A path on a `required` route where the gate answers; see [`upstream_at`].
pub const THING: &str = "/api/thing";

/// A path on an `optional` route; see [`optional_route`].
pub const OPTIONAL: &str = "/api/optional/thing";

/// A path on a route that is `off`.
pub const PAGE: &str = "/pages/thing";

/// Puts an `optional` route before the shipped ones.
pub fn optional_route(config: &mut Value) {
    let routes = config["routes"].as_array_mut().expect("routes");
    routes.insert(
        0,
        json!({"prefix": "/api/optional/", "session": "optional"}),
    );
}

/// A stack with the `optional` route, whose upstream answers at all three paths.
pub fn stack_with_optional(change: impl FnOnce(&mut Value) + 'static) -> Stack {
    let stack = Stack::with(|config| {
        optional_route(config);
        change(config);
    });
    upstream_at(&stack, THING);
    upstream_at(&stack, OPTIONAL);
    upstream_at(&stack, PAGE);
    stack
}

/// The gate answers 200 at this path.
pub fn upstream_at(stack: &Stack, path: &str) {
    let answer = Response::json_body(200, &json!({"upstream": path}));
    stack.issuer.always(path, Act::answer(answer));
}

/// The answer is the relay's own, as section 4 wants it.
pub fn assert_problem(answer: &Response, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{}",
        answer.text()
    );
    let body = answer.json();
    assert_eq!(body["status"], status);
    assert!(
        body["title"]
            .as_str()
            .is_some_and(|title| !title.is_empty())
    );
    assert_eq!(answer.get("cache-control").as_deref(), Some("no-store"));
    assert_eq!(answer.get("www-authenticate").is_some(), status == 401);
    let seconds = answer
        .get("retry-after")
        .map(|v| v.parse::<u64>().expect("seconds"));
    assert_eq!(seconds.is_some(), status == 503);
    assert!(seconds.is_none_or(|seconds| seconds >= 1));
    assert_eq!(answer.get("set-cookie"), None);
    assert_eq!(answer.get("location"), None);
}

/// `relay`'s name of a counter in Envoy's `/stats`.
pub fn counter(name: &str) -> String {
    format!("wasmcustom.token_relay.{name}")
}
