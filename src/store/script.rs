//! The Lua scripts that the store executes, one per kind of call.

use sha1::{Digest, Sha1};

/// One of the scripts under `scripts/`, with the digest that `EVALSHA` wants.
#[derive(Debug)]
pub(super) struct Script {
    /// Lua source.
    pub(super) source: &'static str,
    /// Lower-case hex SHA-1 of the source.
    pub(super) sha: String,
}

impl Script {
    fn new(source: &'static str) -> Self {
        Self {
            source,
            sha: hex(&Sha1::digest(source)),
        }
    }
}

/// All scripts, hashed once at start.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) read: Script,
    pub(super) claim: Script,
    pub(super) commit: Script,
    pub(super) release: Script,
    pub(super) delete: Script,
    pub(super) create: Script,
    pub(super) look: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            read: Script::new(include_str!("scripts/read.lua")),
            claim: Script::new(include_str!("scripts/claim.lua")),
            commit: Script::new(include_str!("scripts/commit.lua")),
            release: Script::new(include_str!("scripts/release.lua")),
            delete: Script::new(include_str!("scripts/delete.lua")),
            create: Script::new(include_str!("scripts/create.lua")),
            look: Script::new(include_str!("scripts/look.lua")),
        }
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_one_redis_computes() {
        // `redis-cli SCRIPT LOAD "return 1"`
        let script = Script::new("return 1");
        assert_eq!(script.sha, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    }
}
