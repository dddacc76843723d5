//! Reading the log back: events by id, the time line of an entity, the events of all entities, and those of a time.

use std::collections::HashMap;
use std::ops::Range;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::{EntityKey, Occurred};

use super::{EventLog, Item, value_text};
use crate::error::AwsError;

/// The index that has the time lines of the entities.
const TIMELINE_INDEX: &str = "by-aggregate";
/// The most events that [`EventLog::load`] takes: so many of the largest items fit into one answer.
pub const LOAD_BATCH: usize = 25;

/// An event of the log, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its key: the event's id, or, for an event that contradicts another one, that id, `!` and the hash.
    pub event_id: String,
    /// The event's type.
    pub event_type: String,
    /// The entity in whose time line it is.
    pub aggregate: Option<EntityKey>,
    /// When it occurred.
    pub occurred: Occurred,
    /// The delivery that brought it.
    pub delivery_id: String,
    /// When that delivery arrived.
    pub received_at: Timestamp,
    /// SHA-256 of the event's exact bytes, in hexadecimal.
    pub sha256: String,
    /// The event's `object`, verbatim, if it was read and is not in the archive.
    pub object: Option<String>,
    /// Where the archive has an event whose object is too large for an item.
    pub archived_at: Option<String>,
}

/// An event's mark in the time line of its entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The entity.
    pub entity: EntityKey,
    /// When the event occurred, with its id.
    pub occurred: Occurred,
    /// The event's type.
    pub event_type: String,
}

/// A place between marks: after the one of this entity and event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The entity.
    pub entity: EntityKey,
    /// The event.
    pub occurred: Occurred,
}

/// Some marks, and where those that follow begin; `None` when these are the last ones.
pub type Marks = (Vec<Mark>, Option<Place>);

/// Why the log cannot be read. Absence is no error.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The table could not be read.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The item is not an event.
    #[error("event {event_id} in the events table has no usable {attribute}")]
    Unusable {
        /// The item's key.
        event_id: String,
        /// The attribute at fault.
        attribute: &'static str,
    },
}

/// An event as it is put together again.
#[derive(Serialize)]
struct Again<'e> {
    id: &'e str,
    created_at: &'e str,
    r#type: &'e str,
    object: &'e RawValue,
}

impl LoggedEvent {
    /// The event as JSON: id, time and type as the log has them, and the object verbatim. `None` when the object is not
    /// here, or is no JSON. (The exact bytes, with the members that no processor needs, are in the archive.)
    #[must_use]
    pub fn to_json(&self) -> Option<String> {
        let again = Again {
            id: self.occurred.event_id(),
            created_at: self.occurred.instant(),
            r#type: &self.event_type,
            object: serde_json::from_str(self.object.as_ref()?).ok()?,
        };
        serde_json::to_string(&again).ok()
    }

    fn of(mut item: Item) -> Result<Self, LogError> {
        let event_id = take(&mut item, "event_id").unwrap_or_default();
        let mut required = |attribute| {
            let text = take(&mut item, attribute);
            text.ok_or_else(|| unusable(&event_id, attribute))
        };
        let (event_type, delivery_id) = (required("type")?, required("delivery_id")?);
        let (sha256, received_at) = (required("sha256")?, required("received_at")?);
        let occurred = Occurred::from_stored(required("occurred")?);
        Ok(Self {
            event_type,
            aggregate: take(&mut item, "aggregate").map(EntityKey::from_stored),
            occurred: occurred.map_err(|_| unusable(&event_id, "occurred"))?,
            delivery_id,
            received_at: (received_at.parse()).map_err(|_| unusable(&event_id, "received_at"))?,
            sha256,
            object: take(&mut item, "object"),
            archived_at: take(&mut item, "archived_at"),
            event_id,
        })
    }
}

impl Mark {
    fn of(mut item: Item) -> Result<Self, LogError> {
        let event_id = take(&mut item, "event_id").unwrap_or_default();
        let mut required = |attribute| {
            let text = take(&mut item, attribute);
            text.ok_or_else(|| unusable(&event_id, attribute))
        };
        let (entity, occurred) = (required("aggregate")?, required("occurred")?);
        Ok(Self {
            entity: EntityKey::from_stored(entity),
            event_type: required("type")?,
            occurred: Occurred::from_stored(occurred).map_err(|_| unusable(&event_id, "occurred"))?,
        })
    }
}

impl Place {
    fn into_key(self) -> Item {
        let texts = [
            ("event_id", self.occurred.event_id().to_owned()),
            ("aggregate", self.entity.to_string()),
            ("occurred", self.occurred.to_string()),
        ];
        let attributes = texts.map(|(name, text)| (name.to_owned(), AttributeValue::S(text)));
        attributes.into()
    }

    fn from_key(mut key: Item) -> Option<Self> {
        Some(Self {
            entity: EntityKey::from_stored(take(&mut key, "aggregate")?),
            occurred: Occurred::from_stored(take(&mut key, "occurred")?).ok()?,
        })
    }
}

impl EventLog {
    /// The events of these keys, up to [`LOAD_BATCH`], that are in the log.
    ///
    /// # Errors
    ///
    /// [`LogError`] when some of them are not known, or one is not an event.
    pub async fn load(&self, ids: &[&str]) -> Result<HashMap<String, LoggedEvent>, LogError> {
        let items = self.batch_get(ids, None).await?;
        let events = items.into_iter().map(|item| {
            let event = LoggedEvent::of(item)?;
            Ok((event.event_id.clone(), event))
        });
        events.collect()
    }

