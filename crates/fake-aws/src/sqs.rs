//! SQS: the operations of its JSON protocol over queues in memory.

mod replies;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::addresses::{queue_arn, queue_url};
use crate::message::{MAX_BYTES, SqsError, Submission, invalid};
use crate::queue::{Misbehaviour, Queue, Receive};
use crate::queue_contents::{QueueSettings, QueuedMessage};
use crate::reply::Reply;
use crate::rng::Rng;
use crate::sqs::replies::{accepted_as_json, received_as_json};
use crate::wire::Request;

use wire::{check_batch, read, refusal, text};

/// Holds all queues, and what makes them misbehave.
#[derive(Debug)]
pub(crate) struct Queues {
    queues: BTreeMap<String, Queue>,
    messages_sent: u64,
    pub(crate) misbehaviour: Misbehaviour,
    rng: Rng,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(default)]
    receipt_handle: String,
    #[serde(default)]
    visibility_timeout: u64,
}

impl Queues {
    pub(crate) fn new(rng: Rng) -> Self {
        Self {
            queues: BTreeMap::new(),
            messages_sent: 0,
            misbehaviour: Misbehaviour::default(),
            rng,
        }
    }

    pub(crate) fn create(&mut self, settings: QueueSettings) {
        self.queues.insert(settings.name.clone(), Queue::new(settings));
    }

