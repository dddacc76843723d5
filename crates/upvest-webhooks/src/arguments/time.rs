//! Lengths of time on the command line.

use std::time::Duration;

use jiff::SignedDuration;

/// Reads a length of time, like `30s` or `1h 30m`.
///
/// # Errors
///
/// What was expected.
pub(crate) fn length_of_time(text: &str) -> Result<Duration, &'static str> {
    const EXPECTED: &str = "expected a length of time like 30s, 10m or 1h";
    let length: SignedDuration = text.parse().map_err(|_| EXPECTED)?;
    let length = Duration::try_from(length).map_err(|_| EXPECTED)?;
    Some(length).filter(|length| !length.is_zero()).ok_or(EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_positive() {
        assert_eq!(length_of_time("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(length_of_time("1h 30m"), Ok(Duration::from_secs(5400)));
        for wrong in ["0s", "-1s", "10", "soon", ""] {
            assert!(length_of_time(wrong).is_err(), "{wrong}");
        }
    }
}
