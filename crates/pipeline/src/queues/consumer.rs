//! Partial batch responses: each message of a batch succeeds or fails on its own.
//!
//! | Module | Knows |
//! |---|---|
//! | `one_by_one` | in which order the messages of a batch are handled, which together and which alone |
//! | `suspects` | what is done about a message that ended its process |
//! | `groups` | that nothing overtakes within a message group |
//! | [`waits`] | how long what failed waits, and when it is given up |
//! | `dead_letters` | what a dead letter says of itself |

mod dead_letters;
mod groups;
mod one_by_one;
mod suspects;
pub mod waits;

use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use futures_util::future::join_all;
use jiff::Timestamp;

use crate::envelope::attribute;
use crate::envelope::attributes::DELIVERY_ID;
use crate::error::{ErrorChain, Failure, Kind};
use crate::runtime::clock::Clock;
use crate::runtime::config::{ConfigError, Lookup};
use crate::runtime::metrics::{self, Subject};
use crate::stores::idempotency::attempts::Attempts;

pub use self::one_by_one::Share;

/// Settles the messages of a queue that Lambda polls for us: done, tried again, or moved to the dead-letter queue.
#[derive(Debug, Clone)]
pub struct SourceQueue {
    client: Client,
    url: String,
    dead_letter_url: String,
    patience: Patience,
    clock: Clock,
}

/// Says how long the messages of a queue are tried.
#[derive(Debug, Clone)]
pub enum Patience {
    /// Gives a message up at this receive, whatever it failed with.
    Receives(u32),
    /// Goes by whose failure it was, and counts attempts in records.
    Records(Records),
}

/// Keeps the records of attempts at a queue's messages.
#[derive(Debug, Clone)]
pub struct Records {
    /// Keeps the records in the idempotency table, one for each message that was received again.
    pub attempts: Attempts,
    /// Tells which event or delivery a message is about, by its attributes alone: its body may be what kills the process. `None`
    /// where they do not say.
    pub subject: fn(&SqsMessage) -> Option<String>,
    /// Says what its messages are, for the metrics.
    pub counted_as: Subject,
}

/// Says whether a message is still in the queue after the attempt at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The message is done, or in the dead-letter queue: Lambda deletes it.
    Gone,
    /// The message stays in the queue, is reported as failed, and is handed out again.
    ComesBack {
        /// Says after what pause SQS hands it out again.
        wait: Duration,
        /// Says whether what failed counts as an attempt at it.
        is_counted: bool,
    },
}

impl Settled {
    /// Describes a message that was not tried.
    fn untried(wait: Duration) -> Self {
        Self::ComesBack {
            wait,
            is_counted: false,
        }
    }
}

impl SourceQueue {
    /// Consumes the queue at `url`, whose messages Lambda hands over in batches.
    #[must_use]
    pub fn new(
        client: Client,
        url: String,
        dead_letter_url: String,
        patience: Patience,
        clock: Clock,
    ) -> Self {
        Self {
            client,
            url,
            dead_letter_url,
            patience,
            clock,
        }
    }

    /// Consumes the queue of the variable `url`, with `DEAD_LETTER_QUEUE_URL`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable.
    pub fn from_config(
        client: Client,
        lookup: &Lookup<'_>,
        url: &'static str,
        patience: Patience,
        clock: Clock,
    ) -> Result<Self, ConfigError> {
        let (url, dead_letter_url) = (lookup.required(url)?, lookup.required("DEAD_LETTER_QUEUE_URL")?);
        Ok(Self::new(client, url, dead_letter_url, patience, clock))
    }

    /// Works on all messages of a batch at a time. `process` tells of each how it went, in their order.
    pub async fn together(
        &self,
        event: &SqsEvent,
        process: impl AsyncFn(&[&SqsMessage]) -> Vec<Result<(), Failure>>,
    ) -> SqsBatchResponse {
        let messages: Vec<&SqsMessage> = event.records.iter().collect();
        let results = process(&messages).await;
        let settled = self.settle_all(&messages, results, 0).await;
        let mut response = SqsBatchResponse::default();
        for (message, settled) in messages.into_iter().zip(settled) {
            if settled != Settled::Gone {
                report(&mut response, message);
            }
        }
        response
    }

