//! Partial batch responses: each message of a batch succeeds or fails on its own.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};

use crate::error::{Disposition, ErrorChain};

/// The longest wait before a retry.
const MAX_BACKOFF: Duration = Duration::from_secs(900);
/// How many messages of a batch from a standard queue are worked on at a time.
const CONCURRENCY: usize = 10;

/// The receiving end of a queue that Lambda polls for us.
#[derive(Debug, Clone)]
pub struct SourceQueue {
    client: Client,
    url: String,
}

impl SourceQueue {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Works on all messages of a batch at a time, each on its own.
    pub async fn each(
        &self,
        event: &SqsEvent,
        process: impl AsyncFn(&SqsMessage) -> Disposition,
    ) -> SqsBatchResponse {
        let process = &process;
        let work = event
            .records
            .iter()
            .map(|message| async move { (message, process(message).await) });
        let done: Vec<_> = stream::iter(work).buffered(CONCURRENCY).collect().await;
        let mut response = SqsBatchResponse::default();
        for (message, disposition) in done {
            if self.settle(message, disposition).await {
                report(&mut response, message);
            }
        }
        response
    }

    /// Works on the messages of a FIFO batch in rounds: the first of every group, then the second of every group, and so
    /// on; `process` is given a round at a time. Once a message has to be retried, the rest of its group is reported
    /// too, untouched, so that no event overtakes it. One that never will succeed holds nothing up: waiting would only
    /// use up the receives of those behind it.
    pub async fn in_order(
        &self,
        event: &SqsEvent,
        process: impl AsyncFn(&[&SqsMessage]) -> Vec<Disposition>,
    ) -> SqsBatchResponse {
        let mut groups: BTreeMap<&str, VecDeque<&SqsMessage>> = BTreeMap::new();
        for message in &event.records {
            let group = message
                .attributes
                .get("MessageGroupId")
                .map_or("", String::as_str);
            groups.entry(group).or_default().push_back(message);
        }
        let mut response = SqsBatchResponse::default();
        while !groups.is_empty() {
            let round = groups
                .iter_mut()
                .filter_map(|(group, messages)| Some((*group, messages.pop_front()?)));
            let (names, messages): (Vec<&str>, Vec<&SqsMessage>) = round.unzip();
            let dispositions = process(&messages).await;
            let settled = messages.iter().zip(&dispositions);
            join_all(settled.map(|(message, disposition)| self.settle(message, *disposition))).await;
            for ((group, message), disposition) in names.into_iter().zip(messages).zip(dispositions) {
                if disposition == Disposition::Acknowledge {
                    continue;
                }
                report(&mut response, message);
                if let Disposition::Retry(_) = disposition {
                    let rest = groups.remove(group).unwrap_or_default();
                    rest.into_iter()
                        .for_each(|message| report(&mut response, message));
                }
            }
            groups.retain(|_, messages| !messages.is_empty());
        }
        response
    }

    /// Sets when a message that is not done comes back; tells whether it is to be reported as failed.
    async fn settle(&self, message: &SqsMessage, disposition: Disposition) -> bool {
        let wait = match disposition {
            Disposition::Acknowledge => return false,
            Disposition::Retry(first) => backoff(first, receive_count(message)),
            Disposition::DeadLetter => Duration::ZERO,
        };
        let Some(receipt) = &message.receipt_handle else {
            return true;
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
        true
    }
}

/// Reports a message as failed. A message without an id is reported as the empty id, on which Lambda retries the whole
/// batch: better twice than lost.
fn report(response: &mut SqsBatchResponse, message: &SqsMessage) {
    response.add_failure(message.message_id.as_deref().unwrap_or_default());
}

/// How often the message was received, this time included.
pub(crate) fn receive_count(message: &SqsMessage) -> u32 {
    let count = message.attributes.get("ApproximateReceiveCount");
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

fn backoff(first: Duration, receive_count: u32) -> Duration {
    let doubled = receive_count.saturating_sub(1).min(16);
    first.saturating_mul(1 << doubled).min(MAX_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> SourceQueue {
        use aws_sdk_sqs::config::{BehaviorVersion, Region};
        let config = aws_sdk_sqs::Config::builder().behavior_version(BehaviorVersion::latest());
        let config = config.region(Region::from_static("eu-central-1")).build();
        SourceQueue::new(Client::from_conf(config), "https://sqs/queue".to_owned())
    }

    /// Messages of these ids and groups, without a receipt, so that nothing is sent to SQS.
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

    fn fails(message: &SqsMessage, failing: &str, how: Disposition) -> Disposition {
        let fails = message.message_id.as_deref() == Some(failing);
        if fails { how } else { Disposition::Acknowledge }
    }

    fn fail_on(failing: &str, how: Disposition) -> impl AsyncFn(&[&SqsMessage]) -> Vec<Disposition> {
        async move |round: &[&SqsMessage]| round.iter().map(|message| fails(message, failing, how)).collect()
    }

    #[tokio::test]
    async fn a_retry_stops_its_own_message_group_and_a_hopeless_message_stops_nothing() {
        let ids = [
            (Some("1"), "a"),
            (Some("2"), "b"),
            (Some("3"), "a"),
            (Some("4"), "a"),
            (Some("5"), "b"),
        ];
        let event = batch(&ids);
        let response = queue().in_order(&event, fail_on("3", crate::error::RETRY)).await;
        assert_eq!(failures(&response), ["3", "4"]);
        let response = queue()
            .in_order(&event, fail_on("3", Disposition::DeadLetter))
            .await;
        assert_eq!(failures(&response), ["3"]);
        let one = async |message: &SqsMessage| fails(message, "3", crate::error::RETRY);
        let response = queue().each(&event, one).await;
        assert_eq!(failures(&response), ["3"], "a standard queue has no groups");
    }

    #[tokio::test]
    async fn a_round_has_one_message_of_each_group_in_their_order() {
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
            vec![Disposition::Acknowledge; round.len()]
        };
        queue().in_order(&batch(&ids), record).await;
        assert_eq!(rounds.into_inner(), ["1+2", "3", "4"]);
    }

    #[tokio::test]
    async fn a_failed_message_without_an_id_brings_the_whole_batch_back() {
        let event = batch(&[(Some("1"), "a"), (None, "b")]);
        let response = queue()
            .each(&event, async |_: &SqsMessage| Disposition::DeadLetter)
            .await;
        assert_eq!(failures(&response), ["1", ""]);
    }

    #[test]
    fn each_retry_waits_twice_as_long_up_to_a_quarter_of_an_hour() {
        let first = Duration::from_secs(2);
        let waits: Vec<u64> = [0, 1, 2, 3, 9, 10, u32::MAX]
            .map(|count| backoff(first, count).as_secs())
            .to_vec();
        assert_eq!(waits, [2, 2, 4, 8, 512, 900, 900]);
    }
}
