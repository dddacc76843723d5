//! Ages, as people read them.

use jiff::Timestamp;

/// Writes how old something is, in its two largest units: `3d 4h`, `12m 5s`.
pub(crate) fn age_at(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// Writes how old something is whose time is told as a text; nothing where that is no time.
pub(crate) fn age_of(now: Timestamp, then: &str) -> String {
    then.parse()
        .map_or_else(|_| String::new(), |then| age_at(now, then))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

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
}
