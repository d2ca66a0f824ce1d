//! Unix seconds for people.

use std::time::Duration;

/// `2026-11-24 22:10:03 UTC, 1h 20m ago`.
pub(super) fn written(unix: f64, now: Duration) -> String {
    // Beyond these years a date says nothing.
    if !(0.0..=253_402_300_799.0).contains(&unix) {
        return format!("{unix}, which is no time in seconds (milliseconds perhaps?)");
    }
    let seconds = unix as u64;
    let (day, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(day);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let now = now.as_secs();
    let distance = if seconds >= now {
        format!("in {}", length(seconds - now))
    } else {
        format!("{} ago", length(now - seconds))
    };
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC, {distance}")
}

fn length(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, ..) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// Days since 1970 as a date of the Gregorian calendar: eras of 400 years that
/// begin in March, so that the leap day is the last one of a year.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (year + era * 400 + next, month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_and_distances() {
        let now = Duration::from_secs(1_795_363_123);
        for (unix, text) in [
            (1_795_363_123.0, "2026-11-22 15:58:43 UTC, in 0s"),
            (1_795_359_523.0, "2026-11-22 14:58:43 UTC, 1h 0m ago"),
            (1_795_449_523.5, "2026-11-23 15:58:43 UTC, in 1d 0h"),
            (951_782_400.0, "2000-02-29 00:00:00 UTC, 9763d 15h ago"),
            (0.0, "1970-01-01 00:00:00 UTC, 20779d 15h ago"),
        ] {
            assert_eq!(written(unix, now), text);
        }
        assert!(written(1_795_363_123_000.0, now).contains("milliseconds"));
        assert!(written(f64::NAN, now).contains("no time"));
    }
}
