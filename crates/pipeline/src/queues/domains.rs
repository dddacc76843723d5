//! From verify-and-store to the domains: one FIFO queue each, grouped by entity.
//!
//! | Module | Knows |
//! |---|---|
//! | `groups` | which message group an entity has |
//! | `message` | what travels: attributes and deduplication id |
//! | `routes` | which queue a domain has |

mod groups;
mod message;
mod routes;

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures_util::future::try_join_all;

pub use self::message::{AGGREGATE, DISPATCH, Dispatched, EventMessage, EventMessageError, TRANSITION};
pub use self::routes::{Routes, RoutesError};
use crate::error::AwsError;
use crate::queues::encoding::MAX_MESSAGE_BYTES;
use crate::runtime::trace::TraceHeader;

const CALL: &str = "SendMessageBatch to a domain queue";
/// Bounds the number of messages in one batch (`SendMessageBatch`).
const BATCH: usize = 10;
/// Leaves room for a message's attributes and their names, in bytes: keys, ids and a place take a little over 1,000 at most,
/// the reason and the transition of a dead letter the rest.
const ATTRIBUTES: usize = 8 * 1024;

/// Sends events to the queues of their domains, in the order in which they are given.
#[derive(Debug, Clone)]
pub struct DomainQueues {
    client: Client,
    routes: Routes,
    trace: TraceHeader,
}

impl DomainQueues {
    /// Sends to the queues at `routes`.
    #[must_use]
    pub fn new(client: Client, routes: Routes) -> Self {
        Self {
            client,
            routes,
            trace: TraceHeader::of_invocation(),
        }
    }

    /// Makes the messages carry this trace, in place of the one of the invocation.
    #[must_use]
    pub fn traced_by(self, trace: TraceHeader) -> Self {
        Self { trace, ..self }
    }

    /// Sends events to their domains, in their order for each queue.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when some event is not known to be in its queue; others may be.
    pub async fn send(&self, events: Vec<EventMessage>) -> Result<(), AwsError> {
        let mut by_queue: BTreeMap<&str, Vec<EventMessage>> = BTreeMap::new();
        for event in events {
            by_queue
                .entry(self.routes.url(event.domain))
                .or_default()
                .push(event);
        }
        try_join_all(
            by_queue
                .into_iter()
                .map(|(url, events)| self.send_to(url, events)),
        )
        .await?;
        Ok(())
    }

    async fn send_to(&self, url: &str, events: Vec<EventMessage>) -> Result<(), AwsError> {
        let trace = self.trace.attributes();
        for mut batch in batches(events)? {
            for entry in &mut batch {
                entry.message_system_attributes.clone_from(&trace);
            }
            let request = self
                .client
                .send_message_batch()
                .queue_url(url)
                .set_entries(Some(batch));
            let answer = request.send().await.map_err(AwsError::of(CALL))?;
            // A batch may succeed in part. One failure is enough: all events are sent again, and duplicates have no
            // effect.
            if let Some(failed) = answer.failed.first() {
                return Err(AwsError::entries(CALL, &failed.code));
            }
        }
        Ok(())
    }
}

/// Cuts messages into batches that SQS takes: ten messages, and 1 MiB in all.
fn batches(events: Vec<EventMessage>) -> Result<Vec<Vec<SendMessageBatchRequestEntry>>, AwsError> {
    let mut batches: Vec<Vec<SendMessageBatchRequestEntry>> = Vec::new();
    let mut room = 0;
    for (index, event) in events.into_iter().enumerate() {
        let entry = event.into_entry(index)?;
        // SQS counts attributes in, so that the body alone would say too little.
        let size = entry.message_body.len() + ATTRIBUTES;
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH && size <= room => {
                batch.push(entry);
                room -= size;
            }
            _ => {
                batches.push(vec![entry]);
                room = MAX_MESSAGE_BYTES.saturating_sub(size);
            }
        }
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::message::tests::event;
    use super::*;

    #[test]
    fn batches_hold_ten_messages_and_one_mebibyte() {
        let sizes =
            |events: Vec<EventMessage>| batches(events).unwrap().iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec![event(100); 25]), [10, 10, 5]);
        assert_eq!(sizes(vec![event(400_000); 5]), [2, 2, 1]);
        assert_eq!(sizes(vec![]), [0; 0]);
    }
}
