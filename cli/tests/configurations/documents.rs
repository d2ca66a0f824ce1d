//! The examples of `docs/configuration.md`, as files for the command.

use serde_json::Value;
use token_relay::config::Config;

use crate::common::check;
use crate::judge;

const PAGE: &str = include_str!("../../../docs/configuration.md");

/// The fenced blocks: what stands behind the fence, and the text.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let mut parts = PAGE.split("\n```");
    let _ = parts.next();
    // Every second part lies outside.
    let inside = parts.step_by(2);
    inside.map(|part| part.split_once('\n').unwrap()).collect()
}

fn yaml(text: &str) -> Value {
    serde_yaml_ng::from_str(text).unwrap_or_else(|error| panic!("{error} in\n{text}"))
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

fn first() -> Value {
    let (_, rest) = PAGE.split_once("## A first configuration").unwrap();
    let (_, rest) = rest.split_once("```yaml\n").unwrap();
    yaml(rest.split_once("```").unwrap().0)
}

#[test]
fn every_complete_example_is_accepted_by_command_and_schema() {
    let mut seen = 0;
    for (_, text) in blocks().iter().filter(|(info, _)| *info == "yaml") {
        let example = yaml(text);
        if example.get("vm_config").is_some() {
            continue;
        }
        let run = check(text).exits(0);
        assert_eq!(run.warnings(), 0, "{text}\n{}", run.out);
        let config = match example.pointer("/configuration/value") {
            Some(Value::String(text)) => serde_json::from_str(text).unwrap(),
            Some(value) => value.clone(),
            None => example,
        };
        let env = |_: &str| Some("secret".to_owned());
        let result = Config::parse(config.to_string().as_bytes(), &env);
        judge::schema(&config, &result);
        seen += 1;
    }
    assert_eq!(seen, 7);
}

#[test]
fn every_mistake_that_is_shown_is_found_by_command_and_schema() {
    let blocks = blocks();
    let mut seen = 0;
    for pair in blocks.windows(2).filter(|pair| pair[0].0 == "yaml mistake") {
        let change = yaml(pair[0].1);
        let mut config = first();
        merge(&mut config, change);
        // A file alone does not say which variables there are.
        let env = |_: &str| Some("secret".to_owned());
        let result = Config::parse(config.to_string().as_bytes(), &env);
        judge::schema(&config, &result);
        let run = check(&serde_yaml_ng::to_string(&config).unwrap());
        let unset = pair[1].1.contains(" unset; ");
        judge::told(&run, &config, &result);
        for line in pair[1].1.lines().filter(|line| !line.is_empty() && !unset) {
            let (found, allowed) = line.split_once("; allowed: ").unwrap();
            run.says(found).says(&format!(" allowed: {allowed}\n"));
        }
        seen += 1;
    }
    assert!(seen > 11, "{seen}");
}
