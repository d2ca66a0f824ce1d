//! What stands around a plugin in Istio's and Envoy Gateway's resources.

use super::{Variable, reads_bodies, shown};
use crate::finding::Finding;
use crate::reading::is_true;
use crate::yaml::Node;

/// `spec.vmConfig.env` of a `WasmPlugin`.
pub(super) fn istio_variables(spec: &Node) -> Vec<Variable<'_>> {
    let entries = spec.at(&["vmConfig", "env"]).map_or(&[][..], Node::items);
    entries
        .iter()
        .filter_map(|entry| {
            let host = entry.text_at(&["valueFrom"]) == Some("HOST");
            let value = entry.text_at(&["value"]).unwrap_or_default();
            Some(Variable {
                name: entry.text_at(&["name"])?,
                value: (!host).then_some(value),
            })
        })
        .collect()
}

/// `env.hostKeys` of an `EnvoyExtensionPolicy`.
pub(super) fn gateway_variables(entry: &Node) -> Vec<Variable<'_>> {
    let keys = entry.at(&["env", "hostKeys"]).map_or(&[][..], Node::items);
    keys.iter()
        .filter_map(|key| {
            let name = key.text()?;
            Some(Variable { name, value: None })
        })
        .collect()
}

/// A `WasmPlugin`.
pub(super) fn istio(spec: &Node, configuration: Option<&Node>, findings: &mut Vec<Finding>) {
    let strategy = spec.get("failStrategy");
    match strategy.and_then(Node::text) {
        Some("FAIL_RELOAD") => {}
        Some("FAIL_OPEN") => findings.push(Finding::mistake(
            strategy.unwrap_or(spec).line,
            "failStrategy",
            "FAIL_OPEN",
            "FAIL_RELOAD or FAIL_CLOSE; with FAIL_OPEN requests pass unchecked when the plugin cannot be loaded or has crashed",
        )),
        other => findings.push(Finding::warning(
            strategy.unwrap_or(spec).line,
            "failStrategy",
            format!(
                "{}: without FAIL_RELOAD a worker whose VM has crashed answers 503 until the proxy is restarted",
                other.map_or("nothing".to_owned(), shown)
            ),
        )),
    }
    for entry in spec.at(&["vmConfig", "env"]).map_or(&[][..], Node::items) {
        if entry.get("value").is_some() && entry.text_at(&["valueFrom"]) != Some("HOST") {
            findings.push(Finding::warning(
                entry.line,
                "vmConfig.env",
                "a value in the manifest is seen by all who can read it, and in Envoy's /config_dump; valueFrom: HOST takes it from the proxy's environment",
            ));
        }
    }
    bodies(spec.line, configuration, findings);
}

/// An entry of an `EnvoyExtensionPolicy`.
pub(super) fn gateway(entry: &Node, configuration: Option<&Node>, findings: &mut Vec<Finding>) {
    if let Some(open) = entry.get("failOpen").filter(|open| is_true(open)) {
        findings.push(Finding::mistake(
            open.line,
            "failOpen",
            "true",
            "false; with failOpen requests pass unchecked when the plugin cannot be loaded or has crashed",
        ));
    }
    bodies(entry.line, configuration, findings);
}

/// Neither resource can switch on what endpoints with bodies need.
fn bodies(line: usize, configuration: Option<&Node>, findings: &mut Vec<Finding>) {
    if configuration.is_some_and(reads_bodies) {
        findings.push(Finding::warning(
            line,
            "endpoints",
            "endpoints that read bodies need allow_on_headers_stop_iteration: true in Envoy's plugin configuration, for which this resource has no field; without it they answer 408 body_timeout",
        ));
    }
}
