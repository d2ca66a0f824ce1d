//! Durations of others: of NextAuth and Django on the command line, and of
//! Envoy in its configuration.

use std::time::Duration;

/// `30d`, `12h`, `15m`, `90s`; a number alone is seconds, as NextAuth's `maxAge`.
pub(crate) fn option(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix(['d', 'h', 'm', 's']) {
        Some(number) => (number, text.chars().next_back()),
        None => (text, None),
    };
    let seconds = match unit {
        Some('d') => 86_400,
        Some('h') => 3600,
        Some('m') => 60,
        _ => 1,
    };
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

/// Protobuf's form in JSON and YAML: `0.2s`.
pub(crate) fn protobuf(text: &str) -> Option<Duration> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// In its largest whole unit.
pub(crate) fn written(duration: Duration) -> String {
    let (millis, seconds) = (duration.as_millis(), duration.as_secs());
    match seconds {
        _ if !millis.is_multiple_of(1000) => format!("{millis}ms"),
        0 => "0s".to_owned(),
        _ if seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_unit_or_is_seconds() {
        for (text, seconds) in [
            ("30d", 2_592_000),
            ("1h", 3600),
            ("5m", 300),
            ("90s", 90),
            ("60", 60),
        ] {
            assert_eq!(option(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "d",
            "-1d",
            "1.5h",
            "1w",
            "d1",
            "99999999999999999999",
            "999999999999999999d",
        ] {
            assert_eq!(option(text), None, "{text}");
        }
    }

    #[test]
    fn envoys_durations_are_seconds() {
        assert_eq!(protobuf("0.2s"), Some(Duration::from_millis(200)));
        assert_eq!(protobuf("35s"), Some(Duration::from_secs(35)));
        for text in ["1m", "", "s", "-1s", "infs"] {
            assert_eq!(protobuf(text), None, "{text}");
        }
    }

    #[test]
    fn a_duration_is_written_in_its_largest_unit() {
        for text in ["0s", "90s", "5m", "36h", "30d"] {
            assert_eq!(written(option(text).unwrap()), text);
        }
        assert_eq!(written(Duration::from_millis(200)), "200ms");
    }
}
