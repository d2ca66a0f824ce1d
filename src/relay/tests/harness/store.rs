//! The store behind its gateway: the model of Redis with the world's clock, and
//! which script a call names.

use std::sync::LazyLock;
use std::time::Duration;

use super::fate::Target;
use super::model::redis::{Call, Redis, digest};

pub(crate) use super::model::redis::Form;

/// A call's body, decoded.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) target: Target,
    call: Call,
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

static DIGESTS: LazyLock<[(Target, String); 7]> =
    LazyLock::new(|| SCRIPTS.map(|(target, source)| (target, digest(source))));

impl Request {
    pub(super) fn decode(body: &[u8]) -> Self {
        let call = Call::decode(body);
        let mut scripts = DIGESTS.iter();
        let script = scripts.find(|(_, digest)| *digest == call.digest);
        let (target, _) = *script.expect("a script of ours");
        Self { target, call }
    }

    pub(super) fn form(&self) -> Form {
        self.call.form
    }

    pub(super) fn nonce(&self) -> &str {
        &self.call.args[0]
    }

    /// What follows the nonce.
    pub(super) fn args(&self) -> &[String] {
        &self.call.args[1..]
    }

    /// The owner mark, of the commands that carry one.
    pub(super) fn owner(&self) -> Option<&str> {
        let none = [Target::Read, Target::Look, Target::Create];
        (!none.contains(&self.target)).then(|| self.args()[0].as_str())
    }
}

/// Redis.
#[derive(Debug)]
pub(crate) struct Store {
    redis: Redis,
    pub(super) now: Duration,
}

impl Store {
    /// Empty, but knows the scripts.
    pub(super) fn new() -> Self {
        let mut redis = Redis::new();
        for (_, source) in SCRIPTS {
            redis.load(source);
        }
        let now = Duration::ZERO;
        Self { redis, now }
    }

    /// As after a restart: no script is known.
    pub(crate) fn forget_scripts(&mut self) {
        self.redis.forget_scripts();
    }

    pub(crate) fn set(&mut self, key: &str, text: &str, ttl: Option<Duration>) {
        let until = ttl.map(|ttl| self.now + ttl);
        self.redis.set(key, text, until);
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.redis.remove(key);
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        self.redis.get(self.now, key).map(str::to_owned)
    }

    /// How many records there are, leases and marks not counted.
    pub(crate) fn records(&self) -> usize {
        let keys = self.redis.keys(self.now);
        keys.filter(|key| key.starts_with("session:")).count()
    }

    pub(crate) fn ttl(&self, key: &str) -> Option<Duration> {
        self.redis.get(self.now, key)?;
        Some(self.redis.expires_at(key)?.saturating_sub(self.now))
    }

    /// Carries a call out and answers as the gateway would.
    pub(super) fn execute(&mut self, request: &Request) -> String {
        self.redis.execute(self.now, &request.call)
    }
}
