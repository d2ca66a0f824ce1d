//! The rules of this room as a JSON Schema (draft 2020-12), for editors:
//! `docs/configuration.schema.json`. Bounds and reserved names come from the
//! parser's own constants; tests hold fields, words and documents to the parser.
//!
//! What a schema cannot say, or not in a way that an editor would explain, the
//! parser says alone: see `docs/configuration.md`, "In an editor".

use serde_json::{Value, json};

use super::issuer::{MAX_HEADERS, RESERVED};
use super::routes::{MAX_METHODS, MAX_ROUTES};
use super::session::{MAX_COOKIES, MAX_SECRETS};
use super::timing::MAX_SESSIONS;
use super::web::MAX_ORIGINS;

/// Control characters, inside brackets.
const CONTROL: &str = r"\x00-\x1f\x7f-\x9f";
/// Characters of a token (RFC 9110) but lower-case letters, inside brackets.
const TOKEN_UPPER: &str = r"A-Z0-9!#$%&'*+.^_`|~-";
const PORT: &str = "(?::0*(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?";
/// A path that everybody reads alike, from its slash on.
const PLAIN: &str = r"/(?!/)(?!.*//)(?!(?:.*/)?\.{1,2}(?:/|$))(?!.*%(?:2[eEfF]|5[cC]))[\x21\x22\x24-\x3e\x40-\x5b\x5d-\x7e]*";
const DURATION: &str = r"^[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h)$";
const NO_TIME: &str = r"^0+(?:\.0+)?(?:ms|s|m|h)$";

/// The schema, without the descriptions, which stand in the documents.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Token Relay: plugin configuration",
        "type": "object",
        "additionalProperties": false,
        "required": ["session", "store", "issuer"],
        "properties": {
            "session": session(),
            "store": store(),
            "issuer": issuer(),
            "refresh": section(json!({
                "leeway": duration(),
                "ahead": duration(),
                "wait": duration(),
            })),
            "cache": cache(),
            "routes": routes(),
            "csrf": csrf(),
            "upstream": section(json!({
                "strip_session_cookie": {"type": "boolean"},
                "private_responses": {"type": "boolean"},
            })),
            "login_url": {
                "type": "string",
                "pattern": format!("^(?:{PLAIN}|https://{}{PORT}(?:{PLAIN})?)$", host(true)),
            },
            "endpoints": endpoints(),
        },
        "allOf": [
            routes_are_needed(),
            {
                "if": given(&["issuer", "preset"], json!({"const": "oauth2"})),
                "then": at(&["refresh", "ahead"], json!({"pattern": NO_TIME})),
            },
            {
                "if": given(&["endpoints", "login", "reply"], json!({"const": "cookie"})),
                "then": given(&["session", "format"], json!({"const": "opaque"})),
            },
        ],
    })
}

/// An object with these fields and no others.
fn section(properties: Value) -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

/// [`section`] with fields that must be there.
fn with_required(properties: Value, required: &[&str]) -> Value {
    let mut section = section(properties);
    if let Some(section) = section.as_object_mut() {
        section.insert("required".to_owned(), json!(required));
    }
    section
}

/// `section` with one more rule.
fn also(mut section: Value, name: &str, rule: Value) -> Value {
    if let Some(section) = section.as_object_mut() {
        section.insert(name.to_owned(), rule);
    }
    section
}

/// The value at the path, if it is there, follows `rule`.
fn at(path: &[&str], rule: Value) -> Value {
    path.iter()
        .rfold(rule, |rule, name| json!({"properties": {*name: rule}}))
}

/// The value at the path is there and follows `rule`.
fn given(path: &[&str], rule: Value) -> Value {
    path.iter().rfold(
        rule,
        |rule, name| json!({"type": "object", "properties": {*name: rule}, "required": [*name]}),
    )
}

fn duration() -> Value {
    json!({"type": "string", "pattern": DURATION})
}

fn label() -> Value {
    let pattern = format!(r"^[^\s{CONTROL}](?:[^{CONTROL}]*[^\s{CONTROL}])?$");
    json!({"type": "string", "maxLength": 256, "pattern": pattern})
}

fn plain_path() -> Value {
    json!({"type": "string", "maxLength": 1024, "pattern": format!("^{PLAIN}$")})
}

fn host(underscore: bool) -> String {
    let letters = if underscore {
        "[A-Za-z0-9_-]"
    } else {
        "[A-Za-z0-9-]"
    };
    format!(r"(?:\[[0-9A-Fa-f:.]+\]|{letters}+(?:\.{letters}+)*\.?)")
}

fn authority(underscore: bool) -> Value {
    json!({"type": "string", "pattern": format!("^{}{PORT}$", host(underscore))})
}

/// `value` has no character of `without`.
fn secret(without: &str) -> Value {
    let value = if without.is_empty() {
        json!({"type": "string", "minLength": 1})
    } else {
        json!({"type": "string", "pattern": format!("^[^{without}]+$")})
    };
    json!({
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {
            "env": {"type": "string", "pattern": r"^[^=\x00]+$"},
            "value": value,
        },
    })
}

fn session() -> Value {
    let token = format!("^[a-z{TOKEN_UPPER}]+$");
    let section = section(json!({
        "format": {"enum": ["nextauth", "opaque"]},
        "secrets": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_SECRETS,
            "items": secret(""),
        },
        "claim": also(label(), "not", json!({"enum": ["jti", "exp", "iat", "nbf"]})),
        "cookies": {
            "type": "array",
            "maxItems": MAX_COOKIES,
            "uniqueItems": true,
            "items": {"type": "string", "maxLength": 256, "pattern": token},
        },
        "lifetime": duration(),
    }));
    let opaque = json!({
        "if": given(&["format"], json!({"const": "opaque"})),
        "then": {"properties": {"secrets": false, "claim": false}},
        "else": {"required": ["secrets"]},
    });
    also(section, "allOf", json!([opaque]))
}

