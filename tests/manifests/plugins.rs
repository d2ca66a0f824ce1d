//! The Wasm plugins that the manifests define, and what the control planes make
//! of them for Envoy.

use serde_json::{Value, json};

use crate::files::{self, Document};
use crate::stack::envoy;

/// Who turns a manifest into a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Istio, from a `WasmPlugin`.
    WasmPlugin,
    /// Istio, which hands the filter of an `EnvoyFilter` through.
    EnvoyFilter,
    /// Envoy Gateway, from an `EnvoyExtensionPolicy` and an `EnvoyPatchPolicy`.
    EnvoyGateway,
}

/// A plugin.
#[derive(Clone, Debug)]
pub struct Plugin {
    pub by: By,
    pub manifest: Document,
    /// What the relay gets.
    pub config: Value,
    /// The variables of Envoy's environment that it may see.
    pub env: Vec<String>,
    /// Where the module comes from.
    pub url: String,
}

/// All of them.
pub fn all() -> Vec<Plugin> {
    let plugins: Vec<Plugin> = files::all().into_iter().filter_map(Plugin::of).collect();
    assert_eq!(plugins.len(), 4, "plugins in the manifests");
    plugins
}

/// The only one of a folder.
pub fn only(folder: &str) -> Plugin {
    let folder = files::root().join(folder);
    let mut plugins = all();
    plugins.retain(|plugin| plugin.manifest.file.starts_with(&folder));
    assert_eq!(plugins.len(), 1, "plugins in {}", folder.display());
    plugins.remove(0)
}

impl Plugin {
    fn of(manifest: Document) -> Option<Self> {
        let spec = &manifest.value["spec"];
        let (by, config, env, url) = match manifest.kind() {
            "WasmPlugin" => (
                By::WasmPlugin,
                spec["pluginConfig"].clone(),
                host_variables(&spec["vmConfig"]["env"]),
                spec["url"].clone(),
            ),
            "EnvoyExtensionPolicy" => {
                let wasm = &spec["wasm"][0];
                (
                    By::EnvoyGateway,
                    wasm["config"].clone(),
                    strings(&wasm["env"]["hostKeys"]),
                    wasm["code"]["image"]["url"].clone(),
                )
            }
            "EnvoyFilter" => {
                let config = extension_config(&manifest)?;
                let text = config["configuration"]["value"].as_str().expect("text");
                let vm = &config["vm_config"];
                (
                    By::EnvoyFilter,
                    serde_json::from_str(text).expect("the configuration is JSON"),
                    strings(&vm["environment_variables"]["host_env_keys"]),
                    vm["code"]["remote"]["http_uri"]["uri"].clone(),
                )
            }
            _ => return None,
        };
        let url = url.as_str().expect("an URL").to_owned();
        Some(Self {
            by,
            config,
            env,
            url,
            manifest,
        })
    }

    /// The file, for messages.
    pub fn place(&self) -> String {
        self.manifest.file.display().to_string()
    }

    pub fn cluster(&self, of: &str) -> &str {
        self.config[of]["cluster"].as_str().expect("a cluster")
    }

    pub fn has_endpoints(&self) -> bool {
        self.config.get("endpoints").is_some()
    }

    /// Envoy's `PluginConfig`, as it arrives there; the module is `code`.
    pub fn as_envoy_gets_it(&self, config: &Value, code: &Value) -> Value {
        // Both control planes hand the configuration over as the text of JSON.
        let configuration = json!({
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": config.to_string(),
        });
        let vm = json!({
            "runtime": "envoy.wasm.runtime.v8",
            "code": code,
            "environment_variables": {"host_env_keys": self.env},
        });
        let name = self.manifest.name();
        let spec = &self.manifest.value["spec"];
        match self.by {
            By::WasmPlugin => {
                let mut vm = vm;
                // It makes a VM of its own of every change of the resource.
                vm["environment_variables"]["key_values"] =
                    json!({"ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION": "1"});
                let failure = spec["failStrategy"].as_str().expect("failStrategy");
                json!({
                    "name": format!("token-relay.{name}"),
                    "configuration": configuration,
                    "vm_config": vm,
                    "failure_policy": failure.replace("FAIL_CLOSE", "FAIL_CLOSED"),
                })
            }
            By::EnvoyFilter => {
                let mut given = extension_config(&self.manifest).expect("the filter");
                given["configuration"] = configuration;
                given["vm_config"]["code"] = code.clone();
                given
            }
            By::EnvoyGateway => {
                let mut vm = vm;
                vm["vm_id"] = json!(format!("{}/wasm/0", self.gateway_policy()));
                let wasm = &spec["wasm"][0];
                let mut given = json!({
                    "name": wasm["name"],
                    "configuration": configuration,
                    "vm_config": vm,
                    "fail_open": wasm["failOpen"],
                });
                for (path, value) in patches_of_the_filter() {
                    given[path] = value;
                }
                given
            }
        }
    }

