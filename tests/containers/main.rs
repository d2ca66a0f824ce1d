//! The stack in containers on a private network: the request, refresh, login,
//! race and outage tests of `tests/system/`, word for word, and what only a
//! network can show. And `compose.yaml` and the filter's image as they are shipped.
//!
//! Needs a Docker engine and an image with all programs; `scripts/containers [filter…]`
//! sees to both, and says so where there can be none.

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

// Each test binary uses what it needs of it.
#[allow(dead_code)]
#[path = "../stack/mod.rs"]
mod stack;

#[path = "../system/common.rs"]
mod common;
#[path = "../system/login.rs"]
mod login;
#[path = "../system/outages.rs"]
mod outages;
#[path = "../system/races.rs"]
mod races;
#[path = "../system/refresh.rs"]
mod refresh;
#[path = "../system/requests.rs"]
mod requests;

mod compose;
mod cut;
mod docker;
mod engine;
mod image;
mod network;

use std::sync::Arc;

use stack::provider::Provider;

/// What runs the parts.
fn provider() -> Arc<dyn Provider> {
    Arc::new(engine::Containers::new())
}
