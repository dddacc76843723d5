//! Writes a message as SQS reports it, to who sent it and to who receives it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::message::{MessageAttribute, Submission, md5_of_attributes, md5_of_body};
use crate::queue_contents::{Accepted, QueuedMessage};

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
    let mut system = message.system_attributes();
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
