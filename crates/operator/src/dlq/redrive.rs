//! Sending messages back to the queue that they came from.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use jiff::Timestamp;
use pipeline::stores::audit::Operation;
use serde::Serialize;
use serde_json::json;

use super::filter::Selection;
use super::message::Message;
use super::queue::{DeadLetterQueue, batch_at};
use super::sweep::{Fate, look, sweep};
use crate::error::Result;
use crate::repair::{Decision, Ending, Repair, Throttle};
use crate::reporter::{Reporter, Work};
use crate::stack::Queue;

/// Names the operation in the audit table.
const COMMAND: &str = "dlq redrive";

/// Tells what was sent back, or would be.
#[derive(Debug, Default, Serialize)]
pub struct RedriveReport {
    /// Tells whether the run came to its end, and what stopped it if not.
    #[serde(flatten)]
    pub ending: Ending,
    /// Lists the queues of which something was seen.
    pub queues: Vec<QueueRedriven>,
    /// Tells how many messages could not be seen at the beginning, because somebody has received them.
    pub out_of_sight: usize,
    /// Lists ids that were given and cannot be seen.
    pub missing: Vec<String>,
    /// Repeats which messages were asked for.
    pub selection: Selection,
}

/// Tells what became of the dead-letter queue of a queue.
#[derive(Debug, Serialize)]
pub struct QueueRedriven {
    /// Names the queue that the messages came from.
    pub queue: Queue,
    /// Counts what became of the messages, flat beside `queue` in JSON.
    #[serde(flatten)]
    pub done: Redriven,
}

/// Tells what became of a dead-letter queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Redriven {
    /// Tells how many were sent back, and deleted.
    pub redriven: usize,
    /// Counts the messages that the selection does not take; they stay.
    pub other: usize,
    /// Tells how many are meant, and came after the redrive had begun.
    pub came_since: usize,
    /// Names the groups of which there may be more behind messages that are not meant.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub cut_off: BTreeSet<String>,
}

/// Sends what is selected back to the queues that it came from, once `confirm` has seen about how many messages wait in
/// each. A dry run counts what it would send.
///
/// A message is deleted once it is known to be in its queue again: whatever happens between, it is in one of the two, or
/// in both, and downstream a duplicate has no effect. What the first failure left is still in the dead-letter queue.
///
/// # Errors
///
/// [`Error`](crate::Error) when nothing was sent. What ended a run early is in [`Ending::failure`].
pub async fn redrive(
    repair: &Repair<'_>,
    selection: &Selection,
    confirm: impl FnOnce(&BTreeMap<Queue, usize>) -> Result<bool>,
) -> Result<RedriveReport> {
    let queues = DeadLetterQueue::of(repair.stack, &selection.queues)?;
    let mut report = RedriveReport {
        ending: repair.ending(),
        selection: selection.clone(),
        ..RedriveReport::default()
    };
    let mut waiting = BTreeMap::new();
    for queue in &queues {
        let counts = queue.counts().await?;
        report.out_of_sight += counts.in_flight;
        if counts.waiting > 0 {
            waiting.insert(queue.queue, counts.waiting);
        }
    }
    match repair.decide(!waiting.is_empty(), || confirm(&waiting))? {
        Decision::Preview if repair.options.dry_run => report.count(&queues, repair.reporter).await?,
        // There is nothing in the queues, so that nothing was looked at and no id can be found.
        Decision::Preview => report.missing.clone_from(&selection.ids),
        Decision::Declined => report.ending.declined = true,
        Decision::GoOn => {
            let request = json!({
                "queues": selection.queues,
                "ids": selection.ids,
                "filter": selection.filter,
                "rate": repair.options.per_second,
            });
            let send = async |operation: &Operation| {
                let mut redrive = Redrive {
                    repair,
                    selection,
                    // It was taken before the first receive, by the clock that the record shows too.
                    began: operation.began_at,
                    work: repair
                        .reporter
                        .begin(waiting.values().sum::<usize>() as u64, "messages"),
                    throttle: repair.throttle(),
                    found: BTreeSet::new(),
                };
                let ended = redrive.run(&queues, &mut report).await;
                // A run that ended early did not see all: what it did not find may be there.
                if ended.is_ok() {
                    report.missing = selection.missing(&redrive.found);
                }
                let result = json!({ "queues": report.queues, "missing": report.missing });
                (result, ended)
            };
            report.ending = repair.carry_out(COMMAND, request, send).await?;
        }
    }
    Ok(report)
}

