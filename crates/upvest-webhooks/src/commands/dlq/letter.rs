//! A dead letter: a message of a dead-letter queue, and what it is about.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName};
use clap::Args;
use jiff::Timestamp;
use pipeline::queues::consumer::REASON;
use pipeline::queues::encoding::{self, Encoding};
use serde::Serialize;
use sha2::{Digest, Sha256};
use upvest::Event;

use super::queue::QueueName;
use crate::stack::Queue;

/// A message of a dead-letter queue, received.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Letter {
    pub(crate) message_id: String,
    pub(crate) receipt_handle: String,
    /// The message's body, as SQS carries it.
    pub(crate) body: String,
    pub(crate) attributes: HashMap<String, MessageAttributeValue>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication_id: Option<String>,
    /// When it came to the dead-letter queue, by the clock of SQS. One that SQS itself moved from a standard queue keeps
    /// the time when it was sent there.
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) about: About,
}

/// What a letter is about. No part of a body but ids and types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct About {
    pub(crate) queue: QueueName,
    pub(crate) message_id: String,
    /// Why it is there; `None` for one that SQS moved, after a crash or a timeout.
    pub(crate) reason: Option<String>,
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) receive_count: u32,
    pub(crate) delivery_id: Option<String>,
    pub(crate) event_id: Option<String>,
    pub(crate) r#type: Option<String>,
    pub(crate) entity: Option<String>,
    pub(crate) bytes: usize,
}

/// Which letters are meant.
#[derive(Debug, Clone, Default, Args, Serialize)]
pub(crate) struct Filter {
    /// Only messages whose reason contains this text, in whatever case
    #[arg(long, value_name = "TEXT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) because: Option<String>,
    /// Only events of this entity, written TYPE#ID
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entity: Option<String>,
    /// Only events of this type (ORDER.FILLED) or category (ORDER)
    #[arg(long = "type", value_name = "TYPE")]
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) event_type: Option<String>,
}

impl Letter {
    /// Reads a message.
    pub(crate) fn of(queue: Queue, message: Message) -> Self {
        let mut system = message.attributes.unwrap_or_default();
        let mut system = |name| system.remove(&name);
        let sent_at = system(MessageSystemAttributeName::SentTimestamp)
            .and_then(|ms| Timestamp::from_millisecond(ms.parse().ok()?).ok());
        let receive_count = system(MessageSystemAttributeName::ApproximateReceiveCount)
            .and_then(|count| count.parse().ok())
            .unwrap_or_default();
        let body = message.body.unwrap_or_default();
        let attributes = message.message_attributes.unwrap_or_default();
        let message_id = message.message_id.unwrap_or_default();
        let attribute = |name: &str| attributes.get(name).and_then(|value| value.string_value.clone());
        let mut about = About {
            queue: QueueName(queue),
            message_id: message_id.clone(),
            reason: attribute(REASON),
            sent_at,
            receive_count,
            delivery_id: attribute("delivery_id"),
            event_id: None,
            r#type: None,
            entity: None,
            bytes: body.len(),
        };
        if let (Queue::Domain(_), Some(json)) = (queue, content(&attributes, &body)) {
            let json = String::from_utf8_lossy(&json);
            if let Ok(event) = Event::parse(&json) {
                about.event_id = Some(event.id().to_owned());
                about.r#type = Some(event.event_type().to_owned());
                about.entity = event.entity_key().ok().map(|entity| entity.to_string());
            }
        }
        Self {
            group: system(MessageSystemAttributeName::MessageGroupId),
            deduplication_id: system(MessageSystemAttributeName::MessageDeduplicationId),
            receipt_handle: message.receipt_handle.unwrap_or_default(),
            message_id,
            body,
            attributes,
            sent_at,
            about,
        }
    }

    /// What the message carries, decoded; as it is where that fails.
    pub(crate) fn content(&self) -> Vec<u8> {
        let content = content(&self.attributes, &self.body);
        content.unwrap_or_else(|| self.body.clone().into_bytes())
    }

