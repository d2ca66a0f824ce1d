//! What the operator is told, and how often: a fault that every request meets
//! must not fill the disk.
//!
//! A line is a sentence, then what a program looks for: `…; session=1f2e3d4c
//! event=refresh_failed request_id=… left_out=3`; the last says how many like it
//! there were since the one before, and had no line.

use std::fmt::Write;
use std::time::Duration;

use crate::session::SessionId;

/// A subject may speak so often within an interval: of sessions that end each by
/// its name, as long as they are few.
const INTERVAL: Duration = Duration::from_secs(1);
const ENDS: u32 = 20;
const FAILURES: u32 = 5;

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
    LoggedOut,
    CutOff,
    RevocationFailed,
    LoginFailed,
    BodyMissing,
}

/// How many there are.
const SUBJECTS: usize = Subject::BodyMissing as usize + 1;

impl Subject {
    /// How many lines it may write within an interval.
    fn lines(self) -> u32 {
        match self {
            Self::OutcomeUnknown
            | Self::SessionEnded
            | Self::SessionLost
            | Self::LoggedOut
            | Self::CutOff => ENDS,
            Self::ForeignAnswer | Self::RefreshFailed => FAILURES,
            _ => 1,
        }
    }

    /// The subject as programs look for it.
    fn event(self) -> &'static str {
        match self {
            Self::StoreFailed => "store_failed",
            Self::ForeignAnswer => "answer_discarded",
            Self::RecordInvalid => "record_invalid",
            Self::RefreshFailed => "refresh_failed",
            Self::OutcomeUnknown => "refresh_outcome_unknown",
            Self::ClockSkew => "clock_skew",
            Self::WritebackDelayed => "writeback_delayed",
            Self::SessionEnded => "session_ended",
            Self::SessionLost => "session_lost",
            Self::LoggedOut => "session_logged_out",
            Self::CutOff => "refresh_cut_off",
            Self::RevocationFailed => "revocation_failed",
            Self::LoginFailed => "login_failed",
            Self::BodyMissing => "body_missing",
        }
    }
}

/// What a line names beside its subject.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About<'a> {
    pub(super) session: Option<&'a SessionId>,
    /// Of the request with which it began.
    pub(super) request_id: Option<&'a str>,
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
    /// The line, unless its subject has said enough within the last second.
    pub(super) fn line(
        &mut self,
        mono: Duration,
        subject: Subject,
        about: About<'_>,
        text: &str,
    ) -> Option<String> {
        let tally = self.0.get_mut(subject as usize)?;
        if tally.since.is_none_or(|since| mono >= since + INTERVAL) {
            tally.since = Some(mono);
            tally.lines = 0;
        }
        if tally.lines >= subject.lines() {
            tally.suppressed += 1;
            return None;
        }
        tally.lines += 1;
        let mut line = format!("{text};");
        // Writing to a string cannot fail.
        if let Some(session) = about.session {
            let _ = write!(line, " session={}", session.tag());
        }
        let _ = write!(line, " event={}", subject.event());
        if let Some(id) = about.request_id {
            let _ = write!(line, " request_id={id}");
        }
        match std::mem::take(&mut tally.suppressed) {
            0 => {}
            count => {
                let _ = write!(line, " left_out={count}");
            }
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_speaks_once_a_second_and_says_what_it_left_out() {
        let mut notices = Notices::default();
        let lines: Vec<_> = [0, 10, 999, 1000]
            .into_iter()
            .filter_map(|ms| {
                let mono = Duration::from_millis(ms);
                notices.line(mono, Subject::RevocationFailed, About::default(), "no")
            })
            .collect();
        assert_eq!(
            lines,
            [
                "no; event=revocation_failed",
                "no; event=revocation_failed left_out=2",
            ]
        );
    }

    #[test]
    fn sessions_that_end_are_told_of_one_by_one_while_they_are_few() {
        let mut notices = Notices::default();
        let lines = (0..50).filter_map(|ms| {
            let mono = Duration::from_millis(ms);
            notices.line(mono, Subject::SessionEnded, About::default(), "ended")
        });
        assert_eq!(lines.count(), 20);
    }

    #[test]
    fn a_line_names_the_session_by_its_tag_and_the_request_by_its_id() {
        let id = SessionId::new(&[7; 32]);
        let about = About {
            session: Some(&id),
            request_id: Some("r-1"),
        };
        let line = Notices::default().line(Duration::ZERO, Subject::SessionLost, about, "lost");
        let tag = id.tag();
        assert_eq!(
            line,
            Some(format!(
                "lost; session={tag} event=session_lost request_id=r-1"
            ))
        );
    }
}
