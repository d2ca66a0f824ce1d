//! Envoy with the module: the shipped bootstrap, with other ports.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::client::Request;
use super::places::PLACES;
use super::provider::{Launch, Program};
use super::running::Running;
use super::setup::PROVIDER;
use super::wait;

/// The addresses around one Envoy.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    pub admin: SocketAddr,
    pub ingress: SocketAddr,
    pub internal: SocketAddr,
    pub redis_listener: SocketAddr,
    pub django: SocketAddr,
    pub webdis: SocketAddr,
    pub redis: SocketAddr,
}

/// The shipped bootstrap with these addresses and this module.
pub fn bootstrap(at: &Addresses, wasm: &Path) -> Value {
    let file = PLACES.root.join("envoy/envoy.yaml");
    let text = fs::read_to_string(&file).expect("envoy/envoy.yaml");
    let mut config: Value = serde_yaml_ng::from_str(&text).expect("envoy.yaml is YAML");
    set_own_ports(&mut config, at);
    for (name, addr) in [
        ("django", at.django),
        // The pages that Next.js would serve are the gate's as well.
        ("nextjs", at.django),
        ("webdis", at.webdis),
        ("redis", at.redis),
    ] {
        set_endpoint(&mut config, name, addr);
    }
    for listener in ["ingress", "internal"] {
        wasm_config_of(&mut config, listener)["vm_config"]["code"] =
            json!({"local": {"filename": wasm.display().to_string()}});
    }
    // The tests write their requests byte by byte, onto plain connections.
    named(&mut config, "listeners", "ingress")["filter_chains"][0]
        .as_object_mut()
        .expect("a filter chain")
        .remove("transport_socket")
        .expect("the shipped listener has TLS");
    config
}

/// Sets where a cluster's endpoint is.
pub fn set_endpoint(bootstrap: &mut Value, cluster: &str, addr: SocketAddr) {
    let cluster = named(bootstrap, "clusters", cluster);
    let host = PROVIDER.host_of(addr);
    let is_name = host.parse::<IpAddr>().is_err();
    if is_name {
        // A part that was started again may have another address.
        cluster.as_object_mut().expect("a cluster").remove("type");
        cluster["cluster_type"] = json!({
            "name": "envoy.clusters.dns",
            "typed_config": {"@type": DNS, "dns_refresh_rate": "0.2s"},
        });
    }
    let endpoint = &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0];
    set_address(&mut endpoint["endpoint"]["address"], &host, addr.port());
    if is_name {
        // Who asks for a part that is gone gets no answer at all.
        bootstrap["typed_dns_resolver_config"] = json!({
            "name": "envoy.network.dns_resolver.cares",
            "typed_config": {
                "@type": CARES,
                "query_timeout_seconds": 1,
                "query_tries": 1,
            },
        });
    }
}

/// Sets how long `redis_proxy` waits for an answer.
pub fn set_redis_timeout(bootstrap: &mut Value, timeout: &str) {
    let filters = &mut named(bootstrap, "listeners", "redis")["filter_chains"][0]["filters"];
    filters[0]["typed_config"]["settings"]["op_timeout"] = timeout.into();
}

/// The change for a Redis Cluster that the shipped file describes in a comment,
/// done to it, with these nodes as the ones to begin with.
pub fn use_redis_cluster(bootstrap: &mut Value, nodes: &[SocketAddr]) {
    let settings = commented("# settings:");
    let filters = &mut named(bootstrap, "listeners", "redis")["filter_chains"][0]["filters"];
    filters[0]["typed_config"]["settings"] = settings["settings"].clone();
    let change = commented("# lb_policy: CLUSTER_PROVIDED");
    let change = change.as_object().expect("fields");
    let names: Vec<&str> = change.keys().map(String::as_str).collect();
    assert_eq!(names, ["cluster_type", "lb_policy"], "the comment is whole");
    let cluster = named(bootstrap, "clusters", "redis");
    let fields = cluster.as_object_mut().expect("fields");
    fields.remove("type").expect("the shipped type");
    fields.extend(change.clone());
    let endpoints = &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"];
    let shipped = endpoints[0].clone();
    let all = nodes.iter().map(|node| {
        let mut endpoint = shipped.clone();
        let host = PROVIDER.host_of(*node);
        set_address(&mut endpoint["endpoint"]["address"], &host, node.port());
        endpoint
    });
    *endpoints = all.collect();
}

