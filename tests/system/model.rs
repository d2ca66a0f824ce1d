//! The model of Redis in `tests/model/` and a real Redis answer the same and
//! are left with the same keys, whatever the shipped scripts are called with.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::redis_model;
use crate::scripts::{decoded, value};
use crate::stack::places::PLACES;
use crate::stack::setup::PROVIDER;
use crate::stack::store::{Passwords, Redis};

/// The model's clock stands still; in the real Redis, too, nothing expires
/// while a test runs, and this is how far it may get.
const NOW: Duration = Duration::from_secs(1_000);
const TOLERANCE: i64 = 300_000;

/// What a script's key is for.
#[derive(Clone, Copy, Debug)]
enum Key {
    Record,
    Lease,
    /// Void mark of an owner.
    Mark,
}

/// What a script's argument is, after the nonce that is always the first.
#[derive(Clone, Copy, Debug)]
enum Arg {
    Owner,
    Text,
    /// Milliseconds; 0 has a meaning of its own in some scripts.
    Life,
}

/// Every shipped script with its keys and arguments.
const SCRIPTS: [(&str, &[Key], &[Arg]); 7] = [
    (
        "claim",
        &[Key::Record, Key::Lease, Key::Mark],
        &[Arg::Owner, Arg::Life, Arg::Text],
    ),
    (
        "commit",
        &[Key::Record, Key::Lease],
        &[Arg::Owner, Arg::Text, Arg::Text, Arg::Life],
    ),
    ("create", &[Key::Record], &[Arg::Text, Arg::Life]),
    (
        "delete",
        &[Key::Record, Key::Lease],
        &[Arg::Owner, Arg::Text],
    ),
    ("look", &[Key::Record], &[]),
    ("read", &[Key::Record], &[]),
    (
        "release",
        &[Key::Lease, Key::Mark],
        &[Arg::Owner, Arg::Life],
    ),
];

/// Words that some script must have answered in the course of the test.
const OUTCOMES: [&str; 13] = [
    "changed", "claimed", "created", "deleted", "found", "gone", "held", "released", "seen",
    "taken", "void", "written", "NOSCRIPT",
];

impl Key {
    /// The values that it may have.
    fn pool(self) -> Vec<String> {
        let names: &[&str] = match self {
            Self::Record => &["@", "@", "@", "@", "@", "@", "@", "@", "session:b"],
            Self::Lease => &["{@}:refresh", "{@}:refresh", "{@}:refresh", "@"],
            Self::Mark => &["{@}:refresh:one", "{@}:refresh:two", "{@}:refresh"],
        };
        let names = names.iter();
        names.map(|name| name.replace('@', "session:a")).collect()
    }

    fn all() -> Vec<String> {
        [Self::Record, Self::Lease, Self::Mark]
            .into_iter()
            .flat_map(Self::pool)
            .collect()
    }
}

impl Arg {
    fn texts(self) -> BoxedStrategy<String> {
        match self {
            Self::Owner => texts(&["one", "two"]),
            Self::Text => prop_oneof![6 => Just(RECORD.to_owned()), 1 => texts(&OTHERS)].boxed(),
            Self::Life => prop_oneof![9 => texts(&LIVES), 1 => texts(&NO_LIVES)].boxed(),
        }
    }
}

/// The record that most calls name, so that they agree now and then.
const RECORD: &str = r#"{"access":"a1","note":"Zoë \"/?.%+\" {}"}"#;
const OTHERS: [&str; 4] = [r#"{"access":"a2"}"#, "1:one", "1:two", "2:one"];
const LIVES: [&str; 4] = ["0", "900000", "90000000", "9000000000000"];
/// What Redis takes for no expiry.
const NO_LIVES: [&str; 7] = [
    "-5",
    "1.5",
    "+900000",
    "soon",
    "",
    "9223372036854775807",
    "9223372036854775808",
];

#[derive(Clone, Debug)]
enum Step {
    Call {
        script: &'static str,
        by_digest: bool,
        keys: Vec<String>,
        args: Vec<String>,
    },
    Set(String, String, Option<u64>),
    Delete(String),
    /// 0: it ends at once.
    Expire(String, u64),
    ForgetScripts,
}

fn one_of<T: Clone + std::fmt::Debug + 'static>(pool: Vec<T>) -> impl Strategy<Value = T> {
    prop::sample::select(pool)
}

