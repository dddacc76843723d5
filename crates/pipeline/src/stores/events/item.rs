//! An item of the events table: its attributes, read back.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::{EntityKey, Occurred};

use super::attributes;
use crate::error::AwsError;
use crate::stores::item::{Item, take_text};

/// Says what separates an event's id from its hash in the key of a conflicting event.
const CONFLICT: char = '!';

/// Describes an event of the log, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Gives its key: the event's id, or, for one that conflicts with another, its [`conflict_key`].
    pub event_id: String,
    /// Gives the event's type, for example `ORDER.FILLED`.
    pub event_type: String,
    /// Names the entity in whose time line it is; `None` for an event that names no entity or conflicts with another one.
    pub aggregate: Option<EntityKey>,
    /// Gives its place among the events of the entity, computed when it was stored.
    pub occurred: Occurred,
    /// Says where its time comes from, where Upvest's `created_at` was missing or not to be believed.
    pub time_flag: Option<String>,
    /// Names the delivery that first brought it, and under whose id the archive has the signed bytes.
    pub delivery_id: String,
    /// Gives the time at which ingest received that delivery.
    pub received_at: Timestamp,
    /// Gives the event's identity, in hexadecimal, by which duplicates are told from conflicts.
    pub sha256: String,
    /// Holds the event's `object`, verbatim; `None` where it was not read, or is in the archive.
    pub object: Option<String>,
    /// Says where the archive has an event whose object is too large for an item.
    pub archived_at: Option<String>,
}

/// Says why the log cannot be read. Absence is no error.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The table could not be read.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The item is not an event.
    #[error("event {event_id} in the events table has no usable {attribute}")]
    Unusable {
        /// Gives the key of the item, empty where it has none.
        event_id: String,
        /// Names the attribute that is missing, or is not what we write.
        attribute: &'static str,
    },
}

/// Makes the key under which the log keeps an event beside another of the same id, with which it conflicts.
#[must_use]
pub fn conflict_key(event_id: &str, sha256: &str) -> String {
    format!("{event_id}{CONFLICT}{sha256}")
}

/// Gives the id of the event with which the one under this key conflicts; `None` when the key is an event's own id.
#[must_use]
pub fn conflicts_with(key: &str) -> Option<&str> {
    key.split_once(CONFLICT).map(|(id, _)| id)
}

/// Gives the id that Upvest gave the event under this key.
#[must_use]
pub fn original_id(key: &str) -> &str {
    conflicts_with(key).unwrap_or(key)
}

impl LoggedEvent {
    /// Writes the event as JSON: id, time and type as the log has them, and the object verbatim. `None` when the object
    /// is not here, or is no JSON. (The exact bytes, with the members that no processor needs, are in the archive.)
    #[must_use]
    pub fn to_json(&self) -> Option<String> {
        self.with_object(self.object.as_ref()?)
    }

    /// Writes the event as JSON, as [`to_json`](Self::to_json), with this object; `None` when it is no JSON.
    #[must_use]
    pub fn with_object(&self, object: &str) -> Option<String> {
        #[derive(Serialize)]
        struct EventDocument<'e> {
            id: &'e str,
            created_at: &'e str,
            r#type: &'e str,
            object: &'e RawValue,
        }
        let document = EventDocument {
            id: &self.occurred.event_id,
            created_at: &self.occurred.created_at.to_string(),
            r#type: &self.event_type,
            object: serde_json::from_str(object).ok()?,
        };
        serde_json::to_string(&document).ok()
    }

    pub(super) fn from_item(item: Item) -> Result<Self, LogError> {
        let mut required = Required::of(item)?;
        Ok(Self {
            event_type: required.text(attributes::EVENT_TYPE)?,
            delivery_id: required.text(attributes::DELIVERY_ID)?,
            sha256: required.text(attributes::SHA256)?,
            received_at: required
                .text(attributes::RECEIVED_AT)?
                .parse()
                .map_err(|_| required.unusable(attributes::RECEIVED_AT))?,
            occurred: required.occurred()?,
            aggregate: take_text(&mut required.item, attributes::AGGREGATE).map(EntityKey::from_stored),
            time_flag: take_text(&mut required.item, attributes::TIME_FLAG),
            object: take_text(&mut required.item, attributes::OBJECT),
            archived_at: take_text(&mut required.item, attributes::ARCHIVED_AT),
            event_id: required.event_id,
        })
    }
}

