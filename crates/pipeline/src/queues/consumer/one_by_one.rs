//! Which messages of a batch are handled together, and which alone.
//!
//! Those that are received for the first time go together. Whoever was received before may be what ended the process then, and
//! took its neighbours along: such messages are handled one after another, each under the record of its attempt. One whose record
//! is found open is a suspect. It comes last, and alone: what is done is deleted from the queue by us, all else is given back, and
//! only then is it tried, so that it takes nobody along once more.

use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use futures_util::future::join_all;

use super::{Patience, Records, Settled, SourceQueue, receive_count, report, waits};
use crate::error::{AwsError, ErrorChain, Failure, Kind, unwinding};
use crate::stores::idempotency::Invocation;
use crate::stores::idempotency::attempts::{Attempt, Opening, Outcome, Suspect};

/// Says how much has to be left of an invocation for another message to be tried: with less the rest is given back.
const LEAST: Duration = Duration::from_secs(5);
/// Names the step at which a process ends.
const PROCESS: &str = "process";
/// Bounds the number of messages in one batch (`DeleteMessageBatch`).
const BATCH: usize = 10;
/// Bounds what a message says it is about, in bytes: more is none of ours.
const MAX_SUBJECT: usize = 512;

/// Holds messages that are handled together: several that are new, or one that is not.
#[derive(Debug, Clone, Copy)]
pub struct Part<'p, 'm> {
    pub(super) queue: &'p SourceQueue,
    pub(super) messages: &'p [&'m SqsMessage],
    /// Counts the attempts at the message, this one included; 0 where they are not counted.
    pub(super) attempts: u32,
}

impl<'m> Part<'_, 'm> {
    /// Lists the messages, in the order in which they were received.
    #[must_use]
    pub fn messages(&self) -> &[&'m SqsMessage] {
        self.messages
    }

    /// Ends the work on all messages, by how it went with each.
    pub async fn settle(&self, results: Vec<Result<(), Failure>>) -> Vec<Settled> {
        self.queue.settle_all(self.messages, results, self.attempts).await
    }
}

impl SourceQueue {
    /// Handles a batch. `work` handles a part of it, and tells of each message how it was settled. `last_words` gives the
    /// attributes that the copy of a message in the dead-letter queue has in place of the message's own where it killed its
    /// process, so that `work` cannot say.
    pub async fn consume(
        &self,
        event: &SqsEvent,
        invocation: &Invocation,
        work: impl AsyncFn(&Part<'_, '_>) -> Vec<Settled>,
        last_words: impl AsyncFn(&SqsMessage) -> Result<Vec<(&'static str, String)>, AwsError>,
    ) -> SqsBatchResponse {
        let mut batch = Batch {
            queue: self,
            invocation,
            work,
            last_words,
            messages: event.records.iter().collect(),
            settled: vec![Settled::untried(waits::SHORTEST); event.records.len()],
        };
        // Boxed, because the types of all that happens within are too deep for the compiler.
        Box::pin(batch.handle()).await;
        let mut response = SqsBatchResponse::default();
        for (message, settled) in batch.messages.iter().zip(batch.settled) {
            if settled != Settled::Gone {
                report(&mut response, message);
            }
        }
        response
    }
}

/// Holds a batch while it is handled.
struct Batch<'b, W, L> {
    queue: &'b SourceQueue,
    invocation: &'b Invocation,
    work: W,
    last_words: L,
    messages: Vec<&'b SqsMessage>,
    /// Says what became of each message so far; one that was not tried comes back.
    settled: Vec<Settled>,
}

/// Names the places of a suspect, and of those behind it in its group.
type Suspected = (Suspect, Vec<usize>);

