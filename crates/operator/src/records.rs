//! The event log and the archive as one: what is too large for the log is read from the archive.

use std::collections::BTreeMap;

use pipeline::error::AwsError;
use pipeline::stores::archive::{Archive, ReadError};
use pipeline::stores::events::{EventLog, LOAD_BATCH, LoggedEvent};
use serde_json::value::RawValue;
use upvest::Event;

use crate::error::Result;
use crate::stack::Stack;

/// Reads events: from the event log, and the archive, which has what is too large for it.
#[derive(Debug)]
pub struct Records {
    /// Finds events by id, by entity or by time.
    pub log: EventLog,
    /// Has the deliveries that the log's events came in, byte for byte.
    pub archive: Archive,
}

impl Records {
    /// Opens the log and the archive of a stack.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when the stack does not name them.
    pub fn of(stack: &Stack) -> Result<Self> {
        Ok(Self {
            log: stack.event_log()?,
            archive: stack.archive()?,
        })
    }

    /// Reads the object of the event of this id, or says why it cannot be had.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when the log or the archive cannot be read.
    pub async fn object_of(&self, event_id: &str) -> Result<Result<Box<RawValue>, String>> {
        let Some(event) = self.log.find(event_id).await? else {
            return Ok(Err(format!("event {event_id} is not in the event log")));
        };
        self.object(&event).await
    }

    /// Reads the objects of the events of these ids, which must differ, by id, or says why one cannot be had.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when the log or the archive cannot be read.
    pub async fn objects_of(
        &self,
        event_ids: &[&str],
    ) -> Result<BTreeMap<String, Result<Box<RawValue>, String>>> {
        let mut objects = BTreeMap::new();
        for ids in event_ids.chunks(LOAD_BATCH) {
            for (id, event) in self.log.load(ids).await? {
                objects.insert(id, self.object(&event).await?);
            }
        }
        Ok(objects)
    }

    /// Reads the object of an event of the log, or says why it cannot be had.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when the archive cannot be read.
    pub async fn object(&self, event: &LoggedEvent) -> Result<Result<Box<RawValue>, String>> {
        let json = self.json(event).await?;
        Ok(json.and_then(|json| match Event::parse(&json) {
            Ok(event) => Ok(event.object().to_owned()),
            Err(error) => Err(error.to_string()),
        }))
    }

    /// Reads an event's JSON, or says why it cannot be had.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the archive cannot be read.
    pub async fn json(&self, event: &LoggedEvent) -> Result<Result<String, String>, AwsError> {
        let Some(key) = &event.archived_at else {
            return Ok(event
                .to_json()
                .ok_or_else(|| "its item has no usable object".to_owned()));
        };
        match self.archive.event(key, &event.sha256).await {
            Ok(Some(json)) => Ok(Ok(json)),
            Ok(None) => Ok(Err(format!("the archive does not have it under {key}"))),
            Err(ReadError::NotArchived(error)) => Ok(Err(format!("{key} cannot be read: {error}"))),
            Err(ReadError::Aws(error)) => Err(error),
        }
    }
}
