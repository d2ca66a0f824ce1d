//! A simulated world: several relays (workers) against one store and one
//! issuer, with a virtual clock and faults on demand.
//!
//! Whatever a test is about, [`World`] checks on the side that every request
//! gets exactly one verdict, that no token reaches another session, that no
//! secret is printed, and that no relay asks to be woken in the past.

mod ask;
mod fate;
#[path = "../../../../tests/model/mod.rs"]
mod model;
mod store;
mod world;

pub(super) use self::ask::Ask;
pub(super) use self::fate::{Fate, Target};
pub(super) use self::store::Form;
pub(super) use self::world::{Session, World};

use std::time::Duration;

/// Occurs in every token and every session id, so that one search finds a leak.
pub(super) const SECRET: &str = "S3CRET";

/// What the gateway answers when Redis does not know a script.
pub(super) const NOSCRIPT: &str =
    r#"{"EVALSHA":[false,"NOSCRIPT No matching script. Please use EVAL."]}"#;

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
