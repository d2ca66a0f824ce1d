//! Stands where `token_relay::config` does for its tests.

pub use token_relay::config::*;

#[path = "../../../src/config/tests/mod.rs"]
mod tests;

/// Every document of those tests passes here.
fn judged(config: &serde_json::Value, result: &Result<Parsed, Vec<Mistake>>) {
    crate::judge::command(config, result);
    crate::judge::schema(config, result);
}

/// The environment of those tests.
pub fn env(name: &str) -> Option<String> {
    tests::env(name)
}