fn store() -> Value {
    let text = |pattern: String| json!({"type": "string", "pattern": pattern});
    let key = text(format!(r"^[^{{}}{CONTROL}]*\{{id\}}[^{{}}{CONTROL}]*$"));
    let credentials = json!({
        "username": text(format!("^[^:{CONTROL}]+$")),
        "password": secret(CONTROL),
    });
    let properties = json!({
        "cluster": label(),
        "authority": authority(true),
        "credentials": with_required(credentials, &["username", "password"]),
        "timeout": duration(),
        "key": also(key, "maxLength", json!(256)),
        "hash_id": {"type": "boolean"},
        "fields": section(json!({
            "access": label(),
            "refresh": label(),
            "access_exp": label(),
            "refresh_exp": label(),
        })),
    });
    with_required(properties, &["cluster"])
}

fn issuer() -> Value {
    let reserved: Vec<String> = RESERVED.iter().map(|name| any_case(name)).collect();
    let name = format!(
        "^(?!(?:{})$)(?!{})[a-z{TOKEN_UPPER}]+$",
        reserved.join("|"),
        any_case("x-envoy-"),
    );
    let client = json!({
        "id": {"type": "string", "pattern": format!("^[^{CONTROL}]+$")},
        "secret": secret(""),
    });
    let properties = json!({
        "cluster": label(),
        "authority": authority(false),
        "preset": {"enum": ["simplejwt", "dj-rest-auth", "oauth2", "allauth"]},
        "client": with_required(client, &["id", "secret"]),
        "paths": section(json!({
            "obtain": plain_path(),
            "refresh": plain_path(),
            "revoke": plain_path(),
        })),
        "headers": {
            "type": "object",
            "maxProperties": MAX_HEADERS,
            "propertyNames": {"pattern": name},
            "additionalProperties": {
                "type": "string",
                "pattern": r"^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$",
            },
        },
        "expose": {"type": "boolean"},
        "timeout": duration(),
    });
    let oauth2 = json!({
        "if": given(&["preset"], json!({"const": "oauth2"})),
        "then": {"required": ["client"]},
        "else": {"properties": {"client": false}},
    });
    let section = with_required(properties, &["cluster", "authority"]);
    also(section, "allOf", json!([oauth2]))
}

/// A pattern for a header name in upper or lower case.
fn any_case(name: &str) -> String {
    let mut pattern = String::new();
    for letter in name.chars() {
        if letter.is_ascii_alphabetic() {
            pattern.push_str(&format!("[{}{letter}]", letter.to_ascii_uppercase()));
        } else {
            pattern.push(letter);
        }
    }
    pattern
}

fn cache() -> Value {
    // Envoy hands large numbers, and 5.0, over as strings.
    let max_sessions = json!({
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": MAX_SESSIONS},
            {"type": "string", "pattern": r"^(?:[0-9]+(?:\.0*)?|\.0+)$"},
        ],
    });
    let off = json!({
        "if": given(&["max_sessions"], json!({"const": 0})),
        "then": at(&["max_stale"], json!({"pattern": NO_TIME})),
    });
    let section = section(json!({
        "max_sessions": max_sessions,
        "max_age": duration(),
        "max_stale": duration(),
    }));
    also(section, "allOf", json!([off]))
}

fn routes() -> Value {
    let properties = json!({
        "prefix": plain_path(),
        "path": plain_path(),
        "methods": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_METHODS,
            "uniqueItems": true,
            "items": {"type": "string", "pattern": format!("^[{TOKEN_UPPER}]+$")},
        },
        // YAML 1.1 reads a plain `off` as false.
        "session": {"enum": ["off", "optional", "required", false]},
    });
    let one_of = json!([{"required": ["prefix"]}, {"required": ["path"]}]);
    let route = also(with_required(properties, &["session"]), "oneOf", one_of);
    json!({"type": "array", "maxItems": MAX_ROUTES, "items": route})
}

/// Without an endpoint the relay needs a route that is not `off`.
fn routes_are_needed() -> Value {
    let on = given(&["session"], json!({"enum": ["optional", "required"]}));
    json!({
        "if": given(&["endpoints"], json!({"type": "object", "minProperties": 1})),
        "else": given(&["routes"], json!({"contains": on})),
    })
}

fn csrf() -> Value {
    let origin = format!("^[A-Za-z][A-Za-z0-9+.-]*://{}{PORT}$", host(true));
    let section = section(json!({
        "enabled": {"type": "boolean"},
        "origins": {
            "type": "array",
            "maxItems": MAX_ORIGINS,
            "items": {"type": "string", "pattern": origin},
        },
    }));
    let off = json!({
        "if": given(&["enabled"], json!({"const": false})),
        "then": at(&["origins"], json!({"maxItems": 0})),
    });
    also(section, "allOf", json!([off]))
}

fn endpoints() -> Value {
    let path = || with_required(json!({"path": plain_path()}), &["path"]);
    let login = json!({"path": plain_path(), "reply": {"enum": ["cookie", "body"]}});
    section(json!({
        "login": with_required(login, &["path", "reply"]),
        "logout": path(),
        "session": path(),
        "adopt": path(),
    }))
}
