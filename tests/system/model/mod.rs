//! The model of Redis in `tests/model/` and a real Redis answer the same and
//! are left with the same keys, whatever the shipped scripts are called with.

mod steps;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::steps::{SCRIPTS, Step, steps};
use crate::redis_model;
use crate::scripts::{decoded, value};
use crate::stack::places::PLACES;
use crate::stack::setup::PROVIDER;
use crate::stack::store::{Passwords, Redis};

/// The model's clock stands still; in the real Redis, too, nothing expires
/// while a test runs, and this is how far it may get.
const NOW: Duration = Duration::from_secs(1_000);
const TOLERANCE: i64 = 300_000;

/// Words that some script must have answered in the course of the test.
const OUTCOMES: [&str; 13] = [
    "changed", "claimed", "created", "deleted", "found", "gone", "held", "released", "seen",
    "taken", "void", "written", "NOSCRIPT",
];

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
        "SCRIPTS in steps.rs lists the scripts of src/store/scripts/, in order"
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
