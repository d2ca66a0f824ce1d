//! The two clocks of a proxy, handed in with every input.

use std::time::Duration;

/// A moment on the proxy's own clocks. The core never reads a clock itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// System time since the Unix epoch; may jump. Judges token expiry.
    pub unix: Duration,
    /// Time since an arbitrary start; never goes back. Judges waiting.
    pub mono: Duration,
}
