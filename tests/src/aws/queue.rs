//! One SQS queue, standard or FIFO.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::message::{MessageAttribute, SqsError, Submission, invalid};
use super::rng::Rng;

const DEDUPLICATION_WINDOW_MS: u64 = 5 * 60 * 1000;

/// What a queue is created with. A name that ends in `.fifo` makes it a FIFO queue.
#[derive(Clone, Debug)]
pub struct QueueSettings {
    /// The name of the queue.
    pub name: String,
    /// How long a received message stays invisible.
    pub visibility_timeout: Duration,
    /// How long a message is kept.
    pub retention: Duration,
    /// The dead-letter queue, and how often a message is handed out before it goes there.
    pub redrive: Option<(String, u32)>,
    /// Whether a FIFO queue looks for duplicates within a message group only (`DeduplicationScope`).
    pub deduplicates_per_group: bool,
    /// Whether a FIFO queue takes the body's digest for a missing deduplication id.
    pub deduplicates_by_content: bool,
}

impl QueueSettings {
    /// A queue that hides a message for 30 seconds, keeps it for 14 days and has no dead-letter queue.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            visibility_timeout: Duration::from_secs(30),
            retention: Duration::from_secs(14 * 24 * 3600),
            redrive: None,
            deduplicates_per_group: false,
            deduplicates_by_content: false,
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

/// A message in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedMessage {
    /// The message id, as the sender was told.
    pub id: String,
    /// The body.
    pub body: String,
    /// The message attributes by name.
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// The value of the system attribute `AWSTraceHeader`, if sent.
    pub trace_header: Option<String>,
    /// The message group.
    pub group: Option<String>,
    /// The deduplication id, in a FIFO queue.
    pub deduplication_id: Option<String>,
    /// The sequence number, in a FIFO queue.
    pub sequence_number: Option<u128>,
    /// When it was sent, in milliseconds since the epoch.
    pub sent_ms: u64,
    /// When it was handed out first, in milliseconds since the epoch.
    pub first_received_ms: Option<u64>,
    /// How often it was handed out from this queue.
    pub receive_count: u32,
    /// When it can be received again, in milliseconds since the epoch.
    pub visible_at_ms: u64,
    /// The queue it came from, in a dead-letter queue.
    pub dead_letter_source: Option<String>,
}

impl QueuedMessage {
    /// The receipt handle of its last receive.
    pub fn receipt_handle(&self) -> String {
        format!("{}#{}", self.id, self.receive_count)
    }

    pub(crate) fn md5_of_body(&self) -> String {
        super::message::md5_of_body(&self.body)
    }

    pub(crate) fn md5_of_attributes(&self) -> Option<String> {
        super::message::md5_of_attributes(&self.attributes)
    }

    pub(crate) fn system_attributes(&self) -> BTreeMap<String, String> {
        super::sqs::system_attributes(self)
    }

    fn is_in_flight(&self, now_ms: u64) -> bool {
        self.receive_count > 0 && self.visible_at_ms > now_ms
    }
}

/// How a standard queue misbehaves, as SQS may at any time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Misbehaviour {
    pub(crate) duplicate_delivery: u32,
    pub(crate) reorder: u32,
}

/// What a receive asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receive {
    pub(crate) max_messages: usize,
    pub(crate) max_bytes: usize,
    pub(crate) visibility_ms: Option<u64>,
}

/// What the sender of a message is told.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) id: String,
    pub(crate) sequence_number: Option<u128>,
}

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) settings: QueueSettings,
    pub(crate) messages: Vec<QueuedMessage>,
    /// Group (or none, if the queue is the scope) and deduplication id, with the end of the window.
    window: BTreeMap<(Option<String>, String), (u64, Accepted)>,
    last_sequence_number: u128,
    /// Messages in flight of which a standard queue will hand out a second copy.
    second_copies: BTreeSet<String>,
}

impl Queue {
    pub(crate) fn new(settings: QueueSettings) -> Self {
        // Sequence numbers have 20 digits and start here in AWS, too.
        let last_sequence_number = 18_849_496_460_467_696_128;
        let (messages, window, second_copies) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        Self {
            settings,
            messages,
            window,
            last_sequence_number,
            second_copies,
        }
    }

