//! The rules of contract section 2, and of sections 3 to 8 where they speak of
//! the configuration. What the operator reads is tested against the documents
//! in `tests/configuration_docs.rs`.

mod endpoints;
mod input;
mod issuer;
mod robustness;
mod routes;
mod schema;
mod secrecy;
mod session;
mod store;
mod timing;
mod web;

use serde_json::{Value as Json, json};

use super::{Config, Mistake, Parsed};

/// The smallest configuration that works.
fn minimal() -> Json {
    json!({
        "session": {"secrets": [{"env": "AUTH_SECRET"}]},
        "store": {"cluster": "webdis"},
        "issuer": {"cluster": "django", "authority": "api.example.com"},
        "routes": [{"prefix": "/api/", "session": "required"}],
    })
}

/// [`minimal`] with one value set; the path has the names of objects only.
fn with(path: &str, value: Json) -> Json {
    and(minimal(), path, value)
}

/// `config` with one more value set.
fn and(mut config: Json, path: &str, value: Json) -> Json {
    let mut place = &mut config;
    for name in path.split('.') {
        place = &mut place[name];
    }
    *place = value;
    config
}

/// [`minimal`] with session format opaque.
fn opaque() -> Json {
    with("session", json!({"format": "opaque"}))
}

pub(super) fn env(name: &str) -> Option<String> {
    match name {
        "AUTH_SECRET" => Some("correct horse battery staple".to_owned()),
        "WEBDIS_PASSWORD" => Some("tr0ub4dor".to_owned()),
        "EMPTY" => Some(String::new()),
        "WITH_LINE_FEED" => Some("tr0ub4dor\n".to_owned()),
        "LONG" => Some("x".repeat(60)),
        _ => None,
    }
}

fn parse(config: &Json) -> Result<Parsed, Vec<Mistake>> {
    let result = Config::parse(config.to_string().as_bytes(), &env);
    super::judged(config, &result);
    result
}

#[track_caller]
fn accepted(config: &Json) -> Config {
    let parsed = parse(config).unwrap_or_else(|mistakes| panic!("{}", lines(&mistakes).join("\n")));
    assert_eq!(parsed.warnings, [""; 0], "no warning is expected");
    parsed.config
}

#[track_caller]
fn warned(config: &Json) -> String {
    let parsed = parse(config).unwrap_or_else(|mistakes| panic!("{}", lines(&mistakes).join("\n")));
    assert_eq!(parsed.warnings.len(), 1, "{:?}", parsed.warnings);
    parsed.warnings[0].clone()
}

#[track_caller]
fn refused(config: &Json) -> Vec<String> {
    lines(&parse(config).expect_err("the configuration is refused"))
}

/// The one mistake of a configuration.
#[track_caller]
fn mistake(config: &Json) -> String {
    let mut lines = refused(config);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    lines.remove(0)
}

/// Each of `values` at `path` is the one mistake, which names the path.
#[track_caller]
fn refuses_each(path: &str, values: impl IntoIterator<Item = Json>) {
    for value in values {
        let line = mistake(&with(path, value.clone()));
        assert!(
            line.starts_with(&format!("{path}: ")) || line.starts_with(&format!("{path}[")),
            "{value}: {line}"
        );
    }
}

fn lines(mistakes: &[Mistake]) -> Vec<String> {
    mistakes.iter().map(ToString::to_string).collect()
}
