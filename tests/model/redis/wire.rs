//! What the gateway makes of a call's body and of Redis' answer: Webdis 0.1.9.

use serde_json::{Value, json};
use sha1::{Digest, Sha1};

/// How a call names its script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Digest,
    Source,
}

impl Form {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Digest => "EVALSHA",
            Self::Source => "EVAL",
        }
    }
}

/// A call's body, decoded.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) form: Form,
    /// The digest of the script, whichever the form.
    pub(crate) digest: String,
    /// With [`Form::Source`] the script itself, otherwise empty.
    pub(crate) source: String,
    pub(crate) keys: Vec<String>,
    pub(crate) args: Vec<String>,
}

impl Call {
    /// Panics at what the relay must never send.
    pub(crate) fn decode(body: &[u8]) -> Self {
        let body = std::str::from_utf8(body).expect("the relay sends ASCII");
        let mut segments = body.split('/');
        let form = match segments.next() {
            Some("EVALSHA") => Form::Digest,
            Some("EVAL") => Form::Source,
            _ => panic!("the gateway lets nothing but script calls through"),
        };
        let mut segments = segments.map(percent_decode);
        let script = segments.next().expect("a script");
        let count = segments.next().expect("the number of keys");
        let count: usize = count.parse().expect("the number of keys");
        let mut keys: Vec<_> = segments.collect();
        assert!(count <= keys.len(), "fewer keys than announced");
        let args = keys.split_off(count);
        let (digest, source) = match form {
            Form::Digest => (script, String::new()),
            Form::Source => (digest(&script), script),
        };
        Self {
            form,
            digest,
            source,
            keys,
            args,
        }
    }
}

/// The name that Redis gives a script.
pub(crate) fn digest(source: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(40);
    for byte in Sha1::digest(source) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn percent_decode(segment: &str) -> String {
    let mut bytes = segment.bytes();
    let mut out = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        assert!(!b"?+.".contains(&byte), "Webdis gives this byte a meaning");
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let value = digit().zip(digit()).expect("two hexadecimal digits");
            out.push((value.0 * 16 + value.1) as u8);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).expect("the relay sends text")
}

/// The gateway's answer.
pub(super) fn answer(form: Form, reply: Value) -> String {
    let reply = match reply {
        Value::Array(items) => items.into_iter().map(cut).collect(),
        other => cut(other),
    };
    json!({ form.word(): reply }).to_string()
}

/// A string ends at its first NUL.
fn cut(mut value: Value) -> Value {
    if let Value::String(text) = &mut value
        && let Some(end) = text.find('\0')
    {
        text.truncate(end);
    }
    value
}
