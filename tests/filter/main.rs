//! The filter itself, natively: a host in Rust defines its imports and calls its
//! exports, so the real filter and the real core run without a Wasm runtime.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop; clippy exempts only the test functions themselves"
)]

mod abi;
mod bodies;
mod callouts;
mod faults;
mod host;
mod imports;
mod lifecycle;
mod peers;
mod requests;
mod streams;
mod uploads;