    async fn settle_all(
        &self,
        messages: &[&SqsMessage],
        results: Vec<Result<(), Failure>>,
        attempts: u32,
    ) -> Vec<Settled> {
        let results = messages.iter().zip(results);
        join_all(results.map(|(message, result)| self.settle(message, result, attempts))).await
    }

    /// Moves a message that is given up to the dead-letter queue, and sets when another comes back.
    async fn settle(&self, message: &SqsMessage, result: Result<(), Failure>, attempts: u32) -> Settled {
        let Err(mut failure) = result else {
            return Settled::Gone;
        };
        self.count(failure.step, failure.kind);
        let given_up = self.given_up(message, &failure, attempts);
        let is_given_up = given_up.is_some();
        if let Some(why) = given_up {
            failure.reason = match why.is_empty() {
                true => failure.reason,
                false => format!("{why}: {}", failure.reason),
            };
            // Moved by us and not by SQS, which would leave out the reason.
            match self.bury(message, &failure).await {
                Ok(()) => return Settled::Gone,
                // It is tried once more, and fails as before.
                Err(error) => tracing::warn!(
                    sqs.message_id = message.message_id,
                    error = %ErrorChain(&error),
                    "could not move a message to the dead-letter queue"
                ),
            }
        }
        let wait = match failure.kind {
            Kind::Message if !is_given_up => waits::backoff(attempts + 1, waits::LONGEST),
            Kind::Message | Kind::Infrastructure | Kind::Never => {
                waits::backoff(receive_count(message), waits::LONGEST_OF_INFRASTRUCTURE)
            }
        };
        self.come_back_after(wait, message).await;
        Settled::ComesBack {
            wait,
            is_counted: failure.kind == Kind::Message && !is_given_up,
        }
    }

    /// Says why a message is given up, if it is: nothing where its failure says enough.
    fn given_up(&self, message: &SqsMessage, failure: &Failure, attempts: u32) -> Option<String> {
        let step = failure.step;
        match (&self.patience, failure.kind) {
            (_, Kind::Never) => Some(String::new()),
            (Patience::Receives(most), _) => (receive_count(message) >= *most).then(String::new),
            (Patience::Records(_), Kind::Message) => {
                (attempts >= waits::MAX_ATTEMPTS).then(|| format!("{step}-failed in {attempts} attempts"))
            }
            (Patience::Records(_), Kind::Infrastructure) => (self.age(message) >= waits::PATIENCE)
                .then(|| format!("{step}-failed for {} hours", waits::PATIENCE.as_secs() / 3600)),
        }
    }

    /// Measures how long ago a message was sent; nothing where SQS does not say.
    fn age(&self, message: &SqsMessage) -> Duration {
        let age = sent_at(message).map(|sent| self.clock.now().duration_since(sent));
        age.and_then(|age| age.try_into().ok()).unwrap_or_default()
    }

    /// Counts an attempt that failed, where the queue's messages have records.
    fn count(&self, step: &'static str, kind: Kind) {
        if let Patience::Records(records) = &self.patience {
            metrics::failed(records.counted_as, step, kind.name());
        }
    }

    async fn come_back_after(&self, wait: Duration, message: &SqsMessage) {
        if let Patience::Records(records) = &self.patience {
            metrics::comes_back(records.counted_as, self.age(message));
        }
        let Some(receipt) = &message.receipt_handle else {
            return;
        };
        let change = self
            .client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt);
        let seconds = i32::try_from(wait.as_secs()).unwrap_or(i32::MAX);
        if let Err(error) = change.visibility_timeout(seconds).send().await {
            // The queue's own visibility timeout applies then: later, but not lost.
            tracing::warn!(
                sqs.message_id = message.message_id,
                error = %ErrorChain(&error),
                "could not set when a message is retried"
            );
        }
    }
}

/// Reports a message as failed. A message without an id is reported as the empty id, on which Lambda retries the whole
/// batch: better twice than lost.
fn report(response: &mut SqsBatchResponse, message: &SqsMessage) {
    response.add_failure(message.message_id.as_deref().unwrap_or_default());
}

