//! A relay that is configured as in the manifests does what it is for: on the real
//! stack, with clusters of the names that the control planes make.

use serde_json::{Value, json};

use crate::files;
use crate::plugins::{self, Plugin};
use crate::stack::Stack;
use crate::stack::client::Request;
use crate::stack::django::WHOAMI;

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

fn request_without_cookie(to: std::net::SocketAddr) -> u16 {
    Request::get(WHOAMI).send(to).status
}

#[test]
fn next_js_logs_users_in_through_its_own_sidecar() {
    let folder = files::root().join("envoy/istio/egress");
    let plugins = plugins::all();
    let mut found = plugins.iter();
    let found = found.find(|plugin| plugin.manifest.file.starts_with(&folder));
    let stack = stack_with(found.expect("the plugin"), "internal");
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
