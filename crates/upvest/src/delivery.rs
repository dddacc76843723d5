//! A delivery's body: a batch of events.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::event::{Event, EventError};
use crate::json::Object;

/// Bounds the number of events that one delivery may carry. Upvest bounds a batch by size (1 MiB unless one event is
/// larger), so that its real batches stay far below.
pub const MAX_EVENTS: usize = 20_000;

/// Bounds the bodies that are looked at, in bytes: the most that Lambda takes from an HTTP API (6 MB).
pub const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;

/// Names the reason for which an event is in quarantine that is in the log too, but belongs to no entity.
pub const NO_ENTITY_KEY: &str = "event-without-entity-key";

/// Holds one element of a delivery's batch: an event, or what stands in an event's place.
#[derive(Debug, Clone)]
pub struct Element<'a> {
    /// Holds the element's exact text, whose bytes are hashed to tell duplicates from conflicts.
    pub json: &'a str,
    /// Holds the event that it is, or says why it is none.
    pub event: Result<Event<'a>, EventError>,
}

impl Element<'_> {
    /// Names the reason for which the element goes to quarantine, as quarantine keys and metrics have it; `None` for an
    /// event that some entity's processor takes.
    #[must_use]
    pub fn quarantine_reason(&self) -> Option<&'static str> {
        match &self.event {
            Err(malformed) => Some(malformed.reason()),
            Ok(event) => event.entity_key().is_err().then_some(NO_ENTITY_KEY),
        }
    }
}

/// Says why a body is not a batch of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The body is larger than [`MAX_BODY_BYTES`].
    #[error("body is larger than {MAX_BODY_BYTES} bytes")]
    TooLarge,
    /// The body is not UTF-8, or not JSON, or JSON that is neither an object nor an array.
    #[error("body is not a JSON object or array")]
    NotJson,
    /// The body is JSON without any event in it.
    #[error("body holds no events")]
    NoEvents,
    /// The body holds more than [`MAX_EVENTS`] events.
    #[error("body holds more than {MAX_EVENTS} events")]
    TooManyEvents,
}

impl DeliveryError {
    /// Lists all of them, in the order of the checks.
    pub const ALL: [Self; 4] = [Self::TooLarge, Self::NotJson, Self::NoEvents, Self::TooManyEvents];

    /// Names the reason as quarantine keys and metrics have it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "body-too-large",
            Self::NotJson => "body-not-json",
            Self::NoEvents => "body-without-events",
            Self::TooManyEvents => "body-with-too-many-events",
        }
    }
}

/// Lists the events of a body, each with its position in the batch; none of a body that is no batch, and none in the place of what
/// is no event. What a delivery that holds brought is listed so.
pub fn events_of(body: &[u8]) -> impl Iterator<Item = (usize, Event<'_>)> {
    let elements = split(body).unwrap_or_default().into_iter().enumerate();
    elements.filter_map(|(position, element)| Some((position, element.event.ok()?)))
}

/// Splits a body into its events, in the order sent.
///
/// Upvest sends `{"payload": [event, ...]}`; a bare array and a single event are accepted too, because the body of a
/// test delivery is not in Upvest's documentation. Splitting does not recurse, whatever the nesting.
///
/// ```
/// let body = br#"{"payload": [
///     {"id": "e1", "created_at": "2021-07-21T14:10:00Z", "type": "ORDER.NEW", "object": {"id": "o1"}},
///     {"id": 7}
/// ]}"#;
/// let elements = upvest::split(body)?;
/// assert_eq!(elements[0].event.as_ref().unwrap().event_type(), "ORDER.NEW");
/// assert_eq!(elements[1].quarantine_reason(), Some("event-incomplete"));
/// # Ok::<_, upvest::delivery::DeliveryError>(())
/// ```
///
/// # Errors
///
/// [`DeliveryError`] when there is nothing to split. A malformed event among good ones is not an error of the
/// delivery: see [`Element::event`].
pub fn split(body: &[u8]) -> Result<Vec<Element<'_>>, DeliveryError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(DeliveryError::TooLarge);
    }
    let text = std::str::from_utf8(body)
        .map_err(|_| DeliveryError::NotJson)?
        // The white space of RFC 8259, no other.
        .trim_matches([' ', '\t', '\n', '\r']);
    let batch = match text.bytes().next() {
        Some(b'{') => {
            let members = Object::parse(text).ok_or(DeliveryError::NotJson)?;
            // Of two payloads one would be lost.
            match members.only("payload").map_err(|_| DeliveryError::NotJson)? {
                Some(payload) => payload.get(),
                None if members.member("type").is_some() => text,
                None => return Err(DeliveryError::NoEvents),
            }
        }
        Some(b'[') => text,
        _ => return Err(DeliveryError::NotJson),
    };
    let elements: Vec<&RawValue> = match batch.bytes().next() {
        Some(b'[') => serde_json::from_str::<Batch<'_>>(batch)
            .map_err(|_| DeliveryError::NotJson)?
            .0
            .ok_or(DeliveryError::TooManyEvents)?,
        Some(b'{') => vec![serde_json::from_str(batch).map_err(|_| DeliveryError::NotJson)?],
        _ => return Err(DeliveryError::NoEvents),
    };
    match elements.len() {
        0 => Err(DeliveryError::NoEvents),
        _ => Ok(elements
            .iter()
            .map(|raw| Element {
                json: raw.get(),
                event: Event::parse(raw.get()),
            })
            .collect()),
    }
}

