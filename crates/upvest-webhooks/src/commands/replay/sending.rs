//! Sending, at a rate, with a note now and then of how far it came.

use std::time::Duration;

use indicatif::ProgressBar;
use pipeline::audit::AuditLog;
use pipeline::events::LOAD_BATCH;
use pipeline::routing::{Dispatch, DomainQueues, Routes};
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

/// Sends what is selected.
pub(super) struct Sender<'s> {
    logged: &'s Logged,
    queues: DomainQueues,
    rate: f64,
    progress: Progress,
    /// How many messages were sent when the audit table was told last.
    noted: u64,
    failures: Failures,
}

impl<'s> Sender<'s> {
    /// Sends at most `rate` messages a second.
    pub(super) fn new(
        stack: &Stack,
        logged: &'s Logged,
        task: &Task,
        rate: f64,
    ) -> Result<Self, ReplayError> {
        Ok(Self {
            logged,
            queues: DomainQueues::new(aws_sdk_sqs::Client::new(stack.config()), routes(stack)?),
            rate,
            progress: task.progress.clone(),
            noted: task.progress.sent,
            failures: Failures::default(),
        })
    }

    /// How many messages were sent, those before an interruption included.
    pub(super) fn sent(&self) -> u64 {
        self.progress.sent
    }

    /// Sends all, and records that it is done.
    pub(super) async fn run(
        &mut self,
        task: &Task,
        id: Uuid,
        audit: &AuditLog,
        count: u64,
    ) -> Result<Failures, ReplayError> {
        let bar = progress_bar(usize::try_from(count).unwrap_or(usize::MAX), "events");
        let logged = self.logged;
        let mut throttle = Throttle::new(self.rate);
        let mut send = async |page: Page| self.send_page(task, id, audit, page, &mut throttle, &bar).await;
        let read = reading::read(logged, task, &mut send).await;
        bar.finish_and_clear();
        let ended = match read {
            Ok(()) => self.record_end(id, audit).await,
            Err(error) => {
                // What was noted before is still good to go on from.
                let _ = self.note(id, audit).await;
                Err(error)
            }
        };
        ended.map_err(|source| ReplayError::Interrupted {
            id,
            sent: self.progress.sent,
            source: Box::new(source),
        })?;
        Ok(std::mem::take(&mut self.failures))
    }

    async fn send_page(
        &mut self,
        task: &Task,
        id: Uuid,
        audit: &AuditLog,
        page: Page,
        throttle: &mut Throttle,
        bar: &ProgressBar,
    ) -> Result<(), ReplayError> {
        self.failures.extend(page.failures);
        let replay = id.to_string();
        for events in page.events.chunks(LOAD_BATCH) {
            let targets = |event_type: &str| task.targets(event_type);
            let (dispatches, failures) = reading::dispatches(self.logged, events, targets, &replay).await?;
            self.failures.extend(failures);
            for batch in dispatches.chunks(BATCH) {
                for _ in batch {
                    throttle.due().await;
                }
                self.send(batch).await?;
                self.progress.sent += batch.len() as u64;
                bar.inc(batch.len() as u64);
            }
        }
        self.reach(page.reached);
        if self.progress.sent - self.noted >= NOTE_AFTER {
            self.note(id, audit).await?;
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

    async fn note(&mut self, id: Uuid, audit: &AuditLog) -> Result<(), ReplayError> {
        let noted = audit.note_progress(id, &json!(self.progress)).await;
        noted.map_err(ReplayError::Unrecorded)?;
        self.noted = self.progress.sent;
        Ok(())
    }

    async fn record_end(&self, id: Uuid, audit: &AuditLog) -> Result<(), ReplayError> {
        let result = json!({ "sent": self.progress.sent, "failed": self.failures.count() });
        audit.end(id, &result).await.map_err(ReplayError::Unrecorded)
    }
}

/// The queues of the domains.
fn routes(stack: &Stack) -> Result<Routes, ReplayError> {
    let route = |domain: Domain| Ok(format!("{domain}={}", stack.queue_url(Queue::Domain(domain))?));
    let routes: Result<Vec<String>, StackError> = Domain::ALL.into_iter().map(route).collect();
    Ok(routes?.join(",").parse()?)
}
