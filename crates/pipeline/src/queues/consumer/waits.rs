//! How long a message waits before it is tried again: every wait of every queue.
//!
//! The wait doubles with each receive, from the first wait up to [`LONGEST`]. A message that was received as often as
//! its queue's `maxReceiveCount` says goes to the dead-letter queue.
//!
//! | What failed | First wait | All of them | Why so |
//! |---|---|---|---|
//! | our own infrastructure ([`INFRASTRUCTURE`]), a user's action | 2 s | 17 minutes in ten receives | throttling and failovers are over in seconds, and order waits for nobody |
//! | a delivery's key is in the table and cannot be used ([`UNUSABLE_KEY`]) | 10 s | 50 minutes in ten receives | a person mends the row |
//! | a requested fetch of keys ([`KEY_FETCH`]) | 5 s | a minute and a quarter in five receives | the next delivery with an unknown key asks anew |
//!
//! Beside these, [`key_requests::INTERVAL`](crate::queues::key_requests::INTERVAL) says how often a fetch is asked for.

use std::time::Duration;

use crate::error::Disposition;

/// Bounds a wait: a quarter of an hour: SQS would take twelve hours.
pub const LONGEST: Duration = Duration::from_secs(900);
/// Says what becomes of a message that our own infrastructure failed.
pub const INFRASTRUCTURE: Disposition = Disposition::Retry(Duration::from_secs(2));
/// Says what becomes of a delivery whose key is not usable as the keys table has it.
pub const UNUSABLE_KEY: Disposition = Disposition::Retry(Duration::from_secs(10));
/// Says what becomes of a request for a fetch of keys that failed.
pub const KEY_FETCH: Disposition = Disposition::Retry(Duration::from_secs(5));

/// Tells how long a message waits after so many receives, this one included.
pub(super) fn backoff(first: Duration, receive_count: u32) -> Duration {
    // 2^16 is beyond the longest wait of any first one of a second, and far from an overflow.
    let doubled = receive_count.saturating_sub(1).min(16);
    first.saturating_mul(1 << doubled).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_retry_waits_twice_as_long_up_to_a_quarter_of_an_hour() {
        let first = Duration::from_secs(2);
        let waits: Vec<u64> = [0, 1, 2, 3, 9, 10, u32::MAX]
            .map(|count| backoff(first, count).as_secs())
            .to_vec();
        assert_eq!(waits, [2, 2, 4, 8, 512, 900, 900]);
    }

    #[test]
    fn the_waits_of_the_table_above_are_those_of_the_code() {
        for (disposition, receives, seconds) in [
            (INFRASTRUCTURE, 10, 1022),
            (UNUSABLE_KEY, 10, 3_070),
            (KEY_FETCH, 5, 75),
        ] {
            let Disposition::Retry(first) = disposition else {
                panic!("it is tried again");
            };
            let waits = (1..receives).map(|count| backoff(first, count));
            assert_eq!(waits.sum::<Duration>().as_secs(), seconds);
        }
    }
}
