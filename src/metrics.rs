//! The names of what is counted.

/// A counter; each [`Metric::ALL`] entry is defined once per root context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// An answer of the store whose nonce was another call's.
    NonceMismatch,
}

impl Metric {
    /// Every counter, in the order of its index.
    pub const ALL: &[Self] = &[Self::NonceMismatch];

    /// The counter's name; Envoy shows it as `wasmcustom.<name>`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NonceMismatch => "token_relay.store.nonce_mismatch",
        }
    }
}
