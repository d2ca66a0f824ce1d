//! Faults on the real stack: three Envoys with two workers each, Redis, Webdis
//! and Django under load, while they are killed, frozen and restarted. Whatever
//! fails, nobody is logged out, and nobody gets another's data.
//!
//! `make test` runs one seed for a few seconds; `make chaos` runs many for long:
//!
//! | variable | what | default |
//! |---|---|---|
//! | `CHAOS_SEED` | which faults, and what the users do | 9: all parts fail in its first storm |
//! | `CHAOS_SECONDS` | how long the load lasts | 12 |
//! | `CHAOS_GRACE` | Django's grace period for spent refresh tokens in seconds; with one that outlives a lease no session may be lost at all | 0 |
//! | `CHAOS_KEEP` | if set, `target/chaos/<seed>/` is filled also when everything held | |

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

mod basics;
mod bogus;
mod evidence;
mod faults;
mod ledger;
mod memory;
mod plan;
mod reckoning;
mod report;
mod run;
mod tap;
mod users;
mod verdict;
mod witnesses;
mod world;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use stack::provider::{Processes, Provider};

/// What runs the parts.
fn provider() -> Arc<dyn Provider> {
    Arc::new(Processes)
}

#[test]
fn whatever_fails_nobody_is_logged_out_and_nobody_gets_anothers_data() {
    let seed = number("CHAOS_SEED", 9);
    let seconds = number("CHAOS_SECONDS", 12);
    let grace = number("CHAOS_GRACE", 0);
    run::run(seed, Duration::from_secs(seconds), grace);
}

fn number<T: FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Err(_) => default,
        Ok(text) => match text.parse() {
            Ok(number) => number,
            Err(_) => panic!("{name} is {text}; a whole number is needed"),
        },
    }
}