    /// The marks of an entity in their order, at most `limit` of them, from its first event or after one of them.
    ///
    /// # Errors
    ///
    /// [`LogError`] when they cannot be read.
    pub async fn timeline(
        &self,
        entity: &EntityKey,
        after: Option<&Occurred>,
        limit: i32,
    ) -> Result<Vec<Mark>, LogError> {
        let first = || AttributeValue::S(String::from("0"));
        let after = after.map_or_else(first, |after| AttributeValue::S(after.to_string()));
        let request = self.client.query().table_name(&self.table);
        let answer = request
            .index_name(TIMELINE_INDEX)
            .key_condition_expression("#aggregate = :entity AND occurred > :after")
            // A reserved word of DynamoDB.
            .expression_attribute_names("#aggregate", "aggregate")
            .expression_attribute_values(":entity", AttributeValue::S(entity.to_string()))
            .expression_attribute_values(":after", after)
            .limit(limit)
            .send()
            .await
            .map_err(AwsError::of("Query of the events table"))?;
        answer
            .items
            .unwrap_or_default()
            .into_iter()
            .map(Mark::of)
            .collect()
    }

    /// Marks of all entities, from a place on. Those of one entity are usually, but not surely, together and in order.
    ///
    /// # Errors
    ///
    /// [`LogError`] when they cannot be read.
    pub async fn marks(&self, after: Option<Place>) -> Result<Marks, LogError> {
        let scan = self.client.scan().table_name(&self.table);
        let page = scan
            .index_name(TIMELINE_INDEX)
            .set_exclusive_start_key(after.map(Place::into_key))
            .send()
            .await
            .map_err(AwsError::of("Scan of the events table"))?;
        let marks = page.items.unwrap_or_default().into_iter().map(Mark::of);
        Ok((
            marks.collect::<Result<_, _>>()?,
            page.last_evaluated_key.and_then(Place::from_key),
        ))
    }

    /// Events received in a range of time, without their objects and in no order, from the key `after` on; and where
    /// those that follow begin. It reads the whole log: there is no index by time.
    ///
    /// # Errors
    ///
    /// [`LogError`] when they cannot be read.
    pub async fn received(
        &self,
        received: &Range<Timestamp>,
        after: Option<String>,
    ) -> Result<(Vec<LoggedEvent>, Option<String>), LogError> {
        let key = after.map(|id| Item::from([("event_id".to_owned(), AttributeValue::S(id))]));
        let scan = self.client.scan().table_name(&self.table);
        let [from, to] = whole_seconds(received).map(AttributeValue::S);
        let page = scan
            .projection_expression(
                "event_id,#type,#aggregate,occurred,delivery_id,received_at,sha256,archived_at",
            )
            .filter_expression("received_at >= :from AND received_at < :to")
            // Reserved words of DynamoDB.
            .expression_attribute_names("#type", "type")
            .expression_attribute_names("#aggregate", "aggregate")
            .expression_attribute_values(":from", from)
            .expression_attribute_values(":to", to)
            .consistent_read(true)
            .set_exclusive_start_key(key)
            .send()
            .await
            .map_err(AwsError::of("Scan of the events table"))?;
        let events = page.items.unwrap_or_default().into_iter().map(LoggedEvent::of);
        let within = |event: &Result<LoggedEvent, LogError>| match event {
            Ok(event) => received.contains(&event.received_at),
            Err(_) => true,
        };
        let next = page.last_evaluated_key;
        Ok((
            events.filter(within).collect::<Result<_, _>>()?,
            next.and_then(|mut key| take(&mut key, "event_id")),
        ))
    }
}

/// The seconds around a range, so that times can be compared as texts whatever fraction they have.
fn whole_seconds(range: &Range<Timestamp>) -> [String; 2] {
    let second = |at: Timestamp| {
        let second = at.to_zoned(TimeZone::UTC);
        second.strftime("%Y-%m-%dT%H:%M:%S").to_string()
    };
    let after_the_end = range.end.saturating_add(SignedDuration::from_secs(1));
    [
        second(range.start),
        second(after_the_end.unwrap_or(Timestamp::MAX)),
    ]
}

fn take(item: &mut Item, name: &str) -> Option<String> {
    item.remove(name).and_then(value_text)
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

    fn logged(object: &str) -> LoggedEvent {
        LoggedEvent {
            event_id: "e1".to_owned(),
            event_type: "ORDER.NEW".to_owned(),
            aggregate: None,
            occurred: Occurred::new("2026-01-05T09:30:00.310Z", "e1").unwrap(),
            delivery_id: "d1".to_owned(),
            received_at: "2026-01-05T09:30:01Z".parse().unwrap(),
            sha256: "00ff".to_owned(),
            object: Some(object.to_owned()),
            archived_at: None,
        }
    }

    #[test]
    fn an_event_put_together_again_has_the_same_place_and_object() {
        let object = r#"{"id":"o1", "quantity": 1.00}"#;
        let json = logged(object).to_json().unwrap();
        let event = Event::parse(&json).unwrap();
        assert_eq!(event.object().get(), object);
        assert_eq!((event.id(), event.event_type()), ("e1", "ORDER.NEW"));
        assert_eq!(*event.occurred(), logged(object).occurred);
        assert_eq!(logged("{").to_json(), None);
    }

    #[test]
    fn times_of_any_fraction_lie_within_the_seconds_around_a_range() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let range = at("2026-01-05T09:30:00.5Z")..at("2026-01-05T09:30:01.25Z");
        let [from, to] = whole_seconds(&range);
        for inside in ["09:30:00.5Z", "09:30:01Z", "09:30:01.249999999Z"] {
            let text = at(&format!("2026-01-05T{inside}")).to_string();
            assert!(text >= from && text < to, "{text}");
        }
        for outside in ["09:29:59.999Z", "09:30:02Z", "09:30:02.001Z"] {
            let text = at(&format!("2026-01-05T{outside}")).to_string();
            assert!(text < from || text >= to, "{text}");
        }
    }
}
