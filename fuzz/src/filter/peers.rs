//! The store and the issuer: what they say, right or wrong.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::events::{Answer, ITEMS, WORDS};
use super::tokens::Tokens;
use crate::abi::Headers;
use crate::host::Call;

/// The answer to a call, as the host hands it over.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

/// What the first word of a script's answer may be.
pub(crate) const FIRST: [&str; WORDS] = [
    "found", "changed", "held", "seen", "created", "taken", "gone", "claimed", "void", "written",
    "released", "deleted", "claimed", "found", "surprise", "",
];

/// A larger answer is not read.
const MAX_ANSWER: usize = 1 << 20;

/// What is answered by a peer, and not by the proxy on its way.
fn upstream(status: u16, body: impl Into<Vec<u8>>) -> Said {
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    Said {
        headers: vec![
            header(":status", &status.to_string()),
            header("content-type", "application/json"),
            header("retry-after", "7"),
            header("x-envoy-upstream-service-time", "1"),
        ],
        body: body.into(),
    }
}

/// A script call, taken apart.
#[derive(Debug)]
pub(crate) struct Script {
    /// The script's file.
    name: &'static str,
    /// `EVALSHA` or `EVAL`.
    command: String,
    pub(crate) keys: Vec<String>,
    pub(crate) nonce: String,
    /// What stands behind the nonce.
    arguments: Vec<String>,
}

/// Digest or source → file.
static SCRIPTS: LazyLock<BTreeMap<String, &'static str>> = LazyLock::new(|| {
    macro_rules! scripts {
        ($($name:literal)*) => {
            [$(($name, include_str!(concat!("../../../src/store/scripts/", $name, ".lua"))),)*]
        };
    }
    let all = scripts!("read" "claim" "commit" "release" "create" "look" "delete");
    let named = all.into_iter().flat_map(|(name, source)| {
        let digest: String = Sha1::digest(source)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        [(digest, name), (source.to_owned(), name)]
    });
    named.collect()
});

impl Script {
    /// Takes the body of a call to the gateway apart.
    pub(crate) fn of(call: &Call) -> Self {
        let body = str::from_utf8(&call.body).expect("ASCII");
        let mut segments = body.split('/').map(decode);
        let mut next = || segments.next().expect("a complete call");
        let (command, script) = (next(), next());
        let count: usize = next().parse().expect("a number of keys");
        let keys = (0..count).map(|_| next()).collect();
        let nonce = next();
        Self {
            name: SCRIPTS.get(&script).expect("a script of the relay's"),
            command,
            keys,
            nonce,
            arguments: segments.collect(),
        }
    }

    /// The key of the record that it is about; a release names only the lease.
    pub(crate) fn key(&self) -> String {
        let first = self.keys.first().expect("a key");
        let lease = first
            .strip_prefix('{')
            .and_then(|rest| rest.split_once('}'));
        lease
            .map_or(first.as_str(), |(record, _)| record)
            .to_owned()
    }

    fn says(&self, items: &[Value]) -> Said {
        let mut all = vec![Value::from(self.nonce.as_str())];
        all.extend_from_slice(items);
        upstream(200, json!({&self.command: all}).to_string())
    }
}

/// Percent-decoding: all that the gateway does to a segment of these calls.
fn decode(segment: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = segment.as_bytes();
    loop {
        match rest {
            [b'%', high, low, tail @ ..] => {
                let hex = [*high, *low];
                let hex = str::from_utf8(&hex).expect("hexadecimal");
                bytes.push(u8::from_str_radix(hex, 16).expect("hexadecimal"));
                rest = tail;
            }
            [first, tail @ ..] => {
                assert!(
                    !b".?+".contains(first),
                    "a byte to which the gateway gives a meaning"
                );
                bytes.push(*first);
                rest = tail;
            }
            [] => return String::from_utf8(bytes).expect("text"),
        }
    }
}

