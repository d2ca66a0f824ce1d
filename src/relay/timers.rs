//! When which session is to be looked at again.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::session::SessionId;

/// At most one moment per session, in order of time.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Duration, SessionId)>);

impl Timers {
    /// Moves a session's moment from `old` to `new`.
    pub(super) fn reschedule(
        &mut self,
        id: &SessionId,
        old: Option<Duration>,
        new: Option<Duration>,
    ) {
        if old == new {
            return;
        }
        if let Some(at) = old {
            self.0.remove(&(at, id.clone()));
        }
        if let Some(at) = new {
            self.0.insert((at, id.clone()));
        }
    }

    /// The earliest moment.
    pub(super) fn next(&self) -> Option<Duration> {
        self.0.first().map(|(at, _)| *at)
    }

    /// The sessions whose moment has come.
    pub(super) fn due(&self, mono: Duration) -> Vec<SessionId> {
        self.0
            .iter()
            .take_while(|(at, _)| *at <= mono)
            .map(|(_, id)| id.clone())
            .collect()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
