//! The event log and the archive as one: what is too large for the log is read from the archive.

use pipeline::error::AwsError;
use pipeline::stores::archive::{Archive, ReadError};
use pipeline::stores::events::{EventLog, LoggedEvent};

use crate::error::Result;
use crate::stack::Stack;

/// The event log, and the archive, which has what is too large for it.
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
