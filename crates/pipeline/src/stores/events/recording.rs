//! Writing events into the log, each once.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, BatchStatementErrorCodeEnum, BatchStatementRequest};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{EventLog, Owner, attributes, conflict_key};
use crate::error::AwsError;

const CALL: &str = "BatchExecuteStatement of the events table";
/// Bounds the number of statements in one batch (`BatchExecuteStatement`).
const BATCH: usize = 25;
/// Bounds the number of requests of one delivery that are under way at a time. A delivery of 20,000 events is 800 of them:
/// each holds its events once more while it is sent, and all at once would be throttled, and time out in the client.
pub const AT_A_TIME: usize = 8;
/// Bounds the `object` that is kept in an item, in bytes. An item takes 400 KB in all; what is larger stays in the
/// archive.
pub const MAX_OBJECT_BYTES: usize = 380 * 1024;

/// Describes an event to be logged: the attributes of its item, in the form that the table has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent<'b> {
    /// Gives the event's id, or, for one that conflicts with a logged one, its [`conflict_key`].
    pub event_id: String,
    /// Gives the event's type, for example `ORDER.FILLED`.
    pub event_type: String,
    /// Names the entity; `None` keeps the event out of the time lines.
    pub aggregate: Option<String>,
    /// Gives its place among the events of the entity, as [`upvest::Occurred`] writes it.
    pub occurred: String,
    /// Says where its time comes from, where that is not its `created_at`.
    pub time_flag: Option<&'static str>,
    /// Names the delivery that brought it, and that owns its dispatch.
    pub delivery_id: String,
    /// Gives the time at which ingest received that delivery (RFC 3339).
    pub received_at: String,
    /// Gives the event's identity ([`upvest::Identity`]), in hexadecimal.
    pub sha256: String,
    /// Holds the event's `object`, verbatim. One above [`MAX_OBJECT_BYTES`] is left to the archive.
    pub object: &'b str,
    /// Says where the archive keeps the delivery: the place of an object too large for an item.
    pub archived_at: String,
}

/// Says what the log had under an event's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// The log had nothing under the id, and the event was written.
    New,
    /// The log had an event already: a duplicate where the hash is the same, else a conflict.
    Existing(Owner),
}

impl NewEvent<'_> {
    /// Makes the event as it is kept beside the one that has its id already and other content. It belongs to no time
    /// line: which of the two is true is for a person to decide.
    #[must_use]
    pub fn as_conflict(self) -> Self {
        Self {
            event_id: conflict_key(&self.event_id, &self.sha256),
            aggregate: None,
            ..self
        }
    }

    fn attributes(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let object = if self.object.len() <= MAX_OBJECT_BYTES {
            (attributes::OBJECT, self.object)
        } else {
            (attributes::ARCHIVED_AT, &*self.archived_at)
        };
        let aggregate = self.aggregate.as_deref();
        [
            (attributes::EVENT_ID, &*self.event_id),
            (attributes::EVENT_TYPE, &*self.event_type),
            (attributes::OCCURRED, &*self.occurred),
            (attributes::DELIVERY_ID, &*self.delivery_id),
            (attributes::RECEIVED_AT, &*self.received_at),
            (attributes::SHA256, &*self.sha256),
            object,
        ]
        .into_iter()
        .chain(aggregate.map(|aggregate| (attributes::AGGREGATE, aggregate)))
        .chain(self.time_flag.map(|flag| (attributes::TIME_FLAG, flag)))
    }
}

impl EventLog {
    /// Logs events whose ids differ from each other, each only if its id is not in the log yet.
    ///
    /// A `PartiQL` insert is conditional by nature: it fails with `DuplicateItem` where the key exists. 25 fit into a
    /// request, and [`AT_A_TIME`] requests are under way at a time. When the reply to a request is lost and the SDK sends it again, our own events come back as existing,
    /// under our own delivery id.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when some event is not known to be in the log; others may be in it.
    pub async fn record(&self, events: &[NewEvent<'_>]) -> Result<Vec<Recorded>, AwsError> {
        let inserts = events.chunks(BATCH).map(|chunk| self.insert(chunk));
        let is_new: Vec<Vec<bool>> = stream::iter(inserts).buffered(AT_A_TIME).try_collect().await?;
        let is_new = is_new.concat();
        let existing: Vec<&str> = events
            .iter()
            .zip(&is_new)
            .filter(|(_, is_new)| !**is_new)
            .map(|(event, _)| event.event_id.as_str())
            .collect();
        let mut owners: HashMap<String, Owner> = self.owners(&existing).await?;
        events
            .iter()
            .zip(is_new)
            .map(|(event, is_new)| match is_new {
                true => Ok(Recorded::New),
                false => owners
                    .remove(&event.event_id)
                    .map(Recorded::Existing)
                    .ok_or_else(|| {
                        AwsError::entries(
                            "BatchGetItem of the events table",
                            "an existing event is not there",
                        )
                    }),
            })
            .collect()
    }

    /// Inserts up to 25 events; tells for each whether it is new.
    async fn insert(&self, events: &[NewEvent<'_>]) -> Result<Vec<bool>, AwsError> {
        let statements = events.iter().map(|event| self.statement(event));
        let responses = self
            .client
            .batch_execute_statement()
            .set_statements(Some(statements.collect()))
            .send()
            .await
            .map_err(AwsError::of(CALL))?
            .responses
            .unwrap_or_default();
        if responses.len() != events.len() {
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

    fn statement(&self, event: &NewEvent<'_>) -> BatchStatementRequest {
        let mut statement = format!("INSERT INTO \"{}\" VALUE {{", self.table);
        let mut values = Vec::new();
        for (index, (name, value)) in event.attributes().enumerate() {
            statement.push_str(if index > 0 { ",'" } else { "'" });
            statement.push_str(name);
            statement.push_str("':?");
            values.push(AttributeValue::S(value.to_owned()));
        }
        statement.push('}');
        BatchStatementRequest::builder()
            .statement(statement)
            .set_parameters(Some(values))
            .build()
            .expect("the builder asks for the statement alone, which is set")
    }
}