    /// Accepts a message under the id `id`; a duplicate within the window is accepted and dropped.
    pub(crate) fn send(
        &mut self,
        submission: &Submission,
        id: String,
        now_ms: u64,
    ) -> Result<Accepted, SqsError> {
        submission.check()?;
        let deduplication = self.deduplication(submission)?;
        if let Some(key) = &deduplication {
            self.window.retain(|_, (ends_ms, _)| *ends_ms > now_ms);
            if let Some((_, original)) = self.window.get(key) {
                return Ok(original.clone());
            }
        }
        let sequence_number = deduplication.is_some().then(|| self.next_sequence_number());
        let accepted = Accepted {
            id: id.clone(),
            sequence_number,
        };
        let deduplication_id = deduplication.map(|key| {
            let deduplication_id = key.1.clone();
            self.window
                .insert(key, (now_ms + DEDUPLICATION_WINDOW_MS, accepted.clone()));
            deduplication_id
        });
        let trace = submission.message_system_attributes.get("AWSTraceHeader");
        self.messages.push(QueuedMessage {
            id,
            body: submission.body().to_owned(),
            attributes: submission.message_attributes.clone(),
            trace_header: trace.and_then(|attribute| attribute.string_value.clone()),
            group: submission.message_group_id.clone(),
            deduplication_id,
            sequence_number,
            sent_ms: now_ms,
            first_received_ms: None,
            receive_count: 0,
            visible_at_ms: now_ms + submission.delay_seconds.unwrap_or(0) * 1000,
            dead_letter_source: None,
        });
        Ok(accepted)
    }

    /// The scope and id by which a FIFO queue recognises a duplicate; `None` in a standard queue.
    fn deduplication(&self, submission: &Submission) -> Result<Option<(Option<String>, String)>, SqsError> {
        let wrong = |name: &str| {
            invalid(format!(
                "The request includes parameter {name} that is not valid for this queue type."
            ))
        };
        if !self.settings.is_fifo() {
            let refused = submission
                .message_deduplication_id
                .is_some()
                .then(|| wrong("MessageDeduplicationId"));
            return refused.map_or(Ok(None), Err);
        }
        if submission.delay_seconds.is_some() {
            return Err(wrong("DelaySeconds"));
        }
        let Some(group) = submission.message_group_id.clone() else {
            return Err(SqsError::new(
                "MissingParameter",
                "The request must contain the parameter MessageGroupId.",
            ));
        };
        for (name, id) in [
            ("MessageGroupId", Some(&group)),
            (
                "MessageDeduplicationId",
                submission.message_deduplication_id.as_ref(),
            ),
        ] {
            // Letters, digits and punctuation of ASCII, 1 to 128 of them.
            if id.is_some_and(|id| {
                id.is_empty() || id.len() > 128 || !id.bytes().all(|byte| byte.is_ascii_graphic())
            }) {
                return Err(invalid(format!("Value for parameter {name} is invalid.")));
            }
        }
        let by_content = || {
            self.settings
                .deduplicates_by_content
                .then(|| super::message::md5_of_body(submission.body()))
        };
        let Some(id) = submission.message_deduplication_id.clone().or_else(by_content) else {
            return Err(invalid(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
            ));
        };
        Ok(Some((self.settings.deduplicates_per_group.then_some(group), id)))
    }

    fn next_sequence_number(&mut self) -> u128 {
        self.last_sequence_number += 256;
        self.last_sequence_number
    }

    /// Takes in a message from the queue it died in, or from the dead-letter queue it waited in.
    pub(crate) fn take_in(&mut self, message: QueuedMessage, from: Option<&str>, now_ms: u64) {
        let sequence_number = self.settings.is_fifo().then(|| self.next_sequence_number());
        self.messages.push(QueuedMessage {
            sequence_number,
            receive_count: 0,
            first_received_ms: None,
            visible_at_ms: now_ms,
            dead_letter_source: from.map(str::to_owned),
            ..message
        });
    }

