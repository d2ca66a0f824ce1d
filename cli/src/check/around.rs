//! What stands around a plugin in Envoy's own configuration, and what the
//! filter relies on without being able to see it.

use std::time::Duration;

use token_relay::config::Parsed;

use super::{Variable, named, reads_bodies, shown};
use crate::duration::{protobuf, written};
use crate::find::Around;
use crate::finding::Finding;
use crate::reading::is_true;
use crate::yaml::Node;

/// Envoy's defaults.
const ROUTE_TIMEOUT: Duration = Duration::from_secs(15);
const STREAM_IDLE_TIMEOUT: Duration = Duration::from_mins(5);

/// Checks all of it.
pub(super) fn check(
    around: Around<'_>,
    configuration: Option<&Node>,
    parsed: Option<&Parsed>,
    findings: &mut Vec<Finding>,
) {
    machine(around.plugin, findings);
    if let Some(configuration) = configuration {
        clusters(around, configuration, findings);
        bodies(around.plugin, configuration, findings);
        shown_variables(around.plugin, configuration, findings);
    }
    if let Some(parsed) = parsed {
        redis_proxies(around.document, parsed.config.store.timeout, findings);
    }
    if let Some(manager) = around.manager {
        paths(manager, findings);
        timeouts(manager, findings);
    }
}

/// `vm_config.environment_variables`.
pub(super) fn variables(plugin: &Node) -> Vec<Variable<'_>> {
    let Some(variables) = plugin.at(&["vm_config", "environment_variables"]) else {
        return Vec::new();
    };
    let host = variables.get("host_env_keys").map_or(&[][..], Node::items);
    let host = host.iter().filter_map(|key| {
        let name = key.text()?;
        Some(Variable { name, value: None })
    });
    let values = variables.get("key_values").map_or(&[][..], Node::members);
    let values = values.iter().map(|(name, value)| Variable {
        name,
        value: value.text(),
    });
    values.chain(host).collect()
}

/// The plugin's own fields, but for its configuration.
fn machine(plugin: &Node, findings: &mut Vec<Finding>) {
    let policy = plugin.get("failure_policy");
    match policy.map(|policy| (policy.line, policy.text().unwrap_or_default())) {
        Some((_, "FAIL_RELOAD")) => {}
        Some((line, "FAIL_OPEN")) => findings.push(Finding::mistake(
            line,
            "failure_policy",
            "FAIL_OPEN",
            "FAIL_RELOAD; with FAIL_OPEN requests pass unchecked after a crash",
        )),
        other => {
            if !open(plugin, findings) {
                let (line, text) = match other {
                    Some((line, text)) => (line, shown(text)),
                    None => (plugin.line, "nothing".to_owned()),
                };
                findings.push(Finding::warning(
                    line,
                    "failure_policy",
                    format!("{text}: without FAIL_RELOAD a worker whose VM has crashed answers 503 until Envoy is restarted"),
                ));
            }
        }
    }
    if let Some(runtime) = plugin.at(&["vm_config", "runtime"])
        && !matches!(runtime.text(), Some("envoy.wasm.runtime.v8" | ""))
    {
        findings.push(Finding::mistake(
            runtime.line,
            "vm_config.runtime",
            shown(runtime.text().unwrap_or_default()),
            "envoy.wasm.runtime.v8: stock Envoy has no other",
        ));
    }
    if let Some(restriction) = plugin.get("capability_restriction_config") {
        findings.push(Finding::warning(
            restriction.line,
            "capability_restriction_config",
            "a function of the ABI that is missing in it makes requests pass unchecked, or the plugin crash",
        ));
    }
}

/// The deprecated `fail_open`.
fn open(plugin: &Node, findings: &mut Vec<Finding>) -> bool {
    let Some(open) = plugin.get("fail_open").filter(|open| is_true(open)) else {
        return false;
    };
    findings.push(Finding::mistake(
        open.line,
        "fail_open",
        "true",
        "failure_policy: FAIL_RELOAD; with fail_open requests pass unchecked after a crash",
    ));
    true
}

/// The clusters that are called, where the file names all there are.
fn clusters(around: Around<'_>, configuration: &Node, findings: &mut Vec<Finding>) {
    let dynamic = |field| around.document.at(&["dynamic_resources", field]).is_some();
    let Some(resources) = around.document.get("static_resources") else {
        return;
    };
    if dynamic("cds_config") || dynamic("ads_config") {
        return;
    }
    let clusters = resources.get("clusters").map_or(&[][..], Node::items);
    let names: Vec<&str> = clusters
        .iter()
        .filter_map(|cluster| cluster.text_at(&["name"]))
        .collect();
    for section in ["store", "issuer"] {
        let Some(cluster) = configuration.at(&[section, "cluster"]) else {
            continue;
        };
        let Some(name) = cluster.text().filter(|name| !names.contains(name)) else {
            continue;
        };
        let allowed = if names.is_empty() {
            "a cluster of static_resources.clusters, which has none".to_owned()
        } else {
            let names: Vec<String> = names.iter().map(|name| shown(name)).collect();
            format!(
                "a cluster of static_resources.clusters: {}",
                names.join(", ")
            )
        };
        findings.push(Finding::mistake(
            line(around, cluster),
            format!("{section}.cluster"),
            format!("{}, which is no cluster of this file", shown(name)),
            allowed,
        ));
    }
}

