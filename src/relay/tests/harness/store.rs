//! A model of the store behind its gateway: decodes a call's body as Webdis
//! does, and does what the scripts do.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::fate::Target;

/// How a call named its script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Digest,
    Source,
}

impl Form {
    fn word(self) -> &'static str {
        match self {
            Self::Digest => "EVALSHA",
            Self::Source => "EVAL",
        }
    }
}

/// A call's body, decoded.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) form: Form,
    pub(super) target: Target,
    pub(super) keys: Vec<String>,
    pub(super) args: Vec<String>,
}

const SCRIPTS: [(Target, &str); 7] = [
    (
        Target::Read,
        include_str!("../../../store/scripts/read.lua"),
    ),
    (
        Target::Claim,
        include_str!("../../../store/scripts/claim.lua"),
    ),
    (
        Target::Commit,
        include_str!("../../../store/scripts/commit.lua"),
    ),
    (
        Target::Release,
        include_str!("../../../store/scripts/release.lua"),
    ),
    (
        Target::Delete,
        include_str!("../../../store/scripts/delete.lua"),
    ),
    (
        Target::Create,
        include_str!("../../../store/scripts/create.lua"),
    ),
    (
        Target::Look,
        include_str!("../../../store/scripts/look.lua"),
    ),
];

static DIGESTS: LazyLock<[String; 7]> =
    LazyLock::new(|| SCRIPTS.map(|(_, source)| hex(&Sha1::digest(source))));

impl Request {
    pub(super) fn decode(body: &[u8]) -> Self {
        let body = std::str::from_utf8(body).unwrap();
        let segments: Vec<_> = body.split('/').map(percent_decode).collect();
        let form = match segments[0].as_str() {
            "EVALSHA" => Form::Digest,
            "EVAL" => Form::Source,
            other => panic!("the store has no command {other}"),
        };
        let digests = DIGESTS.iter().map(String::as_str);
        let mut scripts = SCRIPTS.iter().zip(digests);
        let script = scripts.find(|((_, source), digest)| {
            segments[1].as_str()
                == if form == Form::Digest {
                    digest
                } else {
                    *source
                }
        });
        let ((target, _), _) = script.expect("a script of ours");
        let count: usize = segments[2].parse().unwrap();
        let (keys, args) = segments[3..].split_at(count);
        Self {
            form,
            target: *target,
            keys: keys.to_vec(),
            args: args.to_vec(),
        }
    }

    pub(super) fn nonce(&self) -> &str {
        &self.args[0]
    }

    /// The owner mark, of the commands that carry one.
    pub(super) fn owner(&self) -> Option<&str> {
        let none = [Target::Read, Target::Look, Target::Create];
        (!none.contains(&self.target)).then(|| self.args[1].as_str())
    }
}

fn percent_decode(segment: &str) -> String {
    let mut bytes = segment.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        assert!(!b"?+.".contains(&byte), "Webdis gives this byte a meaning");
        if byte == b'%' {
            let digits: String = bytes.by_ref().take(2).map(char::from).collect();
            out.push(u8::from_str_radix(&digits, 16).unwrap());
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Clone, Debug)]
struct Stored {
    text: String,
    /// When it expires; `None`: never.
    until: Option<Duration>,
}

/// Redis.
#[derive(Debug, Default)]
pub(crate) struct Store {
    values: HashMap<String, Stored>,
    unloaded: HashSet<Target>,
    pub(super) now: Duration,
}

impl Store {
    /// As after a restart: no script is known.
    pub(crate) fn forget_scripts(&mut self) {
        self.unloaded = Target::STORE.into_iter().collect();
    }

    pub(crate) fn set(&mut self, key: &str, text: &str, ttl: Option<Duration>) {
        let stored = Stored {
            text: text.to_owned(),
            until: ttl.map(|ttl| self.now + ttl),
        };
        self.values.insert(key.to_owned(), stored);
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.values.remove(key);
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        self.stored(key).map(|stored| stored.text.clone())
    }

    /// How many records there are, leases and marks not counted.
    pub(crate) fn records(&self) -> usize {
        let keys = self.values.keys();
        keys.filter(|key| key.starts_with("session:") && self.get(key).is_some())
            .count()
    }

    pub(crate) fn ttl(&self, key: &str) -> Option<Duration> {
        Some(self.stored(key)?.until? - self.now)
    }

    fn stored(&self, key: &str) -> Option<&Stored> {
        let stored = self.values.get(key)?;
        stored
            .until
            .is_none_or(|until| until > self.now)
            .then_some(stored)
    }

