//! The worker's clocks: the only place that reads any.

#[cfg(not(target_os = "wasi"))]
use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime};

use crate::time::Now;

#[cfg(not(target_os = "wasi"))]
thread_local! {
    static SET: Cell<Option<Now>> = const { Cell::new(None) };
}

/// Natively, a host may keep the time of its thread's VM itself: what waits need
/// not be waited for then, and what happened can be made to happen again.
#[cfg(not(target_os = "wasi"))]
#[doc(hidden)]
pub fn set_clocks(now: Now) {
    SET.set(Some(now));
}

/// A pair of clocks; the monotonic one starts with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
}

#[allow(
    clippy::disallowed_methods,
    reason = "this is where the shell reads the clocks that the core is handed"
)]
impl Clock {
    /// Starts the monotonic clock.
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// This moment. A system clock before 1970 is taken for 1970.
    pub(super) fn now(self) -> Now {
        #[cfg(not(target_os = "wasi"))]
        if let Some(now) = SET.get() {
            return now;
        }
        let unix = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Now {
            unix,
            mono: Instant::now().saturating_duration_since(self.start),
        }
    }
}