    /// What Envoy Gateway calls the policy.
    fn gateway_policy(&self) -> String {
        format!("envoyextensionpolicy/token-relay/{}", self.manifest.name())
    }

    /// What it calls the filter.
    pub fn gateway_filter(&self) -> String {
        format!("envoy.filters.http.wasm/{}/wasm/0", self.gateway_policy())
    }

    /// Puts the plugin into the shipped bootstrap, in place of that listener's
    /// own, with clusters of the names that it wants. `change` is done to its
    /// configuration.
    pub fn install(&self, bootstrap: &mut Value, listener: &str, change: impl FnOnce(&mut Value)) {
        for (cluster, shipped) in [("store", "webdis"), ("issuer", "django")] {
            add_cluster(bootstrap, self.cluster(cluster), shipped);
        }
        let mut config = self.config.clone();
        change(&mut config);
        let wasm = envoy::wasm_config_of(bootstrap, listener);
        let code = wasm["vm_config"]["code"].take();
        *wasm = self.as_envoy_gets_it(&config, &code);
    }
}

/// A cluster like the shipped one of that name; one of Istio's inbound clusters has
/// no endpoints, as with Istio.
fn add_cluster(bootstrap: &mut Value, name: &str, like: &str) {
    let clusters = bootstrap["static_resources"]["clusters"].as_array_mut();
    let clusters = clusters.expect("clusters");
    if clusters.iter().any(|cluster| cluster["name"] == name) {
        return;
    }
    let found = clusters.iter().find(|cluster| cluster["name"] == like);
    let mut cluster = found.expect("the shipped cluster").clone();
    cluster["name"] = json!(name);
    if name.starts_with("inbound|") {
        cluster = json!({
            "name": name,
            "type": "ORIGINAL_DST",
            "lb_policy": "CLUSTER_PROVIDED",
            "connect_timeout": "10s",
        });
    } else {
        cluster["load_assignment"]["cluster_name"] = json!(name);
    }
    clusters.push(cluster);
}

/// The `PluginConfig` that an `EnvoyFilter` adds, if it adds one.
fn extension_config(manifest: &Document) -> Option<Value> {
    let patches = manifest.value["spec"]["configPatches"].as_array()?;
    let mut patches = patches.iter();
    let added = patches.find(|patch| patch["applyTo"] == "EXTENSION_CONFIG")?;
    Some(added["patch"]["value"]["typed_config"]["config"].clone())
}

/// What the `EnvoyPatchPolicy` adds to the filter.
fn patches_of_the_filter() -> Vec<(String, Value)> {
    let policy = files::only("envoy/gateway", "EnvoyPatchPolicy");
    let patches = policy.value["spec"]["jsonPatches"].as_array();
    let operations = patches.expect("patches").iter().map(|p| &p["operation"]);
    operations
        .map(|operation| {
            let path = operation["path"].as_str().expect("a path").to_owned();
            (path, operation["value"].clone())
        })
        .collect()
}

fn host_variables(env: &Value) -> Vec<String> {
    let all = env.as_array().expect("a list");
    let host = all
        .iter()
        .filter(|variable| variable["valueFrom"] == "HOST");
    host.map(|variable| variable["name"].as_str().expect("a name").to_owned())
        .collect()
}

fn strings(list: &Value) -> Vec<String> {
    let list = list.as_array().expect("a list");
    let texts = list.iter().map(|text| text.as_str().expect("a string"));
    texts.map(str::to_owned).collect()
}
