//! Partial batch responses: each message of a batch succeeds or fails on its own.
//!
//! How long what failed waits is in [`waits`], and nowhere else; what a dead letter says of itself, in `dead_letters`.

mod dead_letters;
pub mod waits;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use futures_util::future::join_all;

use crate::error::{Disposition, ErrorChain, Failure};
use crate::queues::envelope::attribute;
use crate::runtime::config::{ConfigError, Lookup};

pub use self::dead_letters::{DeadLetters, REASON};

/// Settles the messages of a queue that Lambda polls for us: done, tried again, or moved to the dead-letter queue.
#[derive(Debug, Clone)]
pub struct SourceQueue {
    client: Client,
    url: String,
    dead_letters: DeadLetters,
}

/// Lists the messages of a group that are still to be ended, each with what was begun of it.
type Group<'m, P> = VecDeque<(&'m SqsMessage, Result<P, Failure>)>;

impl SourceQueue {
    /// Consumes the queue at `url`, whose messages Lambda hands over in batches.
    #[must_use]
    pub fn new(client: Client, url: String, dead_letters: DeadLetters) -> Self {
        Self {
            client,
            url,
            dead_letters,
        }
    }

    /// Consumes the queue of the variable `url`, with `DEAD_LETTER_QUEUE_URL` and `MAX_RECEIVE_COUNT`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable.
    pub fn from_config(client: Client, lookup: &Lookup<'_>, url: &'static str) -> Result<Self, ConfigError> {
        let dead_letters = DeadLetters {
            url: lookup.required("DEAD_LETTER_QUEUE_URL")?,
            max_receives: lookup.parsed("MAX_RECEIVE_COUNT", u32::MAX)?,
        };
        Ok(Self::new(client, lookup.required(url)?, dead_letters))
    }

    /// Works on all messages of a batch at a time. `process` tells of each how it went, in their order.
    pub async fn together(
        &self,
        event: &SqsEvent,
        process: impl AsyncFn(&[&SqsMessage]) -> Vec<Result<(), Failure>>,
    ) -> SqsBatchResponse {
        let messages: Vec<&SqsMessage> = event.records.iter().collect();
        let results = process(&messages).await.into_iter();
        let settled = messages.iter().zip(results);
        let settled = join_all(settled.map(|(message, result)| self.settle(message, result))).await;
        let mut response = SqsBatchResponse::default();
        for (message, settled) in messages.into_iter().zip(settled) {
            if matches!(settled, Settled::ComesBack(_)) {
                report(&mut response, message);
            }
        }
        response
    }

    /// Ends the work on the messages of a FIFO batch. `prepared` has for each message what was begun for all of them
    /// together, or why that failed. `act` goes on with it in rounds: the first message of every group, then the second of
    /// every group, and so on; `finish` ends it, once for all of them. Once a message has to be retried, the rest of its
    /// group is reported too and gets the same pause, so that no event overtakes it and none is waited for longer. One that goes to the dead-letter queue holds nothing up:
    /// waiting would only use up the receives of those behind it.
    ///
    /// # Panics
    ///
    /// When `act` does not tell of each message how it went.
    pub async fn in_order<P, D>(
        &self,
        event: &SqsEvent,
        prepared: Vec<Result<P, Failure>>,
        act: impl AsyncFn(Vec<P>) -> Vec<Result<D, Failure>>,
        finish: impl AsyncFn(Vec<D>) -> Vec<Result<(), Failure>>,
    ) -> SqsBatchResponse {
        let mut groups: BTreeMap<&str, Group<'_, P>> = BTreeMap::new();
        for (message, prepared) in event.records.iter().zip(prepared) {
            let group = groups.entry(group_of(message)).or_default();
            group.push_back((message, prepared));
        }
        let mut response = SqsBatchResponse::default();
        let mut done = Vec::new();
        while !groups.is_empty() {
            let (mut round, mut work) = (Vec::new(), Vec::new());
            for (group, messages) in &mut groups {
                if let Some((message, prepared)) = messages.pop_front() {
                    round.push((*group, message, prepared.map(|prepared| work.push(prepared))));
                }
            }
            let mut results = act(work).await.into_iter();
            for (group, message, prepared) in round {
                let result =
                    prepared.and_then(|()| results.next().expect("each message of the round has a result"));
                let failure = match result {
                    Ok(work) => {
                        done.push((message, work));
                        continue;
                    }
                    Err(failure) => failure,
                };
                if let Settled::ComesBack(wait) = self.settle(message, Err(failure)).await {
                    report(&mut response, message);
                    // Those behind it must wait as well: the order within a group is what the queue is for.
                    let behind = groups.remove(group).unwrap_or_default();
                    join_all(
                        behind
                            .iter()
                            .map(|(message, _)| self.come_back_after(wait, message)),
                    )
                    .await;
                    for (message, _) in behind {
                        report(&mut response, message);
                    }
                }
            }
            groups.retain(|_, messages| !messages.is_empty());
        }
        let (messages, work): (Vec<&SqsMessage>, Vec<D>) = done.into_iter().unzip();
        let mut held = BTreeMap::new();
        for (message, result) in messages.into_iter().zip(finish(work).await) {
            let group = group_of(message);
            match held.get(group) {
                Some(wait) => self.come_back_after(*wait, message).await,
                None => match self.settle(message, result).await {
                    Settled::Gone => continue,
                    Settled::ComesBack(wait) => {
                        held.insert(group, wait);
                    }
                },
            }
            report(&mut response, message);
        }
        response
    }

