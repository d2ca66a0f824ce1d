//! What the operator is told, and how often: a fault that every request meets
//! must not fill the disk.

use std::collections::VecDeque;
use std::time::Duration;

use log::Level;

use super::Output;

/// A subject may speak this often within an interval: once, but of sessions each
/// by its name, as long as they are few.
const INTERVAL: Duration = Duration::from_secs(1);
const SESSIONS: u32 = 20;

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
    SessionLost,
    CutOff,
    RevocationFailed,
    LoginFailed,
    BodyMissing,
}

/// How many there are.
const SUBJECTS: usize = Subject::BodyMissing as usize + 1;

impl Subject {
    fn lines(self) -> u32 {
        match self {
            Self::OutcomeUnknown | Self::SessionEnded | Self::SessionLost | Self::CutOff => {
                SESSIONS
            }
            _ => 1,
        }
    }
}

#[derive(Debug, Default)]
struct Tally {
    /// When the interval began.
    since: Option<Duration>,
    lines: u32,
    suppressed: u64,
}

/// Counts the lines of each subject.
#[derive(Debug, Default)]
pub(super) struct Notices([Tally; SUBJECTS]);

impl Notices {
    /// Logs the line unless its subject has said enough within the last second.
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
        if tally.since.is_none_or(|since| mono >= since + INTERVAL) {
            tally.since = Some(mono);
            tally.lines = 0;
        }
        if tally.lines >= subject.lines() {
            tally.suppressed += 1;
            return;
        }
        tally.lines += 1;
        let line = match tally.suppressed {
            0 => text.to_owned(),
            count => format!("{text} ({count} more like this since the last line)"),
        };
        tally.suppressed = 0;
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

    #[test]
    fn sessions_that_end_are_told_of_one_by_one_while_they_are_few() {
        let mut notices = Notices::default();
        let mut out = VecDeque::new();
        for ms in 0..50 {
            let mono = Duration::from_millis(ms);
            notices.tell(&mut out, mono, Level::Info, Subject::SessionEnded, "ended");
        }
        assert_eq!(out.len(), 20);
    }
}