/// The YAML that stands in a comment of the shipped file, from this line on.
fn commented(first: &str) -> Value {
    let text = fs::read_to_string(PLACES.root.join("envoy/envoy.yaml")).expect("envoy.yaml");
    let lines = text.lines().map(str::trim_start);
    let comment = lines
        .skip_while(|line| *line != first)
        .map_while(|line| line.strip_prefix("# "));
    let comment: Vec<&str> = comment.collect();
    assert!(!comment.is_empty(), "`{first}` is in envoy.yaml");
    serde_yaml_ng::from_str(&comment.join("\n")).expect("the comment is YAML")
}
const DNS: &str = "type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster";
const CARES: &str = "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.\
                     CaresDnsResolverConfig";

/// Sets the ports on which this Envoy itself listens.
pub fn set_own_ports(bootstrap: &mut Value, at: &Addresses) {
    let host = PROVIDER.parts_listen_on().to_string();
    set_address(&mut bootstrap["admin"]["address"], &host, at.admin.port());
    for (name, addr) in [
        ("ingress", at.ingress),
        ("internal", at.internal),
        ("redis", at.redis_listener),
    ] {
        let listener = named(bootstrap, "listeners", name);
        set_address(&mut listener["address"], &host, addr.port());
    }
}

/// The HTTP connection manager of a listener.
fn connection_manager_of<'a>(bootstrap: &'a mut Value, listener: &str) -> &'a mut Value {
    &mut named(bootstrap, "listeners", listener)["filter_chains"][0]["filters"][0]["typed_config"]
}

/// The HTTP connection manager of the browsers' listener.
pub fn connection_manager(bootstrap: &mut Value) -> &mut Value {
    connection_manager_of(bootstrap, "ingress")
}

/// The settings of the browsers' Wasm plugin.
pub fn wasm_config(bootstrap: &mut Value) -> &mut Value {
    wasm_config_of(bootstrap, "ingress")
}

/// The settings of a listener's Wasm plugin.
pub fn wasm_config_of<'a>(bootstrap: &'a mut Value, listener: &str) -> &'a mut Value {
    let filters = connection_manager_of(bootstrap, listener)["http_filters"].as_array_mut();
    let mut filters = filters.expect("http_filters").iter_mut();
    let ours = filters
        .find(|f| f["name"] == "token_relay")
        .expect("our filter");
    &mut ours["typed_config"]["config"]
}

/// The browsers' plugin's own configuration, shipped as a Struct.
pub fn plugin_config(bootstrap: &mut Value) -> &mut Value {
    plugin_config_of(bootstrap, "ingress")
}

/// The same of another listener's plugin.
pub fn plugin_config_of<'a>(bootstrap: &'a mut Value, listener: &str) -> &'a mut Value {
    let configuration = &mut wasm_config_of(bootstrap, listener)["configuration"];
    assert_eq!(
        configuration["@type"],
        "type.googleapis.com/google.protobuf.Struct"
    );
    &mut configuration["value"]
}

fn named<'a>(bootstrap: &'a mut Value, list: &str, name: &str) -> &'a mut Value {
    let items = bootstrap["static_resources"][list]
        .as_array_mut()
        .expect("a list");
    let mut items = items.iter_mut();
    items
        .find(|item| item["name"] == name)
        .expect("an item of that name")
}

fn set_address(address: &mut Value, host: &str, port: u16) {
    let address = &mut address["socket_address"];
    assert!(
        address["port_value"].is_number(),
        "envoy.yaml has a port there"
    );
    address["address"] = host.into();
    address["port_value"] = port.into();
}

/// Moves the listeners into a file that Envoy watches.
pub fn watch_listeners(bootstrap: &mut Value, file: &Path) {
    let listeners = bootstrap["static_resources"]["listeners"].take();
    write_listeners(file, &listeners);
    let source = json!({
        "resource_api_version": "V3",
        "path_config_source": {"path": file.display().to_string()},
    });
    bootstrap["dynamic_resources"] = json!({"lds_config": source});
    bootstrap["node"] = json!({"id": "test", "cluster": "test"});
}

