//! Durations: a decimal number and a unit, `250ms`, `0.25s`, `2m`, `24h`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::reader::Field;
use super::value::Value;

impl Field<'_> {
    /// A duration within `bounds`, both included.
    pub(super) fn duration(&self, bounds: RangeInclusive<Duration>) -> Option<Duration> {
        let read = match self.value() {
            Value::Text(text) => parse(text),
            _ => None,
        };
        match read {
            Some(duration) if bounds.contains(&duration) => Some(duration),
            _ => self.refuse(
                self.value().described(),
                format!(
                    "a duration with a unit such as \"250ms\", \"5s\", \"2m\" or \"24h\", from {} to {}",
                    written(*bounds.start()),
                    written(*bounds.end())
                ),
            ),
        }
    }
}

/// Reads a duration; `None` for anything but digits, at most one point between
/// them, and a unit.
fn parse(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(unit_at)?;
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(decimals) {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    Duration::try_from_secs_f64(number * seconds).ok()
}

/// A duration in its largest whole unit.
pub(super) fn written(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "0s".to_owned(),
        _ if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
        _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1000) => format!("{}s", millis / 1000),
        _ => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_decimal_number_and_a_unit() {
        for (text, millis) in [
            ("250ms", 250),
            ("5s", 5000),
            ("0.25s", 250),
            ("2m", 120_000),
            ("1.5h", 5_400_000),
            ("24h", 86_400_000),
            ("0s", 0),
            ("0.1s", 100),
            ("1.001s", 1001),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_duration() {
        let huge = format!("{}s", "9".repeat(400));
        for text in [
            "", "5", "s", "5 s", " 5s", "5s ", "-5s", "+5s", ".5s", "5.s", "1.2.3s", "1e3s",
            "1h30m", "5S", "5sec", "5d", "5us", "inf", "nan", "infs", "0x5s", "٣s", "5é", &huge,
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn bounds_are_written_as_an_operator_would() {
        for text in ["0s", "1ms", "1500ms", "90s", "10m", "9600h"] {
            assert_eq!(written(parse(text).unwrap()), text);
        }
    }
}
