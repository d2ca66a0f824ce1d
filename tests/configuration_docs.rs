//! `docs/configuration.md` is what the operator relies on: its examples parse,
//! its mistakes give the lines it shows, and its tables name every field with
//! its true default and bounds.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use token_relay::config::{Config, Mistake, Parsed};

const PAGE: &str = include_str!("../docs/configuration.md");

/// A fenced block: what stands behind the fence, and the text in it.
struct Block {
    info: &'static str,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in PAGE.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                let text = String::new();
                open = Some(Block { info, text });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "every fence is closed");
    blocks
}

fn yaml(text: &str) -> Value {
    serde_yaml_ng::from_str(text).unwrap_or_else(|error| panic!("{error} in\n{text}"))
}

fn env(name: &str) -> Option<String> {
    [
        "AUTH_SECRET",
        "AUTH_SECRET_OLD",
        "WEBDIS_PASSWORD",
        "OAUTH2_CLIENT_SECRET",
    ]
    .contains(&name)
    .then(|| "correct horse battery staple".to_owned())
}

fn parse(config: &Value) -> Result<Parsed, Vec<Mistake>> {
    Config::parse(config.to_string().as_bytes(), &env)
}

#[track_caller]
fn accepted(config: &Value) -> Config {
    match parse(config) {
        Ok(parsed) => {
            assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
            parsed.config
        }
        Err(mistakes) => panic!("{mistakes:#?} in {config:#}"),
    }
}

/// The configuration below "A first configuration".
fn first() -> Value {
    let (_, rest) = PAGE.split_once("## A first configuration").unwrap();
    let (_, rest) = rest.split_once("```yaml\n").unwrap();
    yaml(rest.split_once("```").unwrap().0)
}

/// `change` laid over `config`; lists and plain values are replaced.
fn merge(config: &mut Value, change: Value) {
    match (config, change) {
        (Value::Object(config), Value::Object(change)) => {
            for (name, value) in change {
                merge(config.entry(name).or_insert(Value::Null), value);
            }
        }
        (config, change) => *config = change,
    }
}

fn first_with(change: Value) -> Value {
    let mut config = first();
    merge(&mut config, change);
    config
}

#[test]
fn every_complete_example_is_accepted() {
    let mut configurations = 0;
    for block in blocks().iter().filter(|block| block.info == "yaml") {
        let example = yaml(&block.text);
        // How Envoy's own fields are filled in.
        if example.get("vm_config").is_some() {
            continue;
        }
        let config = match example.pointer("/configuration/value") {
            Some(Value::String(text)) => serde_json::from_str(text).unwrap(),
            Some(value) => value.clone(),
            None => example,
        };
        accepted(&config);
        configurations += 1;
    }
    assert_eq!(configurations, 7);
}

#[test]
fn every_fragment_is_accepted_within_the_first_configuration() {
    let blocks = blocks();
    let fragments: Vec<&Block> = blocks
        .iter()
        .filter(|b| b.info == "yaml fragment")
        .collect();
    assert!(fragments.len() > 5);
    for fragment in fragments {
        let change = yaml(&fragment.text);
        let mut config = first();
        // Secrets of the first configuration have no place beside `opaque`.
        if change.pointer("/session/format") == Some(&json!("opaque")) {
            config["session"] = json!({});
        }
        merge(&mut config, change);
        accepted(&config);
    }
}

#[test]
fn every_mistake_gives_the_lines_that_are_shown() {
    let blocks = blocks();
    let mut mistakes = 0;
    for pair in blocks
        .windows(2)
        .filter(|pair| pair[0].info == "yaml mistake")
    {
        assert_eq!(pair[1].info, "text", "the lines follow\n{}", pair[0].text);
        let config = first_with(yaml(&pair[0].text));
        let lines: Vec<String> = match parse(&config) {
            Ok(_) => panic!("no mistake in\n{}", pair[0].text),
            Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
        };
        let shown: Vec<&str> = pair[1].text.lines().collect();
        assert_eq!(lines, shown, "of\n{}", pair[0].text);
        mistakes += 1;
    }
    assert!(mistakes > 11, "{mistakes}");
}

/// A row of a table of fields.
struct Row {
    path: String,
    default: String,
    allowed: String,
}

fn rows() -> Vec<Row> {
    let rows = PAGE.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.split(" | ").collect();
        assert_eq!(cells.len(), 5, "{line}");
        Some(Row {
            path: cells[0].trim_end_matches('`').to_owned(),
            default: cells[2].trim().to_owned(),
            allowed: cells[3].trim().to_owned(),
        })
    });
    rows.collect()
}

/// An object that has only `value`, at `path`.
fn nested(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |value, name| {
        Value::Object(Map::from_iter([(name.to_owned(), value)]))
    })
}

