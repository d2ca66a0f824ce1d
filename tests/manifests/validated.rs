//! Envoy itself takes what comes out of the manifests (`--mode validate`).

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::files;
use crate::plugins;
use crate::stack::envoy::{self, Addresses};
use crate::stack::places::PLACES;
use crate::stack::{home, ports};

const VARIABLES: [&str; 4] = [
    "AUTH_SECRET",
    "WEBDIS_PASSWORD",
    "REDIS_PROXY_PASSWORD",
    "REDIS_RELAY_PASSWORD",
];

/// Envoy's complaints about a bootstrap; `None` when it takes it.
fn complaints(bootstrap: &Value) -> Option<String> {
    let home = home::new("validate-");
    let file = home.path().join("envoy.json");
    fs::write(&file, bootstrap.to_string()).expect("the bootstrap");
    let output = Command::new(&PLACES.envoy)
        .args(["--mode", "validate", "--disable-hot-restart"])
        .args(["--log-level", "warning", "--config-path"])
        .arg(&file)
        .envs(VARIABLES.map(|name| (name, "only-for-validation-0123456789abcdef")))
        .output()
        .expect("Envoy runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success()).then_some(said)
}

#[track_caller]
fn accepted(what: &str, bootstrap: &Value) {
    if let Some(said) = complaints(bootstrap) {
        panic!("{what}: Envoy refuses it:\n{said}");
    }
}

/// The shipped bootstrap, with the module where it is.
fn shipped() -> Value {
    let somewhere = ports::free();
    let at = Addresses {
        admin: ports::free(),
        ingress: ports::free(),
        internal: ports::free(),
        redis_listener: ports::free(),
        django: somewhere,
        webdis: somewhere,
        redis: somewhere,
    };
    envoy::bootstrap(&at, &PLACES.wasm)
}

#[test]
fn envoy_takes_every_plugin() {
    for plugin in plugins::all() {
        let mut bootstrap = shipped();
        plugin.install(&mut bootstrap, "ingress", |_| {});
        accepted(&plugin.place(), &bootstrap);
    }
}

#[test]
fn envoy_refuses_a_plugin_with_a_mistake_in_it() {
    for plugin in plugins::all() {
        let mut bootstrap = shipped();
        plugin.install(&mut bootstrap, "ingress", |config| {
            config["routes"][0]["session"] = json!("maybe");
        });
        let said = complaints(&bootstrap).expect("a mistake");
        assert!(said.contains("configuration: routes[0].session"), "{said}");
    }
}

#[test]
fn envoy_takes_what_envoy_gateway_starts_its_envoys_with() {
    let proxy = files::only("envoy/gateway", "EnvoyProxy");
    let text = proxy.value["spec"]["bootstrap"]["value"].as_str();
    let text = text.expect("text");
    let bootstrap = files::documents(&proxy.file, text).remove(0).value;
    accepted("the bootstrap in proxy.yaml", &bootstrap);
}

/// The patches that an `EnvoyFilter` of this folder lays over connection managers.
fn manager_patches(folder: &str) -> Vec<Value> {
    let filter = files::only(folder, "EnvoyFilter").value;
    let patches = filter["spec"]["configPatches"].as_array().cloned();
    let mut patches = patches.expect("patches");
    patches.retain(|patch| patch["applyTo"] == "NETWORK_FILTER");
    let values = patches
        .iter()
        .map(|p| p["patch"]["value"]["typed_config"].clone());
    values.collect()
}

#[test]
fn envoy_takes_every_patch_of_a_connection_manager() {
    let folders = [
        "envoy/istio/ingress",
        "envoy/istio/sidecar",
        "envoy/istio/egress",
    ];
    for folder in folders {
        for patch in manager_patches(folder) {
            let mut bootstrap = shipped();
            let manager = envoy::connection_manager(&mut bootstrap);
            for (field, value) in patch.as_object().expect("fields") {
                manager[field.as_str()] = value.clone();
            }
            accepted(folder, &bootstrap);
        }
    }
}

#[test]
fn envoy_takes_a_filter_whose_configuration_comes_later() {
    let filter = files::only("envoy/istio/egress", "EnvoyFilter").value;
    let patches = filter["spec"]["configPatches"].as_array();
    let mut patches = patches.expect("patches").iter();
    let inserted = patches.find(|patch| patch["applyTo"] == "HTTP_FILTER");
    let mut inserted = inserted.expect("the filter")["patch"]["value"].clone();
    // There is no Istio here to ask: the source is a file.
    let home = home::new("ecds-");
    let file = home.path().join("ecds.json");
    fs::write(&file, json!({"resources": []}).to_string()).expect("a file");
    let source = &mut inserted["config_discovery"]["config_source"];
    let removed = source.as_object_mut().expect("a source").remove("ads");
    assert_eq!(removed, Some(json!({})));
    source["path_config_source"] = json!({"path": file.display().to_string()});
    let mut bootstrap = shipped();
    bootstrap["node"] = json!({"id": "test", "cluster": "test"});
    let manager = envoy::connection_manager(&mut bootstrap);
    let filters = manager["http_filters"].as_array_mut().expect("filters");
    filters.insert(0, inserted);
    accepted("the filter in egress/relay.yaml", &bootstrap);
}
