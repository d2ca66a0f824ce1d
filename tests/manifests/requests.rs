//! A relay that is configured as in the manifests does what it is for: on the real
//! stack, with clusters of the names that the control planes make.

use serde_json::{Value, json};

use crate::plugins::{self, Plugin};
use crate::stack::Stack;
use crate::stack::client::Request;
use crate::stack::django::{REFRESH, WHOAMI};

/// The shipped stack with this plugin in a listener. What the manifests say of
/// Django's name is not what this Django is called.
fn stack_with(plugin: &Plugin, listener: &'static str) -> Stack {
    let plugin = plugin.clone();
    Stack::build()
        .bootstrap(move |bootstrap| {
            plugin.install(bootstrap, listener, |config: &mut Value| {
                config["issuer"]["authority"] = json!("localhost");
            });
        })
        .start()
}

#[test]
fn a_request_is_refreshed_once_and_gets_its_token() {
    for plugin in plugins::all() {
        let inside = plugin.has_endpoints();
        let stack = stack_with(&plugin, if inside { "internal" } else { "ingress" });
        let session = stack.expired();
        let request = stack.request(WHOAMI, &session);
        let to = if inside {
            stack.envoy().at.internal
        } else {
            stack.ingress()
        };
        for _ in 0..2 {
            session.assert_is_me(&request.send(to));
        }
        assert_eq!(stack.refreshes(&session), 1, "{}", plugin.place());
        assert_eq!(request_without_cookie(to), 401, "{}", plugin.place());
    }
}

/// Istio's cluster for the container of the same pod sends a connection where it
/// was going. A call of the filter has no such connection, and finds no host.
#[test]
fn an_inbound_cluster_of_istio_is_none_that_the_relay_can_call() {
    let mut plugin = plugins::only("envoy/istio/sidecar");
    plugin.config["issuer"]["cluster"] = json!("inbound|8000||");
    let stack = stack_with(&plugin, "ingress");
    let session = stack.expired();
    let answer = stack.whoami(&session);
    assert_eq!(
        (answer.status, &*answer.code()),
        (503, "issuer_unavailable")
    );
    assert_eq!(stack.issuer.calls(REFRESH), 0);
    assert!(stack.redis.record(&session.key).is_some(), "it lives on");
}

fn request_without_cookie(to: std::net::SocketAddr) -> u16 {
    Request::get(WHOAMI).send(to).status
}

#[test]
fn next_js_logs_users_in_through_its_own_sidecar() {
    let stack = stack_with(&plugins::only("envoy/istio/egress"), "internal");
    let user = stack.django.new_user();
    let body = json!({"username": user.name, "password": stack.django.password()});
    let to = stack.envoy().at.internal;
    let answer = Request::post("/auth/login").json(&body).send(to);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.json()["session_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    stack.secrets.add("a session id", &id);
    assert!(stack.redis.record(&format!("session:{id}")).is_some());
    let out = Request::post("/auth/logout").json(&json!({"session_id": id}));
    assert_eq!(out.send(to).status, 204);
    assert!(stack.redis.record(&format!("session:{id}")).is_none());
}
