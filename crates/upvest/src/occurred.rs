//! When an event occurred, as text whose order is the order of the events.

use std::fmt;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// The place of an event in its entity's time line: `created_at` as fixed-width UTC nanoseconds, `#`, event id.
///
/// Comparing two values compares the instants first and the event ids second, so that two events of the same
/// nanosecond have one order everywhere. Upvest's times have fractions of 0 to 9 digits, which do not
/// compare as text; the fixed width does, in code as in a `DynamoDB` sort key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Occurred(String);

/// Says that a text is not the time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("created_at is not an RFC 3339 time of the years 0000 to 9999")]
pub struct OccurredError;

impl Occurred {
    /// Width of the instant in front of the `#`, in bytes.
    pub const INSTANT_WIDTH: usize = "2021-07-21T14:10:00.000000000Z".len();

    /// Builds the place of the event `event_id` that was created at `created_at` (RFC 3339, any offset).
    ///
    /// # Errors
    ///
    /// [`OccurredError`] when `created_at` is not such a time.
    pub fn new(created_at: &str, event_id: &str) -> Result<Self, OccurredError> {
        let instant: Timestamp = created_at.parse().map_err(|_| OccurredError)?;
        let zoned = instant.to_zoned(TimeZone::UTC);
        if zoned.year() < 0 {
            return Err(OccurredError);
        }
        let text = strtime::format("%Y-%m-%dT%H:%M:%S.%9f", &zoned).map_err(|_| OccurredError)?;
        Ok(Self(format!("{text}Z#{event_id}")))
    }

    /// Takes back a value that [`Occurred::as_str`] gave, for example from a table.
    ///
    /// # Errors
    ///
    /// [`OccurredError`] when the text does not have that form.
    pub fn from_stored(text: String) -> Result<Self, OccurredError> {
        match text.split_once('#') {
            Some((instant, _))
                if instant.len() == Self::INSTANT_WIDTH && instant.parse::<Timestamp>().is_ok() =>
            {
                Ok(Self(text))
            }
            _ => Err(OccurredError),
        }
    }

    /// Returns the whole text: what a table sorts by.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the instant alone, RFC 3339 with nine fraction digits and `Z`.
    #[must_use]
    pub fn instant(&self) -> &str {
        &self.0[..Self::INSTANT_WIDTH]
    }

    /// Returns the id of the event.
    #[must_use]
    pub fn event_id(&self) -> &str {
        &self.0[Self::INSTANT_WIDTH + 1..]
    }
}

impl fmt::Display for Occurred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_any_width_become_nine_digits() {
        for (sent, kept) in [
            ("2021-11-22T09:04:42Z", "2021-11-22T09:04:42.000000000Z"),
            ("2021-07-21T14:10:00.00Z", "2021-07-21T14:10:00.000000000Z"),
            ("2021-11-19T13:06:51.980159529Z", "2021-11-19T13:06:51.980159529Z"),
            ("2022-11-17T10:42:34.758+01:00", "2022-11-17T09:42:34.758000000Z"),
        ] {
            assert_eq!(Occurred::new(sent, "e").unwrap().instant(), kept);
        }
    }

    #[test]
    fn order_is_by_instant_and_then_by_event_id() {
        let early = Occurred::new("2021-07-21T14:10:00.9Z", "z").unwrap();
        let late = Occurred::new("2021-07-21T14:10:00.98Z", "a").unwrap();
        let twin = Occurred::new("2021-07-21T14:10:00.980Z", "b").unwrap();
        assert!(early < late && late < twin);
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2021-07-21",
            "2021-13-01T00:00:00Z",
            "-000001-01-01T00:00:00Z",
        ] {
            assert_eq!(Occurred::new(text, "e"), Err(OccurredError), "{text}");
        }
    }

    #[test]
    fn a_stored_value_comes_back_whole() {
        let occurred = Occurred::new("0001-01-01T00:00:00Z", "e#1").unwrap();
        assert_eq!(occurred.instant().len(), Occurred::INSTANT_WIDTH);
        assert_eq!(occurred.event_id(), "e#1");
        assert_eq!(Occurred::from_stored(occurred.to_string()).unwrap(), occurred);
        assert!(Occurred::from_stored("2021-07-21T14:10:00Z#e".to_owned()).is_err());
    }
}
