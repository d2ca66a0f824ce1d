//! Where in a file the relay is configured.
//!
//! In Envoy's configuration (a bootstrap, a listener, an xDS resource, an
//! Istio `EnvoyFilter`): any mapping with a `vm_config`, or with a
//! `configuration` that has a `@type`. In Kubernetes manifests: `WasmPlugin`
//! and `EnvoyExtensionPolicy`. Otherwise the document itself, if it has a
//! field of the relay.

use crate::reading::Reader;
use crate::yaml::{self, Node};

/// A plugin, or what may be one.
pub(crate) struct Plugin<'d> {
    /// What to call it.
    pub(crate) title: String,
    /// Where it stands in the document.
    pub(crate) place: String,
    pub(crate) line: usize,
    pub(crate) given: Given<'d>,
    pub(crate) home: Home<'d>,
}

/// The configuration, as it is handed over.
pub(crate) enum Given<'d> {
    /// JSON text in a string, or a file that is JSON.
    Json(String, usize),
    /// A tree that somebody turns into JSON or a Struct.
    Tree(&'d Node, Reader),
    /// None at all.
    Nothing(usize),
    /// An `@type` that the filter does not get as text or Struct.
    Other(String, usize),
}

/// What the plugin stands in.
pub(crate) enum Home<'d> {
    /// The configuration alone.
    Bare,
    /// A `PluginConfig` of Envoy, and what is around it.
    Envoy(Around<'d>),
    /// An Istio `WasmPlugin`: its `spec`.
    Istio(&'d Node),
    /// Envoy Gateway's `EnvoyExtensionPolicy`: an entry of `spec.wasm`.
    Gateway(&'d Node),
}

/// The surroundings of a plugin in Envoy's configuration.
#[derive(Clone, Copy)]
pub(crate) struct Around<'d> {
    pub(crate) plugin: &'d Node,
    pub(crate) manager: Option<&'d Node>,
    pub(crate) document: &'d Node,
}

/// The fields of a configuration, for telling one from other documents.
const FIELDS: [&str; 10] = [
    "session",
    "store",
    "issuer",
    "refresh",
    "cache",
    "routes",
    "csrf",
    "upstream",
    "login_url",
    "endpoints",
];

/// All that a document says to the relay. `text` is the document itself if it
/// is the only one of its file.
pub(crate) fn plugins<'d>(document: &'d Node, text: Option<&str>) -> Vec<Plugin<'d>> {
    let mut found = Vec::new();
    let mut place = Vec::new();
    kubernetes(document, &mut place, &mut found);
    let mut walk = Walk {
        document,
        ancestors: Vec::new(),
        place: Vec::new(),
        found,
    };
    walk.visit(document);
    let mut found = walk.found;
    let is_bare = || {
        document
            .members()
            .iter()
            .any(|(name, _)| FIELDS.contains(&name.as_str()))
    };
    if found.is_empty() && document.get("kind").is_none() && is_bare() {
        let json = text.filter(|text| serde_json::from_str::<serde_json::Value>(text).is_ok());
        found.push(Plugin {
            title: "configuration".to_owned(),
            place: String::new(),
            line: document.line,
            given: match json {
                Some(json) => Given::Json(json.to_owned(), document.line),
                None => Given::Tree(document, Reader::Envoy),
            },
            home: Home::Bare,
        });
    }
    found
}

/// Whether one of the names is ours, or the configuration looks like ours.
fn is_ours<'n>(names: impl IntoIterator<Item = Option<&'n str>>, given: &Given<'_>) -> bool {
    let named = |name: &str| {
        let name = name.to_ascii_lowercase().replace('-', "_");
        name.contains("token_relay")
    };
    names.into_iter().flatten().any(named) || looks_like_ours(given)
}

/// Whether a configuration has two of the three sections that every relay has.
fn looks_like_ours(given: &Given<'_>) -> bool {
    let count = |node: &Node| {
        ["session", "store", "issuer"]
            .iter()
            .filter(|name| node.get(name).is_some())
            .count()
    };
    match given {
        Given::Json(text, _) => {
            yaml::documents(text).is_ok_and(|all| all.first().is_some_and(|one| count(one) > 1))
        }
        Given::Tree(node, _) => count(node) > 1,
        Given::Nothing(_) | Given::Other(..) => false,
    }
}

/// Goes through a document of Envoy's.
struct Walk<'d> {
    document: &'d Node,
    ancestors: Vec<&'d Node>,
    place: Vec<String>,
    found: Vec<Plugin<'d>>,
}

impl<'d> Walk<'d> {
    fn visit(&mut self, node: &'d Node) {
        if let Some(plugin) = self.plugin(node) {
            self.found.push(plugin);
            return;
        }
        self.ancestors.push(node);
        for (index, item) in node.items().iter().enumerate() {
            self.place.push(format!("[{index}]"));
            self.visit(item);
            self.place.pop();
        }
        for (name, member) in node.members() {
            self.place.push(name.clone());
            self.visit(member);
            self.place.pop();
        }
        self.ancestors.pop();
    }

