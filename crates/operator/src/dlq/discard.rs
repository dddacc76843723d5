//! Giving up events of dead-letter queues: they are folded into their entity's state, nobody is told, and no action runs.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use pipeline::stores::audit::Operation;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::filter::Selection;
use super::folder::Folder;
use super::message::{About, Message};
use super::queue::{BATCH, DeadLetterQueue};
use super::sweep::{Held, look};
use crate::error::{Error, Result};
use crate::repair::{Decision, Ending, Repair, Throttle};
use crate::reporter::Work;
use crate::stack::Queue;

/// Names the operation in the audit table.
const COMMAND: &str = "dlq discard";
/// Bounds the messages that one operation discards: its item in the audit table names them all, and takes 400 KB.
const OF_ONE_OPERATION: usize = 500;

/// Tells what was given up, or would be.
#[derive(Debug, Serialize)]
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
    /// Groups of which there may be more behind those that were seen.
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

/// Tells what became of the event of a message that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum DiscardResult {
    /// The event would be given up, were it no rehearsal.
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
/// [`Error`] when nothing was given up: where a queue of deliveries is named, or none that has anything. What ended a run
/// early is in [`Ending::failure`].
pub async fn discard(
    repair: &Repair<'_>,
    selection: &Selection,
    confirm: impl FnOnce(&[About]) -> Result<bool>,
) -> Result<Discarded> {
    let queues = DeadLetterQueue::of(repair.stack, &queues_of(selection)?)?;
    let mut report = Discarded {
        ending: repair.ending(),
        messages: Vec::new(),
        more: false,
        missing: Vec::new(),
        selection: selection.clone(),
        cut_off: BTreeSet::new(),
    };
    let (chosen, found) = find(repair, selection, &queues, &mut report).await?;
    report.missing = selection.missing(&found);
    let abouts: Vec<About> = chosen.iter().map(|chosen| chosen.about.clone()).collect();
    match repair.decide(!chosen.is_empty(), || confirm(&abouts))? {
        Decision::Preview => report.messages = chosen.iter().map(Chosen::planned).collect(),
        Decision::Declined => report.ending.declined = true,
        Decision::GoOn => go_on(repair, selection, &queues, &chosen, &mut report).await?,
    }
    Ok(report)
}

/// Holds a message that is to be given up.
struct Chosen {
    about: About,
    sha256: String,
}

impl Chosen {
    fn of(message: &Message) -> Self {
        Self {
            about: message.about.clone(),
            sha256: hex::encode(Sha256::digest(&message.body)),
        }
    }

    fn planned(&self) -> Discard {
        self.with(DiscardResult::Planned)
    }

    fn with(&self, result: DiscardResult) -> Discard {
        let about = &self.about;
        Discard {
            queue: about.queue,
            message_id: about.message_id.clone(),
            event_id: about.event_id.clone(),
            entity: about.entity.clone(),
            reason: about.reason.clone(),
            sha256: self.sha256.clone(),
            result,
        }
    }
}

/// Lists the queues of domains alone: a delivery owns the dispatch of its events, which would be lost with it.
fn queues_of(selection: &Selection) -> Result<Vec<Queue>> {
    let is_domain = |queue: &Queue| matches!(queue, Queue::Domain(_));
    if let Some(other) = selection.queues.iter().find(|queue| !is_domain(queue)) {
        return Err(Error::usage(format!(
            "messages of the queue {} are not given up, only events of domains: `dlq redrive` sends them back",
            other.as_str()
        )));
    }
    match selection.queues.is_empty() {
        true => Ok(Queue::all().filter(is_domain).collect()),
        false => Ok(selection.queues.clone()),
    }
}

async fn find(
    repair: &Repair<'_>,
    selection: &Selection,
    queues: &[DeadLetterQueue],
    report: &mut Discarded,
) -> Result<(Vec<Chosen>, BTreeSet<String>)> {
    let (mut chosen, mut found) = (Vec::new(), BTreeSet::new());
    for queue in queues {
        let choose = |message: &Message| {
            if !selection.takes(message) {
                return ControlFlow::Continue(());
            }
            if chosen.len() == OF_ONE_OPERATION {
                report.more = true;
                return ControlFlow::Break(());
            }
            found.extend(selection.ids_of(message).cloned());
            chosen.push(Chosen::of(message));
            ControlFlow::Continue(())
        };
        report.cut_off.extend(look(queue, repair.reporter, choose).await?);
    }
    Ok((chosen, found))
}

async fn go_on(
    repair: &Repair<'_>,
    selection: &Selection,
    queues: &[DeadLetterQueue],
    chosen: &[Chosen],
    report: &mut Discarded,
) -> Result<()> {
    let request = json!({
        "queues": selection.queues,
        "ids": selection.ids,
        "filter": selection.filter,
        "discard": chosen.iter().map(Chosen::planned).collect::<Vec<_>>(),
    });
    let folder = Folder::of(repair.stack)?;
    let give_up = async |_: &Operation| {
        let mut run = Run {
            folder,
            chosen,
            work: repair.reporter.begin(chosen.len() as u64, "messages"),
            throttle: repair.throttle(),
            done: Vec::new(),
        };
        let ended = run.run(queues, repair).await;
        report.messages = run.done;
        (json!({ "messages": report.messages }), ended)
    };
    report.ending = repair.carry_out(COMMAND, request, give_up).await?;
    Ok(())
}

/// Runs one discarding: keeps what it works with, and what came of it so far.
struct Run<'r> {
    folder: Folder,
    chosen: &'r [Chosen],
    work: Work<'r>,
    throttle: Throttle,
    done: Vec<Discard>,
}

impl Run<'_> {
    async fn run(&mut self, queues: &[DeadLetterQueue], repair: &Repair<'_>) -> Result<()> {
        for queue in queues {
            self.sweep(queue, repair).await?;
        }
        Ok(())
    }

    /// Gives up those of the chosen messages that this queue has, those of a group in their order.
    async fn sweep(&mut self, queue: &DeadLetterQueue, repair: &Repair<'_>) -> Result<()> {
        let mut held = Held::default();
        let swept = self.pass(queue, &mut held).await;
        held.give_back(queue, repair.reporter).await;
        swept
    }

    async fn pass(&mut self, queue: &DeadLetterQueue, held: &mut Held) -> Result<()> {
        let is_meant = |chosen: &&Chosen| chosen.about.queue == queue.queue;
        if !self.chosen.iter().any(|chosen| is_meant(&chosen)) {
            return Ok(());
        }
        while let Some(fresh) = held.hold(queue.receive(BATCH).await?, BATCH) {
            for id in fresh {
                let Some(message) = held.messages.get(&id) else {
                    continue;
                };
                let is_it = |chosen: &&Chosen| chosen.about.message_id == message.about.message_id;
                let Some(chosen) = self.chosen.iter().find(is_it) else {
                    continue;
                };
                self.throttle.due().await;
                let result = self.folder.fold(message).await?;
                if !matches!(result, DiscardResult::Kept { .. }) {
                    queue.delete(message).await?;
                    held.messages.remove(&id);
                }
                self.done.push(chosen.with(result));
                self.work.done(1);
            }
        }
        Ok(())
    }
}
