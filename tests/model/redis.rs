//! A model of Redis behind its gateway. It executes the scripts themselves, in
//! the Lua that Redis has, against keys whose clock the caller holds.
//!
//! What it shares with Redis is shown by a test against a real one
//! (`tests/system/model`). It is stricter in one thing: a script touches no
//! key that it does not declare.

// Who includes it takes what it needs.
#![allow(dead_code)]

#[path = "redis/keyspace.rs"]
mod keyspace;
#[path = "redis/lua.rs"]
mod lua;
#[path = "redis/wire.rs"]
mod wire;

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use self::keyspace::Keyspace;
use self::lua::Interpreter;
pub(crate) use self::wire::{Call, Form, digest};

/// Redis with its gateway.
#[derive(Debug)]
pub(crate) struct Redis {
    keyspace: Keyspace,
    /// The digests that `EVALSHA` finds.
    known: HashSet<String>,
    interpreter: Interpreter,
}

impl Redis {
    /// Empty; knows no script.
    pub(crate) fn new() -> Self {
        Self {
            keyspace: Keyspace::default(),
            known: HashSet::new(),
            interpreter: Interpreter::new(),
        }
    }

    /// Carries out the body of a call to the gateway and returns its answer.
    pub(crate) fn call(&mut self, now: Duration, body: &[u8]) -> String {
        self.execute(now, &Call::decode(body))
    }

    /// The same for a call that has been decoded.
    pub(crate) fn execute(&mut self, now: Duration, call: &Call) -> String {
        let reply = match self.reply(now, call) {
            Ok(reply) => reply,
            Err(error) => json!([false, error]),
        };
        wire::answer(call.form, reply)
    }

    fn reply(&mut self, now: Duration, call: &Call) -> Result<Value, String> {
        match call.form {
            Form::Source => self.learn(&call.digest, &call.source)?,
            Form::Digest if !self.known.contains(&call.digest) => {
                return Err("NOSCRIPT No matching script. Please use EVAL.".into());
            }
            Form::Digest => {}
        }
        self.interpreter.run(&mut self.keyspace, now, call)
    }

    /// `SCRIPT LOAD`.
    pub(crate) fn load(&mut self, source: &str) {
        let learnt = self.learn(&digest(source), source);
        learnt.expect("a script that compiles");
    }

    fn learn(&mut self, digest: &str, source: &str) -> Result<(), String> {
        if !self.known.contains(digest) {
            self.interpreter.compile(digest, source)?;
            self.known.insert(digest.to_owned());
        }
        Ok(())
    }

    /// `SCRIPT FLUSH`.
    pub(crate) fn forget_scripts(&mut self) {
        self.known.clear();
    }

    /// Restarted empty: no keys, no scripts.
    pub(crate) fn clear(&mut self) {
        self.keyspace.clear();
        self.forget_scripts();
    }

    pub(crate) fn get(&self, now: Duration, key: &str) -> Option<&str> {
        self.keyspace.get(now, key)
    }

    pub(crate) fn set(&mut self, key: &str, value: &str, expires_at: Option<Duration>) {
        self.keyspace.set(key, value, expires_at);
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.keyspace.remove(key);
    }

    /// When a key ends, or ended if nobody has looked since.
    pub(crate) fn expires_at(&self, key: &str) -> Option<Duration> {
        self.keyspace.expires_at(key)
    }

    /// All keys in order.
    pub(crate) fn keys(&self, now: Duration) -> impl Iterator<Item = &str> {
        self.keyspace.keys(now)
    }
}
