//! How to read a cookie: from a configuration of the relay, or from options.

use std::fmt;

use serde_json::{Value, json};
use token_relay::config::{Config, SessionConfig, SessionFormat};

use crate::check::{PLACEHOLDER, plain, text, tree};
use crate::find::{self, Plugin};
use crate::yaml::{self, Node};

/// The command's options.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) config: Option<String>,
    pub(crate) secrets: Vec<Variable>,
    pub(crate) names: Vec<String>,
    pub(crate) claim: Option<String>,
    pub(crate) opaque: bool,
}

/// The name of a variable with a secret.
pub(crate) struct Variable(String);

impl Variable {
    /// What `--secret-env` was given. What is no name is not quoted: it may be
    /// the secret itself (`--secret-env "$AUTH_SECRET"`).
    pub(crate) fn of_option(given: &str) -> Result<Self, &'static str> {
        let begins = given.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if begins && given.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            Ok(Self(given.to_owned()))
        } else {
            Err(NO_NAME)
        }
    }
}

/// Why an argument of `--secret-env` is none.
pub(crate) const NO_NAME: &str = "--secret-env takes the name of a variable (letters, digits and _), e.g. --secret-env AUTH_SECRET, and never the secret itself";

/// What to call a secret.
pub(super) enum Label {
    /// A variable that the configuration names, or the default one.
    Named(String),
    /// A variable that an option names: printed only if there is such a variable.
    Given(String),
    /// The configuration holds it; which one of them, from 1.
    Held(usize),
}

impl Label {
    /// Why the secret is not there, if it is not.
    fn missing(&self) -> Option<String> {
        let (variable, shown) = match self {
            Self::Named(name) => (name, plain(name)),
            // It looks like a name, and may be a secret all the same.
            Self::Given(name) => (name, "that --secret-env names".to_owned()),
            Self::Held(_) => return None,
        };
        environment(variable).is_none().then(|| {
            format!("the variable {shown} is not set here: export it, with the value that the proxy has (and the application)")
        })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) | Self::Given(name) => formatter.write_str(&plain(name)),
            Self::Held(which) => write!(formatter, "secret {which} of the configuration"),
        }
    }
}

/// A variable of this process that is not empty.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What follows from them.
pub(super) struct Known {
    pub(super) session: SessionConfig,
    /// What to call the secrets, in their order.
    pub(super) labels: Vec<Label>,
    /// The Redis key before and behind the id.
    pub(super) key: (String, String),
    pub(super) hash_id: bool,
    pub(super) description: String,
    pub(super) warnings: Vec<String>,
}

impl Known {
    /// What to call a secret.
    pub(super) fn label(&self, index: usize) -> String {
        let label = self.labels.get(index).map(Label::to_string);
        label.unwrap_or_else(|| "a secret".to_owned())
    }

    /// What to call all of them.
    pub(super) fn secrets(&self) -> String {
        joined(&self.labels)
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
        let content = crate::files::read(file)
            .map_err(|why| format!("{} cannot be read: {why}", plain(file)))?;
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
    fn stand_in(&self) -> (Value, Vec<Label>) {
        let labels: Vec<Label> = if self.opaque {
            Vec::new()
        } else if self.secrets.is_empty() {
            vec![Label::Named("AUTH_SECRET".to_owned())]
        } else {
            let given = self.secrets.iter();
            given.map(|one| Label::Given(one.0.clone())).collect()
        };
        let session = if self.opaque {
            json!({"format": "opaque", "cookies": self.names})
        } else {
            let name = |label: &Label| match label {
                Label::Named(name) | Label::Given(name) => Some(json!({"env": name})),
                Label::Held(_) => None,
            };
            let secrets: Vec<Value> = labels.iter().filter_map(name).collect();
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
        (configuration, labels)
    }
}

/// What the secrets of a configuration are called.
fn labels(plugin: &Plugin<'_>) -> Vec<Label> {
    let Some(tree) = tree(&plugin.given) else {
        return Vec::new();
    };
    let secrets = tree
        .at(&["session", "secrets"])
        .map_or(&[][..], Node::items);
    let label = |(index, secret): (usize, &Node)| match secret.text_at(&["env"]) {
        Some(name) => Label::Named(name.to_owned()),
        None => Label::Held(index + 1),
    };
    secrets.iter().enumerate().map(label).collect()
}

fn joined(labels: &[Label]) -> String {
    let labels: Vec<String> = labels.iter().map(Label::to_string).collect();
    labels.join(", ")
}

fn known(configuration: &str, labels: Vec<Label>, from: &str) -> Result<Known, String> {
    if let Some(why) = labels.iter().find_map(Label::missing) {
        return Err(why);
    }
    // Other secrets of the configuration do not matter here.
    let lookup = |name: &str| environment(name).or(Some(PLACEHOLDER.to_owned()));
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
            joined(&labels)
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
