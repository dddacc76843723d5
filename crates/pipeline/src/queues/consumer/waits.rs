//! How long a message waits before it is tried again, and when it is given up: every wait of every queue.
//!
//! A wait doubles from [`SHORTEST`] on, up to a longest one.
//!
//! | What failed | Doubles with | Longest wait | All of them | Why so |
//! |---|---|---|---|---|
//! | our own infrastructure ([`Kind::Infrastructure`]) | each receive | 5 minutes | a day since it was sent ([`PATIENCE`]) | an outage ends, and what it stopped is to go on soon after |
//! | the message, or the code for it ([`Kind::Message`]) | each attempt | 15 minutes | about an hour in [`MAX_ATTEMPTS`] attempts after the first receive | what the code calls may come back; order waits meanwhile |
//! | a requested fetch of keys | each receive | 5 minutes | two and a half minutes in five receives | the next delivery with an unknown key asks anew |
//!
//! What waits behind such a message in its group gets the same wait. What is given back untried waits for the shortest.
//!
//! Beside these, [`key_requests::INTERVAL`](crate::queues::key_requests::INTERVAL) says how often a fetch is asked for.
//!
//! [`Kind::Infrastructure`]: crate::error::Kind::Infrastructure
//! [`Kind::Message`]: crate::error::Kind::Message

use std::time::Duration;

/// Bounds the attempts at a message that count: see [`Kind::Message`](crate::error::Kind::Message). Its first receive, which
/// has no record, is none of them.
pub const MAX_ATTEMPTS: u32 = 10;
/// Says how long a message is tried that our own infrastructure fails, from when it was sent.
pub const PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// Is the first wait, and that of what is given back untried: with less, whoever goes on failing costs more than it works.
pub const SHORTEST: Duration = Duration::from_secs(10);
/// Bounds the wait after a failure of our own infrastructure.
pub const LONGEST_OF_INFRASTRUCTURE: Duration = Duration::from_secs(300);
/// Bounds any other wait. (SQS would take twelve hours.)
pub const LONGEST: Duration = Duration::from_secs(900);

/// Tells how long a message waits whose turn it was so many times, this one included.
pub(super) fn backoff(turn: u32, longest: Duration) -> Duration {
    // 2^16 is beyond any longest wait, and far from an overflow.
    let doubled = turn.saturating_sub(1).min(16);
    SHORTEST.saturating_mul(1 << doubled).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_retry_waits_twice_as_long_up_to_the_longest() {
        let waits: Vec<u64> = [0, 1, 2, 3, 7, 8, u32::MAX]
            .map(|turn| backoff(turn, LONGEST).as_secs())
            .to_vec();
        assert_eq!(waits, [10, 10, 20, 40, 640, 900, 900]);
        assert_eq!(backoff(6, LONGEST_OF_INFRASTRUCTURE), LONGEST_OF_INFRASTRUCTURE);
    }

    #[test]
    fn the_waits_of_the_table_above_are_those_of_the_code() {
        let all = |turns| (1..turns).map(|turn| backoff(turn, LONGEST)).sum::<Duration>();
        assert_eq!(all(MAX_ATTEMPTS + 1).as_secs(), 3_970);
        assert_eq!(all(5).as_secs(), 150);
    }
}