/// The line of a node of the configuration, whose text may be a JSON of its own.
fn line(around: Around<'_>, node: &Node) -> usize {
    let value = around.plugin.at(&["configuration", "value"]);
    match value {
        Some(value) if value.text().is_some() => value.line,
        _ => node.line,
    }
}

fn bodies(plugin: &Node, configuration: &Node, findings: &mut Vec<Finding>) {
    const FIELD: &str = "allow_on_headers_stop_iteration";
    let on = plugin.get(FIELD).is_some_and(is_true);
    if !on && reads_bodies(configuration) {
        let at = plugin.get(FIELD).map_or(plugin.line, |node| node.line);
        findings.push(Finding::mistake(
            at,
            FIELD,
            if plugin.get(FIELD).is_some() { "false" } else { "nothing" },
            "true, beside failure_policy: endpoints that read bodies answer 408 body_timeout without it",
        ));
    }
}

/// Secrets that come from `key_values`.
fn shown_variables(plugin: &Node, configuration: &Node, findings: &mut Vec<Finding>) {
    let mut names = Vec::new();
    named(configuration, &mut names);
    let path = ["vm_config", "environment_variables", "key_values"];
    for (name, value) in plugin.at(&path).map_or(&[][..], Node::members) {
        if names.contains(name) {
            findings.push(Finding::warning(
                value.line,
                path.join("."),
                format!(
                    "Envoy shows the secret {} in /config_dump; list it in host_env_keys instead",
                    shown(name)
                ),
            ));
        }
    }
}

/// A redis_proxy that gives up later than the relay leaves calls behind.
fn redis_proxies(node: &Node, store: Duration, findings: &mut Vec<Finding>) {
    let is_proxy = node
        .text_at(&["@type"])
        .is_some_and(|kind| kind.ends_with(".redis_proxy.v3.RedisProxy"));
    if is_proxy {
        let timeout = node.at(&["settings", "op_timeout"]);
        let given = timeout.and_then(Node::text).and_then(protobuf);
        if let (Some(node), Some(given)) = (timeout, given)
            && given >= store
        {
            findings.push(Finding::warning(
                node.line,
                "redis_proxy settings.op_timeout",
                format!(
                    "{} is not less than store.timeout {}: calls that the relay gives up stay behind in Webdis, which then mixes up answers",
                    written(given),
                    written(store)
                ),
            ));
        }
        return;
    }
    for item in node.items() {
        redis_proxies(item, store, findings);
    }
    for (_, member) in node.members() {
        redis_proxies(member, store, findings);
    }
}

/// Filter, routes and upstream should see the same path.
fn paths(manager: &Node, findings: &mut Vec<Finding>) {
    if !manager.get("normalize_path").is_some_and(is_true) {
        let at = manager.get("normalize_path").unwrap_or(manager).line;
        findings.push(Finding::warning(
            at,
            "normalize_path",
            "should be true, so that Envoy's routes, the relay and the upstream see the same path",
        ));
    }
}

/// The idle time-out ends what a crashed VM held, and must not end what waits
/// for an answer.
fn timeouts(manager: &Node, findings: &mut Vec<Finding>) {
    let given = manager.get("stream_idle_timeout");
    let idle = given.and_then(Node::text).and_then(protobuf);
    if let (Some(node), Some(Duration::ZERO)) = (given, idle) {
        findings.push(Finding::warning(
            node.line,
            "stream_idle_timeout",
            "0s: requests of a worker whose VM has crashed are held for ever",
        ));
        return;
    }
    let idle = idle.unwrap_or(STREAM_IDLE_TIMEOUT);
    let hosts = manager.at(&["route_config", "virtual_hosts"]);
    for host in hosts.map_or(&[][..], Node::items) {
        for entry in host.get("routes").map_or(&[][..], Node::items) {
            let Some(route) = entry.get("route") else {
                continue;
            };
            let timeout = route.get("timeout");
            let length = timeout.and_then(Node::text).and_then(protobuf);
            let length = length.unwrap_or(ROUTE_TIMEOUT);
            if route.get("idle_timeout").is_some() || (length < idle && length > Duration::ZERO) {
                continue;
            }
            let length = match length {
                Duration::ZERO => "0s (none)".to_owned(),
                length => written(length),
            };
            findings.push(Finding::warning(
                timeout.unwrap_or(route).line,
                "route.timeout",
                format!(
                    "{length} is not less than stream_idle_timeout {}, which ends a silent request first; give the route an idle_timeout of its own",
                    written(idle)
                ),
            ));
        }
    }
}
