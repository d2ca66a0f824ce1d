//! Waiting for a thing to be so, instead of for some time to pass.

use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes on a slow, busy machine; reached only by a
/// failing test.
const LIMIT: Duration = Duration::from_secs(40);

/// Returns as soon as the condition holds; panics with `what` if it never does.
pub fn until(what: &str, holds: impl FnMut() -> bool) {
    assert!(within(LIMIT, holds), "waited in vain until {what}");
}

/// Whether the condition holds within the limit.
pub fn within(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
