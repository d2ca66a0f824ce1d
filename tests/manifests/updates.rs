//! A `WasmPlugin` that changes while the relay works. Istio hands filters over by
//! ECDS, and every change of the resource makes a VM of its own; here the source
//! is a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::ecds;
use crate::plugins;
use crate::stack::act::Act;
use crate::stack::client::Pending;
use crate::stack::django::{self, REFRESH, WHOAMI};
use crate::stack::session::Session;
use crate::stack::{Stack, envoy, home, wait};

const RELOADS: &str = "extension_config_discovery.http_filter.token_relay.config_reload";
const REJECTIONS: &str = "extension_config_discovery.http_filter.token_relay.config_fail";

/// Moves the relay's filter of the browsers' listener into the file.
fn move_out(bootstrap: &mut Value, file: &Path) {
    let filters = envoy::connection_manager(bootstrap)["http_filters"].as_array_mut();
    let mut filters = filters.expect("filters").iter_mut();
    let ours = filters.find(|filter| filter["name"] == "token_relay");
    let ours = ours.expect("the relay's filter");
    ecds::write(file, "token_relay", &ours["typed_config"]);
    *ours = json!({
        "name": "token_relay",
        "config_discovery": {
            "config_source": ecds::source(file),
            "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
        },
    });
    bootstrap["node"] = json!({"id": "test", "cluster": "test"});
}

/// Changes the filter as Istio does after a change of the resource.
fn change(file: &Path, version: &str, change: impl FnOnce(&mut Value)) {
    let text = fs::read_to_string(file).expect("the filter");
    let text: Value = serde_json::from_str(&text).expect("JSON");
    let mut filter = text["resources"][0]["typed_config"].clone();
    let variables = &mut filter["config"]["vm_config"]["environment_variables"];
    variables["key_values"]["ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION"] = json!(version);
    change(&mut filter);
    ecds::write(file, "token_relay", &filter);
}

fn counter(name: &str) -> String {
    format!("wasmcustom.token_relay.{name}")
}

fn stack_with(file: PathBuf, configure: fn(&mut Value), django: django::Options) -> Stack {
    Stack::build()
        .django(django)
        .bootstrap(move |bootstrap| {
            plugins::only("envoy/istio/ingress").install(bootstrap, "ingress", |config| {
                config["issuer"]["authority"] = json!("localhost");
                configure(config);
            });
            move_out(bootstrap, &file);
        })
        .start()
}

/// A refresh that has begun, at a slow Django; the request that waits for it.
fn begin(stack: &Stack, session: &Session) -> Pending {
    let calls = stack.issuer.calls(REFRESH);
    let slow = Act::forward().delayed(Duration::from_secs(2));
    stack.issuer.once(REFRESH, slow);
    let pending = stack.start(&stack.request(WHOAMI, session));
    stack.issuer.wait_for_calls(REFRESH, calls + 1);
    pending
}

/// The plugin changes, and the new VM serves.
fn replace_the_vm(stack: &Stack, file: &Path) {
    let reloads = stack.stat(RELOADS);
    change(file, "2", |_| {});
    stack.wait_for_stat(RELOADS, reloads + 1);
    stack.whoami_ok(&stack.login());
}

#[test]
fn a_request_that_waits_for_a_refresh_keeps_the_old_vm_until_it_is_done() {
    let home = home::new("ecds-");
    let file = home.path().join("filter.json");
    let stack = stack_with(file.clone(), |_| {}, django::Options::default());
    let session = stack.expired();
    let pending = begin(&stack, &session);
    replace_the_vm(&stack, &file);
    session.assert_is_me(&stack.answer(pending));
    stack.whoami_ok(&session);
    assert_eq!(stack.refreshes(&session), 1);
    wait::until("the lease is free", || stack.lease_is_free(&session));
    assert_eq!(stack.stat(&counter("refresh.cut_off")), 0);
}

/// Section 6.8: Envoy throws a VM away when no stream holds it any more, as if that
/// worker had died. What it had begun is repeated when its lease has run out; a
/// grace period at the issuer saves the session.
#[test]
fn a_refresh_that_no_request_waits_for_is_cut_off_with_the_old_vm_and_counted() {
    let home = home::new("ecds-");
    let file = home.path().join("filter.json");
    let options = django::Options {
        grace: 120,
        ..django::Options::default()
    };
    // A short lease: 3 s + 2 × 0.5 s + 5 s.
    let short = |config: &mut Value| config["issuer"]["timeout"] = json!("3s");
    let stack = stack_with(file.clone(), short, options);
    let session = stack.expired();
    begin(&stack, &session).leave();
    replace_the_vm(&stack, &file);
    wait::until("the session goes on", || {
        stack.whoami(&session).status == 200
    });
    assert_eq!(stack.stat(&counter("refresh.cut_off")), 1);
    assert_eq!(stack.stat(&counter("sessions.lost")), 0);
    assert_eq!(stack.refreshes(&session), 1, "with the same successor");
}

#[test]
fn a_change_with_a_mistake_is_refused_and_the_old_configuration_goes_on() {
    let home = home::new("ecds-");
    let file = home.path().join("filter.json");
    let stack = stack_with(file.clone(), |_| {}, django::Options::default());
    let session = stack.login();
    stack.whoami_ok(&session);
    change(&file, "2", |filter| {
        filter["config"]["configuration"]["value"] = json!("{}");
    });
    stack.wait_for_stat(REJECTIONS, 1);
    assert!(stack.envoy().log().contains("configuration: store"));
    stack.whoami_ok(&session);
}
