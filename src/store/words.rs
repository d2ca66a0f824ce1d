//! What commands and errors are called in metrics.

use super::{Command, StoreError};

impl Command {
    /// The name of every command's script.
    pub const NAMES: [&'static str; 7] = [
        "read", "claim", "commit", "release", "create", "look", "delete",
    ];

    /// The name of the command's script.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Claim { .. } => "claim",
            Self::Commit { .. } => "commit",
            Self::Release { .. } => "release",
            Self::Create { .. } => "create",
            Self::Look => "look",
            Self::Delete { .. } => "delete",
        }
    }
}

impl StoreError {
    /// Waiting before the next attempt would gain nothing: the call had all its time
    /// (Envoy made up the answer 504), or Envoy itself does not send it.
    pub const fn needs_no_pause(&self) -> bool {
        matches!(self, Self::Status(504) | Self::NotSent)
    }

    /// Every error's word.
    pub const WORDS: &[&'static str] = &[
        "not_sent",
        "cut",
        "http_status",
        "unknown_script",
        "redis_error",
        "nonce_mismatch",
        "malformed",
    ];

    /// The error in one word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Cut => "cut",
            Self::Status(_) => "http_status",
            Self::NoScript => "unknown_script",
            Self::Redis(_) => "redis_error",
            Self::NonceMismatch => "nonce_mismatch",
            Self::Malformed => "malformed",
        }
    }
}
