//! One SQS queue, standard or FIFO.

use std::collections::{BTreeMap, BTreeSet};

use crate::message::{SqsError, Submission, check_fifo_id, expired, invalid, md5_of_body, unfit_for_queue};
use crate::queue_contents::{Accepted, QueueSettings, QueuedMessage};
use crate::rng::Rng;

const DEDUPLICATION_WINDOW_MS: u64 = 5 * 60 * 1000;

/// Says how a standard queue misbehaves, as SQS may at any time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Misbehaviour {
    pub(crate) duplicate_delivery: u32,
    pub(crate) reorder: u32,
}

/// Holds what a `ReceiveMessage` asks for: how many messages, and for how long they are hidden.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receive {
    pub(crate) max_messages: usize,
    pub(crate) max_bytes: usize,
    pub(crate) visibility_ms: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) settings: QueueSettings,
    pub(crate) messages: Vec<QueuedMessage>,
    /// Remembers each group (or none, if the queue is the scope) and deduplication id, with the end of its window.
    window: BTreeMap<(Option<String>, String), (u64, Accepted)>,
    last_sequence_number: u128,
    /// Lists messages in flight of which a standard queue will hand out a second copy.
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

    /// Makes the scope and id by which a FIFO queue recognises a duplicate; `None` in a standard queue.
    fn deduplication(&self, submission: &Submission) -> Result<Option<(Option<String>, String)>, SqsError> {
        if !self.settings.is_fifo() {
            let unfit = submission.message_deduplication_id.is_some();
            return if unfit {
                Err(unfit_for_queue("MessageDeduplicationId"))
            } else {
                Ok(None)
            };
        }
        if submission.delay_seconds.is_some() {
            return Err(unfit_for_queue("DelaySeconds"));
        }
        let Some(group) = submission.message_group_id.clone() else {
            let message = "The request must contain the parameter MessageGroupId.";
            return Err(SqsError::new("MissingParameter", message));
        };
        check_fifo_id("MessageGroupId", &group)?;
        let id = match &submission.message_deduplication_id {
            Some(id) => id.clone(),
            None if self.settings.deduplicates_by_content => md5_of_body(submission.body()),
            None => {
                return Err(invalid(
                    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId \
                     provided explicitly",
                ));
            }
        };
        check_fifo_id("MessageDeduplicationId", &id)?;
        Ok(Some((self.settings.deduplicates_per_group.then_some(group), id)))
    }

    fn next_sequence_number(&mut self) -> u128 {
        self.last_sequence_number += 256;
        self.last_sequence_number
    }

    /// Takes in a message from the queue it died in, or from the dead-letter queue it waited in.
    pub(crate) fn take_in(&mut self, message: QueuedMessage, from: Option<&str>, now_ms: u64) {
        let sequence_number = self.settings.is_fifo().then(|| self.next_sequence_number());
        // A message keeps its time of sending only on the way into a standard dead-letter queue.
        let keeps_time = from.is_some() && !self.settings.is_fifo();
        self.messages.push(QueuedMessage {
            sequence_number,
            sent_ms: if keeps_time { message.sent_ms } else { now_ms },
            receive_count: 0,
            first_received_ms: None,
            visible_at_ms: now_ms,
            dead_letter_source: from.map(str::to_owned),
            ..message
        });
    }

    /// Removes what expired and what was handed out too often; the latter belongs into the dead-letter queue.
    pub(crate) fn clear_out(&mut self, now_ms: u64) -> Vec<QueuedMessage> {
        let retention_ms = self.settings.retention.as_millis() as u64;
        self.messages
            .retain(|message| message.sent_ms + retention_ms > now_ms);
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

    /// Hands out messages that can be seen, and hides them for their visibility timeout.
    pub(crate) fn receive(
        &mut self,
        request: Receive,
        now_ms: u64,
        misbehaviour: Misbehaviour,
        rng: &mut Rng,
    ) -> Vec<QueuedMessage> {
        let fifo = self.settings.is_fifo();
        let mut order: Vec<usize> = (0..self.messages.len()).collect();
        if !fifo && rng.chance(misbehaviour.reorder) {
            rng.shuffle(&mut order);
        }
        let mut blocked = if fifo {
            self.groups_in_flight(now_ms)
        } else {
            BTreeSet::new()
        };
        let default_ms = self.settings.visibility_timeout.as_millis() as u64;
        let (mut received, mut bytes) = (Vec::new(), 0);
        let may_fly = self.settings.max_in_flight.saturating_sub(self.depth(now_ms).1);
        let max_messages = request.max_messages.min(may_fly);
        // Below, a message is handed out before it is counted.
        if max_messages == 0 {
            return received;
        }
        for at in order {
            let message = &mut self.messages[at];
            let waits = message
                .group
                .as_ref()
                .is_some_and(|group| blocked.contains(group));
            let visible = message.visible_at_ms <= now_ms || self.second_copies.remove(&message.id);
            if waits || !visible {
                continue;
            }
            // One by itself goes out whatever its size, or it would lie there for ever.
            if !received.is_empty() && bytes + message.body.len() > request.max_bytes {
                // What does not fit must not be overtaken by later messages of its group.
                blocked.extend(message.group.clone().filter(|_| fifo));
                continue;
            }
            bytes += message.body.len();
            message.hand_out(now_ms, request.visibility_ms.unwrap_or(default_ms));
            if !fifo && rng.chance(misbehaviour.duplicate_delivery) {
                self.second_copies.insert(message.id.clone());
            }
            received.push(message.clone());
            if received.len() >= max_messages {
                break;
            }
        }
        received
    }

    /// Lists the groups with a message in flight, of which a FIFO queue hands out nothing.
    fn groups_in_flight(&self, now_ms: u64) -> BTreeSet<String> {
        let in_flight = self
            .messages
            .iter()
            .filter(|message| message.is_in_flight(now_ms));
        in_flight.filter_map(|message| message.group.clone()).collect()
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
        // Twelve hours: the most that SQS takes.
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

    /// Counts messages that can be received, and messages in flight.
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
