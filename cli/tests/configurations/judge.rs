//! Gives a document to the command and to the schema, and compares.

use std::sync::LazyLock;

use serde_json::{Value, json};
use token_relay::config::{Mistake, Parsed};

use crate::common::{Run, check};
use crate::unsayable::{WHY, is_unsayable};

type Judged = Result<Parsed, Vec<Mistake>>;

/// Secrets, and beginnings of secrets, that the tests put everywhere.
const SECRETS: [&str; 7] = [
    "hunter2",
    "73313371",
    "deadbeefcafe",
    "zP0+/aZ1x9",
    "Sup3r secret",
    "correct horse",
    "tr0ub4dor",
];

/// Envoy's own configuration around a document, which has the variables of the
/// parser's tests.
fn wrapped(config: &Value) -> Value {
    let names = [
        "AUTH_SECRET",
        "WEBDIS_PASSWORD",
        "EMPTY",
        "WITH_LINE_FEED",
        "LONG",
    ];
    let values: serde_json::Map<String, Value> = names
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), crate::config::env(name)?.into())))
        .collect();
    json!({
        "name": "token_relay",
        "typed_config": {"config": {
            "failure_policy": "FAIL_RELOAD",
            "allow_on_headers_stop_iteration": true,
            "vm_config": {"environment_variables": {"key_values": values}},
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": config.to_string(),
            },
        }},
    })
}

/// The command says what the parser said, line by line.
pub fn command(config: &Value, result: &Judged) {
    let run = check(&wrapped(config).to_string());
    told(&run, config, result);
}

/// A run printed what the parser found.
pub fn told(run: &Run, config: &Value, result: &Judged) {
    let context = || format!("{config}\n{}{}", run.out, run.err);
    match result {
        Ok(parsed) => {
            assert_eq!(run.code, 0, "{}", context());
            for warning in &parsed.warnings {
                assert!(run.out.contains(warning), "{warning}: {}", context());
            }
        }
        Err(mistakes) => {
            assert_eq!(run.code, 1, "{}", context());
            for Mistake {
                path,
                found,
                allowed,
            } in mistakes
            {
                let said = format!("{path}: found {found}\n");
                assert!(run.out.contains(&said), "{said}: {}", context());
                let allowed = format!(" allowed: {allowed}\n");
                assert!(run.out.contains(&allowed), "{allowed}: {}", context());
            }
            assert_eq!(run.mistakes(), mistakes.len(), "{}", context());
        }
    }
    let printed = format!("{}{}", run.out, run.err);
    for secret in SECRETS {
        assert!(!printed.contains(secret), "{secret} is in {}", context());
    }
}

/// What `token-relay schema` prints.
pub static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let run = crate::common::run_with(&["schema"], "", &[]).exits(0);
    serde_json::from_str(&run.out).expect("JSON")
});

static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    jsonschema::draft202012::options()
        .build(&SCHEMA)
        .expect("a schema of draft 2020-12")
});

/// The schema takes what the parser takes, and refuses what it refuses, but for
/// what a schema cannot say.
pub fn schema(config: &Value, result: &Judged) {
    let errors: Vec<String> = VALIDATOR
        .iter_errors(config)
        .map(|e| e.to_string())
        .collect();
    match result {
        Ok(_) => assert_eq!(errors, [""; 0], "{config}"),
        Err(mistakes) => {
            let unsayable = mistakes.iter().all(is_unsayable);
            let sayable: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            assert!(
                unsayable || !errors.is_empty(),
                "the schema takes {config}, but the parser says {sayable:#?}; what it cannot say: {WHY:#?}"
            );
        }
    }
}
