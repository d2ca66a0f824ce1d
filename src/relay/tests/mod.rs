//! The relay against models of the store and of the issuer. Each file is about
//! one subject and names the section of the contract that it holds the relay
//! to.

mod admission;
mod attempts;
mod background;
mod cache;
mod clocks;
mod gateway;
mod harness;
mod housekeeping;
mod lease;
mod login;
mod records;
mod refusal;
mod signing_in;
mod signing_out;
mod single_flight;
mod unavailable;
mod waiting;
mod writeback;
