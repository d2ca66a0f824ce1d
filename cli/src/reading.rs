//! From YAML to the JSON that the filter gets, as those do it who stand before
//! the filter: what a plain word means differs between them.

use crate::yaml::{Data, Node};

/// Who reads the YAML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Envoy (yaml-cpp): `y`, `no` and `off` are booleans, `5.0` and integers
    /// beyond 32 bits stay texts.
    Envoy,
    /// Kubernetes (go-yaml): `no` and `off` are booleans, `y` is a text.
    Kubernetes,
}

/// The JSON text of a tree; a member that stands twice does so in it, too.
pub(crate) fn json(node: &Node, reader: Reader) -> String {
    match &node.data {
        Data::Text { text, plain } => {
            if *plain {
                scalar(text, reader)
            } else {
                quoted(text)
            }
        }
        Data::List(items) => {
            let items: Vec<String> = items.iter().map(|item| json(item, reader)).collect();
            format!("[{}]", items.join(","))
        }
        Data::Map(members) => {
            let members = members
                .iter()
                .map(|(name, node)| format!("{}:{}", quoted(name), json(node, reader)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
    }
}

/// Whether it is `true`, in one of the ways to write that.
pub(crate) fn is_true(node: &Node) -> bool {
    match &node.data {
        Data::Text { text, plain: true } => boolean(text, Reader::Envoy) == Some(true),
        // A bool field of protobuf takes no text, Kubernetes' neither.
        _ => false,
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn scalar(text: &str, reader: Reader) -> String {
    if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return "null".to_owned();
    }
    if let Some(value) = boolean(text, reader) {
        return value.to_string();
    }
    match reader {
        Reader::Envoy => match integer(text) {
            Some(number) if i32::try_from(number).is_ok() => number.to_string(),
            Some(number) => quoted(&number.to_string()),
            None => quoted(text),
        },
        Reader::Kubernetes => match (integer(text), decimal(text)) {
            (Some(number), _) => number.to_string(),
            (None, Some(number)) => number.to_string(),
            (None, None) => quoted(text),
        },
    }
}

fn boolean(text: &str, reader: Reader) -> Option<bool> {
    let lower = text.to_ascii_lowercase();
    // All small, all capital, or a capital at the beginning.
    let capital = text.to_ascii_uppercase() == text;
    let rest_small = text.chars().skip(1).all(|c| !c.is_ascii_uppercase());
    if !capital && !rest_small {
        return None;
    }
    match lower.as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        "y" if reader == Reader::Envoy => Some(true),
        "n" if reader == Reader::Envoy => Some(false),
        _ => None,
    }
}

/// A whole number: decimal, `0x…` or, with a leading zero, octal.
fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) if text.starts_with('-') => (-1, digits),
        Some(digits) => (1, digits),
        None => (1, text),
    };
    if !digits.bytes().next()?.is_ascii_digit() {
        return None;
    }
    let number = if let Some(hex) = digits.strip_prefix("0x") {
        i64::from_str_radix(hex, 16)
    } else if digits.len() > 1 && digits.starts_with('0') {
        i64::from_str_radix(digits, 8)
    } else {
        digits.parse()
    };
    number.ok()?.checked_mul(sign)
}

fn decimal(text: &str) -> Option<f64> {
    let first = text.trim_start_matches(['-', '+']).bytes().next()?;
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && (first.is_ascii_digit() || first == b'.')).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::documents;

    fn read(text: &str, reader: Reader) -> String {
        json(&documents(text).unwrap()[0], reader)
    }

    #[test]
    fn plain_words_and_numbers_are_read_as_envoy_does() {
        let text = "[off, Yes, y, oFF, 5, 5.0, 0x10, 010, 99999999999, -1, ~, 5s, 'off', \"5\"]";
        assert_eq!(
            read(text, Reader::Envoy),
            r#"[false,true,true,"oFF",5,"5.0",16,8,"99999999999",-1,null,"5s","off","5"]"#
        );
    }

    #[test]
    fn plain_words_and_numbers_are_read_as_kubernetes_does() {
        let text = "[off, Yes, y, 5, 5.5, 99999999999, .inf, 5s, 'off']";
        assert_eq!(
            read(text, Reader::Kubernetes),
            r#"[false,true,"y",5,5.5,99999999999,".inf","5s","off"]"#
        );
    }

    #[test]
    fn a_member_that_stands_twice_does_so_in_the_json() {
        assert_eq!(read("{a: 1, a: x}", Reader::Envoy), r#"{"a":1,"a":"x"}"#);
    }
}
