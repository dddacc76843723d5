//! A message of the deliveries queue: read as an envelope, and written again.

use std::collections::HashMap;

use aws_lambda_events::event::sqs::SqsMessage;
use pipeline::envelope::attributes::ENCODING;
use pipeline::envelope::encoding::{MAX_MESSAGE_BYTES, encode};
use pipeline::envelope::{Envelope, Request, attribute};
use upvest::delivery::MAX_BODY_BYTES;
use upvest::signature::Headers;
use uuid::Uuid;

use crate::text;

/// Reads a message that anybody could have put into the queue; and sends the bytes as the body of a delivery.
///
/// # Panics
///
/// When a body is longer than can have been received, when an envelope does not come back as it was written, and when a
/// message is not one that SQS takes.
pub fn run(data: &[u8]) {
    let (lines, body) = text::split(data);
    let attributes: HashMap<&str, &str> = lines.iter().filter_map(|line| text::pair(line)).collect();
    let received = message(&String::from_utf8_lossy(body), attributes);
    if let Ok(envelope) = Envelope::from_message(&received) {
        let is_encoded = attribute(&received, ENCODING).is_some();
        assert!(
            !is_encoded || envelope.body.len() <= MAX_BODY_BYTES,
            "inflated to too much"
        );
        comes_back(&envelope);
    }
    comes_back(&Envelope {
        delivery_id: Uuid::nil(),
        received_at: jiff::Timestamp::UNIX_EPOCH,
        judged_at: None,
        request: Request {
            method: "POST".to_owned(),
            path: lines.concat(),
            query: lines.first().cloned(),
            source_address: None,
            headers: lines
                .iter()
                .filter_map(|line| text::pair(line))
                .collect::<Headers>(),
            header_names: Vec::new(),
        },
        body: body.to_vec(),
    });
    for room in [1, data.len(), data.len().div_ceil(3) * 4] {
        if let Ok(encoded) = encode(data, room) {
            assert!(encoded.text.len() <= room, "does not fit");
        }
    }
}

fn comes_back(envelope: &Envelope) {
    let Ok((body, attributes)) = envelope.to_message() else {
        return;
    };
    let values: Vec<(&str, &str)> = attributes
        .iter()
        .map(|(name, value)| (name.as_str(), value.string_value().expect("attributes are text")))
        .collect();
    let in_attributes: usize = values
        .iter()
        .map(|(name, value)| name.len() + "String".len() + value.len())
        .sum();
    assert!(
        body.len() + in_attributes <= MAX_MESSAGE_BYTES,
        "SQS refuses what is this long"
    );
    assert!(
        !body.is_empty() && body.chars().all(is_taken),
        "SQS refuses the body"
    );
    let printable = |(_, value): &(&str, &str)| value.bytes().all(|byte| (b' '..0x7f).contains(&byte));
    assert!(values.iter().all(printable), "SQS refuses an attribute");
    let again = Envelope::from_message(&message(&body, values.into_iter().collect()));
    assert_eq!(again.expect("what was written can be read"), *envelope);
}

/// Makes the message that Lambda hands over.
fn message(body: &str, attributes: HashMap<&str, &str>) -> SqsMessage {
    let mut message = SqsMessage::default();
    message.body = Some(body.to_owned());
    for (name, value) in attributes {
        let json = serde_json::json!({ "stringValue": value, "dataType": "String" });
        let value = serde_json::from_value(json).expect("an attribute");
        message.message_attributes.insert(name.to_owned(), value);
    }
    message
}

/// Tells whether SQS takes a character (`SendMessage`: #x9, #xA, #xD, #x20 to #xD7FF, #xE000 to #xFFFD, #x10000 to #x10FFFF).
fn is_taken(c: char) -> bool {
    matches!(u32::from(c), 0x9 | 0xa | 0xd | 0x20..=0xd7ff | 0xe000..=0xfffd | 0x1_0000..=0x10_ffff)
}
