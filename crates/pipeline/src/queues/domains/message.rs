//! An event as it travels in a domain queue.

use std::collections::HashMap;

use aws_lambda_events::event::sqs::SqsMessage;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use upvest::effects::{Dispatch, Transition};
use upvest::{Domain, EntityKey, Event, Occurred};

use super::groups::group_id;
use super::{ATTRIBUTES, CALL};
use crate::envelope::attributes::{DELIVERY_ID, ENCODING};
use crate::envelope::encoding::{self, DecodeError, Encoded, Encoding, MAX_MESSAGE_BYTES};
use crate::envelope::{attribute, string_attribute};
use crate::error::{AwsError, Kind};

/// Names the attribute that holds the entity's key.
pub const AGGREGATE: &str = "aggregate";
/// Names the attribute that says how the event was sent: first, again or replay.
pub const DISPATCH: &str = "dispatch";
/// Names the attribute of a dead letter that holds what the event changed, packed.
pub const TRANSITION: &str = "transition";
const OCCURRED: &str = "occurred";
const SHA256: &str = "sha256";
const DISPATCHED_AT: &str = "dispatched_at";
const REPLAY: &str = "replay";

/// Describes an event on its way to its domain: the message body is the event's exact bytes.
///
/// What the log's item says of it travels along: neither the entity nor the place is computed a second time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventMessage {
    /// Gives the event's id, by which the queue drops duplicates within five minutes.
    pub event_id: String,
    /// Names the domain, and with it the queue and the processor, that the event goes to.
    pub domain: Domain,
    /// Names the entity whose events stay in order: its key makes the message group.
    pub aggregate: EntityKey,
    /// Gives the event's place among those of the entity.
    pub occurred: Occurred,
    /// Holds the event's exact bytes, as cut out of the delivery's body.
    pub json: String,
    /// Gives the event's identity in the log, in hexadecimal.
    pub sha256: String,
    /// Names the delivery that brought the event: the archive has the signed bytes under its id.
    pub delivery_id: String,
    /// Says whether it is sent for the first time, again, or by a replay.
    pub dispatch: Dispatch,
    /// Tells when it is sent, by the sender's clock.
    pub dispatched_at: Timestamp,
    /// Gives the id of the replay that sends it again, if one does: it tells actions, and gets the event past the
    /// queue's memory of ids.
    pub replay: Option<String>,
}

impl EventMessage {
    /// Writes the event as an entry of a batch.
    pub(super) fn into_entry(self, index: usize) -> Result<SendMessageBatchRequestEntry, AwsError> {
        let carried = encoding::encode(self.json.as_bytes(), MAX_MESSAGE_BYTES - ATTRIBUTES);
        let Encoded { encoding, text } = carried.map_err(AwsError::beside(CALL, Kind::Never))?;
        let mut attributes: HashMap<String, MessageAttributeValue> = [
            (DELIVERY_ID, self.delivery_id),
            (AGGREGATE, self.aggregate.to_string()),
            (OCCURRED, self.occurred.to_string()),
            (SHA256, self.sha256),
            (DISPATCH, self.dispatch.to_string()),
            (DISPATCHED_AT, self.dispatched_at.to_string()),
        ]
        .map(string_attribute)
        .into();
        let replay = self.replay.as_ref();
        attributes.extend(replay.map(|replay| string_attribute((REPLAY, replay.clone()))));
        attributes.extend(
            encoding
                .name()
                .map(|name| string_attribute((ENCODING, name.to_owned()))),
        );
        SendMessageBatchRequestEntry::builder()
            .id(index.to_string())
            .message_body(text)
            .set_message_attributes(Some(attributes))
            // Events of one entity stay in order, those of others need not wait for them.
            .message_group_id(group_id(self.aggregate.as_str()))
            // The queue drops an id that it saw within five minutes: a replay has an id of its own, so that it is not
            // taken for a duplicate of the delivery.
            .message_deduplication_id(match self.replay {
                None => self.event_id,
                Some(replay) => hex::encode(Sha256::digest(format!("{}#{replay}", self.event_id))),
            })
            .build()
            .map_err(AwsError::beside(CALL, Kind::Never))
    }
}

/// Writes the attribute `transition`, which a message takes along into a dead-letter queue: packed, in base64.
#[must_use]
pub fn transition_text(transition: &Transition) -> String {
    STANDARD.encode(Transition::pack(std::slice::from_ref(transition)))
}

/// Reads what [`transition_text`] wrote; `None` where it did not.
#[must_use]
pub fn transition_from_text(text: &str) -> Option<Transition> {
    Transition::unpack(&STANDARD.decode(text).ok()?).ok()?.pop()
}

