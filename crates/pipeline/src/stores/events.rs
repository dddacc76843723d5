//! The events table: the event log, which is also the receiver's idempotency record.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum, BatchStatementRequest, KeysAndAttributes,
};
use futures_util::future::try_join_all;

use crate::error::AwsError;

mod reading;

pub use reading::{LOAD_BATCH, LogError, LoggedEvent, Mark, Marks, Place};

/// The most statements in one batch.
const BATCH: usize = 25;
/// The most keys in one batch read.
const READ_BATCH: usize = 100;
/// How often the rest of a throttled batch read is asked for, when none of it came the last time.
const READ_ATTEMPTS: u32 = 5;
/// How long the first of these waits; each other one twice as long as the one before.
const READ_PAUSE: Duration = Duration::from_millis(25);
/// The largest `object` kept in an item, in bytes. An item takes 400 KB in all; what is larger stays in the archive.
pub const MAX_OBJECT_BYTES: usize = 380 * 1024;

/// The log of all events ever received.
#[derive(Debug, Clone)]
pub struct EventLog {
    client: Client,
    table: String,
}

/// An event to be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The event's id, or, for an event that contradicts a logged one, that id, `!` and the hash.
    pub event_id: String,
    /// The event's type.
    pub event_type: String,
    /// The entity; `None` keeps the event out of the time lines.
    pub aggregate: Option<String>,
    /// When it occurred, as [`upvest::Occurred`] writes it.
    pub occurred: String,
    /// The delivery that brought it, and that owns its dispatch.
    pub delivery_id: String,
    /// When that delivery arrived.
    pub received_at: String,
    /// SHA-256 of the event's exact bytes, in hexadecimal.
    pub sha256: String,
    /// The event's `object`, verbatim.
    pub object: String,
    /// Where the archive keeps the delivery: the place of an object too large for an item.
    pub archived_at: String,
}

/// What the log had to say about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logged {
    /// It was not there, and now it is.
    New,
    /// An event of that id was there already.
    Already {
        /// The delivery that brought the one in the log.
        delivery_id: String,
        /// The hash of the one in the log.
        sha256: String,
    },
}

/// The key under which the log keeps an event beside another of the same id, which it contradicts.
#[must_use]
pub fn conflict_key(event_id: &str, sha256: &str) -> String {
    format!("{event_id}!{sha256}")
}

/// The identity of an event in the log, as read back: its delivery and its hash.
pub type Owner = (String, String);

type Item = HashMap<String, AttributeValue>;

impl EventLog {
    /// The log in the table `table`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Logs events whose ids differ from each other, each only if its id is not in the log yet.
    ///
    /// A `PartiQL` insert is conditional by nature: it fails with `DuplicateItem` where the key exists. 25 fit into a
    /// request. When the reply to a request is lost and the SDK repeats it, our own events come back as already there,
    /// under our own delivery id.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when some event is not known to be in the log; others may be in it.
    pub async fn record(&self, entries: &[Entry]) -> Result<Vec<Logged>, AwsError> {
        let fresh = try_join_all(entries.chunks(BATCH).map(|chunk| self.insert(chunk)))
            .await?
            .concat();
        let there: Vec<&str> = entries
            .iter()
            .zip(&fresh)
            .filter(|(_, new)| !**new)
            .map(|(entry, _)| entry.event_id.as_str())
            .collect();
        let mut owners = HashMap::new();
        for found in try_join_all(there.chunks(READ_BATCH).map(|ids| self.owners(ids))).await? {
            owners.extend(found);
        }
        let logged = entries.iter().zip(fresh).map(|(entry, new)| {
            if new {
                return Ok(Logged::New);
            }
            let owner = owners.remove(&entry.event_id);
            let (delivery_id, sha256) = owner.ok_or_else(|| {
                AwsError::entries("BatchGetItem of the events table", "a duplicate is not there")
            })?;
            Ok(Logged::Already { delivery_id, sha256 })
        });
        logged.collect()
    }