fn texts(pool: &[&str]) -> BoxedStrategy<String> {
    one_of(pool.iter().map(|&text| text.to_owned()).collect()).boxed()
}

fn calls() -> impl Strategy<Value = Step> {
    let call = |(script, keys, args): (&'static str, &[Key], &[Arg])| {
        let keys: Vec<_> = keys.iter().map(|key| one_of(key.pool())).collect();
        let nonce = texts(&["00112233", "44556677"]);
        let args = args.iter().map(|arg| arg.texts());
        let args: Vec<_> = std::iter::once(nonce).chain(args).collect();
        (prop::bool::weighted(0.3), keys, args)
            .prop_map(move |(by_digest, keys, args)| Step::Call {
                script,
                by_digest,
                keys,
                args,
            })
            .boxed()
    };
    prop::strategy::Union::new(SCRIPTS.map(call))
}

fn steps() -> impl Strategy<Value = Step> {
    let key = || one_of(Key::all());
    let lives = || one_of(vec![900_000, 90_000_000]);
    prop_oneof![
        32 => calls(),
        8 => (prop_oneof![key(), one_of(Key::Record.pool())], Arg::Text.texts(), prop::option::of(lives()))
            .prop_map(|(key, text, life)| Step::Set(key, text, life)),
        1 => key().prop_map(Step::Delete),
        1 => (key(), prop_oneof![Just(0), lives()])
            .prop_map(|(key, life)| Step::Expire(key, life)),
        1 => Just(Step::ForgetScripts),
    ]
}

/// A key's value and PTTL.
type Contents = BTreeMap<String, (String, i64)>;

/// A real Redis and the model, in the same state.
struct Pair {
    real: Redis,
    model: redis_model::Redis,
    sources: BTreeMap<String, String>,
    /// How often a word was answered.
    outcomes: BTreeMap<String, usize>,
    _home: TempDir,
}

