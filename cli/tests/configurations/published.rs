//! The schema in `docs/` is the one that the command prints, and says something
//! about every field.

use serde_json::Value;

use crate::judge::SCHEMA;

#[test]
fn the_published_schema_is_up_to_date() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/configuration.schema.json"
    );
    let published: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert!(
        published == *SCHEMA,
        "docs/configuration.schema.json is out of date: scripts/schema writes it"
    );
}

#[test]
fn every_field_is_described() {
    fn visit(schema: &Value, path: &str, missing: &mut Vec<String>) {
        if let Some(items) = schema.get("items") {
            visit(items, &format!("{path}[]"), missing);
        }
        let Some(properties) = schema["properties"].as_object() else {
            return;
        };
        if properties.contains_key("env") {
            return;
        }
        for (name, field) in properties {
            let path = format!("{path}.{name}");
            visit(field, &path, missing);
            let is_section = field.get("properties").is_some() && path.matches('.').count() == 1;
            let is_list = name == "routes";
            if field.get("description").is_none() && !is_section && !is_list {
                missing.push(path);
            }
        }
    }
    let mut missing = Vec::new();
    visit(&SCHEMA, "", &mut missing);
    assert_eq!(missing, [""; 0]);
}
