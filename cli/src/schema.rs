//! The command `schema`: the rules of the filter's parser, with what the
//! documents say about each field. The tables of `docs/configuration.md` are
//! held to the parser by tests, so both are true.

use serde_json::{Value, json};

const PAGE: &str = include_str!("../../docs/configuration.md");

/// What the page says about one field.
struct Row<'p> {
    path: &'p str,
    default: &'p str,
    allowed: &'p str,
    meaning: &'p str,
}

/// The schema as it is published.
pub(crate) fn text() -> String {
    let mut schema = token_relay::config::schema();
    for row in rows() {
        let mut place = Some(&mut schema);
        for name in row.path.split('.') {
            let (name, is_list) = match name.strip_suffix("[]") {
                Some(name) => (name, true),
                None => (name, false),
            };
            place = place.and_then(|place| place.get_mut("properties")?.get_mut(name));
            if is_list {
                place = place.and_then(|place| place.get_mut("items"));
            }
        }
        if let Some(Value::Object(field)) = place {
            field.insert("description".to_owned(), json!(description(&row)));
        }
    }
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

fn rows() -> impl Iterator<Item = Row<'static>> {
    PAGE.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.split(" | ").collect();
        let [path, _, default, allowed, meaning] = cells.as_slice() else {
            return None;
        };
        Some(Row {
            path: path.trim_end_matches('`'),
            default: default.trim(),
            allowed: allowed.trim(),
            meaning: meaning.trim_end_matches(['|', ' ']),
        })
    })
}

fn description(row: &Row<'_>) -> String {
    let mut text = row.meaning.to_owned();
    if row.allowed.starts_with('`') && row.allowed.contains("` to `") {
        text.push_str(&format!(" From {}.", row.allowed));
    }
    match row.default {
        "none" => {}
        default if default.starts_with("required") => {}
        default => text.push_str(&format!(" Default: {default}.")),
    }
    without_links(&text)
}

/// Editors show Markdown, but links of the page lead nowhere from there.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        plain.push_str(before);
        match after
            .split_once("](")
            .and_then(|(name, target)| Some((name, target.split_once(')')?.1)))
        {
            Some((name, after)) if !name.contains(']') => {
                plain.push_str(name);
                rest = after;
            }
            _ => {
                plain.push('[');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}
