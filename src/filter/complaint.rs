//! What the operator is told of a host that does not do its part. Every request may
//! meet it, so the log has at most one such line per second.

use std::cell::Cell;
use std::fmt::Arguments;
use std::time::Duration;

use log::error;

use super::clock::Clock;

const INTERVAL: Duration = Duration::from_secs(1);

thread_local! {
    static CLOCK: Clock = Clock::new();
    static TOLD: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// Says it, unless something of the kind was said within the last second.
pub(super) fn complain(what: Arguments<'_>) {
    let now = CLOCK.with(|clock| clock.now().mono);
    let is_over = |told: Duration| now.checked_sub(told).is_none_or(|since| since >= INTERVAL);
    if TOLD.get().is_none_or(is_over) {
        TOLD.set(Some(now));
        error!("{what}; event=proxy_error");
    }
}
