//! The time lines of entities: which events they have, in the order in which these occurred.

use upvest::{EntityKey, Occurred};

use super::item::{LogError, LoggedEvent, Required};
use super::{EventLog, attributes};
use crate::error::AwsError;
use crate::stores::batch_get::BATCH;
use crate::stores::item::{Item, take_text, text};

/// Names the index that has the time lines. The index has keys and types, no objects.
const INDEX: &str = "by-aggregate";

/// Describes an event's place in the time line of its entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    /// Names the entity whose time line it is in.
    pub entity: EntityKey,
    /// Tells when the event occurred, with its id.
    pub occurred: Occurred,
    /// Gives the event's type, for example `ORDER.FILLED`.
    pub event_type: String,
}

/// Describes a place between entries of all time lines: after the one of this entity and event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineCursor {
    /// Names the entity of the entry that was read last.
    pub entity: EntityKey,
    /// Gives time and id of the event of that entry.
    pub occurred: Occurred,
}

/// Holds some entries of all time lines, as many as `DynamoDB` reads at a time (1 MB).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelinePage {
    /// Lists the entries, in the order of the index; none where `DynamoDB` read nothing and there is more to come.
    pub entries: Vec<TimelineEntry>,
    /// Says where those that follow begin; `None` when these are the last ones.
    pub next: Option<TimelineCursor>,
}

impl TimelineEntry {
    fn from_item(item: Item) -> Result<Self, LogError> {
        let mut required = Required::of(item)?;
        Ok(Self {
            entity: EntityKey::from_stored(required.text(attributes::AGGREGATE)?),
            occurred: required.occurred()?,
            event_type: required.text(attributes::EVENT_TYPE)?,
        })
    }
}

impl TimelineCursor {
    fn into_key(self) -> Item {
        [
            (attributes::EVENT_ID, self.occurred.event_id.clone()),
            (attributes::AGGREGATE, self.entity.to_string()),
            (attributes::OCCURRED, self.occurred.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), text(value)))
        .into()
    }

    fn from_key(mut key: Item) -> Option<Self> {
        Some(Self {
            entity: EntityKey::from_stored(take_text(&mut key, attributes::AGGREGATE)?),
            occurred: Occurred::from_stored(&take_text(&mut key, attributes::OCCURRED)?).ok()?,
        })
    }
}

impl EventLog {
    /// Reads the time line of an entity, at most `limit` entries, from its first event or after one of them.
    ///
    /// # Errors
    ///
    /// [`LogError`] when it cannot be read.
    pub async fn timeline(
        &self,
        entity: &EntityKey,
        after: Option<&Occurred>,
        limit: i32,
    ) -> Result<Vec<TimelineEntry>, LogError> {
        self.entries(entity, after, Some(limit)).await
    }

    async fn entries(
        &self,
        entity: &EntityKey,
        after: Option<&Occurred>,
        limit: Option<i32>,
    ) -> Result<Vec<TimelineEntry>, LogError> {
        // Every time begins with a digit, and none is less than "0".
        let after = after.map_or_else(|| "0".to_owned(), Occurred::to_string);
        let mut items = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("#aggregate = :entity AND occurred > :after")
            // A reserved word of DynamoDB.
            .expression_attribute_names("#aggregate", attributes::AGGREGATE)
            .expression_attribute_values(":entity", text(entity.as_str()))
            .expression_attribute_values(":after", text(after))
            .set_limit(limit)
            .into_paginator()
            .items()
            .send();
        let limit = limit.map_or(usize::MAX, |limit| {
            usize::try_from(limit).expect("callers set no negative limit")
        });
        let mut entries = Vec::new();
        // Where the limit is reached no further page is asked for.
        while entries.len() < limit
            && let Some(item) = items.next().await
        {
            let item = item.map_err(AwsError::of("Query of the events table"))?;
            entries.push(TimelineEntry::from_item(item)?);
        }
        Ok(entries)
    }

    /// Reads all events of an entity with their objects, in the order in which they occurred.
    ///
    /// # Errors
    ///
    /// [`LogError`] when they cannot be read.
    pub async fn history(&self, entity: &EntityKey) -> Result<Vec<LoggedEvent>, LogError> {
        let entries = self.entries(entity, None, None).await?;
        let mut history = Vec::new();
        // One batch after the other: all at once, a long history of large objects would be throttled.
        for entries in entries.chunks(BATCH) {
            let ids = entries.iter().map(|entry| entry.occurred.event_id.as_str());
            let ids: Vec<&str> = ids.collect();
            let mut events = self.load(&ids).await?;
            // A batch read gives items in no order: the ids have it.
            history.extend(ids.iter().filter_map(|id| events.remove(*id)));
        }
        Ok(history)
    }

    /// Reads entries of all time lines, from a place on. Those of one entity are usually, but not surely, together and
    /// in order.
    ///
    /// # Errors
    ///
    /// [`LogError`] when they cannot be read.
    pub async fn timelines(&self, after: Option<TimelineCursor>) -> Result<TimelinePage, LogError> {
        let page = self
            .client
            .scan()
            .table_name(&self.table)
            .index_name(INDEX)
            .set_exclusive_start_key(after.map(TimelineCursor::into_key))
            .send()
            .await
            .map_err(AwsError::of("Scan of the events table"))?;
        let entries = page.items.unwrap_or_default().into_iter();
        Ok(TimelinePage {
            entries: entries.map(TimelineEntry::from_item).collect::<Result<_, _>>()?,
            next: page.last_evaluated_key.and_then(TimelineCursor::from_key),
        })
    }
}