/// What the store holds, and what anybody knows of tokens.
pub(crate) struct Peers {
    pub(crate) tokens: Tokens,
    pub(crate) fields: [&'static str; 4],
    records: BTreeMap<String, String>,
}

impl Peers {
    pub(crate) fn new(tokens: Tokens, fields: [&'static str; 4]) -> Self {
        Self {
            tokens,
            fields,
            records: BTreeMap::new(),
        }
    }

    /// A record is there.
    pub(crate) fn put(&mut self, key: &str, unix: u64, kind: usize) {
        let record = self.tokens.record(self.fields, key, unix, kind);
        self.records.insert(key.to_owned(), record);
    }

    /// A new call: tokens in it that are nobody's yet belong to its session.
    pub(crate) fn note(&mut self, call: &Call) {
        if call.cluster == "webdis" {
            let script = Script::of(call);
            if script.name == "create" {
                self.tokens
                    .store(&script.key(), &script.arguments.join(" "));
            }
        }
    }

    /// What is said to a call. `other`: another one that waits.
    pub(crate) fn answer(
        &mut self,
        call: &Call,
        other: Option<&Call>,
        answer: &Answer<'_>,
        unix: u64,
    ) -> Said {
        match answer {
            Answer::Status(status) => {
                let body = format!("{} upstream connect error", self.tokens.mark);
                let mut said = upstream(*status, body);
                said.headers.truncate(if status % 2 == 0 { 4 } else { 3 });
                return said;
            }
            Answer::Reset => return Said::default(),
            Answer::TooLarge => return upstream(200, vec![b' '; MAX_ANSWER + 1]),
            Answer::Raw(bytes) => return upstream(200, *bytes),
            Answer::Error => {
                let quoted = format!("ERR Error running script: {} {}", self.tokens.mark, "x");
                let body = json!({"EVALSHA": [false, quoted]});
                return upstream(200, body.to_string());
            }
            Answer::NoScript => {
                let body = json!({"EVALSHA": [false, "NOSCRIPT No matching script."]});
                return upstream(200, body.to_string());
            }
            // Only the store's gateway mixes its callers up.
            Answer::Crossed => {
                let both = [Some(call), other];
                let are_its = both.iter().flatten().all(|call| call.cluster == "webdis");
                return match other.filter(|_| are_its) {
                    Some(other) => self.answer(other, None, &Answer::Good, unix),
                    None => Said::default(),
                };
            }
            Answer::Good | Answer::Possible { .. } | Answer::Foreign { .. } => {}
        }
        if call.cluster == "webdis" {
            self.store(Script::of(call), answer, unix)
        } else {
            self.issuer(call, answer, unix)
        }
    }

    fn store(&mut self, mut script: Script, answer: &Answer<'_>, unix: u64) -> Said {
        let (word, extras) = match answer {
            Answer::Possible { word, extras } => (*word, extras),
            Answer::Foreign { word, extras } => {
                // Another's nonce, of another's record.
                script.nonce = script.nonce.chars().rev().collect();
                script.keys = vec!["session:of-somebody-else".to_owned()];
                (*word, extras)
            }
            _ => return self.good_store(&script),
        };
        let mut items = vec![Value::from(FIRST[word])];
        items.extend(
            extras
                .iter()
                .filter_map(|item| self.item(&script, *item, unix)),
        );
        script.says(&items)
    }

    /// What may stand behind the first word.
    fn item(&mut self, script: &Script, item: usize, unix: u64) -> Option<Value> {
        const NUMBERS: [i64; 4] = [0, 25, 1000, i64::MAX];
        const WORDS_BEHIND: [&str; 4] = ["none", "cut", "lost", ""];
        const RECORDS: [usize; 6] = [0, 1, 2, 8, 11, 12];
        assert!(item < ITEMS);
        Some(match item {
            0 => return None,
            1..=4 => NUMBERS[item - 1].into(),
            5..=8 => WORDS_BEHIND[item - 5].into(),
            9..=14 => {
                let kind = RECORDS[item - 9];
                let key = script.key();
                self.tokens.record(self.fields, &key, unix, kind).into()
            }
            _ => self.records.get(&script.key())?.as_str().into(),
        })
    }

    /// As the scripts do, but that a lease is always to be had.
    fn good_store(&mut self, script: &Script) -> Said {
        let key = script.key();
        let known = self.records.get(&key).cloned();
        // A record that somebody wants written stands last.
        let is_record = |argument: &&String| argument.starts_with('{');
        let written = script.arguments.iter().rfind(is_record).cloned();
        let is_read = known
            .as_ref()
            .is_some_and(|known| script.arguments.contains(known));
        let items: Vec<Value> = match (script.name, known) {
            ("release", _) => vec!["released".into()],
            ("create", None) => {
                self.records.extend(written.map(|written| (key, written)));
                vec!["created".into()]
            }
            ("create", Some(_)) => vec!["taken".into()],
            (_, None) => vec!["gone".into()],
            ("read", Some(known)) => vec!["found".into(), known.into()],
            ("look", Some(known)) => vec!["seen".into(), known.into(), 60_000.into()],
            (_, Some(known)) if !is_read => vec!["changed".into(), known.into()],
            ("claim", Some(_)) => vec!["claimed".into(), "none".into()],
            ("commit", Some(_)) => {
                self.records.extend(written.map(|written| (key, written)));
                vec!["written".into()]
            }
            ("delete", Some(_)) => {
                self.records.remove(&key);
                vec!["deleted".into()]
            }
            (name, _) => panic!("{name}.lua is not known here"),
        };
        script.says(&items)
    }

    /// One answer for all presets: each finds what it knows in it.
    fn issuer(&mut self, call: &Call, answer: &Answer<'_>, unix: u64) -> Said {
        let (word, [kind, rotates]) = match answer {
            Answer::Possible { word, extras } | Answer::Foreign { word, extras } => {
                (*word, *extras)
            }
            _ => (0, [0, 0]),
        };
        let refusal = json!({
            "detail": "No active account",
            "error": "invalid_grant",
            "status": 400,
            "meta": {"session_token": "s"},
        });
        match word {
            0..=7 => {
                let presented = String::from_utf8_lossy(&call.body).into_owned();
                let (access, refresh) = self.tokens.reissue(&presented, unix, kind);
                let refresh = if rotates % 4 == 3 {
                    None
                } else {
                    Some(refresh)
                };
                let both = json!({"access_token": access, "refresh_token": refresh});
                let all = json!({
                    "access": access,
                    "refresh": refresh,
                    "access_token": access,
                    "refresh_token": refresh,
                    "expires_in": 300,
                    "status": 200,
                    "data": both,
                    "meta": both,
                });
                upstream(200, all.to_string())
            }
            8 => upstream(401, refusal.to_string()),
            9 => upstream(400, refusal.to_string()),
            10 => upstream(400, json!({"error": "invalid_client"}).to_string()),
            11 => upstream(200, "<html>"),
            12 => upstream(401, "<html>"),
            13 => upstream(200, json!({"key": self.tokens.mark}).to_string()),
            14 => upstream(429, refusal.to_string()),
            _ => upstream(410, json!({"status": 410}).to_string()),
        }
    }
}