    fn plugin(&self, node: &'d Node) -> Option<Plugin<'d>> {
        let configuration = node.get("configuration");
        let typed = configuration.is_some_and(|node| node.get("@type").is_some());
        let vm = node.get("vm_config").filter(|vm| vm.is_map());
        if vm.is_none() && !typed {
            return None;
        }
        let given = match configuration {
            Some(configuration) => unpacked(configuration),
            None => Given::Nothing(node.line),
        };
        let nearest = |field: &str| {
            let mut above = self.ancestors.iter().rev();
            above.find(|node| node.get(field).is_some()).copied()
        };
        let filter = nearest("typed_config").and_then(|node| node.text_at(&["name"]));
        let name = node.text_at(&["name"]);
        let code = |path: &[&str]| vm.and_then(|vm| vm.text_at(path));
        let names = [
            name,
            filter,
            node.text_at(&["root_id"]),
            code(&["vm_id"]),
            code(&["code", "local", "filename"]),
            code(&["code", "remote", "http_uri", "uri"]),
        ];
        if !is_ours(names, &given) {
            return None;
        }
        let title = name.or(filter).unwrap_or("plugin").to_owned();
        let listener = nearest("filter_chains").and_then(|node| node.text_at(&["name"]));
        let around = Around {
            plugin: node,
            manager: nearest("http_filters"),
            document: self.document,
        };
        Some(Plugin {
            title: match listener {
                Some(listener) => format!("{title} (listener {listener})"),
                None => title,
            },
            place: written(&self.place),
            line: node.line,
            given,
            home: match vm {
                Some(_) => Home::Envoy(around),
                None => Home::Bare,
            },
        })
    }
}

/// What is in the `Any` of a plugin's configuration.
fn unpacked(any: &Node) -> Given<'_> {
    let kind = any.text_at(&["@type"]).unwrap_or_default();
    let value = any.get("value");
    match (kind.rsplit('/').next(), value) {
        (Some("google.protobuf.Struct"), Some(value)) => Given::Tree(value, Reader::Envoy),
        (Some("google.protobuf.StringValue"), Some(value)) => match value.text() {
            Some(text) => Given::Json(text.to_owned(), value.line),
            None => Given::Other(kind.to_owned(), value.line),
        },
        (Some("google.protobuf.Struct" | "google.protobuf.StringValue"), None) => {
            Given::Nothing(any.line)
        }
        _ => Given::Other(kind.to_owned(), any.line),
    }
}

/// The relay's plugins among Kubernetes resources, lists included.
fn kubernetes<'d>(node: &'d Node, place: &mut Vec<String>, found: &mut Vec<Plugin<'d>>) {
    let Some(kind) = node.text_at(&["kind"]) else {
        return;
    };
    for (index, item) in node
        .get("items")
        .map_or(&[][..], Node::items)
        .iter()
        .enumerate()
    {
        place.push(format!("items[{index}]"));
        kubernetes(item, place, found);
        place.pop();
    }
    let Some(spec) = node.get("spec") else { return };
    let resource = node.text_at(&["metadata", "name"]);
    let at = |field: &str| {
        let mut place = place.clone();
        place.extend(field.split('.').map(str::to_owned));
        written(&place)
    };
    if kind == "WasmPlugin" {
        let given = tree(spec.get("pluginConfig"), spec.line);
        let names = [
            resource,
            spec.text_at(&["pluginName"]),
            spec.text_at(&["url"]),
        ];
        if is_ours(names, &given) {
            found.push(Plugin {
                title: format!("WasmPlugin {}", resource.unwrap_or("without a name")),
                place: at("spec.pluginConfig"),
                line: spec.line,
                given,
                home: Home::Istio(spec),
            });
        }
    }
    if kind == "EnvoyExtensionPolicy" {
        for (index, entry) in spec
            .get("wasm")
            .map_or(&[][..], Node::items)
            .iter()
            .enumerate()
        {
            let given = tree(entry.get("config"), entry.line);
            let names = [
                resource,
                entry.text_at(&["name"]),
                entry.text_at(&["rootID"]),
                entry.text_at(&["code", "image", "url"]),
                entry.text_at(&["code", "http", "url"]),
            ];
            if is_ours(names, &given) {
                found.push(Plugin {
                    title: format!(
                        "EnvoyExtensionPolicy {}",
                        resource.unwrap_or("without a name")
                    ),
                    place: at(&format!("spec.wasm[{index}].config")),
                    line: entry.line,
                    given,
                    home: Home::Gateway(entry),
                });
            }
        }
    }
}

fn tree(node: Option<&Node>, line: usize) -> Given<'_> {
    match node {
        Some(node) => Given::Tree(node, Reader::Kubernetes),
        None => Given::Nothing(line),
    }
}

/// A path as an operator writes it: `static_resources.listeners[0].name`.
fn written(place: &[String]) -> String {
    let mut path = String::new();
    for step in place {
        if !path.is_empty() && !step.starts_with('[') {
            path.push('.');
        }
        if step.contains('.') && !step.contains('[') {
            path.push_str(&format!("\"{step}\""));
        } else {
            path.push_str(step);
        }
    }
    path
}