    /// Carries a call out and answers as the gateway would.
    pub(super) fn execute(&mut self, request: &Request) -> String {
        if request.form == Form::Source {
            self.unloaded.remove(&request.target);
        }
        let mut items = if self.unloaded.contains(&request.target) {
            vec![
                json!(false),
                json!("NOSCRIPT No matching script. Please use EVAL."),
            ]
        } else {
            let mut items = vec![json!(request.nonce())];
            items.extend(self.run(request));
            items
        };
        // As Webdis 0.1.9: a string ends at its first NUL.
        for item in &mut items {
            if let Some(cut) = item.as_str().and_then(|text| text.split('\0').next()) {
                *item = json!(cut);
            }
        }
        json!({ request.form.word(): items }).to_string()
    }

    fn run(&mut self, request: &Request) -> Vec<Value> {
        let keys: Vec<_> = request.keys.iter().map(String::as_str).collect();
        let args: Vec<_> = request.args[1..].iter().map(String::as_str).collect();
        match (request.target, keys.as_slice(), args.as_slice()) {
            (Target::Read, [record], []) => match self.get(record) {
                None => vec![json!("gone")],
                Some(text) => vec![json!("found"), json!(text)],
            },
            (Target::Claim, [record, lease, mark], [owner, life, read]) => match self.get(record) {
                None => vec![json!("gone")],
                Some(text) if text != *read => vec![json!("changed"), json!(text)],
                Some(_) if self.get(mark).is_some() => vec![json!("void")],
                Some(_) => self.claim(lease, owner, life),
            },
            (Target::Commit, [record, lease], [owner, read, write, ttl]) => {
                let outcome = self.commit(record, read, write, ttl);
                if outcome.len() == 1 {
                    self.give_back(lease, owner);
                }
                outcome
            }
            (Target::Release, [lease, mark], [owner, void]) => {
                self.give_back(lease, owner);
                if *void != "0" {
                    self.set(mark, "1", Some(px(void)));
                }
                vec![json!("released")]
            }
            (Target::Create, [record], [write, ttl]) => match self.get(record) {
                Some(text) if text != *write => vec![json!("taken")],
                Some(_) => vec![json!("created")],
                None => {
                    self.set(record, write, Some(px(ttl)));
                    vec![json!("created")]
                }
            },
            (Target::Look, [record], []) => match self.get(record) {
                None => vec![json!("gone")],
                Some(text) => {
                    let left = self.ttl(record).map_or(-1, |ttl| ttl.as_millis() as i64);
                    vec![json!("seen"), json!(text), json!(left)]
                }
            },
            (Target::Delete, [record, lease], [owner, read]) => {
                let outcome = match self.get(record) {
                    None => "gone",
                    Some(text) if text != *read => return vec![json!("changed"), json!(text)],
                    Some(_) => "deleted",
                };
                self.remove(record);
                self.give_back(lease, owner);
                vec![json!(outcome)]
            }
            other => panic!("not a call of ours: {:?}", other.0),
        }
    }

    fn claim(&mut self, lease: &str, owner: &str, life: &str) -> Vec<Value> {
        let mine = format!("1:{owner}");
        if self.get(lease).is_some_and(|held| held != mine) {
            let left = self.ttl(lease).map_or(-1, |ttl| ttl.as_millis() as i64);
            return vec![json!("held"), json!(left)];
        }
        self.set(lease, &mine, Some(px(life)));
        vec![json!("claimed")]
    }

    fn commit(&mut self, record: &str, read: &str, write: &str, ttl: &str) -> Vec<Value> {
        let Some(text) = self.get(record) else {
            return vec![json!("gone")];
        };
        if text != write {
            if text != read {
                return vec![json!("changed"), json!(text)];
            }
            let ttl = match ttl {
                "0" => self.ttl(record),
                ttl => Some(px(ttl)),
            };
            self.set(record, write, ttl);
        }
        vec![json!("written")]
    }

    fn give_back(&mut self, lease: &str, owner: &str) {
        if self.get(lease).as_deref() == Some(&format!("1:{owner}")) {
            self.remove(lease);
        }
    }
}

/// Redis refuses an expiry that is no positive number or overflows.
fn px(text: &str) -> Duration {
    let millis: i64 = text.parse().expect("a number of milliseconds");
    assert!((1..=i64::MAX - 2_000_000_000_000).contains(&millis));
    Duration::from_millis(millis as u64)
}
