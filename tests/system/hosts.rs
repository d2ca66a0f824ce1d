//! The relay's routes name paths. Which hosts they are for says Envoy's own
//! configuration (docs/operations.md, "Several hosts behind one listener").

use serde_json::{Value, json};

use crate::common::{THING, assert_problem, upstream_at};
use crate::stack::Stack;
use crate::stack::act::Act;
use crate::stack::envoy::connection_manager;
use crate::stack::http::Response;

const OTHER: &str = "cms.example.com";

/// A second host on the same listener, for which the filter is disabled.
fn add_host(bootstrap: &mut Value) {
    let hosts = &mut connection_manager(bootstrap)["route_config"]["virtual_hosts"];
    let hosts = hosts.as_array_mut().expect("virtual hosts");
    hosts.push(json!({
        "name": "cms",
        "domains": [OTHER],
        "typed_per_filter_config": {"token_relay": {
            "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
            "disabled": true,
        }},
        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "django"}}],
    }));
}

#[test]
fn a_host_for_which_the_filter_is_disabled_gets_no_token() {
    let stack = Stack::build().bootstrap(add_host).start();
    upstream_at(&stack, THING);
    let session = stack.login();
    let ours = stack.request(THING, &session);
    assert_eq!(stack.send(&ours).status, 200);
    assert!(stack.issuer.last(THING).bearer() == session.access);
    assert_eq!(stack.send(&ours.host(OTHER)).status, 200);
    let seen = stack.issuer.last(THING);
    assert_eq!(seen.header("host").as_deref(), Some(OTHER));
    assert_eq!(seen.values("authorization"), [b""; 0]);
    assert_eq!(seen.values("cookie").len(), 1, "its cookie stays a cookie");
}

/// Why `token-relay check` warns of `internal_redirect_policy`: the request comes by
/// once more, with the token and without its session cookie.
#[test]
fn a_redirect_that_envoy_follows_by_itself_takes_the_token_along() {
    let stack = Stack::build()
        .config(|config| {
            let routes = config["routes"].as_array_mut().expect("routes");
            routes.insert(0, json!({"path": "/api/off", "session": "off"}));
            routes.insert(0, json!({"path": "/api/optional", "session": "optional"}));
        })
        .bootstrap(|bootstrap| {
            let hosts = &mut connection_manager(bootstrap)["route_config"]["virtual_hosts"];
            for route in hosts[0]["routes"].as_array_mut().expect("routes") {
                let policy = json!({"allow_cross_scheme_redirect": true});
                route["route"]["internal_redirect_policy"] = policy;
            }
        })
        .start();
    let session = stack.login();
    let away = |path: &str| {
        let location = format!("https://app.example.com{path}");
        Act::answer(Response::new(302).header("location", location))
    };
    for path in ["/api/off", "/api/optional"] {
        stack.issuer.once(THING, away(path));
        upstream_at(&stack, path);
        let answer = stack.send(&stack.request(THING, &session));
        assert_eq!(answer.status, 200);
        assert!(stack.issuer.last(path).bearer() == session.access);
    }
    stack.issuer.once(THING, away("/api/other"));
    let answer = stack.send(&stack.request(THING, &session));
    assert_problem(&answer, 401, "no_session");
}

/// Why it warns of `request_mirror_policies`.
#[test]
fn a_mirrored_request_takes_the_token_along() {
    let stack = Stack::build()
        .bootstrap(|bootstrap| {
            let hosts = &mut connection_manager(bootstrap)["route_config"]["virtual_hosts"];
            hosts[0]["request_mirror_policies"] = json!([{"cluster": "django"}]);
        })
        .start();
    upstream_at(&stack, THING);
    let session = stack.login();
    assert_eq!(stack.send(&stack.request(THING, &session)).status, 200);
    stack.issuer.wait_for_calls(THING, 2);
    let seen = stack.issuer.seen_at(THING);
    assert!(seen.iter().all(|seen| seen.bearer() == session.access));
}
