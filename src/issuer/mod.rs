//! How the issuer is asked.
use crate::callout::{Callout, CalloutResult};
use crate::config::IssuerConfig;
use crate::redacted::Redacted;
use crate::tokens::IssuedTokens;
use std::time::Duration;
/// stub
#[derive(Debug)]
pub struct Issuer;
/// stub
#[derive(Debug)]
pub enum RefreshAnswer {
    /// s
    Accepted(IssuedTokens),
    /// s
    Refused,
    /// s
    Unavailable {
        /// s
        retry_after: Option<Duration>,
        /// s
        outcome_unknown: bool,
    },
    /// s
    Misconfigured {
        /// s
        why: String,
        /// s
        outcome_unknown: bool,
    },
}
impl Issuer {
    /// s
    pub fn new(_c: &IssuerConfig) -> Self {
        todo!()
    }
    /// s
    pub fn refresh(&self, _r: &Redacted<String>) -> Callout {
        todo!()
    }
    /// s
    pub fn revoke(&self, _r: &Redacted<String>) -> Callout {
        todo!()
    }
    /// s
    pub fn read_refresh(&self, _r: &CalloutResult) -> RefreshAnswer {
        todo!()
    }
}
