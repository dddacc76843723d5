//! Times and ages, as people read them.
//!
//! Times are told in one offset from UTC, the operator's own at the time of the command, so that those of winter and summer
//! can be compared; a line at the end names it. Like the width of the terminal it is one for the whole program. Where nobody
//! sets it, as in tests, it is UTC.

use std::cell::Cell;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

thread_local! {
    static OFFSET: Cell<Offset> = const { Cell::new(Offset::UTC) };
    /// Tells whether a time was told that needs the offset to be understood.
    static NEEDS_OFFSET: Cell<bool> = const { Cell::new(false) };
}

/// Has times be told in this offset from now on.
pub(crate) fn tell_in(offset: Offset) {
    OFFSET.set(offset);
}

/// Writes a time for people: to the second, or in UTC as exactly as it is known.
pub(crate) fn local(at: Timestamp) -> String {
    let offset = OFFSET.get();
    if offset == Offset::UTC {
        return at.to_string();
    }
    NEEDS_OFFSET.set(true);
    let local = at.to_zoned(TimeZone::fixed(offset));
    local.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Writes a time for people that is told as a text; as it is, where that is no time.
pub(crate) fn local_text(at: &str) -> String {
    at.parse().map_or_else(|_| at.to_owned(), local)
}

/// Ends a text in which times were told by the offset that they have, unless they say it themselves.
pub(crate) fn with_offset(text: String) -> String {
    match NEEDS_OFFSET.take() {
        true => format!("{}\n\ntimes are those of UTC{}\n", text.trim_end(), OFFSET.get()),
        false => text,
    }
}

/// Writes how old something is, in its two largest units: `3d 4h`, `12m 5s`; from a hundred days on in days.
pub(crate) fn age_at(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds / 60 % 60),
        86_400..8_640_000 => format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24),
        // Hours say nothing any more, and would take a column that is as wide as `59m 59s` too much.
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Writes how old something is whose time is told as a text; nothing where that is no time.
pub(crate) fn age_of(now: Timestamp, then: &str) -> String {
    then.parse()
        .map_or_else(|_| String::new(), |then| age_at(now, then))
}

/// Writes how long ago something was whose time is told as a text; nothing where there is none, or it is no time.
pub(crate) fn ago(now: Timestamp, then: Option<&str>) -> String {
    let age = then.map(|then| age_of(now, then)).filter(|age| !age.is_empty());
    age.map_or_else(String::new, |age| format!("{age} ago"))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn an_age_is_told_in_its_two_largest_units() {
        let then: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let old = |seconds| age_at(then + SignedDuration::from_secs(seconds), then);
        let told = [0, 59, 60, 3_599, 3_600, 86_399, 86_400, 8_639_999, 8_640_000].map(old);
        assert_eq!(
            told,
            [
                "0s", "59s", "1m 0s", "59m 59s", "1h 0m", "23h 59m", "1d 0h", "99d 23h", "100d"
            ]
        );
        assert_eq!(age_at(then, then + SignedDuration::from_secs(5)), "0s");
        assert_eq!(ago(then, Some("2025-12-31T23:00:00Z")), "1h 0m ago");
        assert_eq!([ago(then, None), ago(then, Some("soon"))], ["", ""]);
    }

    #[test]
    fn times_are_those_of_the_operators_place_which_is_named_once() {
        let at: Timestamp = "2026-01-05T23:30:00.31Z".parse().unwrap();
        assert_eq!(local(at), "2026-01-05T23:30:00.31Z");
        assert_eq!(with_offset("a\n".to_owned()), "a\n");
        tell_in(Offset::constant(1));
        assert_eq!(with_offset("a\n".to_owned()), "a\n", "no time was told");
        let text = format!(
            "{} {} {}",
            local(at),
            local_text("2026-07-01T10:00:00Z"),
            local_text("never")
        );
        assert_eq!(
            with_offset(text),
            "2026-01-06 00:30:00 2026-07-01 11:00:00 never\n\ntimes are those of UTC+01\n"
        );
        assert_eq!(
            with_offset("b\n".to_owned()),
            "b\n",
            "it is told anew for each text"
        );
        tell_in(Offset::UTC);
    }
}
