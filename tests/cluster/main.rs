//! Redis beyond one machine, behind the shipped `redis_proxy`: a Redis Cluster
//! whose masters fail over under load, and one name behind which another Redis
//! takes over. Nobody is logged out but those whose last write Redis lost.

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

mod failover;
mod files;
mod load;
mod losses;
mod one_name;
mod slots;

use std::sync::Arc;

use stack::provider::{Processes, Provider};

/// What runs the parts.
fn provider() -> Arc<dyn Provider> {
    Arc::new(Processes)
}
