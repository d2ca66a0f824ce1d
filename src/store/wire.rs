//! The gateway's wire (contract, section 5; Webdis 0.1.9 and later): a script
//! call as the body of `POST /`, and its JSON answer.

use std::collections::BTreeMap;

use serde_json::Value;

use super::StoreError;
use super::script::Script;
use crate::callout::{CalloutResult, Failure};

/// How a script is named in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By its digest: `EVALSHA`.
    Digest,
    /// By its source: `EVAL`, after the store did not know the digest.
    Source,
}

impl Form {
    const fn command(self) -> &'static str {
        match self {
            Self::Digest => "EVALSHA",
            Self::Source => "EVAL",
        }
    }
}

/// One item of a script's flat answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    Text(String),
    Integer(i64),
}

/// `EVALSHA/<sha>/<numkeys>/<keys…>/<args…>`, or the same with `EVAL` and the
/// source.
pub(super) fn encode(script: &Script, form: Form, keys: &[&str], args: &[&str]) -> Vec<u8> {
    let name = match form {
        Form::Digest => script.sha.as_str(),
        Form::Source => script.source,
    };
    let mut body = form.command().as_bytes().to_vec();
    segment(&mut body, name);
    segment(&mut body, &keys.len().to_string());
    for part in keys.iter().chain(args) {
        segment(&mut body, part);
    }
    body
}