    /// Hands out messages, and removes those that were handed out too often already: they go to the dead-letter queue.
    pub(crate) fn receive(
        &mut self,
        request: Receive,
        now_ms: u64,
        misbehaviour: Misbehaviour,
        rng: &mut Rng,
    ) -> (Vec<QueuedMessage>, Vec<QueuedMessage>) {
        let retention_ms = self.settings.retention.as_millis() as u64;
        self.messages
            .retain(|message| message.sent_ms + retention_ms > now_ms);
        let dead = self.take_dead(now_ms);
        let mut order: Vec<usize> = (0..self.messages.len()).collect();
        if !self.settings.is_fifo() && rng.chance(misbehaviour.reorder) {
            rng.shuffle(&mut order);
        }
        let mut blocked = self.blocked_groups(now_ms);
        let visibility_ms = request
            .visibility_ms
            .unwrap_or(self.settings.visibility_timeout.as_millis() as u64);
        let (mut received, mut bytes) = (Vec::new(), 0);
        for at in order {
            let fifo = self.settings.is_fifo();
            let message = &mut self.messages[at];
            if fifo
                && message
                    .group
                    .as_ref()
                    .is_some_and(|group| blocked.contains(group))
            {
                continue;
            }
            if message.visible_at_ms > now_ms && !self.second_copies.remove(&message.id) {
                continue;
            }
            if !received.is_empty() && bytes + message.body.len() > request.max_bytes {
                // What does not fit must not be overtaken by later messages of its group.
                blocked.extend(message.group.clone());
                continue;
            }
            bytes += message.body.len();
            message.receive_count += 1;
            message.first_received_ms.get_or_insert(now_ms);
            message.visible_at_ms = now_ms + visibility_ms;
            if !fifo && rng.chance(misbehaviour.duplicate_delivery) {
                self.second_copies.insert(message.id.clone());
            }
            received.push(message.clone());
            if received.len() >= request.max_messages {
                break;
            }
        }
        (received, dead)
    }

    /// A FIFO queue hands out nothing of a group while one of it is in flight.
    fn blocked_groups(&self, now_ms: u64) -> BTreeSet<String> {
        let in_flight = self
            .messages
            .iter()
            .filter(|message| message.is_in_flight(now_ms));
        in_flight.filter_map(|message| message.group.clone()).collect()
    }

    fn take_dead(&mut self, now_ms: u64) -> Vec<QueuedMessage> {
        let Some((_, max_receive_count)) = self.settings.redrive else {
            return Vec::new();
        };
        let is_dead = |message: &QueuedMessage| {
            message.receive_count >= max_receive_count && message.visible_at_ms <= now_ms
        };
        let (dead, alive) = std::mem::take(&mut self.messages).into_iter().partition(is_dead);
        self.messages = alive;
        dead
    }

    /// Deletes by receipt handle. A FIFO queue refuses a handle whose visibility timeout is over; a standard queue
    /// accepts one that a later receive replaced, and may or may not delete.
    pub(crate) fn delete(&mut self, handle: &str, now_ms: u64, deletes_stale: bool) -> Result<(), SqsError> {
        let Some(at) = self.find(handle)? else {
            return Ok(());
        };
        let message = &self.messages[at];
        let current = message.receipt_handle() == handle;
        if self.settings.is_fifo() && !(current && message.is_in_flight(now_ms)) {
            return Err(expired(handle));
        }
        if current || deletes_stale {
            self.messages.remove(at);
        }
        Ok(())
    }

    /// Makes a message in flight visible again after `timeout_s` seconds.
    pub(crate) fn change_visibility(
        &mut self,
        handle: &str,
        timeout_s: u64,
        now_ms: u64,
    ) -> Result<(), SqsError> {
        if timeout_s > 43_200 {
            return Err(invalid(
                "Value for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.",
            ));
        }
        let Some(at) = self.find(handle)? else {
            return Err(invalid(
                "Message does not exist or is not available for visibility timeout change.",
            ));
        };
        let fifo = self.settings.is_fifo();
        let message = &mut self.messages[at];
        let stale = fifo && message.receipt_handle() != handle;
        if stale || !message.is_in_flight(now_ms) {
            return Err(SqsError::new(
                "MessageNotInflight",
                "The specified message isn't in flight.",
            ));
        }
        message.visible_at_ms = now_ms + timeout_s * 1000;
        Ok(())
    }

    fn find(&self, handle: &str) -> Result<Option<usize>, SqsError> {
        let Some((id, _)) = handle.split_once('#') else {
            return Err(SqsError::new(
                "ReceiptHandleIsInvalid",
                "The input receipt handle is invalid.",
            ));
        };
        Ok(self.messages.iter().position(|message| message.id == id))
    }

    /// Messages that can be received, and messages in flight.
    pub(crate) fn depth(&self, now_ms: u64) -> (usize, usize) {
        let in_flight = self
            .messages
            .iter()
            .filter(|message| message.is_in_flight(now_ms))
            .count();
        let visible = self
            .messages
            .iter()
            .filter(|message| message.visible_at_ms <= now_ms)
            .count();
        (visible, in_flight)
    }
}

fn expired(handle: &str) -> SqsError {
    invalid(format!(
        "Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
    ))
}
