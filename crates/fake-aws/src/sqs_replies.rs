//! Messages as SQS reports them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::addresses::{SENDER_ROLE_ID, queue_arn};
use crate::message::{MessageAttribute, Submission, md5_of_attributes, md5_of_body};
use crate::queued::{Accepted, QueuedMessage};

/// Writes what the sender of a message is answered.
pub(crate) fn accepted_as_json(submission: &Submission, accepted: &Accepted) -> Value {
    let mut json = json!({ "MessageId": accepted.id, "MD5OfMessageBody": md5_of_body(submission.body()) });
    if let Some(digest) = md5_of_attributes(&submission.message_attributes) {
        json["MD5OfMessageAttributes"] = digest.into();
    }
    if let Some(number) = accepted.sequence_number {
        json["SequenceNumber"] = number.to_string().into();
    }
    json
}

/// Writes a message as its receiver gets it, with the attributes that were asked for.
pub(crate) fn received_as_json(
    message: &QueuedMessage,
    wanted_system: &BTreeSet<String>,
    wanted: &[String],
) -> Value {
    let mut system = system_attributes(message);
    system.retain(|name, _| wanted_system.contains("All") || wanted_system.contains(name.as_str()));
    let attributes: BTreeMap<String, MessageAttribute> = (message.attributes.iter())
        .filter(|(name, _)| wanted.iter().any(|wanted| selects(wanted, name)))
        .map(|(name, attribute)| (name.clone(), attribute.clone()))
        .collect();
    let mut json = Map::from_iter([
        ("MessageId".to_owned(), message.id.clone().into()),
        ("ReceiptHandle".to_owned(), message.receipt_handle().into()),
        ("Body".to_owned(), message.body.clone().into()),
        ("MD5OfBody".to_owned(), md5_of_body(&message.body).into()),
        ("Attributes".to_owned(), json!(system)),
    ]);
    if let Some(digest) = md5_of_attributes(&attributes) {
        json.insert("MD5OfMessageAttributes".to_owned(), digest.into());
        json.insert("MessageAttributes".to_owned(), json!(attributes));
    }
    json.into()
}

fn selects(wanted: &str, name: &str) -> bool {
    match wanted.strip_suffix(".*") {
        Some(prefix) => name.starts_with(prefix),
        None => wanted == "All" || wanted == name,
    }
}

/// Lists the system attributes that a receiver can ask for, and that Lambda puts into `attributes` of a record.
pub(crate) fn system_attributes(message: &QueuedMessage) -> BTreeMap<String, String> {
    let first_received = message.first_received_ms.map(|ms| ms.to_string());
    let optional = [
        ("ApproximateFirstReceiveTimestamp", first_received),
        ("AWSTraceHeader", message.trace_header.clone()),
        (
            "DeadLetterQueueSourceArn",
            message.dead_letter_source.as_deref().map(queue_arn),
        ),
        ("MessageDeduplicationId", message.deduplication_id.clone()),
        ("MessageGroupId", message.group.clone()),
        (
            "SequenceNumber",
            message.sequence_number.map(|number| number.to_string()),
        ),
    ];
    let certain = [
        ("ApproximateReceiveCount", message.receive_count.to_string()),
        ("SenderId", format!("{SENDER_ROLE_ID}:fake-aws")),
        ("SentTimestamp", message.sent_ms.to_string()),
    ];
    let optional = optional
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    optional
        .chain(certain)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
