//! What a replay is to do, and how far it came: as the audit table has it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::counts::Failures;
use super::page::Position;
use super::selection::Selection;
use crate::audit::find;
use crate::error::{Error, Result};
use crate::repair::Audit;

/// Names the operation in the audit table.
pub(crate) const COMMAND: &str = "replay";
/// Tells the operator that the record of a replay cannot be written.
pub(crate) const UNRECORDED: &str = "the audit table does not take how far this came";

/// Says what a replay is asked to do, as the audit table has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Chooses the events to send again.
    pub selection: Selection,
}

/// Says how far a replay came, as the audit table has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Counts the messages that were sent, in all runs of the replay together.
    pub(crate) sent: u64,
    /// Marks the last that is done, after which a resumed replay reads on; `None` at the start.
    #[serde(rename = "reached")]
    pub(crate) position: Option<Position>,
    /// Lists what of that could not be had.
    #[serde(default, skip_serializing_if = "Failures::is_empty")]
    pub(crate) failures: Failures,
    /// Lists who resumed the replay after an interruption, the first first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resumed: Vec<Resumed>,
}

/// Records that somebody went on with a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resumed {
    pub(crate) operator: String,
    pub(crate) at: Timestamp,
}

/// Holds a replay to be done, or to be gone on with.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) request: Request,
    pub(crate) progress: Progress,
    /// Names the operation that is gone on with.
    pub(crate) operation: Option<Uuid>,
}

impl Task {
    /// Plans a replay from its start, without a record in the audit table yet.
    pub(crate) fn new(request: Request) -> Self {
        Self {
            request,
            progress: Progress::default(),
            operation: None,
        }
    }

    /// Finds the rest of a replay that was interrupted.
    ///
    /// # Errors
    ///
    /// [`Error`] when there is no such replay, it ended, or its record cannot be read.
    pub(crate) async fn interrupted(audit: &Audit, id: Uuid) -> Result<Self> {
        let operation = find(audit.log(), id).await?;
        if operation.command != COMMAND {
            return Err(Error::failed(format!(
                "operation {id} is no replay, but `{}`",
                operation.command
            )));
        }
        if let Some(at) = operation.ended_at {
            return Err(Error::failed(format!(
                "replay {id} ended at {at}: there is nothing to go on with"
            )));
        }
        let record = |error| {
            Error::context::<serde_json::Error>(format!("the record of replay {id} cannot be read"))(error)
        };
        let progress = operation.progress.map(serde_json::from_value).transpose();
        Ok(Self {
            request: serde_json::from_value(operation.request).map_err(record)?,
            progress: progress.map_err(record)?.unwrap_or_default(),
            operation: Some(id),
        })
    }

    /// Records who goes on, before anything is sent.
    pub(crate) async fn resume(&mut self, audit: &Audit, id: Uuid, at: Timestamp) -> Result<()> {
        let operator = audit.operator().to_owned();
        self.progress.resumed.push(Resumed { operator, at });
        let noted = audit.log().note_progress(id, &json!(self.progress)).await;
        noted.map_err(Error::context(UNRECORDED))
    }
}
