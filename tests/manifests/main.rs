//! The manifests for Kubernetes, as far as they can be tried without a cluster:
//! Kustomize's view of the files, the plugin configurations through the filter's
//! own parser, and all of it that ends in an Envoy through Envoy itself.

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

mod agreement;
mod configurations;
mod ecds;
mod egress;
mod files;
mod kustomize;
mod labels;
mod plugins;
mod requests;
mod updates;
mod validated;

use std::sync::Arc;

use stack::provider::{Processes, Provider};

/// What runs the parts.
fn provider() -> Arc<dyn Provider> {
    Arc::new(Processes)
}
