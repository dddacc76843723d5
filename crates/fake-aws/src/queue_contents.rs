//! What a queue is created with, and what lies in it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::addresses::{SENDER_ROLE_ID, queue_arn};
use crate::message::{MAX_BYTES, MessageAttribute};

/// Bounds the messages in flight in one queue (SQS's quota).
const MAX_IN_FLIGHT: usize = 120_000;

/// Holds what a queue is created with. A name that ends in `.fifo` makes it a FIFO queue.
#[derive(Clone, Debug)]
pub struct QueueSettings {
    /// Names the queue; a name that ends in `.fifo` makes it a FIFO queue.
    pub name: String,
    /// Says how long a received message stays invisible.
    pub visibility_timeout: Duration,
    /// Says how long a message is kept.
    pub retention: Duration,
    /// Names the dead-letter queue, and how often a message is handed out before it goes there.
    pub redrive: Option<(String, u32)>,
    /// Tells whether a FIFO queue looks for duplicates within a message group only (`DeduplicationScope`).
    pub deduplicates_per_group: bool,
    /// Tells whether a FIFO queue takes the body's digest for a missing deduplication id.
    pub deduplicates_by_content: bool,
    /// Tells whether its messages are encrypted at rest.
    pub is_encrypted: bool,
    /// Bounds how many messages can be in flight; SQS hands out no more until some are deleted or visible again.
    pub max_in_flight: usize,
    /// Gives the largest message that it says to take, in bytes; what is sent is held against SQS's own limit.
    pub max_bytes: usize,
}

impl QueueSettings {
    /// Describes a queue that hides a message for 30 seconds, keeps it for 14 days and has no dead-letter queue.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            visibility_timeout: Duration::from_secs(30),
            retention: Duration::from_secs(14 * 24 * 3600),
            redrive: None,
            deduplicates_per_group: false,
            deduplicates_by_content: false,
            is_encrypted: true,
            max_in_flight: MAX_IN_FLIGHT,
            max_bytes: MAX_BYTES,
        }
    }

    /// Sends a message to `dead_letter_queue` after it was handed out `max_receive_count` times.
    pub fn redrive_to(self, dead_letter_queue: impl Into<String>, max_receive_count: u32) -> Self {
        Self {
            redrive: Some((dead_letter_queue.into(), max_receive_count)),
            ..self
        }
    }

    /// Hides a received message for this long.
    pub fn visibility_timeout(self, visibility_timeout: Duration) -> Self {
        Self {
            visibility_timeout,
            ..self
        }
    }

    pub(crate) fn is_fifo(&self) -> bool {
        self.name.ends_with(".fifo")
    }
}

/// Holds a message that lies in a queue, in flight or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedMessage {
    /// Gives the message id, as the sender was told.
    pub id: String,
    /// Holds the body, as it was sent.
    pub body: String,
    /// Holds the message attributes by name.
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// Gives the value of the system attribute `AWSTraceHeader`, if sent.
    pub trace_header: Option<String>,
    /// Names the message group, in a FIFO queue.
    pub group: Option<String>,
    /// Gives the deduplication id, in a FIFO queue.
    pub deduplication_id: Option<String>,
    /// Gives the sequence number, in a FIFO queue.
    pub sequence_number: Option<u128>,
    /// Tells when it was sent, in milliseconds since the epoch.
    pub sent_ms: u64,
    /// Tells when it was handed out first, in milliseconds since the epoch.
    pub first_received_ms: Option<u64>,
    /// Says how often it was handed out from this queue.
    pub receive_count: u32,
    /// Tells when it can be received again, in milliseconds since the epoch.
    pub visible_at_ms: u64,
    /// Names the queue that it came from, in a dead-letter queue.
    pub dead_letter_source: Option<String>,
}

impl QueuedMessage {
    /// Returns the receipt handle of its last receive: the one that can still delete it.
    pub fn receipt_handle(&self) -> String {
        format!("{}#{}", self.id, self.receive_count)
    }

    pub(crate) fn md5_of_body(&self) -> String {
        crate::message::md5_of_body(&self.body)
    }

    pub(crate) fn md5_of_attributes(&self) -> Option<String> {
        crate::message::md5_of_attributes(&self.attributes)
    }

    /// Lists the system attributes that a receiver can ask for, and that Lambda puts into `attributes` of a record.
    pub(crate) fn system_attributes(&self) -> BTreeMap<String, String> {
        let first_received = self.first_received_ms.map(|ms| ms.to_string());
        let optional = [
            ("ApproximateFirstReceiveTimestamp", first_received),
            ("AWSTraceHeader", self.trace_header.clone()),
            (
                "DeadLetterQueueSourceArn",
                self.dead_letter_source.as_deref().map(queue_arn),
            ),
            ("MessageDeduplicationId", self.deduplication_id.clone()),
            ("MessageGroupId", self.group.clone()),
            (
                "SequenceNumber",
                self.sequence_number.map(|number| number.to_string()),
            ),
        ];
        let certain = [
            ("ApproximateReceiveCount", self.receive_count.to_string()),
            ("SenderId", format!("{SENDER_ROLE_ID}:fake-aws")),
            ("SentTimestamp", self.sent_ms.to_string()),
        ];
        let optional = optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        optional
            .chain(certain)
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// Counts a receive and hides the message.
    pub(crate) fn hand_out(&mut self, now_ms: u64, visibility_ms: u64) {
        self.receive_count += 1;
        self.first_received_ms.get_or_insert(now_ms);
        self.visible_at_ms = now_ms + visibility_ms;
    }

    /// Tells whether it was handed out and is still invisible.
    pub(crate) fn is_in_flight(&self, now_ms: u64) -> bool {
        // One that is delayed cannot be seen either, and nobody has it.
        self.receive_count > 0 && self.visible_at_ms > now_ms
    }
}

/// Holds what the sender of a message is told.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) id: String,
    pub(crate) sequence_number: Option<u128>,
}
