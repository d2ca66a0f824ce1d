//! What is wrong with one plugin: what the filter's own parser says, and then
//! what the filter cannot see.

mod around;
mod destinations;
mod lifetimes;
mod mesh;

use std::borrow::Cow;

use token_relay::config::{Config, Parsed};

use crate::find::{Given, Home, Plugin};
use crate::finding::Finding;
use crate::reading::json;
use crate::yaml::{self, Node};

pub(crate) use lifetimes::Lifetimes;

/// Stands for a secret that only the proxy's environment has.
pub(crate) const PLACEHOLDER: &str = "placeholder";

/// A variable that the configuration may name.
pub(crate) struct Variable<'d> {
    pub(crate) name: &'d str,
    /// `None`: it comes from the proxy's own environment.
    pub(crate) value: Option<&'d str>,
}

/// Everything that is to be said about a plugin, by line.
pub(crate) fn judge(plugin: &Plugin<'_>, lifetimes: Lifetimes) -> Vec<Finding> {
    let mut findings = Vec::new();
    let parsed = parse(plugin, &mut findings);
    let tree = tree(&plugin.given);
    match &plugin.home {
        Home::Bare => {}
        Home::Envoy(around) => {
            around::check(*around, tree.as_deref(), parsed.as_ref(), &mut findings);
            destinations::check(*around, tree.as_deref(), &mut findings);
        }
        Home::Istio(spec) => mesh::istio(spec, tree.as_deref(), &mut findings),
        Home::Gateway(entry) => mesh::gateway(entry, tree.as_deref(), &mut findings),
    }
    if let Some(parsed) = &parsed {
        lifetimes.check(&parsed.config, plugin.line, &mut findings);
    }
    findings.sort_by_key(|finding| finding.line);
    findings
}

/// The configuration as a tree, for looking fields up in it.
pub(crate) fn tree<'d>(given: &Given<'d>) -> Option<Cow<'d, Node>> {
    match given {
        Given::Json(text, _) => {
            let document = yaml::documents(text).ok()?.into_iter().next()?;
            Some(Cow::Owned(document))
        }
        Given::Tree(node, _) => Some(Cow::Borrowed(*node)),
        Given::Nothing(_) | Given::Other(..) => None,
    }
}

/// The configuration as the filter gets it.
pub(crate) fn text(given: &Given<'_>) -> String {
    match given {
        Given::Json(text, _) => text.clone(),
        Given::Tree(node, reader) => json(node, *reader),
        Given::Nothing(_) | Given::Other(..) => String::new(),
    }
}

/// Lets the filter's parser read it.
fn parse(plugin: &Plugin<'_>, findings: &mut Vec<Finding>) -> Option<Parsed> {
    let variables = variables(&plugin.home);
    let env = |name: &str| match &variables {
        None => Some(PLACEHOLDER.to_owned()),
        Some(variables) => variables
            .iter()
            .find(|variable| variable.name == name)
            .map(|variable| variable.value.unwrap_or(PLACEHOLDER).to_owned()),
    };
    let line = match &plugin.given {
        Given::Json(_, line) | Given::Nothing(line) => *line,
        Given::Tree(node, _) => node.line,
        Given::Other(kind, line) => {
            findings.push(Finding::mistake(
                *line,
                "configuration.@type",
                shown(kind),
                "type.googleapis.com/google.protobuf.Struct with a mapping as its value, or google.protobuf.StringValue with a JSON text",
            ));
            return None;
        }
    };
    let line_of = |path: &str| match &plugin.given {
        Given::Tree(node, _) => node.line_of(path),
        // A file that is JSON has its own lines; a text inside another file does not.
        Given::Json(text, _) if plugin.line == line => yaml::documents(text)
            .ok()
            .and_then(|all| Some(all.first()?.line_of(path)))
            .unwrap_or(line),
        _ => line,
    };
    match Config::parse(text(&plugin.given).as_bytes(), &env) {
        Ok(parsed) => {
            for warning in &parsed.warnings {
                let (path, text) = warning.split_once(": ").unwrap_or(("", warning));
                findings.push(Finding::warning(line_of(path), path, text));
            }
            Some(parsed)
        }
        Err(mistakes) => {
            for mistake in mistakes {
                let line = line_of(&mistake.path);
                findings.push(Finding::mistake(
                    line,
                    mistake.path,
                    mistake.found,
                    mistake.allowed,
                ));
            }
            None
        }
    }
}

/// The variables that a plugin gets; `None` where the file does not say.
fn variables<'d>(home: &Home<'d>) -> Option<Vec<Variable<'d>>> {
    match home {
        Home::Bare => None,
        Home::Envoy(around) => Some(around::variables(around.plugin)),
        Home::Istio(spec) => Some(mesh::istio_variables(spec)),
        Home::Gateway(entry) => Some(mesh::gateway_variables(entry)),
    }
}

/// The names in the `{env: NAME}` of a configuration.
fn named(node: &Node, names: &mut Vec<String>) {
    if let Some(name) = node.text_at(&["env"])
        && node.members().len() == 1
    {
        names.push(name.to_owned());
    }
    for item in node.items() {
        named(item, names);
    }
    for (_, member) in node.members() {
        named(member, names);
    }
}

/// The endpoints that read a request's body.
fn reads_bodies(configuration: &Node) -> bool {
    let endpoint = |name: &str| configuration.at(&["endpoints", name]).is_some();
    let sets_cookie = configuration.text_at(&["endpoints", "login", "reply"]) == Some("cookie");
    endpoint("login") || endpoint("adopt") || (endpoint("logout") && !sets_cookie)
}

/// Text of a file, fit for a terminal.
pub(crate) fn shown(text: &str) -> String {
    const MAX: usize = 64;
    let escaped: String = text
        .chars()
        .flat_map(char::escape_default)
        .take(MAX)
        .collect();
    let rest = if text.len() > MAX { "…" } else { "" };
    format!("\"{escaped}{rest}\"")
}

/// Text that stands alone: printable, and not too long.
pub(crate) fn plain(text: &str) -> String {
    let escaped = text.chars().take(512).map(|c| {
        if c.is_ascii_graphic() || c == ' ' {
            c.to_string()
        } else {
            c.escape_default().to_string()
        }
    });
    escaped.collect()
}
