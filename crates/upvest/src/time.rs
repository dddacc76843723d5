//! Instants as Upvest writes them: RFC 3339, with any number of fraction digits.

use std::fmt::{self, Write};

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp};

/// Counts the fraction digits that are kept: more than any clock has, and enough for the twelve that Upvest was seen to
/// send.
const DIGITS: usize = 12;
const PICOSECONDS_OF_A_NANOSECOND: u64 = 1_000;
/// Begins the count of seconds. It is a civil time, because a `Timestamp` ends a day before the year 9999 does.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Holds a point in time, to the picosecond: comparing two compares what they say, however many digits they were
/// written with.
///
/// ```
/// use upvest::time::Instant;
///
/// let written_short = Instant::parse("2026-11-28T13:00:00.5+01:00")?;
/// let written_long = Instant::parse("2026-11-28T12:00:00.500000000000Z")?;
/// assert_eq!(written_short, written_long);
/// assert_eq!(written_long.sortable(), "2026-11-28T12:00:00.5");
/// # Ok::<(), upvest::time::InstantError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    pub(crate) seconds: i64,
    pub(crate) picoseconds: u64,
}

/// Says that a text is not a time of the years 0000 to 9999 as RFC 3339 writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time of the years 0000 to 9999")]
pub struct InstantError;

impl Instant {
    /// Reads a time as RFC 3339 writes it, with any offset. A leap second counts as the second before it.
    ///
    /// # Errors
    ///
    /// [`InstantError`] when the text is not such a time, or lies outside the years 0000 to 9999 in UTC.
    pub fn parse(text: &str) -> Result<Self, InstantError> {
        let (local, rest) = text
            .split_at_checked("2021-07-21T14:10:00".len())
            .ok_or(InstantError)?;
        let (date, time) = (
            local.get(..10).ok_or(InstantError)?,
            local.get(11..).ok_or(InstantError)?,
        );
        // RFC 3339, section 5.6, lets `t` be small, and lets others write a space.
        if !matches!(local.as_bytes()[10], b'T' | b't' | b' ') {
            return Err(InstantError);
        }
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
        let second = if second == 60 { 59 } else { second };
        let (picoseconds, offset) = match rest.strip_prefix('.') {
            Some(rest) => fraction(rest)?,
            None => (0, rest),
        };
        let narrow = |number: u16| i8::try_from(number).map_err(|_| InstantError);
        let date = Date::new(
            year.try_into().map_err(|_| InstantError)?,
            narrow(month)?,
            narrow(day)?,
        );
        let time = Time::new(narrow(hour)?, narrow(minute)?, narrow(second)?, 0);
        let local = date
            .map_err(|_| InstantError)?
            .to_datetime(time.map_err(|_| InstantError)?);
        let as_if_utc = local.duration_since(EPOCH).as_secs();
        let instant = Self {
            seconds: as_if_utc - offset_seconds(offset)?,
            picoseconds,
        };
        // Looked at once more, because an offset may lead out of the years whose four digits sort as text.
        let year = instant.civil().map(DateTime::year);
        year.filter(|year| *year >= 0)
            .map(|_| instant)
            .ok_or(InstantError)
    }

    /// Reads back what [`Instant::sortable`] wrote.
    ///
    /// # Errors
    ///
    /// [`InstantError`] when it did not write that.
    pub(crate) fn from_sortable(text: &str) -> Result<Self, InstantError> {
        let instant = Self::parse(&format!("{text}Z"))?;
        // Two texts of one instant would be two places in an index.
        (instant.sortable() == text)
            .then_some(instant)
            .ok_or(InstantError)
    }

    /// Writes the instant so that texts compare as the instants do, wherever a `#` follows: UTC without the `Z`, and
    /// without zeros at the end of the fraction. (`#` is less than `.`, `.` than a digit, so `:00#` < `:00.5#`.)
    #[must_use]
    pub fn sortable(&self) -> String {
        // Everything that makes an instant keeps to the years that a civil time has.
        let local = self.civil().unwrap_or(DateTime::MAX);
        let mut text = String::with_capacity("2026-11-28T12:00:00.500000000000".len());
        // Digit by digit, because each event has ten of them: formatting took a twentieth of verify-and-store.
        let _ = write!(text, "{:04}", local.year());
        for (separator, number) in [
            ('-', local.month()),
            ('-', local.day()),
            ('T', local.hour()),
            (':', local.minute()),
            (':', local.second()),
        ] {
            text.push(separator);
            push_digits::<2>(&mut text, number.unsigned_abs().into());
        }
        if self.picoseconds > 0 {
            text.push('.');
            push_digits::<DIGITS>(&mut text, self.picoseconds);
            text.truncate(text.trim_end_matches('0').len());
        }
        text
    }

    /// Converts the instant to what clocks give; what is finer than a nanosecond is cut off.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        let nanoseconds = i32::try_from(self.picoseconds / PICOSECONDS_OF_A_NANOSECOND).unwrap_or(i32::MAX);
        Timestamp::new(self.seconds, nanoseconds).unwrap_or(Timestamp::MAX)
    }

    /// Tells whether it lies more than `margin` after `moment`.
    pub(crate) fn is_after(&self, moment: Self, margin: SignedDuration) -> bool {
        self.timestamp().duration_since(moment.timestamp()) > margin
    }

    fn civil(&self) -> Option<DateTime> {
        EPOCH.checked_add(SignedDuration::from_secs(self.seconds)).ok()
    }
}

