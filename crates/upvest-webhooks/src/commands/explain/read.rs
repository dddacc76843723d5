//! Reading the tables: events and their order, records of actions, keys.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use pipeline::error::AwsError;
use upvest::EntityKey;

use crate::commands::events::{EventsError, LoggedEvent, TIMELINE_INDEX};

/// The most keys in one batch read.
const BATCH: usize = 100;
/// How often the rest of a throttled batch read is asked for.
const ATTEMPTS: usize = 5;

/// An item of a table.
pub(super) type Item = HashMap<String, AttributeValue>;

/// A table, and the attribute that is its key.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) key: &'static str,
    /// What a read is called in an error.
    pub(super) call: &'static str,
}

impl Table {
    /// The items under these keys, by key. What is not there is left out.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when not all could be read.
    pub(super) async fn items(&self, keys: &BTreeSet<String>) -> Result<BTreeMap<String, Item>, AwsError> {
        let mut items = BTreeMap::new();
        let keys: Vec<&String> = keys.iter().collect();
        for batch in keys.chunks(BATCH) {
            self.read_batch(batch, &mut items).await?;
        }
        Ok(items)
    }

    /// The item under this key.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it could not be read.
    pub(super) async fn item(&self, key: &str) -> Result<Option<Item>, AwsError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.name)
            .key(self.key, AttributeValue::S(key.to_owned()))
            .consistent_read(true);
        let answer = request.send().await.map_err(AwsError::of(self.call))?;
        Ok(answer.item)
    }

    async fn read_batch(&self, keys: &[&String], items: &mut BTreeMap<String, Item>) -> Result<(), AwsError> {
        let keys = keys
            .iter()
            .map(|key| Item::from([(self.key.to_owned(), AttributeValue::S((*key).clone()))]));
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys.collect()))
            .consistent_read(true)
            .build();
        let mut wanted = HashMap::from([(self.name.clone(), wanted.map_err(AwsError::of(self.call))?)]);
        for _ in 0..ATTEMPTS {
            let request = self.client.batch_get_item().set_request_items(Some(wanted));
            let answer = request.send().await.map_err(AwsError::of(self.call))?;
            for item in answer.responses.unwrap_or_default().into_values().flatten() {
                if let Some(key) = text(&item, self.key).map(str::to_owned) {
                    items.insert(key, item);
                }
            }
            wanted = answer.unprocessed_keys.unwrap_or_default();
            if wanted.is_empty() {
                return Ok(());
            }
        }
        Err(AwsError::entries(self.call, "unprocessed keys"))
    }
}

/// The event log.
#[derive(Debug, Clone)]
pub(super) struct Log(pub(super) Table);

impl Log {
    /// The event in the log under this id.
    ///
    /// # Errors
    ///
    /// [`EventsError`] when it cannot be read.
    pub(super) async fn event(&self, event_id: &str) -> Result<Option<LoggedEvent>, EventsError> {
        let item = self.0.item(event_id).await?;
        item.as_ref().map(LoggedEvent::of).transpose()
    }

    /// The events in the log under these ids.
    ///
    /// # Errors
    ///
    /// [`EventsError`] when they cannot be read.
    pub(super) async fn events(
        &self,
        ids: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, LoggedEvent>, EventsError> {
        let items = self.0.items(ids).await?;
        let events = items
            .into_iter()
            .map(|(id, item)| Ok((id, LoggedEvent::of(&item)?)));
        events.collect()
    }

    /// All events of an entity, oldest first.
    ///
    /// # Errors
    ///
    /// [`EventsError`] when they cannot be read.
    pub(super) async fn timeline(&self, entity: &EntityKey) -> Result<Vec<LoggedEvent>, EventsError> {
        let request = self
            .0
            .client
            .query()
            .table_name(&self.0.name)
            .index_name(TIMELINE_INDEX)
            .key_condition_expression("#aggregate = :entity")
            // A reserved word of DynamoDB.
            .expression_attribute_names("#aggregate", "aggregate")
            .expression_attribute_values(":entity", AttributeValue::S(entity.to_string()));
        let mut pages = request.into_paginator().items().send();
        let mut ids = BTreeSet::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(AwsError::of("Query of the events table"))?;
            ids.extend(text(&item, "event_id").map(str::to_owned));
        }
        let mut events: Vec<_> = self.events(&ids).await?.into_values().collect();
        events.sort_by(|one, other| one.occurred.cmp(&other.occurred));
        Ok(events)
    }
}

/// The text of an attribute.
pub(super) fn text<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// The number of an attribute.
pub(super) fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}
