//! Which messages of a batch are handled together, and which alone.
//!
//! Those that are received for the first time go together. Whoever was received before may be what ended the process then, and
//! took its neighbours along: such messages are handled one after another, each under the record of its attempt. One whose record
//! is found open is a suspect, for `suspects` to deal with: it comes last, and alone.

use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::future::join_all;

use super::{Patience, Records, Settled, SourceQueue, receive_count, report, waits};
use crate::error::{AwsError, ErrorChain, Failure, Kind, unwinding};
use crate::runtime::invocation::Invocation;
use crate::stores::idempotency::attempts::{Attempt, Opening, Outcome, Suspect};

/// Says how much has to be left of an invocation for another message to be tried: with less the rest is given back.
const LEAST: Duration = Duration::from_secs(5);
/// Names the step at which a process ends.
pub(super) const PROCESS: &str = "process";
/// Bounds what a message says it is about, in bytes: more is none of ours.
const MAX_SUBJECT: usize = 512;

/// Holds the messages of a batch that are handled together: several that are new, or one that is not.
#[derive(Debug, Clone, Copy)]
pub struct Share<'p, 'm> {
    pub(super) queue: &'p SourceQueue,
    pub(super) messages: &'p [&'m SqsMessage],
    /// Counts the attempts at the message, this one included; 0 where they are not counted.
    pub(super) attempts: u32,
}

impl<'m> Share<'_, 'm> {
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
    /// Handles a batch. `work` handles a share of it, and tells of each message how it was settled. `last_words` gives the
    /// attributes that the copy of a message in the dead-letter queue has in place of the message's own where it killed its
    /// process, so that `work` cannot say.
    pub async fn consume(
        &self,
        event: &SqsEvent,
        invocation: &Invocation,
        work: impl AsyncFn(&Share<'_, '_>) -> Vec<Settled>,
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
pub(super) struct Batch<'b, W, L> {
    pub(super) queue: &'b SourceQueue,
    pub(super) invocation: &'b Invocation,
    work: W,
    pub(super) last_words: L,
    pub(super) messages: Vec<&'b SqsMessage>,
    /// Says what became of each message so far; one that was not tried comes back.
    pub(super) settled: Vec<Settled>,
}

/// Names the places of a suspect, and of those behind it in its group.
pub(super) type Suspected = (Suspect, Vec<usize>);

impl<W, L> Batch<'_, W, L>
where
    W: AsyncFn(&Share<'_, '_>) -> Vec<Settled>,
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

    pub(super) fn has_time(&self) -> bool {
        let left = self.invocation.deadline.duration_since(self.queue.clock.now());
        Duration::try_from(left).unwrap_or_default() >= LEAST
    }

    /// Works on messages together, and keeps what became of them.
    async fn work_on(&mut self, places: &[usize], attempts: u32) {
        let messages: Vec<&SqsMessage> = places.iter().map(|place| self.messages[*place]).collect();
        let share = Share {
            queue: self.queue,
            messages: &messages,
            attempts,
        };
        let settled = match unwinding(Box::pin((self.work)(&share))).await {
            Ok(settled) => settled,
            // Nothing of them is known: alone, each shows whether it was the one.
            Err(panicked) => {
                let failure = Failure::new(Kind::Message, "batch", &panicked);
                tracing::error!(
                    messages = messages.len(),
                    error = failure.reason,
                    "messages were not handled"
                );
                share.settle(vec![Err(failure); messages.len()]).await
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
    pub(super) async fn attempt(&mut self, records: &Records, place: usize, attempt: Option<&Attempt>) {
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

    pub(super) async fn give_back(&mut self, places: &[usize], wait: Duration) {
        let messages = places.iter().map(|place| self.messages[*place]);
        join_all(messages.map(|message| self.queue.come_back_after(wait, message))).await;
        for place in places {
            self.settled[*place] = Settled::untried(wait);
        }
    }

    pub(super) fn report(&self, place: usize, error: &AwsError) {
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
pub(super) fn group_of(message: &SqsMessage) -> &str {
    let group = message.attributes.get("MessageGroupId");
    group.map_or("", String::as_str)
}