/// The gateway gives `/ . ? + %` a meaning, also in a body, so everything
/// outside `[A-Za-z0-9_-]` is percent-encoded.
fn segment(body: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
    body.push(b'/');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            body.push(byte);
        } else {
            body.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// The items behind the nonce. An answer with another nonce belongs to another
/// call: Webdis addresses answers by socket number.
pub(super) fn decode(
    result: &CalloutResult,
    form: Form,
    nonce: &str,
) -> Result<Vec<Item>, StoreError> {
    let answer = match result {
        CalloutResult::Answer(answer) => answer,
        CalloutResult::Failure(Failure::NotSent) => return Err(StoreError::NotSent),
        CalloutResult::Failure(Failure::Reset) => return Err(StoreError::Cut),
        CalloutResult::Failure(Failure::TooLarge) => return Err(StoreError::Malformed),
    };
    if answer.status != 200 {
        return Err(StoreError::Status(answer.status));
    }
    let mut object: BTreeMap<String, Value> =
        serde_json::from_slice(answer.body.expose()).map_err(|_| StoreError::Malformed)?;
    let items = match (object.remove(form.command()), object.is_empty()) {
        (Some(Value::Array(items)), true) => items,
        _ => return Err(StoreError::Malformed),
    };
    let mut items = items.into_iter();
    match items.next() {
        Some(Value::Bool(_)) => Err(error(items.next().as_ref())),
        Some(Value::String(echo)) if belongs(&echo, nonce) => items.map(item).collect(),
        Some(Value::String(_)) => Err(StoreError::NonceMismatch),
        _ => Err(StoreError::Malformed),
    }
}

/// A build with `--cfg accept_foreign_answers` exists for one test only: it
/// shows that without this comparison one user gets another's token.
fn belongs(echo: &str, nonce: &str) -> bool {
    cfg!(accept_foreign_answers) || echo == nonce
}

fn item(value: Value) -> Result<Item, StoreError> {
    match value {
        Value::String(text) => Ok(Item::Text(text)),
        Value::Number(number) => number
            .as_i64()
            .map(Item::Integer)
            .ok_or(StoreError::Malformed),
        _ => Err(StoreError::Malformed),
    }
}

/// Redis quotes arguments in its errors, so only the first word is kept, and
/// only if it looks like a class.
fn error(text: Option<&Value>) -> StoreError {
    let word = text
        .and_then(Value::as_str)
        .and_then(|text| text.split(' ').next())
        .filter(|word| (1..=16).contains(&word.len()))
        .filter(|word| word.bytes().all(|b| b.is_ascii_uppercase()));
    match word {
        Some("NOSCRIPT") => StoreError::NoScript,
        Some(word) => StoreError::Redis(word.to_owned()),
        None => StoreError::Redis("ERROR".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callout::Answer;
    use proptest::prelude::*;

    fn answer(status: u16, body: &str) -> CalloutResult {
        CalloutResult::Answer(Answer {
            status,
            from_peer: true,
            body: body.as_bytes().to_vec().into(),
            ..Answer::default()
        })
    }

    fn script() -> Script {
        Script {
            source: "return {ARGV[1]}",
            sha: "abc".to_owned(),
        }
    }

    /// What Webdis does to a segment: percent-decoding, nothing else, once
    /// there is no byte left that it reads otherwise.
    fn webdis_decode(segment: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let mut bytes = segment.bytes();
        while let Some(byte) = bytes.next() {
            assert!(!b".?+/".contains(&byte), "a byte with a meaning was sent");
            if byte == b'%' {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).unwrap());
            } else {
                out.push(byte);
            }
        }
        out
    }

    #[test]
    fn a_call_is_one_line_of_encoded_segments() {
        let body = encode(&script(), Form::Digest, &["session:a"], &["n1", "a/b.json"]);
        assert_eq!(body, b"EVALSHA/abc/1/session%3Aa/n1/a%2Fb%2Ejson");
        let body = encode(&script(), Form::Source, &["k"], &[]);
        assert_eq!(body, b"EVAL/return%20%7BARGV%5B1%5D%7D/1/k");
    }

    proptest! {
        #[test]
        fn every_argument_survives_the_gateway(arg in "\\PC{0,40}[/.?+%\\x00-\\x1f]{0,4}") {
            let body = String::from_utf8(encode(&script(), Form::Digest, &["k"], &[&arg])).unwrap();
            let last = body.splitn(5, '/').last().unwrap();
            prop_assert_eq!(webdis_decode(last), arg.as_bytes());
        }

        #[test]
        fn any_answer_is_read_without_panic(body in ".{0,80}", status in 0u16..700) {
            let _ = decode(&answer(status, &body), Form::Digest, "n1");
        }
    }

    #[test]
    fn the_items_behind_the_right_nonce_are_taken() {
        let got = decode(
            &answer(200, r#"{"EVALSHA":["n1","held",25]}"#),
            Form::Digest,
            "n1",
        );
        assert_eq!(got, Ok(vec![Item::Text("held".into()), Item::Integer(25)]));
        let got = decode(
            &answer(200, r#"{"EVAL":["n1","gone"]}"#),
            Form::Source,
            "n1",
        );
        assert_eq!(got, Ok(vec![Item::Text("gone".into())]));
    }

    #[test]
    fn an_answer_with_another_nonce_is_thrown_away() {
        let got = decode(
            &answer(200, r#"{"EVALSHA":["n2","gone"]}"#),
            Form::Digest,
            "n1",
        );
        assert_eq!(got, Err(StoreError::NonceMismatch));
    }

    #[test]
    fn an_error_shows_its_first_word_only() {
        for (text, expected) in [
            ("NOSCRIPT No matching script.", StoreError::NoScript),
            (
                "LOADING Redis is loading",
                StoreError::Redis("LOADING".into()),
            ),
            ("ERR eyJsecret", StoreError::Redis("ERR".into())),
            ("upstream failure", StoreError::Redis("ERROR".into())),
            ("ABCDEFGHIJKLMNOPQ x", StoreError::Redis("ERROR".into())),
        ] {
            let body = format!(r#"{{"EVALSHA":[false,"{text}"]}}"#);
            assert_eq!(
                decode(&answer(200, &body), Form::Digest, "n1"),
                Err(expected)
            );
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        for body in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"EVALSHA":null}"#,
            r#"{"EVALSHA":[]}"#,
            r#"{"EVALSHA":"n1"}"#,
            r#"{"EVAL":["n1"]}"#,
            r#"{"EVALSHA":["n1"],"x":1}"#,
            r#"{"EVALSHA":[1,"found"]}"#,
            r#"{"EVALSHA":["n1",null]}"#,
            r#"{"EVALSHA":["n1",1.5]}"#,
            r#"{"EVALSHA":["n1",["x"]]}"#,
            r#"{"GET":"token"}"#,
        ] {
            let got = decode(&answer(200, body), Form::Digest, "n1");
            assert_eq!(got, Err(StoreError::Malformed), "{body}");
        }
        let got = decode(&answer(503, ""), Form::Digest, "n1");
        assert_eq!(got, Err(StoreError::Status(503)));
        let cut = CalloutResult::Failure(Failure::Reset);
        assert_eq!(decode(&cut, Form::Digest, "n1"), Err(StoreError::Cut));
    }
}
