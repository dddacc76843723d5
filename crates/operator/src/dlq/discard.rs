//! Giving up events of dead-letter queues: they are folded into their entity's state, nobody is told, and no action runs.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use pipeline::stores::audit::Operation;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::filter::Selection;
use super::folder::Folder;
use super::message::Message;
use super::queue::{DeadLetterQueue, batch_at};
use super::sweep::{Fate, look, sweep};
use crate::error::{Error, Result};
use crate::repair::{Decision, Ending, OF_ONE_OPERATION, Repair};
use crate::stack::Queue;

/// Names the operation in the audit table.
const COMMAND: &str = "dlq discard";

/// Tells what was discarded, or would be.
#[derive(Debug, Default, Serialize)]
pub struct Discarded {
    /// Tells whether the run came to its end, and what stopped it if not.
    #[serde(flatten)]
    pub ending: Ending,
    /// Lists what became of the messages, as the audit table keeps it.
    pub messages: Vec<Discard>,
    /// Tells whether more matched than one operation takes: run the command again.
    pub more: bool,
    /// Lists ids that were given and cannot be seen.
    pub missing: Vec<String>,
    /// Repeats which messages were asked for.
    pub selection: Selection,
    /// Names the groups of which there may be more behind those that were seen.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub cut_off: BTreeSet<String>,
}

/// Tells what became of one message that was to be discarded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Discard {
    /// Names the queue that it came from.
    pub queue: Queue,
    /// Gives its id in the dead-letter queue.
    pub message_id: String,
    /// Names the event; `None` where the message holds none.
    pub event_id: Option<String>,
    /// Repeats the type of that event, to ask by; the document leaves it out.
    #[serde(skip)]
    pub r#type: Option<String>,
    /// Names the entity of the event, written `TYPE#ID`.
    pub entity: Option<String>,
    /// Tells why it was in the dead-letter queue.
    pub reason: Option<String>,
    /// Proves later which body it was: its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Tells what became of the event and of its message.
    #[serde(flatten)]
    pub result: DiscardResult,
}

/// Tells what became of the event of a message that was discarded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum DiscardResult {
    /// The event would be discarded, were it no dry run.
    Planned,
    /// The event was folded into its entity's state, and the message is gone.
    Folded {
        /// Gives the version that the entity has with it.
        version: u64,
    },
    /// Its entity's state needed no change, and the message is gone.
    InState,
    /// The event cannot be folded, and the message is gone; the log has the event, if it is one.
    NotFolded {
        /// Tells why, in a sentence for people.
        why: String,
    },
    /// The message stays in the dead-letter queue.
    Kept {
        /// Tells why, and what to do first, in a sentence for people.
        why: String,
    },
}

/// Gives up the selected events, once `confirm` has seen which: each is folded without effects, and its message deleted.
///
/// The state is written directly, under the condition of its version, so that the entity's processor may work on it at the
/// same time.
///
/// # Errors
///
/// [`Error`] when nothing was discarded: where a queue of deliveries is named, or none that has anything. What ended a run
/// early is in [`Ending::failure`].
pub async fn discard(
    repair: &Repair<'_>,
    selection: &Selection,
    confirm: impl FnOnce(&[Discard]) -> Result<bool>,
) -> Result<Discarded> {
    let queues = DeadLetterQueue::of(repair.stack, &queues_of(selection)?)?;
    let mut report = Discarded {
        ending: repair.ending(),
        selection: selection.clone(),
        ..Discarded::default()
    };
    let planned = find(repair, &queues, &mut report).await?;
    match repair.decide(!planned.is_empty(), || confirm(&planned))? {
        Decision::Preview => report.messages = planned,
        Decision::Declined => report.ending.declined = true,
        Decision::GoOn => {
            let request = json!({
                "queues": selection.queues,
                "ids": selection.ids,
                "filter": selection.filter,
                "discard": planned,
            });
            let folder = Folder::of(repair.stack)?;
            let work = async |_: &Operation| {
                let ended = give_up(repair, &folder, &queues, &planned, &mut report.messages).await;
                (json!({ "messages": report.messages }), ended)
            };
            report.ending = repair.carry_out(COMMAND, request, work).await?;
        }
    }
    Ok(report)
}

impl Discard {
    fn planned(message: &Message) -> Self {
        let about = message.about.clone();
        Self {
            queue: about.queue,
            message_id: about.message_id,
            event_id: about.event_id,
            r#type: about.r#type,
            entity: about.entity,
            reason: about.reason,
            sha256: hex::encode(Sha256::digest(&message.body)),
            result: DiscardResult::Planned,
        }
    }
}

/// Lists the queues of domains alone: a delivery owns the dispatch of its events, which would be lost with it.
fn queues_of(selection: &Selection) -> Result<Vec<Queue>> {
    let is_domain = |queue: &Queue| matches!(queue, Queue::Domain(_));
    if let Some(other) = selection.queues.iter().find(|queue| !is_domain(queue)) {
        return Err(Error::usage(format!(
            "messages of the queue {} are not discarded, only events of domains: `dlq redrive` sends them back",
            other.as_str()
        )));
    }
    match selection.queues.is_empty() {
        true => Ok(Queue::all().filter(is_domain).collect()),
        false => Ok(selection.queues.clone()),
    }
}

/// Finds the messages that are to be discarded, and notes which were asked for and cannot be.
async fn find(
    repair: &Repair<'_>,
    queues: &[DeadLetterQueue],
    report: &mut Discarded,
) -> Result<Vec<Discard>> {
    let (mut planned, mut found) = (Vec::new(), BTreeSet::new());
    let selection = &report.selection;
    for queue in queues {
        let choose = |message: &Message| {
            if !selection.takes(message) {
                return ControlFlow::Continue(());
            }
            if planned.len() == OF_ONE_OPERATION {
                report.more = true;
                return ControlFlow::Break(());
            }
            found.extend(selection.ids_of(message).cloned());
            planned.push(Discard::planned(message));
            ControlFlow::Continue(())
        };
        report.cut_off.extend(look(queue, repair.reporter, choose).await?);
    }
    report.missing = selection.missing(&found);
    Ok(planned)
}

/// Gives up those of the planned messages that the queues have, those of a group in their order.
async fn give_up(
    repair: &Repair<'_>,
    folder: &Folder,
    queues: &[DeadLetterQueue],
    planned: &[Discard],
    done: &mut Vec<Discard>,
) -> Result<()> {
    let mut throttle = repair.throttle();
    let work = repair.reporter.begin(planned.len() as u64, "messages");
    let is_meant = |queue: &&DeadLetterQueue| planned.iter().any(|planned| planned.queue == queue.queue);
    for queue in queues.iter().filter(is_meant) {
        let visit = async |message: &Message| {
            // Only what was agreed to, and is on record: others may have come since.
            let is_it = |planned: &&Discard| planned.message_id == message.about.message_id;
            let Some(planned) = planned.iter().find(is_it) else {
                return Ok(Fate::Stays);
            };
            throttle.due().await;
            // Before it is deleted: interrupted between the two, it is folded again to no effect.
            let result = folder.fold(message).await?;
            let fate = match result {
                DiscardResult::Kept { .. } => Fate::Stays,
                _ => {
                    queue.delete(message).await?;
                    Fate::Gone
                }
            };
            done.push(Discard {
                result,
                ..planned.clone()
            });
            work.done(1);
            Ok(fate)
        };
        let most = batch_at(repair.options.per_second);
        let (_, ended) = sweep(queue, most, repair.reporter, visit).await;
        ended?;
    }
    Ok(())
}