impl<W, L> Batch<'_, W, L>
where
    W: AsyncFn(&Part<'_, '_>) -> Vec<Settled>,
    L: AsyncFn(&SqsMessage) -> Result<Vec<(&'static str, String)>, AwsError>,
{
    async fn handle(&mut self) {
        let Patience::Records(records) = &self.queue.patience else {
            let all: Vec<usize> = (0..self.messages.len()).collect();
            return self.work_on(&all, 0).await;
        };
        let is_new = |places: &Vec<usize>| places.iter().all(|place| self.receives(*place) <= 1);
        let (new, mut others): (Vec<_>, Vec<_>) = groups(&self.messages).into_iter().partition(is_new);
        let mut new = new.concat();
        new.sort_unstable();
        if !new.is_empty() {
            self.work_on(&new, 0).await;
        }
        // Whoever hangs uses up the time of those behind it, and the more often it does the later it comes.
        others.sort_by_key(|places| places.iter().map(|place| self.receives(*place)).max());
        let mut suspects: Vec<Suspected> = Vec::new();
        for places in &others {
            suspects.extend(self.one_by_one(records, places).await);
        }
        suspects.sort_by_key(|(suspect, _)| suspect.count);
        self.try_alone(records, suspects).await;
    }

    fn receives(&self, place: usize) -> u32 {
        receive_count(self.messages[place])
    }

    fn has_time(&self) -> bool {
        let left = self.invocation.deadline.duration_since(self.queue.clock.now());
        Duration::try_from(left).unwrap_or_default() >= LEAST
    }

    /// Works on messages together, and keeps what became of them.
    async fn work_on(&mut self, places: &[usize], attempts: u32) {
        let messages: Vec<&SqsMessage> = places.iter().map(|place| self.messages[*place]).collect();
        let part = Part {
            queue: self.queue,
            messages: &messages,
            attempts,
        };
        let settled = match unwinding(Box::pin((self.work)(&part))).await {
            Ok(settled) => settled,
            // Nothing of them is known: alone, each shows whether it was the one.
            Err(panicked) => {
                let failure = Failure::new(Kind::Message, "batch", &panicked);
                tracing::error!(
                    messages = messages.len(),
                    error = failure.reason,
                    "messages were not handled"
                );
                part.settle(vec![Err(failure); messages.len()]).await
            }
        };
        for (place, settled) in places.iter().zip(settled) {
            self.settled[*place] = settled;
        }
    }

    /// Handles the messages of a group one after another, up to the first that comes back. A suspect is left to be tried alone.
    async fn one_by_one(&mut self, records: &Records, group: &[usize]) -> Option<Suspected> {
        for (position, &place) in group.iter().enumerate() {
            let (rest, behind) = (&group[position..], &group[position + 1..]);
            if !self.has_time() {
                self.give_back(rest, waits::SHORTEST).await;
                return None;
            }
            let attempt = match self.receives(place) {
                0 | 1 => None,
                receives => match self.open(records, place).await {
                    Some(Opening::Opened(attempt)) => Some(attempt),
                    Some(Opening::Suspect(suspect)) if suspect.count >= waits::MAX_ATTEMPTS => {
                        if self.give_up(records, &suspect, place).await {
                            continue;
                        }
                        self.give_back(behind, waits::SHORTEST).await;
                        return None;
                    }
                    Some(Opening::Suspect(suspect)) => return Some((suspect, rest.to_vec())),
                    Some(Opening::InProgress) | None => {
                        let wait = waits::backoff(receives, waits::LONGEST_OF_INFRASTRUCTURE);
                        self.give_back(rest, wait).await;
                        return None;
                    }
                },
            };
            self.attempt(records, place, attempt.as_ref()).await;
            if let Settled::ComesBack { wait, .. } = self.settled[place] {
                self.give_back(behind, wait).await;
                return None;
            }
        }
        None
    }

    /// Opens the record of a message; nothing where that fails: then the work must not begin.
    async fn open(&self, records: &Records, place: usize) -> Option<Opening> {
        let message = self.messages[place];
        let subject = (records.subject)(message).filter(|subject| (1..=MAX_SUBJECT).contains(&subject.len()));
        let message_id = message.message_id.as_deref().unwrap_or_default();
        let subject = subject.as_deref().unwrap_or(message_id);
        let opened = records.attempts.open(subject, message_id, self.invocation).await;
        if let Ok(Opening::Suspect(_)) = opened {
            // The attempt before, which could not say so itself.
            self.queue.count(PROCESS, Kind::Message);
        }
        opened.map_err(|error| self.report(place, &error)).ok()
    }

    /// Works on one message, and closes the record of the attempt.
    async fn attempt(&mut self, records: &Records, place: usize, attempt: Option<&Attempt>) {
        self.work_on(&[place], attempt.map_or(0, |attempt| attempt.count))
            .await;
        let Some(attempt) = attempt else { return };
        let outcome = match self.settled[place] {
            Settled::Gone => Outcome::Over,
            Settled::ComesBack { is_counted: true, .. } => Outcome::Counted,
            Settled::ComesBack {
                is_counted: false, ..
            } => Outcome::NotCounted,
        };
        if let Err(error) = records.attempts.close(attempt, outcome).await {
            self.report(place, &error);
        }
    }

    /// Tries the first of the suspects, with nothing else left in this process; gives the others back.
    async fn try_alone(&mut self, records: &Records, suspects: Vec<Suspected>) {
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
    async fn give_up(&mut self, records: &Records, suspect: &Suspect, place: usize) -> bool {
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
        if is_gone && let Err(error) = records.attempts.forget_suspect(suspect).await {
            self.report(place, &error);
        }
        is_gone
    }

    async fn give_back(&mut self, places: &[usize], wait: Duration) {
        let messages = places.iter().map(|place| self.messages[*place]);
        join_all(messages.map(|message| self.queue.come_back_after(wait, message))).await;
        for place in places {
            self.settled[*place] = Settled::untried(wait);
        }
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
            tracing::warn!(error = %ErrorChain(error), "could not delete what is done before a suspect is tried");
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

    fn report(&self, place: usize, error: &AwsError) {
        self.queue.count("attempt", error.kind());
        tracing::error!(
            sqs.message_id = self.messages[place].message_id,
            error = %ErrorChain(error),
            "record of an attempt could not be kept"
        );
    }
}

/// Lists the places of the messages of each group, in their order. Of a queue without groups each message is one.
fn groups(messages: &[&SqsMessage]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        let own = group_of(message);
        let is_own = |group: &&mut Vec<usize>| !own.is_empty() && group_of(messages[group[0]]) == own;
        match groups.iter_mut().find(is_own) {
            Some(group) => group.push(place),
            None => groups.push(vec![place]),
        }
    }
    groups
}

/// Names the message group; nothing in a queue that has none.
pub(super) fn group_of<'m>(message: &'m SqsMessage) -> &'m str {
    let group = message.attributes.get("MessageGroupId");
    group.map_or("", String::as_str)
}
