//! Asking for a fetch of Upvest's verification keys, when a delivery names one that is not known.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_sdk_sqs::Client;

use crate::error::{AwsError, ErrorChain};
use crate::runtime::clock::Clock;

/// Sets how long an interval is, in each of which at most one fetch is asked for.
pub const INTERVAL: Duration = Duration::from_secs(60);
/// Puts all requests into one message group, so that they are handled one after another.
const GROUP: &str = "keys";
/// Stands for an interval that has not been: no time has this number.
const NONE: i64 = i64::MIN;

/// Sends requests to the FIFO queue of refresh-keys.
///
/// Anybody can send deliveries with made-up key ids, so that their number must not matter: a request's deduplication id
/// is the number of the interval, and the queue drops all but the first of each, whichever process sends them.
#[derive(Debug)]
pub struct KeyRequests {
    client: Client,
    queue_url: String,
    clock: Clock,
    /// Numbers the interval in which this process asked last, which saves the queue all but one request of each
    /// process.
    asked: AtomicI64,
}

impl KeyRequests {
    /// Sends to the queue at `queue_url`.
    #[must_use]
    pub fn new(client: Client, queue_url: String, clock: Clock) -> Self {
        Self {
            client,
            queue_url,
            clock,
            asked: AtomicI64::new(NONE),
        }
    }

    /// Asks for a fetch, unless one was asked for in this interval. A failure is logged alone: the delivery that needs
    /// the key is tried again, and then asks again.
    pub async fn request(&self) {
        let interval = interval_at(self.clock.now());
        if self.asked.swap(interval, Ordering::Relaxed) == interval {
            return;
        }
        match self.send(interval).await {
            Ok(()) => tracing::info!("asked for a fetch of the verification keys"),
            Err(error) => {
                // The request did not arrive: the next delivery with an unknown key must ask in this interval again.
                self.asked.store(NONE, Ordering::Relaxed);
                tracing::warn!(error = %ErrorChain(&error), "could not ask for a fetch of the verification keys");
            }
        }
    }

    async fn send(&self, interval: i64) -> Result<(), AwsError> {
        let request = self
            .client
            .send_message()
            .queue_url(&self.queue_url)
            .message_body("unknown key")
            .message_group_id(GROUP)
            .message_deduplication_id(interval.to_string());
        let sent = request.send().await;
        sent.map_err(AwsError::of("SendMessage to the key requests queue"))?;
        Ok(())
    }
}

fn interval_at(now: jiff::Timestamp) -> i64 {
    let length = i64::try_from(INTERVAL.as_secs()).unwrap_or(i64::MAX);
    now.as_second().div_euclid(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_ends_with_its_minute() {
        let at = |time: &str| interval_at(time.parse().unwrap());
        assert_eq!(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:59.999Z"));
        assert_eq!(at("2026-01-01T00:01:00Z"), at("2026-01-01T00:00:00Z") + 1);
    }
}
