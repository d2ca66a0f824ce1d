//! A host call that did not succeed. Statuses are plain numbers: a host may give
//! any.

use std::fmt;

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
/// Also for an argument that is not even given to the host.
pub(super) const BAD_ARGUMENT: u32 = 2;
/// Also for an answer of the host that cannot be read.
pub(super) const PARSE_FAILURE: u32 = 4;

/// A host call that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HostError {
    call: &'static str,
    status: u32,
}

impl HostError {
    /// The host has no request headers where it must have them.
    pub(super) const NO_REQUEST: Self = Self::new("get_header_map_pairs", PARSE_FAILURE);

    /// The host calls for a request whose context it never created, or whose
    /// root it never configured.
    pub(super) const NO_CONTEXT: Self = Self::new("on_context_create", NOT_FOUND);

    pub(super) const fn new(call: &'static str, status: u32) -> Self {
        Self { call, status }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed with status {}", self.call, self.status)
    }
}

/// What the host said to a call.
pub(super) fn check(call: &'static str, status: u32) -> Result<(), HostError> {
    if status == OK {
        Ok(())
    } else {
        Err(HostError::new(call, status))
    }
}
