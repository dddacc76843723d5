//! Shows an event of the log, or the time line of an entity.

mod list;

use pipeline::stores::events::LoggedEvent;
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::Occurred;

use crate::error::{Error, Result};
use crate::find;
use crate::stack::{Output, Stack};

pub use list::{Cursor, EventList, ListedEvent, MOST_DELIVERIES, Query, list};

/// Describes an event as the log holds it, with the delivery that brought it.
#[derive(Debug, Serialize)]
pub struct EventReport {
    /// Names the event; a conflicting version has a key of its own in the log.
    pub event_id: String,
    /// Repeats the event type that Upvest sent.
    pub r#type: String,
    /// Names the entity in whose time line it is.
    pub entity: Option<String>,
    /// Gives the time at which it occurred, by Upvest's word where it says so.
    pub occurred_at: String,
    /// Gives its place in that time line, as the published change does.
    pub occurred: String,
    /// Tells what its time is taken from, where the event itself does not say or is not believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_flag: Option<String>,
    /// Tells when the delivery arrived that brought it.
    pub received_at: String,
    /// Names the delivery that the log has it from; later duplicates are not noted here.
    pub delivery_id: String,
    /// Gives its identity: a SHA-256 of what it says, in hexadecimal.
    pub sha256: String,
    /// Holds the object, unless it was too large for the table.
    pub object: Option<Box<RawValue>>,
    /// Says where the archive keeps the delivery of an object that was too large.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<String>,
}

/// Describes a part of an entity's time line.
#[derive(Debug, Serialize)]
pub struct Timeline {
    /// Names the entity whose events these are, written `TYPE#ID`.
    pub entity: String,
    /// Lists a page of its events, in the order in which they occurred.
    pub events: Vec<TimelineEvent>,
    /// Tells where the next page goes on; `None` on the last one.
    pub next: Option<String>,
}

/// Describes an event of a time line.
#[derive(Debug, Serialize)]
pub struct TimelineEvent {
    /// Gives the time at which it occurred, by Upvest's word where it says so.
    pub occurred_at: String,
    /// Repeats the event type that Upvest sent.
    pub r#type: String,
    /// Names the event in the log; `events show` takes this id.
    pub event_id: String,
}

/// Reads an event of the log, found by its id or the beginning of it.
///
/// # Errors
///
/// [`Error`] of the kind not-found where the log has none of this id.
pub async fn show(stack: &Stack, event_id: &str) -> Result<EventReport> {
    let event_id = &find::event_id(stack, event_id).await?;
    let event = stack.event_log()?.find(event_id).await?;
    let event = event.ok_or_else(|| Error::not_found(format!("no event {event_id} in the event log")))?;
    let mut report = EventReport::of(event)?;
    if let Some(key) = &report.archived_at {
        report.archived_at = Some(format!("s3://{}/{key}", stack.output(Output::ArchiveBucket)?));
    }
    Ok(report)
}

/// Reads up to `limit` events of an entity, from its first one or after one of them.
///
/// # Errors
///
/// [`Error`] of the kind not-found where the log has none of this entity.
pub async fn timeline(stack: &Stack, entity: &str, after: Option<&Occurred>, limit: u16) -> Result<Timeline> {
    let key = find::entity(stack, entity).await?;
    let entity = key.as_str();
    // One more than is shown tells whether there is more.
    let log = stack.event_log()?;
    let mut entries = log.timeline(&key, after, i32::from(limit) + 1).await?;
    if entries.is_empty() && after.is_none() {
        return Err(Error::not_found(format!(
            "no events of {entity} in the event log: entities are written TYPE#ID, like ORDER#9fc8c651-..."
        )));
    }
    let is_more = entries.len() > usize::from(limit);
    entries.truncate(limit.into());
    let last = entries.last().filter(|_| is_more);
    let next = last.map(|entry| entry.occurred.to_string());
    let events = entries.into_iter().map(|entry| TimelineEvent {
        occurred_at: entry.occurred.created_at.to_string(),
        r#type: entry.event_type,
        event_id: entry.occurred.event_id,
    });
    Ok(Timeline {
        entity: entity.to_owned(),
        events: events.collect(),
        next,
    })
}

impl EventReport {
    fn of(event: LoggedEvent) -> Result<Self> {
        let object = event.object.map(RawValue::from_string).transpose();
        Ok(Self {
            object: object.map_err(Error::context(format!(
                "the object of event {} in the events table is not JSON",
                event.event_id
            )))?,
            event_id: event.event_id,
            r#type: event.event_type,
            entity: event.aggregate.map(|entity| entity.to_string()),
            occurred_at: event.occurred.created_at.to_string(),
            occurred: event.occurred.to_string(),
            time_flag: event.time_flag,
            received_at: event.received_at.to_string(),
            delivery_id: event.delivery_id,
            sha256: event.sha256,
            archived_at: event.archived_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use upvest::EntityKey;

    use super::*;

    fn logged(object: &str) -> LoggedEvent {
        LoggedEvent {
            event_id: "e1".to_owned(),
            event_type: "ORDER.NEW".to_owned(),
            aggregate: Some(EntityKey::from_stored("ORDER#o1".to_owned())),
            occurred: Occurred::from_stored("2026-01-05T09:30:00.31#1010##2026-01-05T09:30:01#00000#e1")
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
    fn an_event_has_its_object_verbatim() {
        let report = EventReport::of(logged(r#"{"quantity": 1.00, "id":"o1"}"#)).unwrap();
        let json = serde_json::to_string(&report).unwrap();
        assert!(
            json.contains(r#""object":{"quantity": 1.00, "id":"o1"}"#),
            "{json}"
        );
    }

    #[test]
    fn an_object_that_is_no_json_names_its_event() {
        assert_eq!(
            EventReport::of(logged("{")).unwrap_err().to_string(),
            "the object of event e1 in the events table is not JSON"
        );
    }
}
