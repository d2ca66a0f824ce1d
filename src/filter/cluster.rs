//! Where the relay's calls go.

use std::cell::Cell;
use std::time::Duration;

use log::error;

use super::host;
use crate::callout::Callout;

/// A cluster of the host's.
pub(super) struct Cluster {
    name: String,
    /// When the operator was last told that the host refuses to send to it.
    told: Cell<Option<Duration>>,
}

impl Cluster {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            told: Cell::new(None),
        }
    }

    /// Sends a call; gives its token, or `None` if the host refuses. Of that, the
    /// log has at most one line per second.
    pub(super) fn send(&self, callout: &Callout, now: Duration) -> Option<u32> {
        let headers: Vec<_> = callout
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose().as_str()))
            .collect();
        let body = callout.body.expose();
        host::dispatch_http_call(&self.name, &headers, body, callout.timeout)
            .map_err(|error| {
                let silent = |told: Duration| now < told + Duration::from_secs(1);
                if self.told.get().is_some_and(silent) {
                    return;
                }
                self.told.set(Some(now));
                error!(
                    "the proxy does not send to cluster {:?}: there is no such cluster, it has no \
                     healthy endpoint, or its limits are reached ({error})",
                    self.name
                );
            })
            .ok()
    }
}