/// Takes the attributes that an item must have out of it, one by one.
pub(super) struct Required {
    event_id: String,
    item: Item,
}

impl Required {
    /// Takes the item's key out of it, by which the errors of the others name it.
    pub(super) fn of(mut item: Item) -> Result<Self, LogError> {
        let event_id =
            take_text(&mut item, attributes::EVENT_ID).ok_or_else(|| unusable("", attributes::EVENT_ID))?;
        Ok(Self { event_id, item })
    }

    /// Takes a text attribute out of the item, or names it as unusable.
    pub(super) fn text(&mut self, attribute: &'static str) -> Result<String, LogError> {
        take_text(&mut self.item, attribute).ok_or_else(|| self.unusable(attribute))
    }

    /// Takes the attribute `occurred`, the sort key of the index by entity, or names it as unusable.
    pub(super) fn occurred(&mut self) -> Result<Occurred, LogError> {
        let occurred = self.text(attributes::OCCURRED)?;
        Occurred::from_stored(&occurred).map_err(|_| self.unusable(attributes::OCCURRED))
    }

    fn unusable(&self, attribute: &'static str) -> LogError {
        unusable(&self.event_id, attribute)
    }
}

fn unusable(event_id: &str, attribute: &'static str) -> LogError {
    LogError::Unusable {
        event_id: event_id.to_owned(),
        attribute,
    }
}

#[cfg(test)]
mod tests {
    use upvest::Event;

    use super::*;
    use crate::stores::item::text;

    fn logged(object: &str) -> LoggedEvent {
        LoggedEvent {
            event_id: "e1".to_owned(),
            event_type: "ORDER.NEW".to_owned(),
            aggregate: None,
            occurred: Occurred::from_stored(
                "2026-01-05T09:30:00.31#2010#2026-01-05T09:30:00#2026-01-05T09:30:01#00000#e1",
            )
            .unwrap(),
            time_flag: None,
            delivery_id: "d1".to_owned(),
            received_at: "2026-01-05T09:30:01Z".parse().unwrap(),
            sha256: "00ff".to_owned(),
            object: Some(object.to_owned()),
            archived_at: None,
        }
    }

    #[test]
    fn an_event_put_together_again_has_the_same_time_and_object() {
        let object = r#"{"id":"o1", "quantity": 1.00}"#;
        let json = logged(object).to_json().unwrap();
        let event = Event::parse(&json).unwrap();
        assert_eq!(event.object().get(), object);
        assert_eq!((event.id(), event.event_type()), ("e1", "ORDER.NEW"));
        assert_eq!(event.created_at(), Some(logged(object).occurred.created_at));
        assert_eq!(logged("{").to_json(), None);
    }

    #[test]
    fn an_item_that_is_no_event_names_what_is_missing() {
        let item = [("event_id", "e1"), ("type", "ORDER.NEW"), ("delivery_id", "d1")];
        let mut item = Item::from(item.map(|(name, value)| (name.to_owned(), text(value))));
        let refused = |item: &Item| LoggedEvent::from_item(item.clone()).unwrap_err();
        assert_eq!(
            refused(&item).to_string(),
            "event e1 in the events table has no usable sha256"
        );
        item.remove("event_id");
        assert!(matches!(
            refused(&item),
            LogError::Unusable {
                attribute: "event_id",
                ..
            }
        ));
    }

    #[test]
    fn the_key_of_a_conflicting_event_tells_the_event_that_it_conflicts_with() {
        let key = conflict_key("e1", "00ff");
        assert_eq!(key, "e1!00ff");
        assert_eq!((conflicts_with(&key), original_id(&key)), (Some("e1"), "e1"));
        assert_eq!((conflicts_with("e1"), original_id("e1")), (None, "e1"));
    }
}
