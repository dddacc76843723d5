//! Decides whether and when a call is tried again, and waits until then.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use tokio::time::Instant;

use crate::options::Options;

/// Counts the attempts of one call, and waits between them.
#[derive(Debug)]
pub(crate) struct Attempts {
    made: u32,
    max: u32,
    until: Instant,
    first_backoff: Duration,
    max_backoff: Duration,
}

impl Attempts {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            made: 0,
            max: options.max_attempts.max(1),
            until: Instant::now() + options.total_time,
            first_backoff: options.first_backoff,
            max_backoff: options.max_backoff,
        }
    }

    pub(crate) const fn made(&self) -> u32 {
        self.made
    }

    pub(crate) const fn begin(&mut self) {
        self.made += 1;
    }

    /// Waits before the next attempt, at least as long as Upvest asks for. Returns `false`, at once, when there is none.
    pub(crate) async fn wait(&self, retry_after: Option<Duration>) -> bool {
        if self.made >= self.max {
            return false;
        }
        let wait = self
            .backoff(fastrand::f64())
            .max(retry_after.unwrap_or(Duration::ZERO));
        // A wait that Upvest asks for and that we do not have would end in an attempt before its time, in vain.
        if Instant::now() + wait >= self.until {
            return false;
        }
        tokio::time::sleep(wait).await;
        true
    }

    /// Draws a wait by exponential backoff with full jitter: any time up to the limit, so that clients spread out.
    fn backoff(&self, random: f64) -> Duration {
        // Beyond 2^16 the limit is `max_backoff` in any case, and the shift must not overflow.
        let doublings = self.made.saturating_sub(1).min(16);
        let limit = self.first_backoff.saturating_mul(1 << doublings);
        limit.min(self.max_backoff).mul_f64(random)
    }
}

/// Reads the header `retry-after`, seconds or a date, as a wait of a day at most.
pub(crate) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    // A day is longer than any call may take; the cap keeps sums of times in range.
    const LONGEST: u64 = 24 * 60 * 60;
    let value = value.trim();
    let seconds = match value.parse::<u64>() {
        Ok(seconds) => seconds,
        // A date that has passed asks for no wait.
        Err(_) => u64::try_from(http_date(value)?.as_second() - now.as_second()).unwrap_or(0),
    };
    Some(Duration::from_secs(seconds.min(LONGEST)))
}

/// Reads a date as HTTP writes it.
pub(crate) fn http_date(value: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_limit_and_is_random_in_full() {
        let mut attempts = Attempts {
            made: 0,
            max: 9,
            until: Instant::from_std(std::time::Instant::now()),
            first_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
        };
        let limits: Vec<u128> = std::iter::repeat_with(|| {
            attempts.begin();
            attempts.backoff(1.0).as_millis()
        })
        .take(6)
        .collect();
        assert_eq!(limits, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(attempts.backoff(0.0), Duration::ZERO);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:07Z".parse().unwrap();
        let seconds = |value| retry_after(value, now).map(|wait| wait.as_secs());
        assert_eq!(seconds(" 7 "), Some(7));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(30));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(seconds("soon"), None);
        assert_eq!(seconds("99999999999999"), Some(24 * 60 * 60));
    }
}
