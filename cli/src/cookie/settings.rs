//! How to read a cookie: from a configuration of the relay, or from options.

use serde_json::{Value, json};
use token_relay::config::{Config, SessionConfig, SessionFormat};

use crate::check::{PLACEHOLDER, plain, text, tree};
use crate::find::{self, Plugin};
use crate::yaml::{self, Node};

/// The command's options.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) config: Option<String>,
    pub(crate) secrets: Vec<String>,
    pub(crate) names: Vec<String>,
    pub(crate) claim: Option<String>,
    pub(crate) opaque: bool,
}

/// What follows from them.
pub(super) struct Known {
    pub(super) session: SessionConfig,
    /// What to call the secrets, in their order.
    pub(super) labels: Vec<String>,
    /// The Redis key before and behind the id.
    pub(super) key: (String, String),
    pub(super) hash_id: bool,
    pub(super) description: String,
    pub(super) warnings: Vec<String>,
}

impl Known {
    /// What to call a secret.
    pub(super) fn label(&self, index: usize) -> &str {
        self.labels.get(index).map_or("a secret", String::as_str)
    }
}

impl Settings {
    /// Reads the configuration, if there is one, and the secrets.
    pub(super) fn known(&self) -> Result<Known, String> {
        let Some(file) = &self.config else {
            let (configuration, labels) = self.stand_in();
            return known(&configuration.to_string(), labels, "");
        };
        if !self.secrets.is_empty() || !self.names.is_empty() || self.claim.is_some() || self.opaque
        {
            return Err("--config says it all; leave the other options out".to_owned());
        }
        let content = crate::files::read(file)?;
        let documents = yaml::documents(&content)
            .map_err(|broken| format!("{file}, line {}: {}", broken.line, broken.why))?;
        let whole = (documents.len() == 1).then_some(content.as_str());
        let mut plugins = documents
            .iter()
            .flat_map(|document| find::plugins(document, whole));
        let plugin = plugins
            .next()
            .ok_or_else(|| format!("there is no Token Relay in {file}"))?;
        let from = format!(" (of {} in {file})", plain(&plugin.title));
        known(&text(&plugin.given), labels(&plugin), &from)
            .map_err(|why| format!("{why}; see token-relay check {file}"))
    }

    /// A configuration that has what the options say.
    fn stand_in(&self) -> (Value, Vec<String>) {
        let default = ["AUTH_SECRET".to_owned()];
        let names = if self.secrets.is_empty() {
            &default[..]
        } else {
            &self.secrets
        };
        let session = if self.opaque {
            json!({"format": "opaque", "cookies": self.names})
        } else {
            let secrets: Vec<Value> = names.iter().map(|name| json!({"env": name})).collect();
            json!({
                "secrets": secrets,
                "claim": self.claim.as_deref().unwrap_or("sid"),
                "cookies": self.names,
            })
        };
        let configuration = json!({
            "session": session,
            "store": {"cluster": "webdis"},
            "issuer": {"cluster": "django", "authority": "localhost"},
            "routes": [{"prefix": "/", "session": "required"}],
        });
        let labels = if self.opaque {
            Vec::new()
        } else {
            names.to_vec()
        };
        (configuration, labels)
    }
}

/// What the secrets of a configuration are called.
fn labels(plugin: &Plugin<'_>) -> Vec<String> {
    let Some(tree) = tree(&plugin.given) else {
        return Vec::new();
    };
    let secrets = tree
        .at(&["session", "secrets"])
        .map_or(&[][..], Node::items);
    let label = |(index, secret): (usize, &Node)| match secret.text_at(&["env"]) {
        Some(name) => name.to_owned(),
        None => format!("secret {} of the configuration", index + 1),
    };
    secrets.iter().enumerate().map(label).collect()
}

fn known(configuration: &str, labels: Vec<String>, from: &str) -> Result<Known, String> {
    let env = |name: &str| std::env::var(name).ok();
    for name in &labels {
        if !name.contains(' ') && env(name).is_none_or(|value| value.is_empty()) {
            return Err(format!(
                "the variable {} is not set here: export it, with the value that the proxy has (and the application)",
                plain(name)
            ));
        }
    }
    // Other secrets of the configuration do not matter here.
    let lookup = |name: &str| {
        env(name)
            .filter(|value| !value.is_empty())
            .or(Some(PLACEHOLDER.to_owned()))
    };
    let parsed = Config::parse(configuration.as_bytes(), &lookup).map_err(|mistakes| {
        let first = mistakes.first().map(ToString::to_string);
        format!("the settings have mistakes: {}", first.unwrap_or_default())
    })?;
    let Config { session, store, .. } = parsed.config;
    let names = match session.cookies.as_slice() {
        [one] => plain(one),
        [first, rest @ ..] => format!("{} and {} more", plain(first), rest.len()),
        [] => String::new(),
    };
    let description = match &session.format {
        SessionFormat::Opaque => format!("{names}; format opaque{from}"),
        SessionFormat::NextAuth { claim, .. } => format!(
            "{names}; format nextauth, claim {}, secrets {}{from}",
            plain(claim),
            labels.join(", ")
        ),
    };
    let about_session = |warning: &String| warning.starts_with("session.");
    Ok(Known {
        session,
        labels,
        key: (store.key.prefix, store.key.suffix),
        hash_id: store.hash_id,
        description,
        warnings: parsed.warnings.into_iter().filter(about_session).collect(),
    })
}
