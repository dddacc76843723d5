//! Evidence before SQS forgets: what an attempt did not settle is put under `pending/`, and what did settle is removed there.
//!
//! SQS keeps a message for fourteen days from its first receipt, in the queue and in the dead-letter queue together. A delivery
//! that is received for the second time may need more than that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsMessage;
use futures_util::future::join_all;
use pipeline::envelope::attributes::MAY_BE_PENDING;
use pipeline::envelope::{Envelope, attribute};
use pipeline::error::{AwsError, ErrorChain, Failure};
use pipeline::queues::consumer::receive_count;
use pipeline::queues::dead_letters::{BATCH, DeadLetters};
use pipeline::runtime::metrics;
use pipeline::stores::archive::Archive;
use pipeline::stores::pending::{Pending, PendingMessage};

/// Bounds how long a drain receives messages, so that what it received is given back before the function times out.
const RECEIVING: Duration = Duration::from_secs(30);
/// Says how long the messages of a drain are out of the sight of others: longer than a drain.
const OUT_OF_SIGHT: Duration = Duration::from_secs(60);

/// Puts a message that is received again under `pending/`, before anything else is tried, unless the archive has its
/// delivery. A failure is counted, and the attempt goes on: it may be the one that succeeds.
pub(crate) async fn keep(pending: &Pending, archive: &Archive, message: &SqsMessage) {
    if receive_count(message) < 2 || is_archived(archive, message).await {
        return;
    }
    put(pending, &PendingMessage::received(message)).await;
}

/// Tells whether the archive has the delivery; `false` where that cannot be found out.
async fn is_archived(archive: &Archive, message: &SqsMessage) -> bool {
    let Ok(envelope) = Envelope::from_message(message) else {
        return false;
    };
    archive.lists_verified(&envelope).await.unwrap_or(false)
}

async fn put(pending: &Pending, message: &PendingMessage) {
    if let Err(error) = pending.keep(message).await {
        metrics::pending_failed();
        let error = ErrorChain(&error).to_string();
        tracing::error!(delivery.id = message.id, error, "delivery is in SQS alone");
    }
}

/// Tells whether there may have been an attempt at the delivery before: it was received again, or sent again by a person.
pub(crate) fn was_tried_before(message: &SqsMessage) -> bool {
    receive_count(message) > 1 || attribute(message, MAY_BE_PENDING).is_some()
}

/// Removes what was handled from where it was pending. What cannot be removed stays: sent again, it changes nothing.
pub(crate) async fn remove(pending: &Pending, batch: &[&SqsMessage], results: &[Result<(), Failure>]) {
    let handled = batch.iter().zip(results).filter(|(_, result)| result.is_ok());
    let handled = handled.filter(|(message, _)| was_tried_before(message));
    join_all(handled.map(async |(message, _)| {
        let id = PendingMessage::received(message).id;
        if let Err(error) = pending.remove(&id).await {
            let error = ErrorChain(&error).to_string();
            tracing::warn!(
                delivery.id = id,
                error,
                "delivery was handled, and still lies under pending/"
            );
        }
    }))
    .await;
}

/// Puts each message of the dead-letter queue under `pending/`, where it is not there yet, and gives it back: a person settles it.
/// The archive is not asked: it may have a delivery whose events were not dispatched, of which the message is the only notice.
///
/// # Errors
///
/// [`AwsError`] when the queue or the bucket cannot be read; nothing is lost by that.
pub(crate) async fn drain(letters: &DeadLetters, pending: &Pending) -> Result<(), AwsError> {
    let listed = pending.list().await?.into_iter().map(|listed| listed.id);
    let mut there: BTreeSet<String> = listed.collect();
    let end = tokio::time::Instant::now() + RECEIVING;
    let mut held: BTreeMap<String, String> = BTreeMap::new();
    let received = loop {
        let batch = match letters.receive(BATCH, OUT_OF_SIGHT).await {
            Ok(batch) => batch,
            Err(error) => break Err(error),
        };
        let before = held.len();
        for message in &batch {
            let id = message.message_id().unwrap_or_default().to_owned();
            held.insert(id, message.receipt_handle().unwrap_or_default().to_owned());
        }
        let messages = batch.iter().map(PendingMessage::from_sqs);
        let fresh: Vec<_> = messages
            .filter(|message| there.insert(message.id.clone()))
            .collect();
        join_all(fresh.iter().map(|message| put(pending, message))).await;
        // Nothing more, or what was seen already.
        if held.len() == before || tokio::time::Instant::now() >= end {
            break Ok(());
        }
    };
    // What cannot be given back comes back by itself, after OUT_OF_SIGHT.
    let receipts: Vec<String> = held.into_values().collect();
    for receipts in receipts.chunks(50) {
        join_all(receipts.iter().map(|receipt| letters.give_back(receipt))).await;
    }
    received
}
