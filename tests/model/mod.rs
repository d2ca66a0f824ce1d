//! Models of the parts that the relay talks to, for tests that hold time and
//! faults in their own hands.

pub(crate) mod issuer;
pub(crate) mod redis;