#[test]
fn the_tables_name_every_field_and_no_other() {
    let documented: BTreeSet<String> = rows().into_iter().map(|row| row.path).collect();
    let mut fields = BTreeSet::new();
    // An unknown field makes the relay list the known ones.
    for (section, mistaken) in [
        ("", json!({"?": 1})),
        ("session", json!({"?": 1})),
        ("store", json!({"?": 1})),
        ("store.credentials", json!({"?": 1})),
        ("store.fields", json!({"?": 1})),
        ("issuer", json!({"?": 1})),
        ("issuer.client", json!({"?": 1})),
        ("issuer.paths", json!({"?": 1})),
        ("refresh", json!({"?": 1})),
        ("cache", json!({"?": 1})),
        ("routes", json!([{"?": 1}])),
        ("csrf", json!({"?": 1})),
        ("upstream", json!({"?": 1})),
        ("endpoints", json!({"?": 1})),
        ("endpoints.login", json!({"?": 1})),
        ("endpoints.logout", json!({"?": 1})),
        ("endpoints.session", json!({"?": 1})),
        ("endpoints.adopt", json!({"?": 1})),
    ] {
        let change = if section.is_empty() {
            mistaken
        } else {
            nested(section, mistaken)
        };
        let mut config = first_with(change);
        if section == "issuer.client" {
            config["issuer"]["preset"] = json!("oauth2");
        }
        let mistakes = parse(&config).unwrap_err();
        let unknown = mistakes
            .iter()
            .find(|m| m.found.starts_with("an unknown field"));
        for name in unknown.unwrap().allowed.split(", ") {
            fields.insert(match section {
                "" => name.to_owned(),
                "routes" => format!("routes[].{name}"),
                _ => format!("{section}.{name}"),
            });
        }
    }
    // Sections with a table of their own.
    for section in [
        "session",
        "store",
        "issuer",
        "refresh",
        "cache",
        "routes",
        "csrf",
        "upstream",
        "endpoints",
    ] {
        assert!(fields.remove(section), "{section}");
        assert!(PAGE.contains(&format!("\n## `{section}`\n")), "{section}");
    }
    assert_eq!(documented, fields);
}

#[test]
fn the_defaults_are_the_true_ones() {
    let expected = format!("{:?}", accepted(&first()));
    let mut checked = 0;
    for row in rows() {
        let Some(default) = row
            .default
            .strip_prefix('`')
            .and_then(|d| d.strip_suffix('`'))
        else {
            assert!(
                ["none", "every method"].contains(&row.default.as_str())
                    || row.default.starts_with("required"),
                "{}: {}",
                row.path,
                row.default
            );
            continue;
        };
        // `{id}` is text, not a YAML object.
        let value = if default.contains("{id}") {
            json!(default)
        } else {
            yaml(default)
        };
        let config = first_with(nested(&row.path, value));
        assert_eq!(format!("{:?}", accepted(&config)), expected, "{}", row.path);
        checked += 1;
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn what_is_required_is_required() {
    for row in rows()
        .iter()
        .filter(|row| row.default.starts_with("required"))
    {
        let mut config = first_with(json!({
            "store": {"credentials": {"username": "relay", "password": {"env": "WEBDIS_PASSWORD"}}},
            "issuer": {
                "preset": "oauth2",
                "client": {"id": "relay", "secret": {"env": "OAUTH2_CLIENT_SECRET"}},
            },
            "endpoints": {
                "login": {"path": "/auth/login", "reply": "body"},
                "logout": {"path": "/auth/logout"},
                "session": {"path": "/auth/session"},
                "adopt": {"path": "/auth/adopt"},
            },
        }));
        accepted(&config);
        let pointer = format!("/{}", row.path.replace("[]", "/0").replace('.', "/"));
        let (section, name) = pointer.rsplit_once('/').unwrap();
        let section = config
            .pointer_mut(section)
            .unwrap()
            .as_object_mut()
            .unwrap();
        assert!(section.remove(name).is_some(), "{pointer}");
        let mistakes = parse(&config).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert_eq!(mistakes[0].path, row.path.replace("[]", "[0]"));
        assert_eq!(mistakes[0].found, "nothing");
    }
}

#[test]
fn the_bounds_are_the_true_ones() {
    let mut checked = 0;
    for row in rows() {
        let Some((low, high)) = row.allowed.split_once("` to `") else {
            continue;
        };
        let bounds = format!(
            "from {} to {}",
            low.trim_start_matches('`'),
            high.trim_end_matches('`')
        );
        let mistakes = parse(&first_with(nested(&row.path, json!("?")))).unwrap_err();
        assert_eq!(mistakes[0].path, row.path);
        assert!(
            mistakes[0].allowed.ends_with(&bounds),
            "{} {bounds}",
            mistakes[0]
        );
        checked += 1;
    }
    assert!(checked > 5, "{checked}");
}
