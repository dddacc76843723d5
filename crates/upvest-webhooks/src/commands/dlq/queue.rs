//! A dead-letter queue, and the queue that its messages come from.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use pipeline::error::AwsError;
use pipeline::queues::consumer::REASON;
use serde::Serialize;
use upvest::Domain;

use super::letter::Letter;
use crate::stack::{Queue, Stack, StackError};

/// How long a letter that was received stays out of sight, unless it is given back: longer than a batch takes at the
/// slowest rate; and shorter than the five minutes for which a queue remembers deduplication ids, so that a command that
/// was killed between sending a letter and deleting it can be run again before the queue forgets.
pub(crate) const OUT_OF_SIGHT: Duration = Duration::from_secs(120);
/// The most messages of one receive.
pub(crate) const BATCH: i32 = 10;
/// A receive that waits asks all servers of a queue: its empty answer means that there is nothing.
const WAIT_SECONDS: i32 = 1;

/// A queue as it is named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct QueueName(pub(crate) Queue);

/// A dead-letter queue.
#[derive(Debug)]
pub(crate) struct DeadLetterQueue {
    client: Client,
    /// The queue whose messages come here.
    pub(crate) queue: Queue,
    url: String,
    home_url: String,
}

/// How many letters there are, as SQS estimates it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// That can be received.
    pub(crate) waiting: usize,
    /// That somebody has received, and not deleted or given back.
    pub(crate) in_flight: usize,
}

impl QueueName {
    /// The queues that a stack may have.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let domains = Domain::ALL.into_iter().map(Queue::Domain);
        [Queue::Deliveries, Queue::KeyRequests]
            .into_iter()
            .chain(domains)
            .map(Self)
    }

    /// Its name: `corporate-actions`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self.0 {
            Queue::Deliveries => "deliveries",
            Queue::KeyRequests => "key-requests",
            Queue::Domain(domain) => domain.name(),
        }
    }
}

impl FromStr for QueueName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::all().find(|queue| queue.as_str() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::all().map(Self::as_str).collect();
            format!("the queues are: {}", names.join(", "))
        })
    }
}

impl Serialize for QueueName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl DeadLetterQueue {
    /// Those of a stack with these names, or all of them. The queue of key requests is there only where the stack
    /// manages the subscription.
    ///
    /// # Errors
    ///
    /// [`StackError`] when the stack does not name one.
    pub(crate) fn of(stack: &Stack, names: &[QueueName]) -> Result<Vec<Self>, StackError> {
        let client = Client::new(stack.config());
        let open = |QueueName(queue)| {
            Ok(Self {
                client: client.clone(),
                queue,
                url: stack.dead_letter_queue_url(queue)?,
                home_url: stack.queue_url(queue)?,
            })
        };
        if !names.is_empty() {
            let mut names = names.to_vec();
            names.sort();
            names.dedup();
            return names.into_iter().map(open).collect();
        }
        let there =
            |name: &QueueName| name.0 != Queue::KeyRequests || stack.dead_letter_queue_url(name.0).is_ok();
        QueueName::all().filter(there).map(open).collect()
    }

    /// The name of the queue whose messages come here.
    pub(crate) fn name(&self) -> QueueName {
        QueueName(self.queue)
    }

    /// How many letters there are.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when SQS does not say.
    pub(crate) async fn counts(&self) -> Result<Counts, AwsError> {
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = request
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            .send()
            .await
            .map_err(AwsError::of("GetQueueAttributes of a dead-letter queue"))?;
        let attributes = answer.attributes.unwrap_or_default();
        let count = |name| attributes.get(&name).and_then(|count| count.parse().ok());
        Ok(Counts {
            waiting: count(QueueAttributeName::ApproximateNumberOfMessages).unwrap_or_default(),
            in_flight: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible).unwrap_or_default(),
        })
    }

    /// Receives up to `most` letters; none when there is nothing to be had.
    ///
    /// # Errors
    ///
    /// [`AwsError`]; letters may be out of sight all the same, for [`OUT_OF_SIGHT`].
    pub(crate) async fn receive(&self, most: i32) -> Result<Vec<Letter>, AwsError> {
        let request = self.client.receive_message().queue_url(&self.url);
        let answer = request
            .max_number_of_messages(most)
            .visibility_timeout(seconds(OUT_OF_SIGHT))
            .wait_time_seconds(WAIT_SECONDS)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(AwsError::of("ReceiveMessage of a dead-letter queue"))?;
        let messages = answer.messages.unwrap_or_default().into_iter();
        Ok(messages.map(|message| Letter::of(self.queue, message)).collect())
    }

    /// Lets a letter be seen again.
    ///
    /// # Errors
    ///
    /// [`AwsError`]; it is then seen again after [`OUT_OF_SIGHT`].
    pub(crate) async fn give_back(&self, letter: &Letter) -> Result<(), AwsError> {
        let request = self.client.change_message_visibility().queue_url(&self.url);
        let request = request
            .receipt_handle(&letter.receipt_handle)
            .visibility_timeout(0);
        let given = request.send().await;
        given.map_err(AwsError::of("ChangeMessageVisibility of a dead-letter queue"))?;
        Ok(())
    }

    /// Sends a letter to the queue that it came from, as it was but for the reason; gives the id of the new message.
    ///
    /// The deduplication id is made of the letter's id: it gets past the queue's memory of the event's id, and when the
    /// same letter is sent twice, because it could not be deleted after the first time, the queue drops the second.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be there.
    pub(crate) async fn send_home(&self, letter: &Letter) -> Result<Option<String>, AwsError> {
        let attributes = letter.attributes.iter().filter(|(name, _)| *name != REASON);
        let attributes: HashMap<_, _> = attributes
            .map(|(name, attribute)| (name.clone(), attribute.clone()))
            .collect();
        let group = letter.group.as_ref();
        let request = self.client.send_message().queue_url(&self.home_url);
        let sent = request
            .message_body(&letter.body)
            .set_message_attributes(Some(attributes).filter(|attributes| !attributes.is_empty()))
            .set_message_group_id(group.cloned())
            .set_message_deduplication_id(group.map(|_| format!("redrive-{}", letter.message_id)))
            .send()
            .await
            .map_err(AwsError::of("SendMessage to the queue of a dead letter"))?;
        Ok(sent.message_id)
    }

    /// Deletes a letter.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be gone.
    pub(crate) async fn delete(&self, letter: &Letter) -> Result<(), AwsError> {
        let request = self.client.delete_message().queue_url(&self.url);
        let deleted = request.receipt_handle(&letter.receipt_handle).send().await;
        deleted.map_err(AwsError::of("DeleteMessage of a dead-letter queue"))?;
        Ok(())
    }
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_is_found_by_its_name() {
        for name in QueueName::all() {
            assert_eq!(name.as_str().parse(), Ok(name));
        }
        let error = "order".parse::<QueueName>().unwrap_err();
        assert!(error.contains("deliveries, key-requests, users"), "{error}");
    }
}