    /// Moves a message that failed for good to the dead-letter queue, and sets when another comes back.
    async fn settle(&self, message: &SqsMessage, result: Result<(), Failure>) -> Settled {
        let Err(failure) = result else {
            return Settled::Gone;
        };
        let receives = receive_count(message);
        let wait = match failure.disposition {
            Disposition::Retry(first) if receives < self.dead_letters.max_receives => {
                waits::backoff(first, receives)
            }
            // Moved by us and not by SQS, which would leave out the reason.
            Disposition::Retry(_) | Disposition::DeadLetter => {
                match self.bury(message, &failure).await {
                    Ok(()) => return Settled::Gone,
                    // The queue moves it there by itself, without the reason, once its receives are used up.
                    Err(error) => tracing::warn!(
                        sqs.message_id = message.message_id,
                        error = %ErrorChain(&error),
                        "could not move a message to the dead-letter queue"
                    ),
                }
                Duration::ZERO
            }
        };
        self.come_back_after(wait, message).await;
        Settled::ComesBack(wait)
    }

    async fn come_back_after(&self, wait: Duration, message: &SqsMessage) {
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

/// Says whether a message is still in the queue after the attempt at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    /// The message is done, or in the dead-letter queue: Lambda deletes it.
    Gone,
    /// The message stays in the queue, is reported as failed, and is handed out again after this pause.
    ComesBack(Duration),
}

fn group_of(message: &SqsMessage) -> &str {
    let group = message.attributes.get("MessageGroupId");
    group.map_or("", String::as_str)
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

/// Logs that a batch was handled, in the one line of an invocation in which all is well: a batch of one with its delivery,
/// a larger one with its size, because the line is paid for by the byte. What is out of the ordinary is logged with its own.
pub fn report_batch(event: &SqsEvent, response: &SqsBatchResponse, done: &'static str) {
    let only = match &event.records[..] {
        [only] => Some(only),
        _ => None,
    };
    let delivery_id = only.and_then(|message| attribute(message, "delivery_id"));
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
    use crate::error::AwsError;

    fn queue() -> SourceQueue {
        use aws_sdk_sqs::config::{BehaviorVersion, Region};
        let config = aws_sdk_sqs::Config::builder().behavior_version(BehaviorVersion::latest());
        let config = config.region(Region::from_static("eu-central-1")).build();
        let dead_letters = DeadLetters {
            url: "https://sqs/dead".to_owned(),
            max_receives: 10,
        };
        SourceQueue::new(
            Client::from_conf(config),
            "https://sqs/queue".to_owned(),
            dead_letters,
        )
    }

    /// Makes messages of these ids and groups, without a receipt, so that nothing is sent to SQS.
    fn batch(messages: &[(Option<&str>, &str)]) -> SqsEvent {
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

    fn failures(response: &SqsBatchResponse) -> Vec<&str> {
        response
            .batch_item_failures
            .iter()
            .map(|failure| failure.item_identifier.as_str())
            .collect()
    }

    /// Fails for the message with this id, or without one.
    fn all_fail_at(failing: Option<&str>) -> impl AsyncFn(&[&SqsMessage]) -> Vec<Result<(), Failure>> {
        async move |messages: &[&SqsMessage]| {
            let results = messages.iter().map(|message| {
                let failure = Failure {
                    disposition: waits::INFRASTRUCTURE,
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

    /// Acts on all messages and finishes them; fails the one of this id at `act`, or at `finish`.
    async fn in_order(
        event: &SqsEvent,
        act: impl AsyncFn(&[&SqsMessage]) -> Vec<Result<(), Failure>>,
        finish: impl AsyncFn(&[&SqsMessage]) -> Vec<Result<(), Failure>>,
    ) -> SqsBatchResponse {
        let messages = |indexes: &[usize]| -> Vec<&SqsMessage> {
            indexes.iter().map(|index| &event.records[*index]).collect()
        };
        let act = async |round: Vec<usize>| {
            let results = act(&messages(&round)).await.into_iter().zip(round);
            results.map(|(result, index)| result.map(|()| index)).collect()
        };
        let finish = async |done: Vec<usize>| finish(&messages(&done)).await;
        let prepared = (0..event.records.len()).map(Ok).collect();
        queue().in_order(event, prepared, act, finish).await
    }

    #[tokio::test]
    async fn a_retry_stops_its_own_message_group() {
        let ids = [
            (Some("1"), "a"),
            (Some("2"), "b"),
            (Some("3"), "a"),
            (Some("4"), "a"),
            (Some("5"), "b"),
        ];
        let event = batch(&ids);
        for (act, finish) in [(Some("3"), Some("no")), (Some("no"), Some("3"))] {
            let response = in_order(&event, all_fail_at(act), all_fail_at(finish)).await;
            assert_eq!(failures(&response), ["3", "4"]);
        }
        let response = queue().together(&event, all_fail_at(Some("3"))).await;
        assert_eq!(failures(&response), ["3"], "a standard queue has no groups");
    }

    #[tokio::test]
    async fn a_message_that_failed_before_its_round_stops_its_group_there() {
        let event = batch(&[(Some("1"), "a"), (Some("2"), "a"), (Some("3"), "a")]);
        let failure = Failure::new(waits::INFRASTRUCTURE, &AwsError::entries("GetItem", "throttled"));
        let acted = std::cell::RefCell::new(0);
        let count = async |round: Vec<()>| {
            *acted.borrow_mut() += round.len();
            round.into_iter().map(Ok).collect()
        };
        let finish = async |done: Vec<()>| done.into_iter().map(Ok).collect();
        let response = queue()
            .in_order(&event, vec![Ok(()), Err(failure), Ok(())], count, finish)
            .await;
        assert_eq!((failures(&response), acted.into_inner()), (vec!["2", "3"], 1));
    }

    #[tokio::test]
    async fn a_round_has_one_message_of_each_group_in_their_order_and_the_end_has_all() {
        let ids = [
            (Some("1"), "a"),
            (Some("2"), "b"),
            (Some("3"), "a"),
            (Some("4"), "a"),
        ];
        let rounds = std::cell::RefCell::new(Vec::new());
        let record = async |round: &[&SqsMessage]| {
            let ids = round.iter().filter_map(|message| message.message_id.clone());
            rounds.borrow_mut().push(ids.collect::<Vec<_>>().join("+"));
            round.iter().map(|_| Ok(())).collect()
        };
        in_order(&batch(&ids), record, record).await;
        assert_eq!(rounds.into_inner(), ["1+2", "3", "4", "1+2+3+4"]);
    }

    #[tokio::test]
    async fn a_failed_message_without_an_id_brings_the_whole_batch_back() {
        let event = batch(&[(Some("1"), "a"), (None, "b")]);
        let response = queue().together(&event, all_fail_at(None)).await;
        assert_eq!(failures(&response), [""]);
    }
}