/// Tells how often the message was received, this time included; 1 where SQS does not say.
#[must_use]
pub fn receive_count(message: &SqsMessage) -> u32 {
    let count = message.attributes.get("ApproximateReceiveCount");
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// Tells when SQS took the message; `None` where it does not say.
#[must_use]
pub fn sent_at(message: &SqsMessage) -> Option<Timestamp> {
    time_of_sqs(message.attributes.get("SentTimestamp")?)
}

/// Reads a time as SQS writes it, in milliseconds since 1970; `None` where it is none.
#[must_use]
pub fn time_of_sqs(milliseconds: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds.parse().ok()?).ok()
}

/// Logs that a batch was handled, in the one line of an invocation in which all is well: a batch of one with its delivery,
/// a larger one with its size, because the line is paid for by the byte. What is out of the ordinary is logged with its own.
pub fn report_batch(event: &SqsEvent, response: &SqsBatchResponse, done: &'static str) {
    let only = match &event.records[..] {
        [only] => Some(only),
        _ => None,
    };
    let delivery_id = only.and_then(|message| attribute(message, DELIVERY_ID));
    let message_id = only.and_then(|message| message.message_id.as_deref());
    let failures = response.batch_item_failures.len();
    tracing::info!(
        batch.messages = only.is_none().then_some(event.records.len()),
        batch.failures = (failures > 0).then_some(failures),
        delivery.id = delivery_id,
        sqs.message_id = message_id.filter(|_| delivery_id.is_none()),
        "{done}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn queue() -> SourceQueue {
        use aws_sdk_sqs::config::{BehaviorVersion, Region};
        let config = aws_sdk_sqs::Config::builder().behavior_version(BehaviorVersion::latest());
        let config = config.region(Region::from_static("eu-central-1")).build();
        SourceQueue::new(
            Client::from_conf(config),
            "https://sqs/queue".to_owned(),
            "https://sqs/dead".to_owned(),
            Patience::Receives(10),
            Clock::system(),
        )
    }

    /// Makes messages of these ids and groups, without a receipt, so that nothing is sent to SQS.
    pub(super) fn batch(messages: &[(Option<&str>, &str)]) -> SqsEvent {
        let mut event = SqsEvent::default();
        for (id, group) in messages {
            let mut message = SqsMessage::default();
            message.message_id = id.map(str::to_owned);
            message
                .attributes
                .insert("MessageGroupId".to_owned(), (*group).to_owned());
            event.records.push(message);
        }
        event
    }

    /// Fails for the message with this id, or without one.
    pub(super) fn all_fail_at(
        failing: Option<&str>,
    ) -> impl AsyncFn(&[&SqsMessage]) -> Vec<Result<(), Failure>> {
        async move |messages: &[&SqsMessage]| {
            let results = messages.iter().map(|message| {
                let failure = Failure {
                    kind: Kind::Infrastructure,
                    step: "test",
                    reason: "no answer".to_owned(),
                    attributes: Vec::new(),
                };
                if message.message_id.as_deref() == failing {
                    Err(failure)
                } else {
                    Ok(())
                }
            });
            results.collect()
        }
    }

    fn failures(response: &SqsBatchResponse) -> Vec<&str> {
        response
            .batch_item_failures
            .iter()
            .map(|failure| failure.item_identifier.as_str())
            .collect()
    }

    #[tokio::test]
    async fn a_standard_queue_has_no_groups() {
        let event = batch(&[(Some("1"), "a"), (Some("3"), "a"), (Some("4"), "a")]);
        let response = queue().together(&event, all_fail_at(Some("3"))).await;
        assert_eq!(failures(&response), ["3"]);
    }

    #[tokio::test]
    async fn a_failed_message_without_an_id_brings_the_whole_batch_back() {
        let event = batch(&[(Some("1"), "a"), (None, "b")]);
        let response = queue().together(&event, all_fail_at(None)).await;
        assert_eq!(failures(&response), [""]);
    }
}
