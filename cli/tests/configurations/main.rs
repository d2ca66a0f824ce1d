//! Contract, section 1: the command finds each mistake that the filter finds.
//! The tests of the filter's own parser run here once more, and every document
//! that they give to the parser goes to the command and to the JSON Schema, too;
//! so do the examples of `docs/configuration.md`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test may panic"
)]

#[path = "../common/mod.rs"]
mod common;
mod config;
mod documents;
mod judge;
mod published;
mod unsayable;