/// Envoy sees a file that takes the place of the watched one.
fn write_listeners(file: &Path, listeners: &Value) {
    let listeners = listeners.as_array().expect("listeners");
    let typed = listeners.iter().map(|listener| {
        let mut listener = listener.clone();
        listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
        listener
    });
    let text = json!({"resources": typed.collect::<Vec<_>>()}).to_string();
    let new = file.with_extension("new");
    fs::write(&new, text).expect("the listeners");
    fs::rename(new, file).expect("the listeners in place");
}

/// One Envoy.
pub struct Envoy {
    pub at: Addresses,
    /// Where its listeners are, if it watches them.
    pub listeners: Option<PathBuf>,
    pub part: Running,
}

/// How an Envoy is started that finds its bootstrap at `config`; a listener that was
/// replaced ends after `drain`.
pub fn launch(
    name: &str,
    config: &Path,
    workers: usize,
    drain: Duration,
    env: &[(String, String)],
    at: &Addresses,
) -> Launch {
    let drain = drain.as_secs().to_string();
    // Webdis calls the first of them.
    let ports = [at.redis_listener, at.admin, at.ingress, at.internal];
    let file = config.display().to_string();
    let workers = workers.to_string();
    let args = [
        "-c",
        &file,
        "--concurrency",
        &workers,
        // Several at once would fight over the shared memory for that.
        "--disable-hot-restart",
        "--drain-time-s",
        &drain,
        // The access log is read while Envoy runs.
        "--file-flush-interval-msec",
        "20",
        "-l",
        "warning",
        // All that the relay has to say is searched for secrets.
        "--component-log-level",
        "wasm:debug",
    ];
    let home = config.parent().expect("a folder").to_owned();
    Launch {
        program: Program::Envoy,
        name: name.to_owned(),
        cwd: home.clone(),
        home,
        args: args.map(str::to_owned).into(),
        env: env.to_vec(),
        ports: ports.map(|addr| addr.port()).into(),
    }
}

impl Envoy {
    /// Whether it came up; false when it ended instead.
    pub fn wait_ready(&self) -> bool {
        let admin = self.at.admin;
        wait::until("Envoy is ready or gone", || {
            !self.part.is_running() || is_live(admin)
        });
        self.part.is_running()
    }

    /// Starts it again on the same ports.
    pub fn restart(&self) {
        self.part.start_again();
        assert!(self.wait_ready(), "Envoy comes back: {}", self.log());
    }

    /// Changes the plugin's configuration while Envoy runs.
    pub fn reconfigure(&self, change: impl FnOnce(&mut Value)) {
        self.update(change, "listener_manager.lds.update_success");
    }

    /// Tries the same with a mistake in it.
    pub fn reconfigure_badly(&self, change: impl FnOnce(&mut Value)) {
        self.update(change, "listener_manager.lds.update_rejected");
    }

    fn update(&self, change: impl FnOnce(&mut Value), counter: &str) {
        let file = self
            .listeners
            .as_ref()
            .expect("a stack with watched listeners");
        let text = fs::read_to_string(file).expect("the listeners");
        let mut listeners: Value = serde_json::from_str(&text).expect("JSON");
        // The shape that the helpers know.
        let mut bootstrap =
            json!({"static_resources": {"listeners": listeners["resources"].take()}});
        change(plugin_config(&mut bootstrap));
        let before = self.stat(counter);
        write_listeners(file, &bootstrap["static_resources"]["listeners"]);
        wait::until("Envoy has seen the update", || self.stat(counter) > before);
    }

    /// All of `/stats`.
    pub fn all_stats(&self) -> String {
        Request::get("/stats").send(self.at.admin).text()
    }

    /// A counter, 0 when it was never counted.
    pub fn stat(&self, name: &str) -> u64 {
        let all = self.all_stats();
        let mut lines = all.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(n, _)| *n == name);
        found.map_or(0, |(_, value)| value.parse().expect("a number"))
    }

    /// All stats whose names pass, added up.
    pub fn stats(&self, is_wanted: impl Fn(&str) -> bool) -> u64 {
        let all = self.all_stats();
        let lines = all.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(name, _)| is_wanted(name))
            .map(|(_, value)| value.parse::<u64>().expect("a number"))
            .sum()
    }

    /// The access log: an object per request that has ended.
    pub fn access_log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.part.launch.stdout()).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// What Envoy and the relay logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.part.launch.stderr()).unwrap_or_default()
    }
}

fn is_live(admin: SocketAddr) -> bool {
    let ready = Request::get("/ready").try_send(admin);
    ready.is_ok_and(|answer| answer.status == 200)
}
