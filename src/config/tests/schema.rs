//! The JSON Schema names the parser's fields and words, and no others. That the
//! same documents pass and fail is tested with the command
//! (`cli/tests/configurations`).

use super::*;
use crate::config::schema;

/// A configuration in which every object that the schema knows is there.
fn full() -> Json {
    let mut config = with("issuer.preset", json!("oauth2"));
    let secret = json!({"env": "AUTH_SECRET"});
    for (path, value) in [
        ("issuer.client", json!({"id": "a", "secret": secret})),
        ("issuer.paths", json!({})),
        (
            "store.credentials",
            json!({"username": "a", "password": secret}),
        ),
        ("store.fields", json!({})),
        ("refresh", json!({})),
        ("cache", json!({})),
        ("csrf", json!({})),
        ("upstream", json!({})),
        (
            "endpoints",
            json!({
                "login": {"path": "/1", "reply": "body"},
                "logout": {"path": "/2"},
                "session": {"path": "/3"},
                "adopt": {"path": "/4"},
            }),
        ),
    ] {
        config = and(config, path, value);
    }
    config
}

/// Calls `visit` with the pointer of each object that has known fields.
fn objects(schema: &Json, pointer: &str, visit: &mut impl FnMut(&str, &Json)) {
    if let Some(items) = schema.get("items") {
        objects(items, &format!("{pointer}/0"), visit);
    }
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    visit(pointer, schema);
    for (name, property) in properties {
        objects(property, &format!("{pointer}/{name}"), visit);
    }
}

#[test]
fn the_fields_are_those_of_the_parser() {
    let mut sections = 0;
    objects(&schema(), "", &mut |pointer, section| {
        // The two forms of a secret are no section.
        if section["properties"].get("env").is_some() {
            return;
        }
        let mut config = full();
        config.pointer_mut(pointer).expect(pointer)["?"] = json!(1);
        let mistakes = parse(&config).unwrap_err();
        let unknown = mistakes
            .iter()
            .find(|m| m.found.starts_with("an unknown field"));
        let mut known: Vec<&str> = unknown.expect(pointer).allowed.split(", ").collect();
        known.sort_unstable();
        let mut named: Vec<&String> = section["properties"].as_object().unwrap().keys().collect();
        named.sort_unstable();
        assert_eq!(named, known, "{pointer}");
        assert_eq!(section["additionalProperties"], json!(false), "{pointer}");
        sections += 1;
    });
    assert_eq!(sections, 18);
}

/// Words as a mistake lists them: `a, b or c`.
fn listed(words: &[Json]) -> String {
    let words: Vec<&str> = words.iter().filter_map(Json::as_str).collect();
    let (last, others) = words.split_last().unwrap();
    format!("{} or {last}", others.join(", "))
}

#[test]
fn the_words_are_those_of_the_parser() {
    let schema = schema();
    for (path, pointer) in [
        ("session/format", "session/properties/format"),
        ("issuer/preset", "issuer/properties/preset"),
        ("routes/0/session", "routes/items/properties/session"),
    ] {
        let words = schema
            .pointer(&format!("/properties/{pointer}/enum"))
            .unwrap();
        let mut config = minimal();
        let (section, name) = path.rsplit_once('/').unwrap();
        config.pointer_mut(&format!("/{section}")).unwrap()[name] = json!("?");
        let allowed = &parse(&config).unwrap_err()[0].allowed;
        assert_eq!(listed(words.as_array().unwrap()), *allowed, "{path}");
    }
    let replies = schema.pointer("/properties/endpoints/properties/login/properties/reply/enum");
    assert_eq!(*replies.unwrap(), json!(["cookie", "body"]));
}