impl RedriveReport {
    /// Counts what would be sent back.
    async fn count(&mut self, queues: &[DeadLetterQueue], reporter: Reporter<'_>) -> Result<()> {
        let mut found = BTreeSet::new();
        for queue in queues {
            let mut done = Redriven::default();
            let count = |message: &Message| {
                if self.selection.takes(message) {
                    done.redriven += 1;
                    found.extend(self.selection.ids_of(message).cloned());
                } else {
                    done.other += 1;
                }
                ControlFlow::Continue(())
            };
            done.cut_off = look(queue, reporter, count).await?;
            self.add(queue.queue, done);
        }
        self.missing = self.selection.missing(&found);
        Ok(())
    }

    fn add(&mut self, queue: Queue, done: Redriven) {
        if done != Redriven::default() {
            self.queues.push(QueueRedriven { queue, done });
        }
    }
}

/// Runs one redrive: keeps what it works with.
struct Redrive<'r> {
    repair: &'r Repair<'r>,
    selection: &'r Selection,
    /// Tells when the redrive began. Messages that came later stay: among them may be those that were sent back and
    /// failed again.
    began: Timestamp,
    work: Work<'r>,
    throttle: Throttle,
    /// Lists ids that were given, and seen.
    found: BTreeSet<String>,
}

impl Redrive<'_> {
    async fn run(&mut self, queues: &[DeadLetterQueue], report: &mut RedriveReport) -> Result<()> {
        for queue in queues {
            let mut done = Redriven::default();
            let ended = self.send_back(queue, &mut done).await;
            // Before the error is given back: what was sent stays sent, and is told.
            report.add(queue.queue, done);
            ended?;
        }
        Ok(())
    }

    /// Sends back what is meant, one message at a time, those of a group in their order. Looks again where what was sent
    /// back came from a group of which a message stays, which may have hidden others.
    async fn send_back(&mut self, queue: &DeadLetterQueue, done: &mut Redriven) -> Result<()> {
        let (most, reporter) = (batch_at(self.repair.options.per_second), self.repair.reporter);
        // What was sent back, by the id of its new message and by its identity: so it is known again.
        let mut sent = BTreeSet::new();
        loop {
            let mut emptied = BTreeSet::new();
            // Each pass sees again all that stays.
            (done.other, done.came_since) = (0, 0);
            let visit = async |message: &Message| {
                self.found.extend(self.selection.ids_of(message).cloned());
                if !self.selection.takes(message) {
                    done.other += 1;
                    return Ok(Fate::Stays);
                }
                if came_since(message, self.began, &sent) {
                    done.came_since += 1;
                    return Ok(Fate::Stays);
                }
                self.throttle.due().await;
                sent.extend(queue.send_home(message).await?);
                sent.extend(message.identity());
                queue.delete(message).await?;
                done.redriven += 1;
                self.work.done(1);
                emptied.extend(message.group.clone());
                Ok(Fate::Gone)
            };
            let (swept, ended) = sweep(queue, most, reporter, visit).await;
            done.cut_off = swept.cut_off;
            ended?;
            if emptied.is_disjoint(&swept.groups) {
                return Ok(());
            }
        }
    }
}

/// Tells by the clocks of SQS and of this machine, and because clocks differ, by the ids of what was sent back too: a
/// function that fails sends a copy to the dead-letter queue whose deduplication id is the message's id, and SQS moves
/// the message as it is.
fn came_since(message: &Message, began: Timestamp, sent: &BTreeSet<String>) -> bool {
    let ids = [
        Some(message.about.message_id.clone()),
        message.deduplication_id.clone(),
        message.identity(),
    ];
    message.about.sent_at.is_none_or(|sent_at| sent_at >= began)
        || ids.into_iter().flatten().any(|id| sent.contains(&id))
}
