//! The filter itself, natively: a host in Rust defines the imports and calls
//! the SDK's exports, so the real dispatcher, the real filter and the real core
//! run without a Wasm runtime.

mod abi;
mod callouts;
mod faults;
mod host;
mod imports;
mod lifecycle;
mod peers;
mod requests;
