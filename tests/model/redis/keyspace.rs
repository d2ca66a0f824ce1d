//! Keys with their values and expiry, and the commands that scripts may call.

use std::collections::BTreeMap;
use std::time::Duration;

/// Redis refuses an expiry whose Unix time in milliseconds overflows; clocks
/// stand somewhere about here.
const UNIX_TIME: i64 = 2_000_000_000_000;

#[derive(Debug)]
struct Stored {
    text: String,
    /// In milliseconds, as Redis counts; `None`: never.
    until: Option<u64>,
}

/// What a command answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply<'a> {
    Nil,
    Int(i64),
    Text(&'a str),
    Status(&'static str),
}

/// Ordered by key, so that two runs see the same.
#[derive(Debug, Default)]
pub(super) struct Keyspace {
    values: BTreeMap<String, Stored>,
}

fn millis(time: Duration) -> u64 {
    time.as_millis() as u64
}

impl Stored {
    /// As Redis has it: in the millisecond of its expiry a key is still there.
    fn is_there(&self, now: u64) -> bool {
        self.until.is_none_or(|until| now <= until)
    }
}

impl Keyspace {
    pub(super) fn get(&self, now: Duration, key: &str) -> Option<&str> {
        Some(&self.stored(millis(now), key)?.text)
    }

    pub(super) fn set(&mut self, key: &str, text: &str, until: Option<Duration>) {
        self.put(key, text, until.map(millis));
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.values.remove(key);
    }

    pub(super) fn expires_at(&self, key: &str) -> Option<Duration> {
        self.values.get(key)?.until.map(Duration::from_millis)
    }

    pub(super) fn keys(&self, now: Duration) -> impl Iterator<Item = &str> {
        let now = millis(now);
        let there = self.values.iter().filter(move |(_, at)| at.is_there(now));
        there.map(|(key, _)| key.as_str())
    }

    pub(super) fn clear(&mut self) {
        self.values.clear();
    }

    /// Carries out one command of a script whose keys are `declared`.
    pub(super) fn run(
        &mut self,
        now: Duration,
        declared: &[String],
        words: &[&str],
    ) -> Result<Reply<'_>, String> {
        let now = millis(now);
        let (name, words) = words.split_first().expect("the name of a command");
        let name = name.to_ascii_lowercase();
        let (least, most) = match name.as_str() {
            "get" | "pttl" => (1, 1),
            "set" => (2, usize::MAX),
            "del" | "exists" => (1, usize::MAX),
            "pexpire" => (2, 2),
            _ => return Err("ERR Unknown Redis command called from script".into()),
        };
        if !(least..=most).contains(&words.len()) {
            return Err("ERR Wrong number of args calling Redis command from script".into());
        }
        let keys = match name.as_str() {
            "del" | "exists" => words,
            _ => &words[..1],
        };
        // A single Redis takes it, a cluster and the relay's user need not.
        if keys.iter().any(|key| !declared.iter().any(|d| d == key)) {
            return Err("ERR Script attempted to access a key that it does not declare".into());
        }
        // Done before anything else, as Redis does when it looks a key up.
        for key in keys {
            if self.values.get(*key).is_some_and(|at| !at.is_there(now)) {
                self.values.remove(*key);
            }
        }
        Ok(match name.as_str() {
            "get" => match self.values.get(words[0]) {
                None => Reply::Nil,
                Some(stored) => Reply::Text(&stored.text),
            },
            "pttl" => Reply::Int(match self.values.get(words[0]) {
                None => -2,
                Some(stored) => stored.until.map_or(-1, |until| (until - now) as i64),
            }),
            "exists" => {
                let there = keys.iter().filter(|key| self.values.contains_key(**key));
                Reply::Int(there.count() as i64)
            }
            "del" => {
                let removed = keys
                    .iter()
                    .filter(|key| self.values.remove(**key).is_some());
                Reply::Int(removed.count() as i64)
            }
            "pexpire" => Reply::Int(self.pexpire(now, words[0], words[1])?),
            _ => {
                self.set_command(now, words)?;
                Reply::Status("OK")
            }
        })
    }

    fn set_command(&mut self, now: u64, words: &[&str]) -> Result<(), String> {
        let options: Vec<_> = words[2..].iter().map(|w| w.to_ascii_lowercase()).collect();
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        let until = match options.as_slice() {
            [] => None,
            ["keepttl"] => self.values.get(words[0]).and_then(|stored| stored.until),
            ["px", _] => {
                let life = integer(words[3])?;
                if !(1..=i64::MAX - UNIX_TIME).contains(&life) {
                    return Err("ERR invalid expire time in 'set' command".into());
                }
                Some(now + life as u64)
            }
            _ => return Err("ERR syntax error".into()),
        };
        self.put(words[0], words[1], until);
        Ok(())
    }

    fn pexpire(&mut self, now: u64, key: &str, life: &str) -> Result<i64, String> {
        let life = integer(life)?;
        if life > i64::MAX - UNIX_TIME {
            return Err("ERR invalid expire time in 'pexpire' command".into());
        }
        let Some(stored) = self.values.get_mut(key) else {
            return Ok(0);
        };
        if life > 0 {
            stored.until = Some(now + life as u64);
        } else {
            self.values.remove(key);
        }
        Ok(1)
    }

    fn stored(&self, now: u64, key: &str) -> Option<&Stored> {
        self.values.get(key).filter(|stored| stored.is_there(now))
    }

    fn put(&mut self, key: &str, text: &str, until: Option<u64>) {
        if let Some(stored) = self.values.get_mut(key) {
            stored.text.clear();
            stored.text.push_str(text);
            stored.until = until;
        } else {
            let text = text.to_owned();
            self.values.insert(key.to_owned(), Stored { text, until });
        }
    }
}

/// Redis reads no sign, zero or space that it would not write.
fn integer(text: &str) -> Result<i64, String> {
    let number = text.parse::<i64>().ok();
    number
        .filter(|number| number.to_string() == text)
        .ok_or_else(|| "ERR value is not an integer or out of range".into())
}
