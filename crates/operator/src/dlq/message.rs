//! A message of a dead-letter queue, and what it is about.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sqs::types::{self, MessageAttributeValue, MessageSystemAttributeName};
use jiff::Timestamp;
use pipeline::envelope::attributes::{DELIVERY_ID, ENCODING, REASON};
use pipeline::envelope::encoding::{self, Encoding};
use pipeline::queues::consumer::time_of_sqs;
use pipeline::queues::domains::{AGGREGATE, DISPATCH};
use serde::Serialize;
use sha2::{Digest, Sha256};
use upvest::Event;
use upvest::effects::Dispatch;

use crate::stack::Queue;

/// Holds a message of a dead-letter queue, received.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) receipt_handle: String,
    /// Holds the message's body, as SQS carries it.
    pub(crate) body: String,
    pub(crate) attributes: HashMap<String, MessageAttributeValue>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication_id: Option<String>,
    pub(crate) about: About,
}

/// Tells what a message is about. It has no part of a body but ids and types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// Names the queue that it came from.
    pub queue: Queue,
    /// Gives its id in the dead-letter queue.
    pub message_id: String,
    /// Tells why it is there; `None` for one that SQS moved, after a crash or a timeout.
    pub reason: Option<String>,
    /// Tells when it came to the dead-letter queue, by the clock of SQS. One that SQS itself moved from a standard
    /// queue keeps the time when it was sent there.
    pub sent_at: Option<Timestamp>,
    /// Tells how often it was received there.
    pub receive_count: u32,
    /// Names the delivery that it is, or that brought its event.
    pub delivery_id: Option<String>,
    /// Names the event that it is about; `None` where the message names none.
    pub event_id: Option<String>,
    /// Repeats the type of that event; `None` where the message names none.
    pub r#type: Option<String>,
    /// Names the entity of the event, written `TYPE#ID`.
    pub entity: Option<String>,
    /// Tells how long the body is, as SQS has it.
    pub bytes: usize,
}

impl Message {
    /// Takes apart a message that SQS handed out, with what it tells about its origin.
    pub(crate) fn of(queue: Queue, message: types::Message) -> Self {
        let mut system = message.attributes.unwrap_or_default();
        let mut system = |name| system.remove(&name);
        let sent_at = system(MessageSystemAttributeName::SentTimestamp).and_then(|sent| time_of_sqs(&sent));
        let receive_count = system(MessageSystemAttributeName::ApproximateReceiveCount)
            .and_then(|count| count.parse().ok())
            .unwrap_or_default();
        let body = message.body.unwrap_or_default();
        let attributes = message.message_attributes.unwrap_or_default();
        let attribute = |name: &str| attributes.get(name).and_then(|value| value.string_value.clone());
        let mut about = About {
            queue,
            message_id: message.message_id.unwrap_or_default(),
            reason: attribute(REASON),
            sent_at,
            receive_count,
            delivery_id: attribute(DELIVERY_ID),
            event_id: None,
            r#type: None,
            entity: None,
            bytes: body.len(),
        };
        // Events alone: the body of a delivery may not be proven, and nothing of it is read for an event.
        if let (Queue::Domain(_), Some(json)) = (queue, content(&attributes, &body)) {
            let json = String::from_utf8_lossy(&json);
            if let Ok(event) = Event::parse(&json) {
                about.event_id = Some(event.id().to_owned());
                about.r#type = Some(event.event_type().to_owned());
                // As the receiver stored it: a later version might compute another.
                let computed = || event.entity_key().ok().map(|entity| entity.to_string());
                about.entity = attribute(AGGREGATE).or_else(computed);
            }
        }
        Self {
            group: system(MessageSystemAttributeName::MessageGroupId),
            deduplication_id: system(MessageSystemAttributeName::MessageDeduplicationId),
            receipt_handle: message.receipt_handle.unwrap_or_default(),
            body,
            attributes,
            about,
        }
    }

    /// Decodes the body; gives it as it is where that fails.
    pub(crate) fn content(&self) -> Vec<u8> {
        content(&self.attributes, &self.body).unwrap_or_else(|| self.body.clone().into_bytes())
    }

    /// Gives the attributes that are text, by name.
    pub(crate) fn texts(&self) -> BTreeMap<&str, &str> {
        let attributes = self.attributes.iter();
        let texts = attributes.filter_map(|(name, value)| Some((name.as_str(), value.string_value()?)));
        texts.collect()
    }

    /// Tells how the event was sent to its domain, where the message says.
    pub(crate) fn dispatch(&self) -> Option<Dispatch> {
        self.texts().get(DISPATCH)?.parse().ok()
    }

    /// Tells whether this is the id of the message, or of the event or delivery that it is about.
    pub(crate) fn is(&self, id: &str) -> bool {
        let about = &self.about;
        about.message_id == id
            || about.event_id.as_deref() == Some(id)
            || self.delivery_of_its_own() == Some(id)
    }

    /// Names what stays the same of a message of a standard queue however often it is sent: the delivery that it is, or
    /// else its body's hash.
    pub(crate) fn identity(&self) -> Option<String> {
        let hash = || hex::encode(Sha256::digest(&self.body));
        let delivery = self.delivery_of_its_own().map(str::to_owned);
        self.group.is_none().then(|| delivery.unwrap_or_else(hash))
    }

    /// Names the delivery that the message is. An event names the one that brought it, with others.
    fn delivery_of_its_own(&self) -> Option<&str> {
        let is_delivery = self.about.queue == Queue::Deliveries;
        self.about.delivery_id.as_deref().filter(|_| is_delivery)
    }
}

fn content(attributes: &HashMap<String, MessageAttributeValue>, body: &str) -> Option<Vec<u8>> {
    let encoding = attributes.get(ENCODING).and_then(|value| value.string_value());
    encoding::decode(Encoding::from_name(encoding).ok()?, body.to_owned()).ok()
}
