//! Plugin configurations as operators, and their tools, may write them (contract,
//! section 2).

mod accepted;
mod edits;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use arbitrary::{Arbitrary, Result, Unstructured};
use prost::Message as _;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use serde_json::Value;
use token_relay::config::{Config, Mistake, Parsed};

use self::edits::edited;
pub(crate) use self::edits::{BASES, PLACES, VALUES};
use crate::input::{index, rest};

/// A configuration, and what the VM's environment has.
#[derive(Debug)]
pub struct Input<'a> {
    form: Form<'a>,
    /// In all secrets of the environment, and nowhere else.
    mark: String,
}

#[derive(Debug)]
enum Form<'a> {
    /// As the host hands it over: text, or a binary Struct.
    Bytes(&'a [u8]),
    /// A good one with a few changes.
    Tree(Value),
}

impl<'a> Arbitrary<'a> for Input<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        u.peek_bytes(u.len()).hash(&mut hasher);
        let mark = format!("mark{:016x}", hasher.finish());
        let form = match index(u, 2)? {
            0 => Form::Bytes(rest(u)?),
            _ => Form::Tree(edited(u)?),
        };
        Ok(Self { form, mark })
    }
}

type Outcome = std::result::Result<Parsed, Vec<Mistake>>;

impl Input<'_> {
    /// Has it read, and compares its two forms.
    pub fn check(&self) {
        let tree = match &self.form {
            Form::Bytes(bytes) => {
                self.check_outcome(&self.parse(bytes));
                match serde_json::from_slice(bytes) {
                    Ok(tree) => tree,
                    Err(_) => return,
                }
            }
            Form::Tree(tree) => tree.clone(),
        };
        // Deeper than any field, the two decoders have limits of their own.
        let Some(encoded) = to_struct(&tree).filter(|_| depth(&tree) < 20) else {
            return;
        };
        let from_json = self.parse(tree.to_string().as_bytes());
        let from_struct = self.parse(&encoded);
        self.check_outcome(&from_json);
        match (&from_json, &from_struct) {
            (Ok(one), Ok(other)) => {
                assert!(
                    format!("{one:?}") == format!("{other:?}"),
                    "both mean the same"
                );
                assert!(accepted::secrets(&one.config) == accepted::secrets(&other.config));
            }
            // No bytes are a Struct without members.
            (Err(_), Err(_)) if encoded.is_empty() => {}
            (Err(one), Err(other)) if is_exact(&tree) => {
                assert!(one == other, "both are told the same");
            }
            (Err(one), Err(other)) => assert!(one.len() == other.len()),
            _ => panic!("one form is accepted and the other is not"),
        }
    }

    fn parse(&self, bytes: &[u8]) -> Outcome {
        Config::parse(bytes, &|name| match name {
            "AUTH_SECRET" | "AUTH_SECRET_OLD" => Some(format!("{}-{name}", self.mark)),
            "WEBDIS_PASSWORD" => Some(self.mark.clone()),
            "WITH_LINE_FEED" => Some(format!("{}\n", self.mark)),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    fn check_outcome(&self, outcome: &Outcome) {
        assert!(
            !format!("{outcome:?}").contains(&self.mark),
            "no secret is shown"
        );
        match outcome {
            Ok(parsed) => {
                parsed.warnings.iter().for_each(|line| check_line(line));
                accepted::check(&parsed.config);
            }
            Err(mistakes) => {
                assert!(!mistakes.is_empty(), "a refusal says why");
                for mistake in mistakes {
                    assert!(!mistake.path.is_empty() && !mistake.found.is_empty());
                    check_line(&mistake.to_string());
                }
            }
        }
    }
}

/// Fit for a log, whatever it quotes.
fn check_line(line: &str) {
    assert!(!line.chars().any(char::is_control), "one line");
    assert!(line.len() < 2000, "not a flood");
}

fn depth(value: &Value) -> usize {
    let inner = match value {
        Value::Array(values) => values.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        _ => return 0,
    };
    1 + inner.unwrap_or(0)
}

/// Whether its numbers are the same when they have been written and read: long
/// fractions may differ in their last digit, which a mistake shows.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_i64().is_some_and(|n| n.unsigned_abs() < 1 << 53),
        Value::Array(values) => values.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        _ => true,
    }
}

/// A JSON object as the Struct that Envoy makes of it.
pub(crate) fn to_struct(value: &Value) -> Option<Vec<u8>> {
    match kind(value) {
        Kind::StructValue(object) => Some(object.encode_to_vec()),
        _ => None,
    }
}

fn kind(value: &Value) -> Kind {
    let wrapped = |value: &Value| prost_types::Value {
        kind: Some(kind(value)),
    };
    match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or(f64::NAN)),
        Value::String(value) => Kind::StringValue(value.clone()),
        Value::Array(values) => Kind::ListValue(ListValue {
            values: values.iter().map(wrapped).collect(),
        }),
        Value::Object(members) => Kind::StructValue(Struct {
            fields: members
                .iter()
                .map(|(name, value)| (name.clone(), wrapped(value)))
                .collect(),
        }),
    }
}
