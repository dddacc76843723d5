//! An event as it travels in a domain queue.

use std::collections::HashMap;

use aws_lambda_events::event::sqs::SqsMessage;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use sha2::{Digest, Sha256};
use upvest::{Domain, EntityKey, Event};

use super::{ATTRIBUTES, CALL};
use crate::error::AwsError;
use crate::queues::encoding::{self, DecodeError, Encoded, Encoding, MAX_MESSAGE_BYTES};
use crate::queues::envelope::{attribute, string_attribute};

/// Is the longest group id that SQS takes, in characters (`SendMessage`, "`MessageGroupId`").
const MAX_GROUP_LENGTH: usize = 128;

/// Describes an event on its way to its domain: the message body is the event's exact bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// Gives the event's id, by which the queue drops duplicates within five minutes.
    pub event_id: String,
    /// Names the domain, and with it the queue and the processor, that the event goes to.
    pub domain: Domain,
    /// Names the entity whose events stay in order: its key makes the message group.
    pub entity: EntityKey,
    /// Holds the event's exact bytes, as cut out of the delivery's body.
    pub json: String,
    /// Names the delivery that brought the event: the archive has the signed bytes under its id.
    pub delivery_id: String,
    /// Gives the id of the replay that sends it again, if one does: it tells actions, and gets the event past the
    /// queue's memory of ids.
    pub replay: Option<String>,
}

impl Dispatch {
    /// Writes the event as an entry of a batch.
    pub(super) fn into_entry(self, index: usize) -> Result<SendMessageBatchRequestEntry, AwsError> {
        let carried = encoding::encode(self.json.as_bytes(), MAX_MESSAGE_BYTES - ATTRIBUTES);
        let Encoded { encoding, text } = carried.map_err(AwsError::of(CALL))?;
        let mut attributes: HashMap<String, MessageAttributeValue> = HashMap::new();
        attributes.extend([string_attribute(("delivery_id", self.delivery_id))]);
        let replay = self.replay.as_ref();
        attributes.extend(replay.map(|replay| string_attribute(("replay", replay.clone()))));
        attributes.extend(
            encoding
                .name()
                .map(|name| string_attribute(("encoding", name.to_owned()))),
        );
        SendMessageBatchRequestEntry::builder()
            .id(index.to_string())
            .message_body(text)
            .set_message_attributes(Some(attributes))
            // Events of one entity stay in order, those of others need not wait for them.
            .message_group_id(group_id(self.entity.as_str()))
            // The queue drops an id that it saw within five minutes: a replay has an id of its own, so that it is not
            // taken for a duplicate of the delivery.
            .message_deduplication_id(match self.replay {
                None => self.event_id,
                Some(replay) => hex::encode(Sha256::digest(format!("{}#{replay}", self.event_id))),
            })
            .build()
            .map_err(AwsError::of(CALL))
    }
}

/// Names the message group of an entity: its key, or the key's hash where SQS would not take it.
fn group_id(entity: &str) -> String {
    let taken = entity.len() <= MAX_GROUP_LENGTH && entity.bytes().all(|byte| byte.is_ascii_graphic());
    if taken {
        entity.to_owned()
    } else {
        hex::encode(Sha256::digest(entity))
    }
}

/// Describes a message of a domain queue, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatched {
    /// Holds the event's exact bytes, decoded from the message body.
    pub json: String,
    /// Names the delivery that brought the event; `None` where the message does not say, as one that was sent by hand.
    pub delivery_id: Option<String>,
    /// Gives the id of the replay that brought it again; `None` for one that Upvest delivered.
    pub replay: Option<String>,
}

/// Says why a message of a domain queue holds no event.
#[derive(Debug, thiserror::Error)]
pub enum EventMessageError {
    /// SQS handed over no body, which no message of ours is without.
    #[error("message has no body")]
    Body,
    /// The body is not what the attribute `encoding` says.
    #[error("message body cannot be decoded")]
    Encoding(#[from] DecodeError),
    /// The decoded body is not text.
    #[error("message body is not UTF-8")]
    NotText,
    /// The text is not an event.
    #[error("message body is not an event")]
    Malformed(#[from] upvest::event::EventError),
}

impl Dispatched {
    /// Reads a message of a domain queue.
    ///
    /// # Errors
    ///
    /// [`EventMessageError`] when it was not written by [`DomainQueues::send`](super::DomainQueues::send).
    pub fn from_message(message: &SqsMessage) -> Result<Self, EventMessageError> {
        let body = message.body.clone().ok_or(EventMessageError::Body)?;
        let bytes = encoding::decode(Encoding::from_name(attribute(message, "encoding"))?, body)?;
        let json = String::from_utf8(bytes).map_err(|_| EventMessageError::NotText)?;
        Ok(Self {
            json,
            delivery_id: attribute(message, "delivery_id").map(str::to_owned),
            replay: attribute(message, "replay").map(str::to_owned),
        })
    }

    /// Parses the event in it.
    ///
    /// # Errors
    ///
    /// [`EventMessageError::Malformed`].
    pub fn event(&self) -> Result<Event<'_>, EventMessageError> {
        Ok(Event::parse(&self.json)?)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn dispatch(size: usize) -> Dispatch {
        Dispatch {
            event_id: "e1".to_owned(),
            domain: Domain::Orders,
            entity: EntityKey::from_stored("ORDER#o1".to_owned()),
            json: "x".repeat(size),
            delivery_id: "d1".to_owned(),
            replay: None,
        }
    }

    #[test]
    fn a_group_id_is_what_sqs_takes() {
        assert_eq!(group_id("POSITION#a#b"), "POSITION#a#b");
        assert_eq!(group_id(&"x".repeat(129)).len(), 64);
    }

    #[test]
    fn a_replay_gets_past_the_memory_of_ids_and_is_marked() {
        let first = dispatch(1).into_entry(0).unwrap();
        let replayed = Dispatch {
            replay: Some("r1".to_owned()),
            ..dispatch(1)
        };
        let replayed = replayed.into_entry(0).unwrap();
        assert_eq!(first.message_deduplication_id(), Some("e1"));
        assert_ne!(
            first.message_deduplication_id(),
            replayed.message_deduplication_id()
        );
        let marked = |entry: &SendMessageBatchRequestEntry| {
            entry
                .message_attributes()
                .is_some_and(|all| all.contains_key("replay"))
        };
        assert!(marked(&replayed) && !marked(&first));
    }
}
