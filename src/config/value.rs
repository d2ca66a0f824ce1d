//! From bytes to a tree of values: JSON text, or a binary
//! `google.protobuf.Struct` (`struct.proto` of the protobuf well-known types).

use std::fmt;

use prost::Message as _;
use prost_types::value::Kind;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::mistake::{Mistake, quoted};

/// A value of either input form. Depth is bounded by the decoders
/// (`serde_json`: 128, `prost`: 100 nested messages).
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Self>),
    /// Members in order; a name may come twice, the reader complains.
    Object(Vec<(String, Self)>),
}

/// What to do when the bytes are no configuration at all.
const FORMS: &str = "a JSON object in a google.protobuf.StringValue, or a google.protobuf.Struct";

impl Value {
    /// Reads a plugin configuration as the host hands it over.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Mistake> {
        // An empty Struct is encoded as no bytes, too.
        if bytes.trim_ascii().is_empty() {
            return Err(whole(
                "nothing",
                format!("{FORMS}, with the relay's fields"),
            ));
        }
        // JSON comes first: a text may start with a line feed (0x0a), which is
        // also the first byte of every Struct, but no Struct is valid JSON.
        let json = match serde_json::from_slice(bytes) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if bytes.first() == Some(&0x0a)
            && let Ok(decoded) = prost_types::Struct::decode(bytes)
        {
            return Ok(Self::from_struct(decoded));
        }
        if bytes.trim_ascii_start().first() == Some(&b'{') {
            // The text of a syntax error names a position and quotes nothing.
            return Err(whole(format!("broken JSON ({json})"), FORMS));
        }
        let found = if std::str::from_utf8(bytes).is_ok() {
            "a text that is no JSON object"
        } else {
            "bytes that are neither JSON nor a Struct"
        };
        let allowed = format!("{FORMS}; YAML is understood as a Struct only");
        Err(whole(found, allowed))
    }

    fn from_struct(decoded: prost_types::Struct) -> Self {
        let members = decoded.fields.into_iter();
        Self::Object(
            members
                .map(|(name, value)| (name, Self::from_protobuf(value)))
                .collect(),
        )
    }

    fn from_protobuf(value: prost_types::Value) -> Self {
        match value.kind {
            None | Some(Kind::NullValue(_)) => Self::Null,
            Some(Kind::BoolValue(value)) => Self::Bool(value),
            Some(Kind::NumberValue(value)) => Self::Number(value),
            Some(Kind::StringValue(value)) => Self::Text(value),
            Some(Kind::ListValue(list)) => {
                Self::List(list.values.into_iter().map(Self::from_protobuf).collect())
            }
            Some(Kind::StructValue(value)) => Self::from_struct(value),
        }
    }

    /// The value in words, content included: for fields that hold no secret.
    pub(super) fn described(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => format!("the number {value}"),
            Self::Text(value) => quoted(value),
            _ => self.kind().to_owned(),
        }
    }

    /// What sort of value it is, without its content.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

fn whole(found: impl Into<String>, allowed: impl Into<String>) -> Mistake {
    Mistake {
        path: "configuration".to_owned(),
        found: found.into(),
        allowed: allowed.into(),
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

/// Like `serde_json::Value`'s visitor, but repeated names are kept.
struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    // Numbers are f64 as in a Struct; no field needs more than 53 bits.
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = object.next_entry()? {
            members.push(member);
        }
        Ok(Value::Object(members))
    }
}
