//! Points and stretches of time, as operators write them.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::{Serialize, Serializer};

use crate::error::{Error, Result};

/// Holds a time: an instant, a day (its midnight in UTC), or how long ago it was.
///
/// ```
/// use operator::times::When;
///
/// let now = "2026-01-08T12:00:00Z".parse()?;
/// assert_eq!("36h".parse::<When>()?.instant(now).to_string(), "2026-01-07T00:00:00Z");
/// assert_eq!("2026-01-05".parse::<When>()?.instant(now).to_string(), "2026-01-05T00:00:00Z");
/// assert!("yesterday".parse::<When>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Means this instant, whenever the command runs.
    At(Timestamp),
    /// The time is so long before the command began.
    Ago(SignedDuration),
}

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(instant) = text.parse() {
            return Ok(Self::At(instant));
        }
        if let Ok(day) = text.parse::<Date>()
            && let Ok(midnight) = day.to_zoned(TimeZone::UTC)
        {
            return Ok(Self::At(midnight.timestamp()));
        }
        let span = text.parse::<Span>().ok();
        let ago = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
        let ago = ago.filter(|ago| !ago.is_negative()).map(Self::Ago);
        ago.ok_or(
            "expected a time like 2026-01-05T09:30:00Z, a day like 2026-01-05, or an age like 90m, 36h or 7d",
        )
    }
}

impl fmt::Display for When {
    /// Writes it as it can be typed again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => write!(f, "{at}"),
            Self::Ago(ago) => write!(f, "{ago:#}"),
        }
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl When {
    /// Gives the instant that is meant by a command that began `now`.
    #[must_use]
    pub fn instant(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.saturating_sub(ago).unwrap_or(Timestamp::MIN),
        }
    }
}

/// Takes the time from `since` up to `until`, itself not included, or up to now.
///
/// # Errors
///
/// [`Error`] of the kind usage when there is nothing between them.
pub fn period(since: When, until: Option<When>, now: Timestamp) -> Result<Range<Timestamp>> {
    let (since, until) = (since.instant(now), until.map_or(now, |until| until.instant(now)));
    if since < until {
        Ok(since..until)
    } else {
        let (since, until) = (to_the_second(since), to_the_second(until));
        Err(Error::usage(format!(
            "no time lies between --since {since} and --until {until}"
        )))
    }
}

/// Gives a time without its fraction of a second, as sentences tell it: an age is counted from a clock that has nanoseconds.
#[must_use]
pub fn to_the_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now: Timestamp = "2026-01-08T12:00:00Z".parse().unwrap();
        let read = |text: &str| text.parse::<When>().map(|when| when.instant(now).to_string());
        assert_eq!(read("2026-01-05T09:30:00Z").unwrap(), "2026-01-05T09:30:00Z");
        assert_eq!(read("2026-01-05T09:30:00+02:00").unwrap(), "2026-01-05T07:30:00Z");
        assert_eq!(read("2026-01-05").unwrap(), "2026-01-05T00:00:00Z");
        assert_eq!(read("90m").unwrap(), "2026-01-08T10:30:00Z");
        assert_eq!(read("7d").unwrap(), "2026-01-01T12:00:00Z");
        for wrong in ["", "7", "-1h", "yesterday", "1 month"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_told_to_the_second() {
        let at: Timestamp = "2026-01-08T12:00:00.999999999Z".parse().unwrap();
        assert_eq!(to_the_second(at).to_string(), "2026-01-08T12:00:00Z");
    }

    #[test]
    fn a_period_ends_now_and_has_a_length() {
        let now: Timestamp = "2026-01-08T12:00:00Z".parse().unwrap();
        let ago = When::Ago(SignedDuration::from_hours(1));
        assert_eq!(period(ago, None, now).unwrap().end, now);
        let error = period(When::At(now), Some(ago), now).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no time lies between --since 2026-01-08T12:00:00Z and --until 2026-01-08T11:00:00Z"
        );
    }
}