/// Describes a message of a domain queue, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatched {
    /// Holds the event's exact bytes, decoded from the message body.
    pub json: String,
    /// Names the entity that the event is about.
    pub aggregate: EntityKey,
    /// Gives the event's place among those of the entity.
    pub occurred: Occurred,
    /// Gives the event's identity in the log, in hexadecimal.
    pub sha256: String,
    /// Says how the event was sent.
    pub dispatch: Dispatch,
    /// Tells when it was sent, by the sender's clock; `None` where the message does not say.
    pub dispatched_at: Option<Timestamp>,
    /// Names the delivery that brought the event; `None` where the message does not say, as one that was sent by hand.
    pub delivery_id: Option<String>,
    /// Gives the id of the replay that brought it again; `None` for one that Upvest delivered.
    pub replay: Option<String>,
    /// Says what the event changed, where the message comes from a dead-letter queue.
    pub transition: Option<Transition>,
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
    /// An attribute is missing, or not what we write.
    #[error("message has no usable attribute {0}")]
    Attribute(&'static str),
}

/// Tells which event a message of a domain queue is about, by its attributes alone; a replay of it is another work than the event
/// itself.
#[must_use]
pub fn subject(message: &SqsMessage) -> Option<String> {
    let occurred = Occurred::from_stored(attribute(message, OCCURRED)?).ok()?;
    Some(match attribute(message, REPLAY) {
        None => occurred.event_id,
        Some(replay) => format!("{}#{replay}", occurred.event_id),
    })
}

impl Dispatched {
    /// Reads a message of a domain queue.
    ///
    /// # Errors
    ///
    /// [`EventMessageError`] when it was not written by [`DomainQueues::send`](super::DomainQueues::send).
    pub fn from_message(message: &SqsMessage) -> Result<Self, EventMessageError> {
        let body = message.body.clone().ok_or(EventMessageError::Body)?;
        let bytes = encoding::decode(Encoding::from_name(attribute(message, ENCODING))?, body)?;
        let json = String::from_utf8(bytes).map_err(|_| EventMessageError::NotText)?;
        let text = |name| {
            let text = attribute(message, name).filter(|text| !text.is_empty());
            text.ok_or(EventMessageError::Attribute(name))
        };
        let unusable = |name| move || EventMessageError::Attribute(name);
        let transition = attribute(message, TRANSITION)
            .map(|text| transition_from_text(text).ok_or_else(unusable(TRANSITION)));
        Ok(Self {
            json,
            aggregate: EntityKey::from_stored(text(AGGREGATE)?.to_owned()),
            occurred: Occurred::from_stored(text(OCCURRED)?)
                .ok()
                .ok_or_else(unusable(OCCURRED))?,
            sha256: text(SHA256)?.to_owned(),
            dispatch: text(DISPATCH)?.parse().ok().ok_or_else(unusable(DISPATCH))?,
            dispatched_at: attribute(message, DISPATCHED_AT).and_then(|at| at.parse().ok()),
            delivery_id: attribute(message, DELIVERY_ID).map(str::to_owned),
            replay: attribute(message, REPLAY).map(str::to_owned),
            transition: transition.transpose()?,
        })
    }

    /// Parses the event that the message carries as JSON.
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

    pub(crate) fn event(size: usize) -> EventMessage {
        let place = "2026-01-05T09:30:00.31#2010#2026-01-05T09:30:00#2026-01-05T09:30:01#00000#e1";
        EventMessage {
            event_id: "e1".to_owned(),
            domain: Domain::Orders,
            aggregate: EntityKey::from_stored("ORDER#o1".to_owned()),
            occurred: Occurred::from_stored(place).unwrap(),
            json: "x".repeat(size),
            sha256: "00ff".to_owned(),
            delivery_id: "d1".to_owned(),
            dispatch: Dispatch::First,
            dispatched_at: "2026-01-05T09:30:02Z".parse().unwrap(),
            replay: None,
        }
    }

    /// Makes the message as Lambda hands it over.
    fn received(event: EventMessage) -> SqsMessage {
        let entry = event.into_entry(0).unwrap();
        let mut message = SqsMessage::default();
        for (name, value) in entry.message_attributes().unwrap() {
            let attribute = serde_json::json!({
                "stringValue": value.string_value(), "dataType": "String",
                "stringListValues": [], "binaryListValues": [],
            });
            message
                .message_attributes
                .insert(name.clone(), serde_json::from_value(attribute).unwrap());
        }
        message.body = Some(entry.message_body().to_owned());
        message
    }

    #[test]
    fn what_the_log_says_of_an_event_travels_along() {
        let read = Dispatched::from_message(&received(event(3))).unwrap();
        let sent = event(3);
        assert_eq!(
            (&read.aggregate, &read.occurred, &read.sha256, read.dispatch),
            (&sent.aggregate, &sent.occurred, &sent.sha256, sent.dispatch)
        );
        assert_eq!(
            (read.dispatched_at, read.delivery_id.as_deref(), read.transition),
            (Some(sent.dispatched_at), Some("d1"), None)
        );
    }

    #[test]
    fn a_message_without_what_the_log_says_names_the_attribute() {
        for name in [AGGREGATE, OCCURRED, SHA256, DISPATCH] {
            let mut message = received(event(3));
            message.message_attributes.remove(name);
            let error = Dispatched::from_message(&message).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("message has no usable attribute {name}")
            );
        }
    }

    #[test]
    fn a_replay_gets_past_the_memory_of_ids_and_is_marked() {
        let first = event(1).into_entry(0).unwrap();
        let replayed = EventMessage {
            replay: Some("r1".to_owned()),
            ..event(1)
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
