//! What the operator is told, and how often: a fault that every request meets
//! must not fill the disk.

use std::collections::VecDeque;
use std::time::Duration;

use log::Level;

use super::Output;

/// At most one line per subject and second.
const INTERVAL: Duration = Duration::from_secs(1);

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    StoreFailed,
    ForeignAnswer,
    RecordInvalid,
    RefreshFailed,
    OutcomeUnknown,
    ClockSkew,
    WritebackDelayed,
    SessionEnded,
    RevocationFailed,
    LoginFailed,
    BodyMissing,
}

#[derive(Debug, Default)]
struct Tally {
    last: Option<Duration>,
    suppressed: u64,
}

/// Counts the lines of each subject.
#[derive(Debug, Default)]
pub(super) struct Notices([Tally; 11]);

impl Notices {
    /// Logs the line unless its subject was logged within the last second.
    pub(super) fn tell(
        &mut self,
        out: &mut VecDeque<Output>,
        mono: Duration,
        level: Level,
        subject: Subject,
        text: &str,
    ) {
        let Some(tally) = self.0.get_mut(subject as usize) else {
            return;
        };
        if tally.last.is_some_and(|last| mono < last + INTERVAL) {
            tally.suppressed += 1;
            return;
        }
        let line = match tally.suppressed {
            0 => text.to_owned(),
            count => format!("{text} ({count} more like this since the last line)"),
        };
        *tally = Tally {
            last: Some(mono),
            suppressed: 0,
        };
        out.push_back(Output::Log(level, line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_speaks_once_a_second_and_says_what_it_left_out() {
        let mut notices = Notices::default();
        let mut out = VecDeque::new();
        for ms in [0, 10, 999, 1000] {
            let mono = Duration::from_millis(ms);
            notices.tell(&mut out, mono, Level::Warn, Subject::RevocationFailed, "no");
        }
        let lines: Vec<_> = out
            .iter()
            .map(|output| match output {
                Output::Log(_, line) => line.as_str(),
                _ => "",
            })
            .collect();
        assert_eq!(lines, ["no", "no (2 more like this since the last line)"]);
    }
}
