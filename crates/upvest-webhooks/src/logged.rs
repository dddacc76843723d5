//! Events as the log and the archive have them together.

use pipeline::error::AwsError;
use pipeline::stores::archive::{Archive, ReadError};
use pipeline::stores::events::{EventLog, LogError, LoggedEvent};

use crate::stack::{Stack, StackError};

/// The event log, and the archive, which has what is too large for it.
#[derive(Debug)]
pub(crate) struct Logged {
    pub(crate) log: EventLog,
    pub(crate) archive: Archive,
}

/// Why an event cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoggedError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Archive(#[from] ReadError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Logged {
    /// The log and the archive of a stack.
    ///
    /// # Errors
    ///
    /// [`StackError`] when the stack does not tell their names.
    pub(crate) fn of(stack: &Stack) -> Result<Self, StackError> {
        // Local emulators know buckets by path alone.
        let s3 = aws_sdk_s3::config::Builder::from(stack.config())
            .force_path_style(stack.config().endpoint_url().is_some())
            .build();
        let dynamodb = aws_sdk_dynamodb::Client::new(stack.config());
        Ok(Self {
            log: EventLog::new(dynamodb, stack.events_table()?),
            archive: Archive::new(aws_sdk_s3::Client::from_conf(s3), stack.archive_bucket()?),
        })
    }

    /// An event's JSON, or why it cannot be had.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the archive cannot be read.
    pub(crate) async fn json(&self, event: &LoggedEvent) -> Result<Result<String, String>, AwsError> {
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
