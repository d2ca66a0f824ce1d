//! Whole-system tests: the contract, shown on the real stack.

// Tests may panic, read the clock and the environment; the lints speak to src/.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    unreachable_pub
)]

#[path = "../model/redis.rs"]
mod redis_model;
// Each test binary uses what it needs of it.
#[allow(dead_code)]
#[path = "../stack/mod.rs"]
mod stack;

mod answers;
mod common;
mod configuration;
mod cookies;
mod credentials;
mod crossed;
mod csrf;
mod endpoints;
mod grace;
mod hosts;
mod internal;
mod issuer;
mod login;
mod model;
mod outages;
mod paths;
mod presets;
mod races;
mod records;
mod refresh;
mod requests;
mod scripts;
mod storecalls;
mod telemetry;
mod versions;
mod watchfulness;

use std::sync::Arc;

use stack::provider::{Processes, Provider};

/// What runs the parts.
fn provider() -> Arc<dyn Provider> {
    Arc::new(Processes)
}
