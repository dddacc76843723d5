//! The part of Lambda that stands between a queue and a function: receives batches, invokes, settles.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_lambda_events::encodings::Base64Data;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage, SqsMessageAttribute};

use crate::addresses::{REGION, queue_arn};
use crate::{Aws, QueuedMessage};

/// Bounds the bytes that Lambda hands to an invocation (its synchronous payload limit).
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// Polls one queue for one function, with `ReportBatchItemFailures` on.
#[derive(Clone, Debug)]
pub struct EventSource {
    queue: String,
    function: String,
    batch_size: usize,
}

/// Says how Lambda settled a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The function answered; what it did not report as failed is deleted.
    Partial {
        /// Lists the ids of the messages that were deleted.
        deleted: Vec<String>,
        /// Lists the ids of the messages that come back after the visibility timeout.
        kept: Vec<String>,
    },
    /// The function answered with an item identifier that is empty or not of this batch: nothing is deleted.
    UnknownIdentifier,
    /// The function failed as a whole: nothing is deleted.
    Failed(String),
    /// A fault killed the invocation: nothing is deleted.
    Crashed,
}

/// Holds messages received together, for one invocation.
#[derive(Clone, Debug)]
pub struct Batch {
    queue: String,
    function: String,
    messages: Vec<QueuedMessage>,
}

impl EventSource {
    /// Polls `queue` for `function` in batches of up to 10.
    pub fn new(queue: impl Into<String>, function: impl Into<String>) -> Self {
        Self {
            queue: queue.into(),
            function: function.into(),
            batch_size: 10,
        }
    }

    /// Polls in batches of up to `batch_size`.
    pub fn batch_size(self, batch_size: usize) -> Self {
        Self { batch_size, ..self }
    }

    /// Names the queue that is polled.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Receives the next batch; `None` if nothing is visible.
    pub fn receive(&self, aws: &Aws) -> Option<Batch> {
        let messages = aws.receive(&self.queue, self.batch_size, MAX_EVENT_BYTES);
        let (queue, function) = (self.queue.clone(), self.function.clone());
        (!messages.is_empty()).then_some(Batch {
            queue,
            function,
            messages,
        })
    }

    /// Receives a batch, invokes the function with it and settles; `None` if nothing is visible.
    pub async fn deliver<E: std::fmt::Debug>(
        &self,
        aws: &Aws,
        handle: impl AsyncFn(SqsEvent) -> Result<SqsBatchResponse, E>,
    ) -> Option<Settlement> {
        Some(self.receive(aws)?.run(aws, handle).await)
    }

    /// Has two invocations work on the same messages at the same time: the visibility timeout ends while the first is
    /// still running. `None` if nothing is visible. The second is `None` if its receive found nothing, as when the
    /// messages went to the dead-letter queue.
    pub async fn deliver_to_twins<E: std::fmt::Debug>(
        &self,
        aws: &Aws,
        handle: impl AsyncFn(SqsEvent) -> Result<SqsBatchResponse, E>,
    ) -> Option<(Settlement, Option<Settlement>)> {
        let first = self.receive(aws)?;
        aws.clock()
            .advance(aws.visibility_timeout(&self.queue) + Duration::from_secs(1));
        let second = self.receive(aws);
        let twin = async {
            match &second {
                Some(batch) => Some(batch.run(aws, &handle).await),
                None => None,
            }
        };
        Some(tokio::join!(biased; first.run(aws, &handle), twin))
    }
}

impl Batch {
    /// Lists the ids of its messages, in the order in which they were received.
    pub fn message_ids(&self) -> Vec<String> {
        self.messages.iter().map(|message| message.id.clone()).collect()
    }

    /// Writes the batch as the event that the function receives.
    pub fn event(&self) -> SqsEvent {
        let mut event = SqsEvent::default();
        event.records = self
            .messages
            .iter()
            .map(|message| record(&self.queue, message))
            .collect();
        event
    }

    /// Invokes the function with the batch and settles it as Lambda does.
    pub async fn run<E: std::fmt::Debug>(
        &self,
        aws: &Aws,
        handle: impl AsyncFn(SqsEvent) -> Result<SqsBatchResponse, E>,
    ) -> Settlement {
        match aws.invoke(&self.function, handle(self.event())).await {
            Err(_) => Settlement::Crashed,
            Ok(Err(error)) => Settlement::Failed(format!("{error:?}")),
            Ok(Ok(response)) => self.settle(aws, &response),
        }
    }

    fn settle(&self, aws: &Aws, response: &SqsBatchResponse) -> Settlement {
        let known: BTreeSet<&str> = self.messages.iter().map(|message| message.id.as_str()).collect();
        let failed: BTreeSet<&str> = response
            .batch_item_failures
            .iter()
            .map(|failure| failure.item_identifier.as_str())
            .collect();
        if !failed.is_subset(&known) {
            return Settlement::UnknownIdentifier;
        }
        let (kept, done): (Vec<_>, Vec<_>) = self
            .messages
            .iter()
            .partition(|message| failed.contains(message.id.as_str()));
        for message in &done {
            aws.delete(&self.queue, &message.receipt_handle());
        }
        let ids =
            |messages: Vec<&QueuedMessage>| messages.into_iter().map(|message| message.id.clone()).collect();
        Settlement::Partial {
            deleted: ids(done),
            kept: ids(kept),
        }
    }
}

fn record(queue: &str, message: &QueuedMessage) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = Some(message.id.clone());
    record.receipt_handle = Some(message.receipt_handle());
    record.body = Some(message.body.clone());
    record.md5_of_body = Some(message.md5_of_body());
    record.md5_of_message_attributes = message.md5_of_attributes();
    record.attributes = message.system_attributes().into_iter().collect();
    record.message_attributes = attributes(message);
    record.event_source_arn = Some(queue_arn(queue));
    record.event_source = Some("aws:sqs".to_owned());
    record.aws_region = Some(REGION.to_owned());
    record
}

fn attributes(message: &QueuedMessage) -> HashMap<String, SqsMessageAttribute> {
    let converted = message.attributes.iter().map(|(name, attribute)| {
        let mut converted = SqsMessageAttribute::default();
        converted.string_value = attribute.string_value.clone();
        converted.binary_value = attribute.bytes().map(|bytes| {
            let mut data = Base64Data::default();
            *data = bytes;
            data
        });
        converted.data_type = Some(attribute.data_type.clone());
        (name.clone(), converted)
    });
    converted.collect()
}