impl Pair {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        Self {
            real: Redis::start(PROVIDER.as_ref(), home.path(), &Passwords::new(), false),
            model: redis_model::Redis::new(),
            sources: sources(),
            outcomes: BTreeMap::new(),
            _home: home,
        }
    }

    fn clear(&mut self) {
        self.real.command(&["FLUSHALL"]);
        self.real.command(&["SCRIPT", "FLUSH"]);
        self.model.clear();
    }

    /// Answers of the real Redis and of the model.
    fn call(&mut self, user: &str, words: &[&str]) -> (Value, Value) {
        let body: Vec<_> = words.iter().map(|word| encoded(word)).collect();
        let body = body.join("/");
        assert_eq!(body.split('/').map(decoded).collect::<Vec<_>>(), words);
        let reply = match user {
            "admin" => self.real.try_command(words).expect("an answer"),
            user => self.real.command_as(user, words),
        };
        let model = self.model.call(NOW, body.as_bytes());
        let model = serde_json::from_str(&model).expect("JSON");
        (json!({ words[0]: value(reply) }), model)
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Call {
                script,
                by_digest,
                keys,
                args,
            } => {
                let source = self.sources[*script].clone();
                let digest = redis_model::digest(&source);
                let count = keys.len().to_string();
                let mut words = match by_digest {
                    true => vec!["EVALSHA", &digest, &count],
                    false => vec!["EVAL", &source, &count],
                };
                words.extend(keys.iter().chain(args).map(String::as_str));
                let (real, model) = self.call("relay", &words);
                prop_assert!(alike(&real, &model), "{} and the model: {}", real, model);
                let said = real[words[0]][1].as_str().unwrap_or_default();
                let said = said.split(' ').next().unwrap_or_default();
                *self.outcomes.entry(said.to_owned()).or_default() += 1;
            }
            Step::Set(key, text, life) => {
                let until = life.map(|life| NOW + Duration::from_millis(life));
                self.model.set(key, text, until);
                let life = life.unwrap_or_default().to_string();
                let words = ["SET", key, text, "PX", &life];
                let words = if until.is_some() { &words } else { &words[..3] };
                self.real.command(words);
            }
            Step::Delete(key) => {
                self.model.remove(key);
                self.real.delete(key);
            }
            Step::Expire(key, life) => {
                let until = NOW + Duration::from_millis(*life);
                match self.model.get(NOW, key).map(str::to_owned) {
                    Some(text) if *life > 0 => self.model.set(key, &text, Some(until)),
                    _ => self.model.remove(key),
                }
                self.real.command(&["PEXPIRE", key, &life.to_string()]);
            }
            Step::ForgetScripts => {
                self.model.forget_scripts();
                self.real.command(&["SCRIPT", "FLUSH"]);
            }
        }
        let (real, model) = (self.real_contents(), self.model_contents());
        let is_same = real.keys().eq(model.keys())
            && real.iter().all(|(key, (text, left))| {
                let (text_of_model, left_of_model) = &model[key];
                text == text_of_model && alike(&json!(left), &json!(left_of_model))
            });
        prop_assert!(is_same, "{:?} and the model: {:?}", real, model);
        Ok(())
    }

    fn real_contents(&self) -> Contents {
        let script = "local all = {}
            for _, key in ipairs(redis.call('KEYS', '*')) do
              all[key] = {redis.call('GET', key), redis.call('PTTL', key)}
            end
            return cjson.encode(all)";
        let all = self.real.command(&["EVAL", script, "0"]);
        serde_json::from_str(&all.text().expect("text")).expect("JSON")
    }

    fn model_contents(&self) -> Contents {
        let contents = |key: &str| {
            let text = self.model.get(NOW, key).expect("a value");
            let until = self.model.expires_at(key);
            let left = until.map_or(-1, |until| (until - NOW).as_millis() as i64);
            (key.to_owned(), (text.to_owned(), left))
        };
        self.model.keys(NOW).map(contents).collect()
    }
}

/// The shipped scripts by name; the table must know them all.
fn sources() -> BTreeMap<String, String> {
    let folder = PLACES.root.join("src/store/scripts");
    let files = fs::read_dir(folder).expect("the scripts");
    let sources: BTreeMap<_, _> = files
        .map(|file| {
            let path = file.expect("a script").path();
            let name = path.file_stem().expect("a name").to_string_lossy();
            let source = fs::read_to_string(&path).expect("a script");
            (name.into_owned(), source)
        })
        .collect();
    assert!(
        sources.keys().eq(SCRIPTS.map(|(name, ..)| name).iter()),
        "SCRIPTS in this file lists the scripts of src/store/scripts/, in order"
    );
    sources
}

fn encoded(word: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    word.bytes().map(encode).collect()
}

/// The same, but that time has passed.
fn alike(real: &Value, model: &Value) -> bool {
    match (real, model) {
        (Value::Number(real), Value::Number(model)) => match (real.as_i64(), model.as_i64()) {
            (Some(real), Some(model)) if real >= 0 && model >= 0 => {
                (0..TOLERANCE).contains(&(model - real))
            }
            _ => real == model,
        },
        (Value::Array(real), Value::Array(model)) => {
            real.len() == model.len() && real.iter().zip(model).all(|(r, m)| alike(r, m))
        }
        (Value::Object(real), Value::Object(model)) => {
            real.keys().eq(model.keys())
                && real.values().zip(model.values()).all(|(r, m)| alike(r, m))
        }
        _ => real == model,
    }
}

