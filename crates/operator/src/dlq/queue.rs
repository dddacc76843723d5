//! A dead-letter queue, and the queue that its messages come from.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_sqs::Client;
use pipeline::envelope::string_attribute;
use pipeline::error::AwsError;
use pipeline::queues::dead_letters::{BATCH, DeadLetters, again, delivery_again};
use pipeline::queues::domains::DISPATCH;
use serde::Serialize;
use upvest::Domain;
use upvest::effects::Dispatch;

use super::message::Message;
use crate::error::Result;
use crate::stack::{Queue, Stack, queue_depth};

/// Says how long a message that was received stays out of sight, unless it is given back: longer than a batch takes at
/// the slowest rate; and shorter than the five minutes for which a queue remembers deduplication ids, so that a command
/// that was killed between sending a message and deleting it can be run again before the queue forgets.
pub(crate) const OUT_OF_SIGHT: Duration = Duration::from_secs(120);

/// Reads a dead-letter queue, and knows the queue that its messages go back to.
#[derive(Debug)]
pub(crate) struct DeadLetterQueue {
    client: Client,
    /// Names the queue whose messages come here.
    pub(crate) queue: Queue,
    letters: DeadLetters,
    url: String,
    home_url: String,
    /// Gives the queue of each domain, for events: one may belong to another domain now than when it came here.
    domains: HashMap<Domain, String>,
}

/// Counts the messages in the dead-letter queue of one queue, as SQS estimates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct QueueCounts {
    /// Names the queue that they came from.
    pub queue: Queue,
    /// Counts the messages that can be received at once.
    pub waiting: usize,
    /// Tells how many somebody has received, and not deleted or given back.
    pub in_flight: usize,
}

impl DeadLetterQueue {
    /// Opens those of these queues, or of all. The queue of key requests is there only where the stack manages the
    /// subscription.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when the stack does not name one.
    pub(crate) fn of(stack: &Stack, queues: &[Queue]) -> Result<Vec<Self>> {
        let client = stack.sqs();
        let domains = Domain::ALL.into_iter();
        let domains: HashMap<Domain, String> = domains
            .filter_map(|domain| Some((domain, stack.queue_url(Queue::Domain(domain)).ok()?)))
            .collect();
        let open = |queue| {
            let url = stack.dead_letter_queue_url(queue)?;
            Ok(Self {
                letters: DeadLetters::new(client.clone(), url.clone()),
                client: client.clone(),
                queue,
                url,
                home_url: stack.queue_url(queue)?,
                domains: domains.clone(),
            })
        };
        if queues.is_empty() {
            return stack.queues().map(open).collect();
        }
        let queues: BTreeSet<Queue> = queues.iter().copied().collect();
        queues.into_iter().map(open).collect()
    }

    /// Asks SQS how many messages it has, which is an estimate.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when SQS does not say.
    pub(crate) async fn counts(&self) -> Result<QueueCounts, AwsError> {
        let depth = queue_depth(&self.client, &self.url).await?;
        Ok(QueueCounts {
            queue: self.queue,
            waiting: depth.visible,
            in_flight: depth.in_flight,
        })
    }

    /// Receives up to `most` messages; none when there is nothing to be had.
    ///
    /// # Errors
    ///
    /// [`AwsError`]; messages may be out of sight all the same, for [`OUT_OF_SIGHT`].
    pub(crate) async fn receive(&self, most: i32) -> Result<Vec<Message>, AwsError> {
        let messages = self.letters.receive(most, OUT_OF_SIGHT).await?.into_iter();
        Ok(messages.map(|message| Message::of(self.queue, message)).collect())
    }

    /// Lets a message be seen again.
    ///
    /// # Errors
    ///
    /// [`AwsError`]; it is then seen again after [`OUT_OF_SIGHT`].
    pub(crate) async fn give_back(&self, message: &Message) -> Result<(), AwsError> {
        self.letters.give_back(&message.receipt_handle).await
    }

    /// Sends a message to the queue that it came from, or an event to that of the domain which takes it by now; gives the id of
    /// the new message. It is as it was but for the reason, and that an event is marked as one that was sent before. What it
    /// took along to resume its effects by stays.
    ///
    /// The deduplication id is made of the message's id: it gets past the queue's memory of the event's id, and when the
    /// same message is sent twice, because it could not be deleted after the first time, the queue drops the second.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be there.
    pub(crate) async fn send_home(&self, message: &Message) -> Result<Option<String>, AwsError> {
        let had = message.attributes.clone();
        let mut attributes = match self.queue {
            Queue::Deliveries => delivery_again(had),
            Queue::Domain(_) | Queue::KeyRequests => again(had),
        };
        // SQS moves a message as it is, so that one that crashed its function still says that it is the first. A replay
        // stays one: it has no effects, whoever sends it.
        if matches!(self.queue, Queue::Domain(_)) && message.dispatch() != Some(Dispatch::Replay) {
            attributes.extend([string_attribute((DISPATCH, Dispatch::Again.name().to_owned()))]);
        }
        let group = message.group.as_ref();
        let request = self.client.send_message().queue_url(self.home_of(message));
        let sent = request
            .message_body(&message.body)
            .set_message_attributes(Some(attributes).filter(|attributes| !attributes.is_empty()))
            .set_message_group_id(group.cloned())
            // Only with a group: a standard queue refuses a deduplication id.
            .set_message_deduplication_id(group.map(|_| format!("redrive-{}", message.about.message_id)))
            .send()
            .await
            .map_err(AwsError::of("SendMessage to the queue of a dead letter"))?;
        Ok(sent.message_id)
    }

    fn home_of(&self, message: &Message) -> &str {
        let event_type = message.about.r#type.as_deref();
        let domain = event_type.map(|event_type| upvest::category::of(event_type).domain);
        let own = domain.and_then(|domain| self.domains.get(&domain));
        own.unwrap_or(&self.home_url)
    }

    /// Deletes a message that was received and not given back since.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be gone.
    pub(crate) async fn delete(&self, message: &Message) -> Result<(), AwsError> {
        let request = self.client.delete_message().queue_url(&self.url);
        let deleted = request.receipt_handle(&message.receipt_handle).send().await;
        deleted.map_err(AwsError::of("DeleteMessage of a dead-letter queue"))?;
        Ok(())
    }
}

/// Counts how many messages are sent back or given up at this rate, by the second, well before the first is seen again: a FIFO queue
/// deletes nothing by the receipt of a message that can be seen again.
pub(super) fn batch_at(rate: f64) -> i32 {
    let in_time = rate * OUT_OF_SIGHT.as_secs_f64() / 2.0;
    let fits = |most: &i32| f64::from(*most) <= in_time;
    (1..=BATCH).rev().find(fits).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_dealt_with_well_before_its_messages_are_seen_again() {
        for (rate, most) in [(0.01, 1), (0.05, 3), (0.1, 6), (0.2, 10), (50.0, 10)] {
            assert_eq!(batch_at(rate), most, "{rate}");
            assert!(f64::from(most) / rate < OUT_OF_SIGHT.as_secs_f64());
        }
    }
}
