//! Sending, at a rate, with a note now and then of how far it came.

use std::time::Duration;

use indicatif::ProgressBar;
use pipeline::queues::domains::{Dispatch, DomainQueues, Routes};
use pipeline::stores::audit::AuditLog;
use pipeline::stores::events::LOAD_BATCH;
use serde_json::json;
use upvest::Domain;
use uuid::Uuid;

use super::reading::{self, Page, Reached};
use super::{Failures, Progress, ReplayError, Task};
use crate::logged::Logged;
use crate::operation::{Throttle, progress_bar};
use crate::stack::{Queue, Stack, StackError};

/// How many messages are sent at a time.
const BATCH: usize = 10;
/// After how many messages the audit table is told how far it came. Tests do not wait for so many.
const NOTE_AFTER: u64 = if cfg!(test) { 2 } else { 500 };
/// How often messages are sent again, beyond the SDK's own retries.
const ATTEMPTS: u32 = 3;

/// The record of a replay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'s> {
    pub(super) id: Uuid,
    pub(super) audit: &'s AuditLog,
}

/// Sends what is selected.
pub(super) struct Sender<'s> {
    logged: &'s Logged,
    task: &'s Task,
    queues: DomainQueues,
    record: Record<'s>,
    throttle: Throttle,
    bar: ProgressBar,
    progress: Progress,
    /// How many messages were sent when the audit table was told last.
    noted: u64,
}

impl<'s> Sender<'s> {
    /// Sends at most `rate` messages a second.
    pub(super) fn new(
        logged: &'s Logged,
        task: &'s Task,
        queues: DomainQueues,
        record: Record<'s>,
        rate: f64,
    ) -> Self {
        Self {
            logged,
            task,
            queues,
            record,
            throttle: Throttle::new(rate),
            bar: ProgressBar::hidden(),
            progress: task.progress.clone(),
            noted: task.progress.sent,
        }
    }

    /// Sends all that is left, so many messages, and records that it is done. Gives how many were sent, those before an
    /// interruption included.
    pub(super) async fn run(mut self, count: u64) -> Result<(u64, Failures), ReplayError> {
        self.bar = progress_bar(usize::try_from(count).unwrap_or(usize::MAX), "events");
        let (logged, task) = (self.logged, self.task);
        let mut send = async |page: Page| self.send_page(page).await;
        let read = reading::read(logged, task, &mut send).await;
        self.bar.finish_and_clear();
        let ended = match read {
            Ok(()) => self.record_end().await,
            Err(error) => {
                // What was noted before is still good to go on from.
                let _ = self.note().await;
                Err(error)
            }
        };
        match ended {
            Ok(()) => Ok((self.progress.sent, self.progress.failures)),
            Err(source) => Err(ReplayError::Interrupted {
                id: self.record.id,
                sent: self.progress.sent,
                source: Box::new(source),
            }),
        }
    }

    async fn send_page(&mut self, page: Page) -> Result<(), ReplayError> {
        let mut failures = page.failures;
        let (task, replay) = (self.task, self.record.id.to_string());
        for events in page.events.chunks(LOAD_BATCH) {
            let targets = |event_type: &str| task.targets(event_type);
            let (dispatches, failed) = reading::dispatches(self.logged, events, targets, &replay).await?;
            failures.extend(failed);
            for batch in dispatches.chunks(BATCH) {
                for _ in batch {
                    self.throttle.due().await;
                }
                self.send(batch).await?;
                self.progress.sent += batch.len() as u64;
                self.bar.inc(batch.len() as u64);
            }
        }
        // Together with what was reached: a page that is sent again fails again.
        self.progress.failures.extend(failures);
        self.reach(page.reached);
        if self.progress.sent - self.noted >= NOTE_AFTER {
            self.note().await?;
        }
        Ok(())
    }

    fn reach(&mut self, reached: Option<Reached>) {
        self.progress.reached = reached.or(self.progress.reached.take());
    }

    /// Sends messages. Those that were sent already have no effect when they are sent again.
    async fn send(&self, batch: &[Dispatch]) -> Result<(), ReplayError> {
        let mut attempt = 1;
        loop {
            match self.queues.send(batch.to_vec()).await {
                Ok(()) => return Ok(()),
                Err(_) if attempt < ATTEMPTS => {
                    tokio::time::sleep(Duration::from_secs(1 << attempt)).await;
                    attempt += 1;
                }
                Err(error) => return Err(ReplayError::Send(error)),
            }
        }
    }

    async fn note(&mut self) -> Result<(), ReplayError> {
        let Record { id, audit } = self.record;
        let noted = audit.note_progress(id, &json!(self.progress)).await;
        noted.map_err(ReplayError::Unrecorded)?;
        self.noted = self.progress.sent;
        Ok(())
    }

    async fn record_end(&self) -> Result<(), ReplayError> {
        let Record { id, audit } = self.record;
        let result = json!({ "sent": self.progress.sent, "failed": self.progress.failures.count() });
        audit.end(id, &result).await.map_err(ReplayError::Unrecorded)
    }
}

/// The queues of the domains.
pub(super) fn queues(stack: &Stack) -> Result<DomainQueues, ReplayError> {
    let route = |domain: Domain| Ok(format!("{domain}={}", stack.queue_url(Queue::Domain(domain))?));
    let routes: Result<Vec<String>, StackError> = Domain::ALL.into_iter().map(route).collect();
    let routes: Routes = routes?.join(",").parse()?;
    Ok(DomainQueues::new(
        aws_sdk_sqs::Client::new(stack.config()),
        routes,
    ))
}