    pub(crate) fn limit_in_flight(&mut self, name: &str, max_in_flight: usize) {
        if let Some(queue) = self.queues.get_mut(name) {
            queue.settings.max_in_flight = max_in_flight;
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Queue> {
        self.queues.get(name)
    }

    /// Receives from a queue as SQS does, and moves what died to its dead-letter queue.
    pub(crate) fn receive(&mut self, name: &str, request: Receive, now_ms: u64) -> Vec<QueuedMessage> {
        let Some(queue) = self.queues.get_mut(name) else {
            return Vec::new();
        };
        let dead = queue.clear_out(now_ms);
        let received = queue.receive(request, now_ms, self.misbehaviour, &mut self.rng);
        let dead_letter_queue = queue.settings.redrive.as_ref().map(|(name, _)| name.clone());
        if let Some(target) = dead_letter_queue.and_then(|target| self.queues.get_mut(&target)) {
            for message in dead {
                target.take_in(message, Some(name), now_ms);
            }
        }
        received
    }

    /// Moves everything in a dead-letter queue to the queue that it belongs to, which the operator names because
    /// messages sent to it directly have no source; says how many messages.
    pub(crate) fn redrive(&mut self, dead_letter_queue: &str, now_ms: u64) -> usize {
        let Some(queue) = self.queues.get_mut(dead_letter_queue) else {
            return 0;
        };
        let waiting = std::mem::take(&mut queue.messages);
        let count = waiting.len();
        let redrives_there = |queue: &&mut Queue| {
            let target = queue.settings.redrive.as_ref();
            target.is_some_and(|(target, _)| target == dead_letter_queue)
        };
        let mut home = self.queues.values_mut().find(redrives_there);
        for message in waiting {
            if let Some(home) = &mut home {
                home.take_in(message, None, now_ms);
            }
        }
        count
    }

    pub(crate) fn delete(&mut self, name: &str, handle: &str, now_ms: u64) -> Result<(), SqsError> {
        let misbehaves = self.misbehaviour.duplicate_delivery > 0 || self.misbehaviour.reorder > 0;
        let deletes_stale = misbehaves && self.rng.chance(500);
        self.queue(name)?.delete(handle, now_ms, deletes_stale)
    }

    fn queue(&mut self, name: &str) -> Result<&mut Queue, SqsError> {
        self.queues
            .get_mut(name)
            .ok_or_else(|| SqsError::new("QueueDoesNotExist", "The specified queue does not exist."))
    }

    fn send(&mut self, name: &str, submission: &Submission, now_ms: u64) -> Result<Value, SqsError> {
        self.messages_sent += 1;
        let id = format!("00000000-0000-4000-8000-{:012x}", self.messages_sent);
        let accepted = self.queue(name)?.send(submission, id, now_ms)?;
        Ok(accepted_as_json(submission, &accepted))
    }

    /// Answers a request. With `partial`, some entries of a batch fail on the part of SQS.
    pub(crate) fn answer(&mut self, request: &Request, now_ms: u64, partial: Option<&mut Rng>) -> Reply {
        let name = request.resource.as_str();
        let body = &request.json;
        let answer = match request.operation.as_str() {
            "SendMessage" => read(body).and_then(|submission| self.send(name, &submission, now_ms)),
            "SendMessageBatch" => self.send_batch(name, body, now_ms, partial),
            "ReceiveMessage" => self.receive_message(name, body, now_ms),
            "DeleteMessage" => self
                .delete(name, text(body, "ReceiptHandle"), now_ms)
                .map(|()| json!({})),
            "DeleteMessageBatch" => self.each(body, partial, |queues, entry: Entry| {
                queues
                    .delete(name, &entry.receipt_handle, now_ms)
                    .map(|()| json!({}))
            }),
            "ChangeMessageVisibility" => {
                let timeout_s = body["VisibilityTimeout"].as_u64().unwrap_or_default();
                let changed = self.queue(name).and_then(|queue| {
                    queue.change_visibility(text(body, "ReceiptHandle"), timeout_s, now_ms)
                });
                changed.map(|()| json!({}))
            }
            "ChangeMessageVisibilityBatch" => self.each(body, partial, |queues, entry: Entry| {
                let queue = queues.queue(name)?;
                queue.change_visibility(&entry.receipt_handle, entry.visibility_timeout, now_ms)?;
                Ok(json!({}))
            }),
            "GetQueueUrl" => self.queue(name).map(|_| json!({ "QueueUrl": queue_url(name) })),
            "GetQueueAttributes" => self.attributes(name, body, now_ms),
            other => Err(SqsError::new(
                "UnsupportedOperation",
                format!("{other} is not served in process."),
            )),
        };
        match answer {
            Ok(body) => Reply::json(&body),
            Err(error) => refusal(&error),
        }
    }

    fn send_batch(
        &mut self,
        name: &str,
        body: &Value,
        now_ms: u64,
        partial: Option<&mut Rng>,
    ) -> Result<Value, SqsError> {
        let submissions: Vec<Submission> = read(&body["Entries"])?;
        let bytes: usize = submissions.iter().map(Submission::bytes).sum();
        if bytes > MAX_BYTES {
            return Err(SqsError::new(
                "BatchRequestTooLong",
                format!(
                    "Batch requests cannot be longer than {MAX_BYTES} bytes. You have sent {bytes} bytes."
                ),
            ));
        }
        // A queue that is not there refuses the request, and not each of its entries.
        self.queue(name)?;
        self.each(body, partial, |queues, submission: Submission| {
            queues.send(name, &submission, now_ms)
        })
    }

    /// Performs each entry of a batch on its own and reports each on its own.
    fn each<E: serde::de::DeserializeOwned>(
        &mut self,
        body: &Value,
        mut partial: Option<&mut Rng>,
        perform: impl Fn(&mut Self, E) -> Result<Value, SqsError>,
    ) -> Result<Value, SqsError> {
        let entries = body["Entries"].as_array().map_or(&[][..], Vec::as_slice);
        check_batch(entries)?;
        // One is sure to fail, or a partial failure could be none at all.
        let certain = partial.as_mut().map_or(0, |rng| rng.below(entries.len()));
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (at, entry) in entries.iter().enumerate() {
            let strikes = partial
                .as_mut()
                .is_some_and(|rng| rng.chance(300) || at == certain);
            let outcome = if strikes {
                Err(SqsError::new(
                    "InternalError",
                    "The request could not be processed.",
                ))
            } else {
                read(entry).and_then(|entry| perform(self, entry))
            };
            match outcome {
                Ok(mut done) => {
                    done["Id"] = entry["Id"].clone();
                    successful.push(done);
                }
                Err(error) => failed.push(json!({
                    "Id": entry["Id"],
                    "Code": error.code,
                    "Message": error.message,
                    "SenderFault": !strikes,
                })),
            }
        }
        Ok(json!({ "Successful": successful, "Failed": failed }))
    }

    fn receive_message(&mut self, name: &str, body: &Value, now_ms: u64) -> Result<Value, SqsError> {
        self.queue(name)?;
        let max_messages = body["MaxNumberOfMessages"].as_u64().unwrap_or(1);
        if !(1..=10).contains(&max_messages) {
            return Err(invalid(
                "Value for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
            ));
        }
        let visibility_ms = body["VisibilityTimeout"].as_u64().map(|seconds| seconds * 1000);
        let request = Receive {
            max_messages: max_messages as usize,
            max_bytes: usize::MAX,
            visibility_ms,
        };
        let wanted_system: BTreeSet<String> = [&body["AttributeNames"], &body["MessageSystemAttributeNames"]]
            .into_iter()
            .flat_map(|names| names.as_array().into_iter().flatten())
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        let wanted: Vec<String> = read(&body["MessageAttributeNames"]).unwrap_or_default();
        let received = self.receive(name, request, now_ms);
        let messages: Vec<Value> = received
            .iter()
            .map(|message| received_as_json(message, &wanted_system, &wanted))
            .collect();
        Ok(if messages.is_empty() {
            json!({})
        } else {
            json!({ "Messages": messages })
        })
    }

    fn attributes(&mut self, name: &str, body: &Value, now_ms: u64) -> Result<Value, SqsError> {
        let queue = self.queue(name)?;
        let (visible, in_flight) = queue.depth(now_ms);
        let delayed = queue.messages.len() - visible - in_flight;
        let settings = &queue.settings;
        let mut all = BTreeMap::from([
            ("ApproximateNumberOfMessages", visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", delayed.to_string()),
            ("MaximumMessageSize", settings.max_bytes.to_string()),
            ("MessageRetentionPeriod", settings.retention.as_secs().to_string()),
            ("QueueArn", queue_arn(name)),
            ("SqsManagedSseEnabled", settings.is_encrypted.to_string()),
            (
                "VisibilityTimeout",
                settings.visibility_timeout.as_secs().to_string(),
            ),
        ]);
        if settings.is_fifo() {
            all.insert("FifoQueue", "true".to_owned());
        }
        if let Some((target, count)) = &settings.redrive {
            let policy = json!({ "deadLetterTargetArn": queue_arn(target), "maxReceiveCount": count });
            all.insert("RedrivePolicy", policy.to_string());
        }
        let wanted: Vec<String> = read(&body["AttributeNames"]).unwrap_or_default();
        all.retain(|name, _| wanted.iter().any(|wanted| wanted == "All" || wanted == name));
        Ok(json!({ "Attributes": all }))
    }
}
