//! Points in time and ages, as operators write and read them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// Reads an instant (`2026-01-05T09:30:00Z`) or a date, which is its midnight in UTC.
pub(crate) fn instant(text: &str) -> Result<Timestamp, &'static str> {
    let midnight = |date: Date| date.to_zoned(TimeZone::UTC).ok();
    let date = || midnight(text.parse().ok()?);
    let instant = text.parse().ok().or_else(|| Some(date()?.timestamp()));
    instant.ok_or("expected an instant like 2026-01-05T09:30:00Z, or a date")
}

/// Reads an age such as `30m`, `36h` or `7d`.
pub(crate) fn age(text: &str) -> Result<SignedDuration, &'static str> {
    const EXPECTED: &str = "expected an age like 30m, 36h or 7d";
    let span: Span = text.parse().map_err(|_| EXPECTED)?;
    let age = span.to_duration(SpanRelativeTo::days_are_24_hours());
    age.ok().filter(|age| age.is_positive()).ok_or(EXPECTED)
}

/// How old something is, in its two largest units: `3d 4h`, `12m 5s`.
pub(crate) fn age_at(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_its_two_largest_units() {
        let then: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let old = |seconds| age_at(then + SignedDuration::from_secs(seconds), then);
        let told = [0, 59, 60, 3_599, 3_600, 86_399, 86_400, 1_000_000].map(old);
        assert_eq!(
            told,
            [
                "0s", "59s", "1m 0s", "59m 59s", "1h 0m", "23h 59m", "1d 0h", "11d 13h"
            ]
        );
        assert_eq!(age_at(then, then + SignedDuration::from_secs(5)), "0s");
    }

    #[test]
    fn ages_and_instants_are_read_as_people_write_them() {
        assert_eq!(age("90m"), Ok(SignedDuration::from_mins(90)));
        assert_eq!(age("7d"), Ok(SignedDuration::from_hours(168)));
        for wrong in ["", "7", "-1h", "1 month"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
        assert_eq!(instant("2026-01-05"), instant("2026-01-05T00:00:00Z"));
        assert!(instant("yesterday").is_err());
    }
}