impl From<Timestamp> for Instant {
    fn from(timestamp: Timestamp) -> Self {
        // Before 1970 the nanoseconds of a timestamp are negative; an instant counts from the second before.
        let nanoseconds = timestamp.as_nanosecond();
        Self {
            seconds: i64::try_from(nanoseconds.div_euclid(1_000_000_000)).unwrap_or(i64::MAX),
            picoseconds: u64::try_from(nanoseconds.rem_euclid(1_000_000_000)).unwrap_or(0)
                * PICOSECONDS_OF_A_NANOSECOND,
        }
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", self.sortable())
    }
}

/// Reads three numbers of exactly these many digits.
fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Result<[u16; 3], InstantError> {
    let mut parts = text.split(separator);
    let mut next = |width| {
        let digits = parts.next().filter(|part| part.len() == width && is_digits(part));
        digits.and_then(|digits| digits.parse().ok()).ok_or(InstantError)
    };
    let numbers = [next(widths[0])?, next(widths[1])?, next(widths[2])?];
    parts.next().is_none().then_some(numbers).ok_or(InstantError)
}

/// Reads the digits after the point as picoseconds, and gives back what follows them.
fn fraction(text: &str) -> Result<(u64, &str), InstantError> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let kept = &digits[..digits.len().min(DIGITS)];
    // None at all are no number.
    let picoseconds: u64 = kept.parse().map_err(|_| InstantError)?;
    let left_out = (kept.len()..DIGITS).fold(1, |unit, _| unit * 10);
    Ok((picoseconds * left_out, rest))
}

/// Writes the last `N` digits of a number, with zeros before it where it has fewer.
fn push_digits<const N: usize>(text: &mut String, mut number: u64) {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    text.extend(digits.map(char::from));
}

fn offset_seconds(text: &str) -> Result<i64, InstantError> {
    let sign = match text.as_bytes() {
        [b'Z' | b'z'] => return Ok(0),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return Err(InstantError),
    };
    match numbers(&format!("{}:00", &text[1..]), ':', [2, 2, 2])? {
        [hours @ ..24, minutes @ ..60, _] => Ok(sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60)),
        _ => Err(InstantError),
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_of_rfc_3339_is_read() {
        for (sent, kept) in [
            ("2021-11-22T09:04:42Z", "2021-11-22T09:04:42"),
            ("2021-07-21T14:10:00.00Z", "2021-07-21T14:10:00"),
            ("2021-11-19T13:06:51.980159529Z", "2021-11-19T13:06:51.980159529"),
            (
                "2021-11-19T13:06:51.980159529123Z",
                "2021-11-19T13:06:51.980159529123",
            ),
            (
                "2021-11-19T13:06:51.9801595291239999z",
                "2021-11-19T13:06:51.980159529123",
            ),
            ("2022-11-17t10:42:34.758+01:00", "2022-11-17T09:42:34.758"),
            ("2022-11-17 10:42:34-00:30", "2022-11-17T11:12:34"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00"),
            ("1969-12-31T23:59:59.25Z", "1969-12-31T23:59:59.25"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999"),
        ] {
            let instant = Instant::parse(sent).unwrap();
            assert_eq!(instant.sortable(), kept, "{sent}");
            assert_eq!(Instant::from_sortable(kept), Ok(instant));
        }
    }

    #[test]
    fn what_rfc_3339_does_not_know_is_refused() {
        for text in [
            "",
            "yesterday",
            "2021-07-21",
            "2021-07-21T14:10Z",
            "20210721T141000Z",
            "2021-07-21T14:10:00",
            "2021-07-21T14:10:00.Z",
            "2021-07-21T14:10:00Z[UTC]",
            "2021-07-21T14:10:00+0100",
            "2021-07-21T14:10:00+24:00",
            "2021-13-01T00:00:00Z",
            "2021-02-30T00:00:00Z",
            "2021-07-21T24:00:00Z",
            "+2021-07-21T14:10:00Z",
            "-000001-01-01T00:00:00Z",
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "2021-07-21T14:10:0\u{660}Z",
        ] {
            assert_eq!(Instant::parse(text), Err(InstantError), "{text}");
        }
        for text in [
            "2021-07-21T14:10:00.50",
            "2021-07-21T14:10:00Z",
            "2021-07-21t14:10:00",
        ] {
            assert_eq!(Instant::from_sortable(text), Err(InstantError), "{text}");
        }
    }

    fn any_instant() -> impl Strategy<Value = Instant> {
        let fractions = prop_oneof![Just(0), Just(500_000_000_000), Just(1), 0..1_000_000_000_000_u64];
        (-62_167_219_200..253_402_300_799_i64, fractions)
            .prop_map(|(seconds, picoseconds)| Instant { seconds, picoseconds })
    }

    proptest! {
        #[test]
        fn texts_compare_as_the_instants_do(one in any_instant(), other in any_instant(), same in any::<bool>()) {
            let other = if same { Instant { seconds: one.seconds, ..other } } else { other };
            let text = |instant: &Instant| format!("{}#", instant.sortable());
            prop_assert_eq!(text(&one).cmp(&text(&other)), one.cmp(&other));
            prop_assert_eq!(Instant::from_sortable(&one.sortable()), Ok(one));
        }
    }
}