    /// Whether all of these events, given by id and the SHA-256 of their bytes, are in the log, be it beside others of
    /// the same id that they contradict.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be read.
    pub async fn holds_all(&self, events: &[(&str, &str)]) -> Result<bool, AwsError> {
        for events in events.chunks(READ_BATCH / 2) {
            let conflicting: Vec<String> = events
                .iter()
                .map(|(id, sha256)| conflict_key(id, sha256))
                .collect();
            let ids = events.iter().map(|(id, _)| *id);
            let mut ids: Vec<&str> = ids.chain(conflicting.iter().map(String::as_str)).collect();
            // A batch read refuses a key that it is given twice.
            ids.sort_unstable();
            ids.dedup();
            let found = self.owners(&ids).await?;
            let is_logged = |(id, sha256): &(&str, &str)| {
                let first = found.get(*id).is_some_and(|(_, logged)| logged == sha256);
                first || found.contains_key(&conflict_key(id, sha256))
            };
            if !events.iter().all(is_logged) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether an event of this id is in the log.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when that cannot be found out.
    pub async fn contains(&self, event_id: &str) -> Result<bool, AwsError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("event_id", AttributeValue::S(event_id.to_owned()))
            .projection_expression("event_id")
            .consistent_read(true);
        let found = request.send().await;
        let found = found.map_err(AwsError::of("GetItem of the events table"))?;
        Ok(found.item.is_some())
    }

    /// Inserts up to 25 entries; tells for each whether it is new.
    async fn insert(&self, entries: &[Entry]) -> Result<Vec<bool>, AwsError> {
        const CALL: &str = "BatchExecuteStatement of the events table";
        let statements = entries
            .iter()
            .map(|entry| self.statement(entry))
            .collect::<Result<Vec<_>, _>>()?;
        let request = self
            .client
            .batch_execute_statement()
            .set_statements(Some(statements));
        let responses = request
            .send()
            .await
            .map_err(AwsError::of(CALL))?
            .responses
            .unwrap_or_default();
        if responses.len() != entries.len() {
            return Err(AwsError::entries(
                CALL,
                "the number of answers is not that of the statements",
            ));
        }
        let is_new = responses.into_iter().map(|response| match response.error {
            None => Ok(true),
            Some(error) if error.code == Some(BatchStatementErrorCodeEnum::DuplicateItem) => Ok(false),
            Some(error) => Err(AwsError::entries(
                CALL,
                error.code.as_ref().map_or("unknown", |code| code.as_str()),
            )),
        });
        is_new.collect()
    }

    fn statement(&self, entry: &Entry) -> Result<BatchStatementRequest, AwsError> {
        let (names, values): (Vec<_>, Vec<_>) = entry.attributes().into_iter().unzip();
        let fields: Vec<String> = names.iter().map(|name| format!("'{name}':?")).collect();
        let text = format!("INSERT INTO \"{}\" VALUE {{{}}}", self.table, fields.join(","));
        let values = values.into_iter().map(AttributeValue::S).collect();
        BatchStatementRequest::builder()
            .statement(text)
            .set_parameters(Some(values))
            .build()
            .map_err(AwsError::of("BatchExecuteStatement of the events table"))
    }

    /// The delivery and the hash of each event of these ids, up to 100, that is in the log.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when some of them are not known.
    pub async fn owners(&self, ids: &[&str]) -> Result<HashMap<String, Owner>, AwsError> {
        let items = self.batch_get(ids, Some("event_id,delivery_id,sha256")).await?;
        let owner = |mut item: Item| -> Option<(String, Owner)> {
            let mut text = |name: &str| item.remove(name).and_then(value_text);
            Some((text("event_id")?, (text("delivery_id")?, text("sha256")?)))
        };
        Ok(items.into_iter().filter_map(owner).collect())
    }

    /// Reads the items of these ids, up to 100, in no order: all attributes, or those of a projection expression.
    async fn batch_get(&self, ids: &[&str], projection: Option<&str>) -> Result<Vec<Item>, AwsError> {
        const CALL: &str = "BatchGetItem of the events table";
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let key = |id: &&str| Item::from([("event_id".to_owned(), AttributeValue::S((*id).to_owned()))]);
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(ids.iter().map(key).collect()))
            .set_projection_expression(projection.map(str::to_owned))
            .consistent_read(true)
            .build();
        let mut wanted = HashMap::from([(self.table.clone(), wanted.map_err(AwsError::of(CALL))?)]);
        let (mut items, mut in_vain) = (Vec::new(), 0);
        loop {
            let request = self.client.batch_get_item().set_request_items(Some(wanted));
            let answer = request.send().await.map_err(AwsError::of(CALL))?;
            let before = items.len();
            items.extend(answer.responses.unwrap_or_default().into_values().flatten());
            wanted = answer.unprocessed_keys.unwrap_or_default();
            if wanted.is_empty() {
                return Ok(items);
            }
            in_vain = if items.len() > before { 0 } else { in_vain + 1 };
            if in_vain == READ_ATTEMPTS {
                return Err(AwsError::entries(CALL, "unprocessed keys"));
            }
            tokio::time::sleep(READ_PAUSE * (1 << in_vain)).await;
        }
    }
}

impl Entry {
    fn attributes(&self) -> Vec<(&'static str, String)> {
        let fits = self.object.len() <= MAX_OBJECT_BYTES;
        let object = if fits {
            ("object", &self.object)
        } else {
            ("archived_at", &self.archived_at)
        };
        let mut attributes = vec![
            ("event_id", &self.event_id),
            ("type", &self.event_type),
            ("occurred", &self.occurred),
            ("delivery_id", &self.delivery_id),
            ("received_at", &self.received_at),
            ("sha256", &self.sha256),
            object,
        ];
        attributes.extend(self.aggregate.as_ref().map(|aggregate| ("aggregate", aggregate)));
        attributes
            .into_iter()
            .map(|(name, value)| (name, value.clone()))
            .collect()
    }
}

fn value_text(value: AttributeValue) -> Option<String> {
    match value {
        AttributeValue::S(text) => Some(text),
        _ => None,
    }
}
