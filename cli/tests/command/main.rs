//! What the command says beyond the filter's own mistakes (contract, section 1).

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test may panic"
)]

#[path = "../common/mod.rs"]
mod common;
mod cookies;
mod envoy;
mod files;
mod kubernetes;
mod lifetimes;
mod terminal;