/// Holds the elements of an array; `None` where there are more than [`MAX_EVENTS`], which are not kept: three million numbers
/// fit into a body.
struct Batch<'a>(Option<Vec<&'a RawValue>>);

impl<'de: 'a, 'a> Deserialize<'de> for Batch<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(BatchVisitor)
    }
}

struct BatchVisitor;

impl<'de> Visitor<'de> for BatchVisitor {
    type Value = Batch<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = array.next_element()? {
            if elements.len() == MAX_EVENTS {
                // To its end: what is no JSON is told as that.
                while array.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(Batch(None));
            }
            elements.push(element);
        }
        Ok(Batch(Some(elements)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EVENT: &str =
        r#"{"id":"e1","created_at":"2021-07-21T14:10:00Z","type":"ORDER.NEW","object": { "id" : "o1" }}"#;

    #[test]
    fn a_batch_an_array_and_a_single_event_are_all_accepted() {
        for body in [
            format!(r#"{{"payload":[{EVENT}]}}"#),
            format!(r#"{{"extra":[[]],"payload":{EVENT}}}"#),
            format!(" [{EVENT}]\n"),
            EVENT.to_owned(),
        ] {
            let parts = split(body.as_bytes()).unwrap();
            assert_eq!(parts.len(), 1);
            assert_eq!(parts[0].event.as_ref().unwrap().json(), EVENT);
        }
    }

    #[test]
    fn members_beside_the_payload_may_be_any_json() {
        let body = format!(r#"{{"\ud800":1e999,"x":1,"x":2,"payload":[{EVENT}]}}"#);
        assert!(split(body.as_bytes()).unwrap()[0].event.is_ok());
    }

    #[test]
    fn a_malformed_event_leaves_its_neighbours_alone() {
        let body = format!(r#"{{"payload":[{EVENT},{{"id":7}},null,{EVENT}]}}"#);
        let parts = split(body.as_bytes()).unwrap();
        let good: Vec<bool> = parts.iter().map(|part| part.event.is_ok()).collect();
        assert_eq!(good, [true, false, false, true]);
        assert_eq!(parts[1].json, r#"{"id":7}"#);
    }

    #[test]
    fn a_body_without_events_says_why() {
        let many = format!("[{}1]", "1,".repeat(MAX_EVENTS));
        for (body, reason) in [
            (&b""[..], DeliveryError::NotJson),
            (b"hello", DeliveryError::NotJson),
            ("\u{a0}[]".as_bytes(), DeliveryError::NotJson),
            (b"\xff\xfe{}", DeliveryError::NotJson),
            (b"{\"payload\":[\0]}", DeliveryError::NotJson),
            (b"{\"payload\":[}", DeliveryError::NotJson),
            (b"[1][2]", DeliveryError::NotJson),
            (br#"{"payload":[],"payload":[]}"#, DeliveryError::NotJson),
            (b"{}", DeliveryError::NoEvents),
            (br#"{"payload":[]}"#, DeliveryError::NoEvents),
            (br#"{"payload":null}"#, DeliveryError::NoEvents),
            (br#"{"payload":"x"}"#, DeliveryError::NoEvents),
            (many.as_bytes(), DeliveryError::TooManyEvents),
            (&vec![b' '; MAX_BODY_BYTES + 1], DeliveryError::TooLarge),
        ] {
            assert_eq!(split(body).map(|_| ()), Err(reason));
        }
    }

    #[test]
    fn a_nesting_bomb_is_one_malformed_event() {
        let bomb = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        let body = format!(r#"{{"payload":[{EVENT},{bomb}]}}"#);
        let parts = split(body.as_bytes()).unwrap();
        assert!(parts[0].event.is_ok());
        assert_eq!(parts[1].event.as_ref().unwrap_err(), &EventError::TooDeep);
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = split(&body);
        }

        #[test]
        fn no_json_makes_it_panic(body in r#"[\[\]{}":,a-z0-9\\ -]{0,200}"#) {
            let _ = split(body.as_bytes());
        }
    }
}