    /// The message's attributes as text, by name.
    pub(crate) fn texts(&self) -> BTreeMap<&str, &str> {
        let attributes = self.attributes.iter();
        let texts = attributes.filter_map(|(name, value)| Some((name.as_str(), value.string_value()?)));
        texts.collect()
    }

    /// Whether this is the id of the message, or of the event or delivery that it is about.
    pub(crate) fn is(&self, id: &str) -> bool {
        let about = &self.about;
        self.message_id == id
            || about.event_id.as_deref() == Some(id)
            || self.delivery_of_its_own() == Some(id)
    }

    /// What is the same of a message of a standard queue however often it is sent: the delivery that it is, or else its
    /// body's hash.
    pub(crate) fn identity(&self) -> Option<String> {
        let hash = || hex::encode(Sha256::digest(&self.body));
        let delivery = self.delivery_of_its_own().map(str::to_owned);
        self.group.is_none().then(|| delivery.unwrap_or_else(hash))
    }

    /// The delivery that the message is. An event names the one that brought it, with others.
    fn delivery_of_its_own(&self) -> Option<&str> {
        let is_delivery = self.about.queue.0 == Queue::Deliveries;
        self.about.delivery_id.as_deref().filter(|_| is_delivery)
    }
}

fn content(attributes: &HashMap<String, MessageAttributeValue>, body: &str) -> Option<Vec<u8>> {
    let encoding = attributes.get("encoding").and_then(|value| value.string_value());
    encoding::decode(Encoding::from_name(encoding).ok()?, body.to_owned()).ok()
}

impl Filter {
    /// Whether it takes everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.because.is_none() && self.entity.is_none() && self.event_type.is_none()
    }

    /// Whether a letter is meant.
    pub(crate) fn takes(&self, about: &About) -> bool {
        let because = self.because.as_ref().map(|text| text.to_lowercase());
        let reason = about.reason.as_ref().map(|reason| reason.to_lowercase());
        let event_type = about.r#type.as_deref();
        because.is_none_or(|text| reason.is_some_and(|reason| reason.contains(&text)))
            && (self.entity.is_none() || self.entity == about.entity)
            && self.event_type.as_deref().is_none_or(|wanted| {
                event_type.is_some_and(|own| own == wanted || own.split('.').next() == Some(wanted))
            })
    }
}

#[cfg(test)]
mod tests {
    use upvest::Domain;

    use super::*;

    fn about(reason: Option<&str>) -> About {
        About {
            queue: QueueName(Queue::Domain(Domain::Orders)),
            message_id: "m".to_owned(),
            reason: reason.map(str::to_owned),
            sent_at: None,
            receive_count: 1,
            delivery_id: None,
            event_id: Some("e".to_owned()),
            r#type: Some("ORDER.FILLED".to_owned()),
            entity: Some("ORDER#o1".to_owned()),
            bytes: 2,
        }
    }

    #[test]
    fn a_filter_takes_what_all_its_parts_take() {
        let filter = |because: Option<&str>, entity: Option<&str>, event_type: Option<&str>| Filter {
            because: because.map(str::to_owned),
            entity: entity.map(str::to_owned),
            event_type: event_type.map(str::to_owned),
        };
        let letter = about(Some("PutEvents failed: Throttled"));
        for (filter, taken) in [
            (filter(None, None, None), true),
            (filter(Some("throttled"), Some("ORDER#o1"), Some("ORDER")), true),
            (filter(Some("timed out"), None, None), false),
            (filter(None, Some("ORDER#o2"), None), false),
            (filter(None, None, Some("ORDER.FILLED")), true),
            (filter(None, None, Some("ORDER.NEW")), false),
            (filter(None, None, Some("ORD")), false),
        ] {
            assert_eq!(filter.takes(&letter), taken, "{filter:?}");
        }
        assert!(
            !filter(Some(""), None, None).takes(&about(None)),
            "no reason has no text"
        );
    }
}
