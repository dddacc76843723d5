//! What is done about a message that ended its process: it is tried last and alone, and given up after ten times.
//!
//! What is done is deleted from the queue by us and all else given back, and only then is it tried, so that it takes nobody along
//! once more.

use aws_lambda_events::event::sqs::SqsMessage;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use futures_util::future::join_all;

use super::one_by_one::{Batch, PROCESS, Share, Suspected};
use super::{Records, Settled, waits};
use crate::error::{AwsError, ErrorChain, Failure, Kind};
use crate::stores::idempotency::attempts::Suspect;

/// Bounds the number of messages in one batch (`DeleteMessageBatch`).
const BATCH: usize = 10;

impl<W, L> Batch<'_, W, L>
where
    W: AsyncFn(&Share<'_, '_>) -> Vec<Settled>,
    L: AsyncFn(&SqsMessage) -> Result<Vec<(&'static str, String)>, AwsError>,
{
    /// Tries the first of the suspects, with nothing else left in this process; gives the others back.
    pub(super) async fn try_alone(&mut self, records: &Records, suspects: Vec<Suspected>) {
        let mut suspects = suspects.into_iter();
        let Some((suspect, places)) = suspects.next() else {
            return;
        };
        for (_, places) in suspects {
            self.give_back(&places, waits::SHORTEST).await;
        }
        let (place, behind) = (places[0], &places[1..]);
        self.give_back(behind, waits::SHORTEST).await;
        if !self.has_time() || !self.delete_what_is_done().await {
            self.give_back(&[place], waits::SHORTEST).await;
            return;
        }
        let message_id = self.messages[place].message_id.as_deref().unwrap_or_default();
        tracing::warn!(
            sqs.message_id = message_id,
            attempts = suspect.count,
            "a message that ended its process is tried alone"
        );
        match records
            .attempts
            .reopen(&suspect, message_id, self.invocation)
            .await
        {
            Ok(Some(attempt)) => self.attempt(records, place, Some(&attempt)).await,
            Ok(None) => self.give_back(&[place], waits::SHORTEST).await,
            Err(error) => {
                self.report(place, &error);
                self.give_back(&[place], waits::SHORTEST).await;
            }
        }
    }

    /// Moves a message to the dead-letter queue that ended its process in each attempt; says whether that was done.
    ///
    /// It is deleted here: another message about the same may be next, and end this process before Lambda does.
    pub(super) async fn give_up(&mut self, records: &Records, suspect: &Suspect, place: usize) -> bool {
        let message = self.messages[place];
        let attributes = match (self.last_words)(message).await {
            Ok(attributes) => attributes,
            Err(error) => {
                self.report(place, &error);
                self.give_back(&[place], waits::SHORTEST).await;
                return false;
            }
        };
        let failure = Failure {
            kind: Kind::Never,
            step: PROCESS,
            reason: format!(
                "process-died in {} attempts: the process crashed, or ran out of time or memory",
                suspect.count
            ),
            attributes,
        };
        tracing::error!(
            sqs.message_id = message.message_id,
            error = failure.reason,
            "message is given up"
        );
        self.settled[place] = self.queue.settle(message, Err(failure), suspect.count).await;
        let is_gone = self.settled[place] == Settled::Gone;
        if is_gone {
            self.delete_what_is_done().await;
            if let Err(error) = records.attempts.forget_suspect(suspect).await {
                self.report(place, &error);
            }
        }
        is_gone
    }

    /// Deletes from the queue what is done, which Lambda will not do if the process dies; says whether that worked.
    async fn delete_what_is_done(&self) -> bool {
        let done = self.messages.iter().zip(&self.settled);
        let done = done.filter(|(_, settled)| **settled == Settled::Gone);
        let receipts: Vec<&str> = done
            .filter_map(|(message, _)| message.receipt_handle.as_deref())
            .collect();
        let deleted = receipts.chunks(BATCH).map(|receipts| self.delete(receipts));
        let deleted = join_all(deleted).await;
        let failed = deleted.into_iter().find_map(Result::err);
        if let Some(error) = &failed {
            tracing::warn!(error = %ErrorChain(error), "could not delete what is done before what may end the process");
        }
        failed.is_none()
    }

    async fn delete(&self, receipts: &[&str]) -> Result<(), AwsError> {
        const CALL: &str = "DeleteMessageBatch";
        let entries = receipts.iter().enumerate().map(|(index, receipt)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
            let entry = entry.receipt_handle(*receipt).build();
            entry.expect("id and receipt are set")
        });
        let request = self
            .queue
            .client
            .delete_message_batch()
            .queue_url(&self.queue.url);
        let answer = request.set_entries(Some(entries.collect())).send().await;
        let answer = answer.map_err(AwsError::of(CALL))?;
        match answer.failed.first() {
            None => Ok(()),
            Some(failed) => Err(AwsError::entries(CALL, &failed.code)),
        }
    }
}