#[test]
fn the_model_answers_every_script_as_redis_does() {
    let pair = RefCell::new(Pair::new());
    let mut runner = TestRunner::new(Config {
        cases: 150,
        failure_persistence: None,
        ..Config::default()
    });
    let sequences = prop::collection::vec(steps(), 1..60);
    let result = runner.run(&sequences, |steps| {
        let mut pair = pair.borrow_mut();
        pair.clear();
        steps.iter().try_for_each(|step| pair.step(step))
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let seen = &pair.borrow().outcomes;
    for outcome in OUTCOMES {
        assert!(seen.contains_key(outcome), "never met {outcome}: {seen:?}");
    }
}

#[test]
fn the_model_holds_a_script_to_the_keys_that_it_declares() {
    let mut model = redis_model::Redis::new();
    let script = encoded("return redis.call('GET', 'other')");
    let answer = model.call(NOW, format!("EVAL/{script}/1/session%3Aa").as_bytes());
    assert!(answer.contains("does not declare"), "{answer}");
}

#[test]
fn the_model_executes_lua_as_redis_does() {
    let mut pair = Pair::new();
    for source in [
        "return 1.9",
        "return -1.9",
        "return 'text'",
        "return true",
        "return false",
        "return nil",
        "return",
        "return {}",
        "return {1, 2.5, 'x', true, false, nil, 3}",
        "return {err = 'MINE it is wrong'}",
        "return KEYS[1] .. #KEYS .. ARGV[1] .. #ARGV",
        "return {KEYS[2], ARGV[2]}",
        "return redis.call('GET', KEYS[1])",
        "return {redis.call('get', KEYS[1]) == false}",
        "return {redis.call('SET', KEYS[1], 'v').ok}",
        "return redis.call('SET', KEYS[1], 'v', 'px', 900000)",
        "return redis.call('EXISTS', KEYS[1], KEYS[1])",
        "return redis.call('PTTL', KEYS[1])",
        "redis.call('SET', KEYS[1], 17, 'KEEPTTL') return redis.call('PTTL', KEYS[1])",
        "redis.call('SET', KEYS[1], 'v') return redis.call('PTTL', KEYS[1])",
        "return redis.call('PEXPIRE', KEYS[1], ARGV[1])",
        "return type(redis.call('PTTL', KEYS[1]))",
        "return redis.call('PEXPIRE', KEYS[1], '-1')",
        "return redis.call('PEXPIRE', KEYS[1], '5')",
        "return redis.call('DEL', KEYS[1])",
        "return redis.call('PTTL', KEYS[1])",
        "redis.call('SET', KEYS[1], 'v')\nredis.call('SET', KEYS[1], 'w', 'PX', '0')",
        "return redis.call('SET', KEYS[1], 'v', 'PX', 'x')",
        "return redis.call('SET', KEYS[1], 'v', 'PX')",
        "return redis.call('SET', KEYS[1], 'v', 'PX', '5', 'KEEPTTL')",
        "return redis.call('SET', KEYS[1])",
        "return redis.call('PEXPIRE', KEYS[1], '9223372036854775807')",
        "\n\nreturn redis.call('NOPE', KEYS[1])",
        "return redis.call()",
        "return redis.call('GET', {})",
        "return redis.call('GET', nil)",
        "error('boom')",
        "return ARGV[9] .. 'x'",
        "local function f() return nothing end\nreturn f()",
        "mine = 1",
        "KEYS = {}",
        "redis.call = nil",
        "return (",
    ] {
        let words = ["EVAL", source, "1", "session:a", "900000"];
        let (real, model) = pair.call("admin", &words);
        // The real one's client does not tell a status from a text.
        let model = match model["EVAL"].as_array().map(Vec::as_slice) {
            Some([Value::Bool(true), status]) => json!({"EVAL": status}),
            _ => model,
        };
        assert!(alike(&real, &model), "{source}: {real}, the model: {model}");
    }
}
