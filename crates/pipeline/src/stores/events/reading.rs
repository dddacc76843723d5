//! Reading events of the log by id.

use std::collections::HashMap;

use upvest::{EntityKey, Occurred};

use super::item::{LogError, LoggedEvent, conflict_key};
use super::{EventLog, attributes};
use crate::error::AwsError;
use crate::stores::batch_get::{BATCH, BatchGet};
use crate::stores::item::{Item, take_text, text};

/// Says how many events a caller of [`EventLog::load`] does well to ask for at a time: so many of the largest items fit
/// into one answer of `DynamoDB`, which takes 16 MB.
pub const LOAD_BATCH: usize = 25;

const CALL: &str = "BatchGetItem of the events table";

/// Tells which delivery stored an event, and what the event was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Names the delivery that brought the event in the log, and that owns its dispatch.
    pub delivery_id: String,
    /// Gives the logged event's identity, in hexadecimal: another one of the same id is a conflict.
    pub sha256: String,
    /// Gives the logged event's type, like `ORDER.FILLED`.
    pub event_type: String,
    /// Names the entity in whose time line it is; `None` for an event that names none or conflicts with another one.
    pub aggregate: Option<EntityKey>,
    /// Gives its place in the time line. Whoever sends the event once more takes entity and place from here.
    pub occurred: Occurred,
}

impl EventLog {
    /// Reads the event under this key, as of now; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`LogError`] when that cannot be found out, or the item is not an event.
    pub async fn find(&self, key: &str) -> Result<Option<LoggedEvent>, LogError> {
        let item = self.item(key, None).await?;
        item.map(LoggedEvent::from_item).transpose()
    }

    /// Tells whether an event of this id is in the log.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when that cannot be found out.
    pub async fn contains(&self, event_id: &str) -> Result<bool, AwsError> {
        Ok(self.item(event_id, Some(attributes::EVENT_ID)).await?.is_some())
    }

    /// Reads the events of these keys that are in the log, by key. Each key is to be given once.
    ///
    /// # Errors
    ///
    /// [`LogError`] when some of them are not known, or one is not an event.
    pub async fn load(&self, keys: &[&str]) -> Result<HashMap<String, LoggedEvent>, LogError> {
        let items = self.batch_get().read(keys).await?;
        let events = items.into_iter().map(|item| {
            let event = LoggedEvent::from_item(item)?;
            Ok((event.event_id.clone(), event))
        });
        events.collect()
    }

    /// Reads who owns each event of these keys that is in the log, by key. Each key is to be given once.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when some of them are not known.
    pub async fn owners(&self, keys: &[&str]) -> Result<HashMap<String, Owner>, AwsError> {
        let read = self.batch_get().only(&[
            attributes::EVENT_ID,
            attributes::DELIVERY_ID,
            attributes::SHA256,
            attributes::EVENT_TYPE,
            attributes::AGGREGATE,
            attributes::OCCURRED,
        ]);
        let items = read.read(keys).await?;
        let owner = |mut item: Item| {
            let mut own = |name| take_text(&mut item, name);
            let event_id = own(attributes::EVENT_ID).ok_or(attributes::EVENT_ID)?;
            let owner = Owner {
                aggregate: own(attributes::AGGREGATE).map(EntityKey::from_stored),
                delivery_id: own(attributes::DELIVERY_ID).ok_or(attributes::DELIVERY_ID)?,
                sha256: own(attributes::SHA256).ok_or(attributes::SHA256)?,
                event_type: own(attributes::EVENT_TYPE).ok_or(attributes::EVENT_TYPE)?,
                occurred: own(attributes::OCCURRED)
                    .and_then(|occurred| Occurred::from_stored(&occurred).ok())
                    .ok_or(attributes::OCCURRED)?,
            };
            Ok((event_id, owner))
        };
        let owners: Result<_, &str> = items.into_iter().map(owner).collect();
        owners.map_err(|attribute| {
            AwsError::entries(CALL, &format!("an event's item has no usable {attribute}"))
        })
    }

    /// Lists which of these events, given by id and identity, are not in the log, not even beside others of the same id that
    /// they conflict with.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be read.
    pub async fn lacks<'e>(
        &self,
        events: &[(&'e str, &'e str)],
    ) -> Result<Vec<(&'e str, &'e str)>, AwsError> {
        let mut lacking = Vec::new();
        // Each event may be under either of two keys, so that half as many fill a request.
        for events in events.chunks(BATCH / 2) {
            let conflicting: Vec<String> = events
                .iter()
                .map(|(id, sha256)| conflict_key(id, sha256))
                .collect();
            let mut keys: Vec<&str> = events
                .iter()
                .map(|(id, _)| *id)
                .chain(conflicting.iter().map(String::as_str))
                .collect();
            // A batch read refuses a key that it is given twice.
            keys.sort_unstable();
            keys.dedup();
            let owners = self.owners(&keys).await?;
            let is_logged = |(id, sha256): &(&str, &str)| {
                owners.get(*id).is_some_and(|owner| owner.sha256 == *sha256)
                    || owners.contains_key(&conflict_key(id, sha256))
            };
            lacking.extend(events.iter().filter(|event| !is_logged(event)));
        }
        Ok(lacking)
    }

    async fn item(&self, key: &str, projection: Option<&str>) -> Result<Option<Item>, AwsError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(attributes::EVENT_ID, text(key))
            .set_projection_expression(projection.map(str::to_owned))
            .consistent_read(true)
            .send()
            .await
            .map_err(AwsError::of("GetItem of the events table"))?;
        Ok(found.item)
    }

    fn batch_get(&self) -> BatchGet<'_> {
        BatchGet::new(&self.client, &self.table, attributes::EVENT_ID, CALL)
    }
}
