//! What is fuzzed, and what must hold of it: one module for each target.
//!
//! A target's `Input` is made of the fuzzer's bytes, and its `check` panics
//! where a promise of `docs/contract.md` is broken. The same checks run without
//! a fuzzer over the corpus (`tests/corpus.rs`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a check may stop"
)]

#[path = "../../tests/filter/abi.rs"]
mod abi;
pub mod configuration;
pub mod cookie;
pub mod filter;
pub mod gateway;
#[allow(
    dead_code,
    unused_imports,
    reason = "the tests' own, for all that they need"
)]
#[path = "../../tests/filter/host.rs"]
mod host;
#[path = "../../tests/filter/imports.rs"]
mod imports;
pub mod input;
pub mod issuer;
pub mod jwe;
mod keys;
mod memory;
mod random;
mod readers;
pub mod record;
#[allow(dead_code, reason = "the unit tests' own, for all that they need")]
#[path = "../../src/session/sealing.rs"]
mod sealing;
pub mod seeds;
#[allow(dead_code, reason = "the tests' own, for all that they need")]
#[path = "../../tests/filter/streams.rs"]
mod streams;
mod vectors;
