//! Envoy does not come up with a configuration that would have misbehaved, and
//! says why (section 2).

use serde_json::{Value, json};

use crate::common::{THING, upstream_at};
use crate::stack::Stack;
use crate::stack::client::Request;
use crate::stack::envoy::{plugin_config, wasm_config};
use crate::stack::setup::refused;

/// A mistake: what is done to the shipped configuration, and the path that the
/// log has to name.
type Mistake = (&'static str, fn(&mut Value));

const MISTAKES: [Mistake; 24] = [
    ("surprise", |c| c["surprise"] = json!(true)),
    ("refresh.leway", |c| c["refresh"] = json!({"leway": "5s"})),
    ("store.cluster", |c| {
        drop(object(c, "store").remove("cluster"))
    }),
    ("issuer.authority", |c| {
        drop(object(c, "issuer").remove("authority"))
    }),
    ("issuer.authority", |c| {
        c["issuer"]["authority"] = json!("django_cluster")
    }),
    ("issuer.timeout", |c| c["issuer"]["timeout"] = json!(35)),
    ("issuer.timeout", |c| c["issuer"]["timeout"] = json!("35")),
    ("refresh.wait", |c| c["refresh"] = json!({"wait": "5 s"})),
    ("store.timeout", |c| c["store"]["timeout"] = json!("0s")),
    ("store.key", |c| c["store"]["key"] = json!("session")),
    ("store.key", |c| c["store"]["key"] = json!("{id}:{id}")),
    ("store.fields", |c| {
        c["store"]["fields"] = json!({"access": "t", "refresh": "t"})
    }),
    ("session.format", |c| c["session"]["format"] = json!("jwt")),
    ("session.secrets", |c| c["session"]["secrets"] = json!([])),
    ("session.secrets[0].env", |c| {
        c["session"]["secrets"][0]["env"] = json!("NOT_SET")
    }),
    ("session.claim", |c| c["session"]["claim"] = json!(7)),
    ("session.secrets", |c| {
        c["session"]["format"] = json!("opaque")
    }),
    ("issuer.preset", |c| {
        c["issuer"]["preset"] = json!("keycloak")
    }),
    ("cache.max_sessions", |c| {
        c["cache"] = json!({"max_sessions": -1})
    }),
    ("cache.max_sessions", |c| {
        c["cache"] = json!({"max_sessions": 2.5})
    }),
    ("routes[1].session", |c| {
        c["routes"][1]["session"] = json!("maybe")
    }),
    ("routes[0]", |c| c["routes"][0]["path"] = json!("/both")),
    ("csrf.origins[0]", |c| {
        c["csrf"] = json!({"origins": ["app.example.com/"]})
    }),
    ("login_url", |c| c["login_url"] = json!("/api/login")),
];

fn object<'a>(config: &'a mut Value, name: &str) -> &'a mut serde_json::Map<String, Value> {
    config[name].as_object_mut().expect("an object")
}

#[test]
fn a_mistake_keeps_envoy_from_starting_and_the_log_names_its_path() {
    for (path, make) in MISTAKES {
        let log = refused(move |bootstrap| make(plugin_config(bootstrap)));
        let named = log.lines().any(|line| {
            line.contains("[error][wasm]") && line.contains(&format!("configuration: {path}"))
        });
        assert!(named, "{path} is not named:\n{log}");
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let log = refused(|bootstrap| {
        let config = plugin_config(bootstrap);
        config["surprise"] = json!(1);
        config["store"]["timeout"] = json!("soon");
        config["issuer"]["preset"] = json!("keycloak");
    });
    for path in ["surprise", "store.timeout", "issuer.preset"] {
        assert!(
            log.contains(&format!("configuration: {path}")),
            "{path}:\n{log}"
        );
    }
}

#[test]
fn a_configuration_that_is_no_object_or_no_json_is_refused() {
    for text in ["", "[]", "{", "not json", "{\"store\":1}"] {
        let log = refused(move |bootstrap| {
            wasm_config(bootstrap)["configuration"] = json!({
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": text,
            });
        });
        assert!(log.contains("configuration"), "{text:?}:\n{log}");
    }
}

#[test]
fn secrets_are_not_quoted_in_complaints() {
    const SECRET: &str = "do-not-print-this-secret";
    let log = refused(|bootstrap| {
        let config = plugin_config(bootstrap);
        config["session"]["secrets"] = json!([SECRET]);
        config["store"]["credentials"]["password"] = json!(SECRET);
        config["store"]["credentials"]["username"] = json!("with:colon");
    });
    assert!(log.contains("configuration: session.secrets[0]"), "{log}");
    assert!(
        log.contains("configuration: store.credentials.password"),
        "{log}"
    );
    assert!(!log.contains(SECRET), "a secret is quoted");
}

#[test]
fn a_secret_in_the_configuration_itself_works_and_is_warned_about() {
    let stack = Stack::build()
        .bootstrap(|bootstrap| {
            // Known only at run time; the harness told Envoy by the environment.
            let config = plugin_config(bootstrap);
            config["session"]["secrets"] =
                json!([{"env": "AUTH_SECRET"}, {"value": "a-secret-in-plain-sight-0123456789"}]);
        })
        .start();
    let session = stack.login();
    stack.whoami_ok(&session);
    let log = stack.envoy().log();
    assert!(
        log.lines()
            .any(|line| line.contains("[warning]") && line.contains("session.secrets[1]")),
        "{log}"
    );
    // What it warns of: Envoy shows it, and the relay does not.
    let secret = "a-secret-in-plain-sight-0123456789";
    let dump = Request::get("/config_dump").send(stack.envoy().at.admin);
    assert!(dump.text().contains(secret));
    assert!(!log.contains(secret));
    assert!(!stack.envoy().all_stats().contains(secret));
}

#[test]
fn the_configuration_may_come_as_text_as_well() {
    let stack = Stack::build()
        .bootstrap(|bootstrap| {
            plugin_config(bootstrap)["cache"] = json!({"max_sessions": 5.0});
            let text = plugin_config(bootstrap).to_string();
            wasm_config(bootstrap)["configuration"] = json!({
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": text,
            });
        })
        .start();
    upstream_at(&stack, THING);
    let session = stack.expired();
    assert_eq!(stack.send(&stack.request(THING, &session)).status, 200);
    assert_eq!(stack.refreshes(&session), 1);
}

#[test]
fn no_configuration_at_all_is_refused() {
    let log = refused(|bootstrap| {
        let plugin = wasm_config(bootstrap).as_object_mut().expect("an object");
        plugin.remove("configuration");
    });
    assert!(log.contains("configuration"), "{log}");
}

#[test]
fn a_bad_update_is_rejected_and_the_old_configuration_goes_on() {
    let stack = Stack::build().watch_listeners().start();
    let session = stack.login();
    stack.whoami_ok(&session);
    stack
        .envoy()
        .reconfigure_badly(|config| config["store"]["timeout"] = json!("soon"));
    assert!(stack.envoy().log().contains("configuration: store.timeout"));
    stack.whoami_ok(&session);
}
