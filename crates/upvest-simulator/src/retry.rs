//! Computes when a failed delivery is tried again, as Upvest documents it.

use std::time::Duration;

/// Bounds the wait between two attempts: 600 seconds, by Upvest's documentation of webhooks.
pub const LONGEST_RETRY_DELAY: Duration = Duration::from_secs(600);

/// Returns how long Upvest waits after the given number of failed attempts: 1, 2, 3, 5, 8 ... 600 seconds, then 600
/// seconds for ever. There is no jitter, and no last attempt.
#[must_use]
pub fn retry_delay(failed_attempts: u32) -> Duration {
    let (mut delay, mut next) = (1, 2);
    for _ in 1..failed_attempts {
        (delay, next) = (next, delay + next);
        if delay >= LONGEST_RETRY_DELAY.as_secs() {
            return LONGEST_RETRY_DELAY;
        }
    }
    Duration::from_secs(delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_like_fibonacci_numbers_up_to_ten_minutes() {
        let seconds: Vec<u64> = (1..=16).map(|failed| retry_delay(failed).as_secs()).collect();
        assert_eq!(
            seconds,
            [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 600, 600, 600]
        );
        assert_eq!(retry_delay(u32::MAX), LONGEST_RETRY_DELAY);
    }
}
