//! Sending, at a rate, with a note now and then of how far it came.

use std::time::Duration;

use jiff::Timestamp;
use pipeline::queues::domains::{DomainQueues, EventMessage};
use pipeline::stores::audit::AuditLog;
use pipeline::stores::events::LOAD_BATCH;
use serde_json::json;
use uuid::Uuid;

use super::counts::Failures;
use super::dispatch::{Run, address};
use super::page::{Page, Reached};
use super::read::read;
use super::task::{Progress, Task, UNRECORDED};
use crate::error::{Error, Result};
use crate::records::Records;
use crate::repair::Throttle;
use crate::reporter::Work;

/// Says how many messages are sent at a time.
const BATCH: usize = 10;
/// Says how often messages are sent again, beyond the SDK's own retries.
const ATTEMPTS: u32 = 3;

/// Points to the item in the audit table that notes how far the replay came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'s> {
    pub(crate) id: Uuid,
    /// Tells when this run of the replay began, as its messages say.
    pub(crate) at: Timestamp,
    pub(crate) audit: &'s AuditLog,
    /// Says after how many messages it is told how far the replay came.
    pub(crate) note_after: u64,
}

/// Sends the events of a task page by page, and notes its progress, so that it can be resumed.
pub(crate) struct Sender<'s> {
    records: &'s Records,
    task: &'s Task,
    queues: DomainQueues,
    record: Record<'s>,
    throttle: Throttle,
    progress: Progress,
    /// Counts the messages that had been sent when the audit table was told last.
    noted: u64,
}

impl<'s> Sender<'s> {
    /// Prepares to send, no faster than `throttle` lets.
    pub(crate) fn new(
        records: &'s Records,
        task: &'s Task,
        queues: DomainQueues,
        record: Record<'s>,
        throttle: Throttle,
    ) -> Self {
        Self {
            records,
            task,
            queues,
            record,
            throttle,
            progress: task.progress.clone(),
            noted: task.progress.sent,
        }
    }

    /// Sends all that is left, and records that it is done. Gives how many were sent, those before an interruption
    /// included.
    ///
    /// # Errors
    ///
    /// [`Error`] when it was interrupted, with how to go on.
    pub(crate) async fn run(mut self, work: &Work<'_>) -> Result<(u64, Failures)> {
        let (records, task) = (self.records, self.task);
        let mut send = async |page: Page| self.send_page(page, work).await;
        let ended = match read(records, task, &mut send).await {
            Ok(()) => self.record_end().await,
            Err(error) => {
                // What was noted before is still good to go on from.
                let _ = self.note().await;
                Err(error)
            }
        };
        let (id, sent) = (self.record.id, self.progress.sent);
        ended.map_err(Error::context::<Error>(format!(
            "replay {id} was interrupted after {sent} events: go on with `upvest-webhooks replay --resume {id}`"
        )))?;
        Ok((sent, self.progress.failures))
    }

    async fn send_page(&mut self, page: Page, work: &Work<'_>) -> Result<()> {
        let mut failures = page.failures;
        let run = Run {
            replay: self.record.id.to_string(),
            at: self.record.at,
        };
        for events in page.events.chunks(LOAD_BATCH) {
            let (addressed, failed) = address(self.records, events, &run).await?;
            failures.extend(failed);
            for batch in addressed.chunks(BATCH) {
                // The rate is of messages, not of batches.
                for _ in batch {
                    self.throttle.due().await;
                }
                self.send(batch).await?;
                self.progress.sent += batch.len() as u64;
                work.done(batch.len() as u64);
            }
        }
        // Together with what was reached: a page that is sent again fails again.
        self.progress.failures.extend(failures);
        self.reach(page.reached);
        if self.progress.sent - self.noted >= self.record.note_after {
            self.note().await?;
        }
        Ok(())
    }

    fn reach(&mut self, reached: Option<Reached>) {
        self.progress.reached = reached.or(self.progress.reached.take());
    }

    /// Sends messages. Those that were sent already have no effect when they are sent again.
    async fn send(&self, batch: &[EventMessage]) -> Result<()> {
        let mut attempt = 1;
        loop {
            match self.queues.send(batch.to_vec()).await {
                Ok(()) => return Ok(()),
                Err(_) if attempt < ATTEMPTS => {
                    tokio::time::sleep(Duration::from_secs(1 << attempt)).await;
                    attempt += 1;
                }
                Err(error) => return Err(Error::context("an event could not be sent")(error)),
            }
        }
    }

    async fn note(&mut self) -> Result<()> {
        let Record { id, audit, .. } = self.record;
        let noted = audit.note_progress(id, &json!(self.progress)).await;
        noted.map_err(Error::context(UNRECORDED))?;
        self.noted = self.progress.sent;
        Ok(())
    }

    async fn record_end(&self) -> Result<()> {
        let Record { id, audit, .. } = self.record;
        let result = json!({ "sent": self.progress.sent, "failed": self.progress.failures.count });
        audit.end(id, &result).await.map_err(Error::context(UNRECORDED))
    }
}
