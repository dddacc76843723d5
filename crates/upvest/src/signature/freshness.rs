//! Whether a delivery was received within the time that its signature allows.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::CLOCK_SKEW_SECONDS;

/// Tells whether a delivery was received within the time its signature allows, give or take
/// [`CLOCK_SKEW_SECONDS`](super::CLOCK_SKEW_SECONDS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// The delivery was received within its time, or its signature sets no limit.
    Fresh,
    /// The delivery was received after `expires`, as a retry that is not signed anew would be.
    Expired,
    /// The delivery was received before `created`, so one of the two clocks is wrong.
    NotYetValid,
}

impl Freshness {
    /// Returns the name used in logs and records, in kebab case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
        }
    }

    /// Judges a delivery by the time of its receipt, never by the time at which it is verified.
    pub(super) fn of(received_at: Timestamp, created: Option<Timestamp>, expires: Option<Timestamp>) -> Self {
        // Distances rather than sums: a time at the end of the calendar plus the skew would overflow.
        let skew = SignedDuration::from_secs(CLOCK_SKEW_SECONDS);
        if created.is_some_and(|created| created.duration_since(received_at) > skew) {
            Self::NotYetValid
        } else if expires.is_some_and(|expires| received_at.duration_since(expires) > skew) {
            Self::Expired
        } else {
            Self::Fresh
        }
    }
}

impl fmt::Display for Freshness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::claims::Claims;
    use crate::signature::fields::members;

    fn claims(input: &str) -> Claims {
        Claims::of(members(input)[0]).unwrap()
    }

    #[test]
    fn freshness_allows_for_the_skew_of_clocks_and_no_more() {
        let claims = claims(r#"sig1=("@method" "@path");keyid="k";created=1000;expires=1005"#);
        let at = |second| claims.freshness(Timestamp::from_second(second).unwrap());
        assert_eq!(at(1000 - CLOCK_SKEW_SECONDS - 1), Freshness::NotYetValid);
        assert_eq!(at(1000 - CLOCK_SKEW_SECONDS), Freshness::Fresh);
        assert_eq!(at(1005 + CLOCK_SKEW_SECONDS), Freshness::Fresh);
        assert_eq!(at(1005 + CLOCK_SKEW_SECONDS + 1), Freshness::Expired);
    }

    #[test]
    fn times_at_the_ends_of_the_calendar_do_not_overflow() {
        let claims =
            claims(r#"sig1=("@method" "@path");keyid="k";created=-377705023201;expires=253402207200"#);
        assert_eq!(claims.freshness(Timestamp::MIN), Freshness::Fresh);
        assert_eq!(claims.freshness(Timestamp::MAX), Freshness::Fresh);
    }
}
