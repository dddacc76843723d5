//! Addressing events to their domains, and sending them at a rate, with a note now and then of how far it came.

use std::time::Duration;

use jiff::Timestamp;
use pipeline::error::AwsError;
use pipeline::queues::domains::{DomainQueues, EventMessage};
use pipeline::stores::audit::AuditLog;
use pipeline::stores::events::{LOAD_BATCH, LoggedEvent};
use serde_json::json;
use upvest::effects::Dispatch;
use upvest::{EntityKey, Occurred};
use uuid::Uuid;

use super::counts::{Failure, Failures};
use super::page::{Delivered, Page, Selected};
use super::read::Reader;
use super::task::{Progress, UNRECORDED};
use crate::error::{Error, Result};
use crate::records::Records;
use crate::repair::Throttle;
use crate::reporter::Work;

/// Bounds the messages that are sent at a time: SQS takes ten in a request.
const BATCH: usize = 10;
/// Bounds how often messages are sent in all, beside the SDK's own retries.
const ATTEMPTS: u32 = 3;

/// Sends the events of a task page by page, and notes its progress in the audit table, so that it can be resumed.
pub(crate) struct Sender<'s> {
    pub(super) reader: Reader<'s>,
    pub(super) queues: DomainQueues,
    pub(super) audit: &'s AuditLog,
    /// Names the replay, which its messages do too.
    pub(super) id: Uuid,
    /// Tells when this run of the replay began, as its messages say.
    pub(super) at: Timestamp,
    pub(super) throttle: Throttle,
    pub(super) progress: Progress,
    /// Counts the messages that had been sent when the audit table was told last.
    pub(super) noted: u64,
    /// Says after how many messages it is told again.
    pub(super) note_after: u64,
}

/// Is an event with the entity and the place that the log has of it.
struct Had {
    aggregate: EntityKey,
    occurred: Occurred,
    delivered: Delivered,
}

impl Sender<'_> {
    /// Sends all that is left, and records that it is done. Gives how many were sent, those before an interruption
    /// included.
    ///
    /// # Errors
    ///
    /// [`Error`] when it was interrupted, with how to go on.
    pub(crate) async fn run(mut self, work: &Work<'_>) -> Result<(u64, Failures)> {
        let reader = self.reader;
        let mut send = async |page: Page| self.send_page(page, work).await;
        let ended = match reader.read(&mut send).await {
            Ok(()) => self.record_end().await,
            Err(error) => {
                // What was noted before is still good to go on from.
                let _ = self.note().await;
                Err(error)
            }
        };
        let (id, sent) = (self.id, self.progress.sent);
        ended.map_err(Error::context::<Error>(format!(
            "replay {id} was interrupted after {sent} events: go on with `upvest-webhooks replay --resume {id}`"
        )))?;
        Ok((sent, self.progress.failures))
    }

    async fn send_page(&mut self, page: Page, work: &Work<'_>) -> Result<()> {
        let mut failures = page.failures;
        for events in page.events.chunks(LOAD_BATCH) {
            let (addressed, failed) = self.address(events).await?;
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
        // Together with the position: a page that is sent again fails again.
        self.progress.failures.extend(failures);
        self.progress.position = page.position.or(self.progress.position.take());
        if self.progress.sent - self.noted >= self.note_after {
            self.note().await?;
        }
        Ok(())
    }

    /// Gets hold of events, up to [`LOAD_BATCH`], and addresses them; those that cannot be had fail.
    async fn address(&self, events: &[Selected]) -> Result<(Vec<EventMessage>, Vec<Failure>)> {
        let records = self.reader.records;
        let in_log = events.iter().filter(|event| event.delivered.is_none());
        let ids: Vec<&str> = in_log.map(|event| event.occurred.event_id.as_str()).collect();
        let mut items = records.log.load(&ids).await?;
        let (mut messages, mut failures) = (Vec::new(), Vec::new());
        for event in events {
            let event_id = event.occurred.event_id.clone();
            let had = match event.delivered.clone() {
                Some(delivered) => Ok(Had {
                    aggregate: event.entity.clone(),
                    occurred: event.occurred.clone(),
                    delivered,
                }),
                None => from_log(records, items.remove(&event_id)).await?,
            };
            match had {
                Ok(had) => messages.push(EventMessage {
                    event_id,
                    domain: upvest::category::of(&event.event_type).domain,
                    aggregate: had.aggregate,
                    occurred: had.occurred,
                    json: had.delivered.json,
                    sha256: had.delivered.sha256,
                    delivery_id: had.delivered.delivery_id,
                    dispatch: Dispatch::Replay,
                    dispatched_at: self.at,
                    replay: Some(self.id.to_string()),
                }),
                Err(reason) => failures.push(Failure {
                    what: event_id,
                    reason,
                }),
            }
        }
        Ok((messages, failures))
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
        let noted = self.audit.note_progress(self.id, &json!(self.progress)).await;
        noted.map_err(Error::context(UNRECORDED))?;
        self.noted = self.progress.sent;
        Ok(())
    }

    async fn record_end(&self) -> Result<()> {
        let result = json!({ "sent": self.progress.sent, "failed": self.progress.failures.count });
        let ended = self.audit.end(self.id, &result).await;
        ended.map_err(Error::context(UNRECORDED))
    }
}

async fn from_log(records: &Records, item: Option<LoggedEvent>) -> Result<Result<Had, String>, AwsError> {
    let Some(item) = item else {
        return Ok(Err("it is not in the event log any more".to_owned()));
    };
    let json = records.json(&item).await?;
    let (delivery_id, sha256) = (item.delivery_id, item.sha256);
    let aggregate = item.aggregate.ok_or("it belongs to no entity any more");
    Ok(json.and_then(|json| {
        Ok(Had {
            aggregate: aggregate?,
            occurred: item.occurred,
            delivered: Delivered {
                json,
                delivery_id,
                sha256,
            },
        })
    }))
}
