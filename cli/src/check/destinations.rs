//! Where Envoy sends requests that carry a session's token. The relay's routes
//! name paths; hosts, redirects and copies are Envoy's business.

use super::shown;
use crate::find::Around;
use crate::finding::Finding;
use crate::reading::is_true;
use crate::yaml::Node;

/// Warns about requests that may take a token elsewhere than to the issuer's API.
pub(super) fn check(around: Around<'_>, configuration: Option<&Node>, findings: &mut Vec<Finding>) {
    let Some(manager) = around.manager else {
        return;
    };
    let filters = manager.get("http_filters").map_or(&[][..], Node::items);
    let is_ours = |filter: &&Node| {
        let plugin = filter.at(&["typed_config", "config"]);
        plugin.is_some_and(|plugin| std::ptr::eq(plugin, around.plugin))
    };
    let Some(filter) = filters.iter().find(is_ours) else {
        return;
    };
    let Some(routes) = manager.get("route_config") else {
        return;
    };
    let mut relay = Relay {
        name: filter.text_at(&["name"]).unwrap_or_default(),
        disabled: filter.get("disabled").is_some_and(is_true),
    };
    relay.disabled = relay.is_disabled(routes);
    let hosts = routes.get("virtual_hosts").map_or(&[][..], Node::items);
    let hosts: Vec<Host<'_>> = hosts
        .iter()
        .map(|host| relay.host(host))
        .filter(|host| !host.routes.is_empty())
        .collect();
    if !hosts.is_empty() {
        copies(routes, findings);
    }
    for host in &hosts {
        copies(host.node, findings);
        for route in &host.routes {
            copies(route, findings);
            redirects(route, findings);
        }
    }
    let issuer = configuration.and_then(|plugin| plugin.text_at(&["issuer", "cluster"]));
    if let Some(issuer) = issuer {
        strangers(&hosts, issuer, findings);
    }
}

/// The relay among the HTTP filters.
struct Relay<'d> {
    name: &'d str,
    /// Unless what is nearer to the request says otherwise.
    disabled: bool,
}

/// A virtual host, and its routes that lead to a cluster and have the relay.
struct Host<'d> {
    node: &'d Node,
    routes: Vec<&'d Node>,
}

impl Relay<'_> {
    fn host<'d>(&self, node: &'d Node) -> Host<'d> {
        let here = Self {
            disabled: self.is_disabled(node),
            ..*self
        };
        let routes = node.get("routes").map_or(&[][..], Node::items).iter();
        let routes = routes.filter(|entry| !here.is_disabled(entry));
        Host {
            node,
            routes: routes.filter_map(|entry| entry.get("route")).collect(),
        }
    }

    /// Whether it is disabled for these routes, this host or this route.
    fn is_disabled(&self, node: &Node) -> bool {
        let own = node.at(&["typed_per_filter_config", self.name]);
        own.map_or(self.disabled, |own| {
            own.get("disabled").is_some_and(is_true)
        })
    }
}

fn copies(node: &Node, findings: &mut Vec<Finding>) {
    const FIELD: &str = "request_mirror_policies";
    if let Some(policies) = node.get(FIELD)
        && !policies.items().is_empty()
    {
        findings.push(Finding::warning(
            policies.line,
            FIELD,
            "a mirrored request carries the session's token to the other cluster, too",
        ));
    }
}

fn redirects(route: &Node, findings: &mut Vec<Finding>) {
    const FIELD: &str = "internal_redirect_policy";
    if let Some(policy) = route.get(FIELD) {
        findings.push(Finding::warning(
            policy.line,
            FIELD,
            "a request that Envoy sends on by itself still carries the session's token, wherever it goes: let the client follow the redirect",
        ));
    }
}

/// Hosts that lead to other clusters than the issuer's, beside one that leads there.
fn strangers(hosts: &[Host<'_>], issuer: &str, findings: &mut Vec<Finding>) {
    let is_home = |host: &&Host<'_>| host.routes.iter().any(|route| leads_to(route, issuer));
    if !hosts.iter().any(|host| is_home(&host)) {
        return;
    }
    for host in hosts.iter().filter(|host| !is_home(host)) {
        let name = host.node.get("name").unwrap_or(host.node);
        findings.push(Finding::warning(
            name.line,
            "virtual_hosts",
            format!(
                "{} does not lead to issuer.cluster {}, and gets the session's token all the same where its paths match: disable the filter there, with typed_per_filter_config",
                shown(name.text().unwrap_or_default()),
                shown(issuer)
            ),
        ));
    }
}

/// Whether a route leads to this cluster, or may.
fn leads_to(route: &Node, cluster: &str) -> bool {
    let weighted = route.at(&["weighted_clusters", "clusters"]);
    let weighted = weighted.map_or(&[][..], Node::items).iter();
    let mut names = weighted.map(|weighted| weighted.text_at(&["name"]));
    // A header, or a plugin, decides at run time.
    let is_open = [
        "cluster_header",
        "cluster_specifier_plugin",
        "inline_cluster_specifier_plugin",
    ]
    .iter()
    .any(|field| route.get(field).is_some());
    is_open
        || route.text_at(&["cluster"]) == Some(cluster)
        || names.any(|name| name == Some(cluster))
}
