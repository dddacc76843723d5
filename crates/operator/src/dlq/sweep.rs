//! Going through a dead-letter queue: what was received stays out of sight until it is given back.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use pipeline::error::ErrorChain;
use pipeline::queues::dead_letters::BATCH;

use super::message::Message;
use super::queue::{DeadLetterQueue, OUT_OF_SIGHT};
use crate::error::Result;
use crate::reporter::Reporter;

/// Says what became of a message that was shown.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// The message stays where it is, out of sight until the sweep has ended.
    Stays,
    /// The message was deleted: it went back to its queue, or was discarded.
    Gone,
    /// The message stays, and no other one needs to be shown.
    Enough,
}

/// Tells what stays in a dead-letter queue after a sweep.
#[derive(Debug)]
pub(crate) struct Swept {
    /// Names the groups of the messages that stay.
    pub(crate) groups: BTreeSet<String>,
    /// Names the groups of which there may be more than was seen.
    pub(crate) cut_off: BTreeSet<String>,
}

/// Holds messages that were received and stay where they are: out of sight until they are given back.
#[derive(Default)]
struct Held {
    messages: BTreeMap<String, Message>,
    /// Names the groups of which there may be more behind the messages that are held: SQS hands out nothing
    /// of a group while a part of it is out of sight.
    cut_off: BTreeSet<String>,
    /// Tells how many messages in a row came that were held already.
    again: usize,
}

impl Held {
    /// Holds a batch; gives the ids of those that were not held before, in their order. `None` when nothing more is to be
    /// had: no message came, or none but those that are held, each of them.
    ///
    /// A message that is held for long can be seen again. Then it is received again, which hides it for another while, and
    /// may come before others that nobody has seen yet.
    fn hold(&mut self, batch: Vec<Message>, asked_for: i32) -> Option<Vec<String>> {
        let size = batch.len();
        // Only a full batch can have ended in the middle of a group, which hides the rest of it.
        if usize::try_from(asked_for) == Ok(size) {
            self.cut_off
                .extend(batch.last().and_then(|message| message.group.clone()));
        }
        let fresh = batch.into_iter().filter_map(|mut message| {
            let id = message.about.message_id.clone();
            let before = self.messages.get(&id);
            // The body of what was seen already is not needed again.
            message.body = before.map_or(message.body, |_| String::new());
            // By its newest receipt handle: a FIFO queue takes no earlier one.
            self.messages.insert(id.clone(), message).is_none().then_some(id)
        });
        let fresh: Vec<String> = fresh.collect();
        self.again = if fresh.is_empty() { self.again + size } else { 0 };
        (size > 0 && self.again <= self.messages.len()).then_some(fresh)
    }

    /// Lets all be seen again. What cannot be given back is seen again after a while.
    async fn give_back(self, queue: &DeadLetterQueue, reporter: Reporter<'_>) -> Swept {
        let groups = self.messages.values().filter_map(|message| message.group.clone());
        let groups: BTreeSet<String> = groups.collect();
        let mut failure = None;
        for message in self.messages.values() {
            failure = queue.give_back(message).await.err().or(failure);
        }
        if let Some(error) = failure {
            let (name, minutes) = (queue.queue.as_str(), OUT_OF_SIGHT.as_secs() / 60);
            let error = ErrorChain(&error);
            reporter.note(&format!(
                "messages of {name} could not be given back, and are out of sight for {minutes} minutes: {error}"
            ));
        }
        Swept {
            cut_off: self.cut_off.intersection(&groups).cloned().collect(),
            groups,
        }
    }
}

/// Shows each message that can be seen to `visit` once, those of a group in their order, received `most` at a time. Gives back
/// what stays, whatever ended it.
pub(crate) async fn sweep(
    queue: &DeadLetterQueue,
    most: i32,
    reporter: Reporter<'_>,
    mut visit: impl AsyncFnMut(&Message) -> Result<Fate>,
) -> (Swept, Result<()>) {
    let mut held = Held::default();
    let shown = async {
        while let Some(fresh) = held.hold(queue.receive(most).await?, most) {
            for id in fresh {
                let Some(message) = held.messages.get(&id) else {
                    continue;
                };
                let fate = visit(message).await?;
                match fate {
                    Fate::Stays => {}
                    Fate::Gone => drop(held.messages.remove(&id)),
                    Fate::Enough => return Ok(()),
                }
            }
            // What stays is known by its id from now on.
            for message in held.messages.values_mut() {
                message.body.clear();
            }
        }
        Ok(())
    };
    let ended = shown.await;
    (held.give_back(queue, reporter).await, ended)
}

/// Shows every message that can be seen to `visit`, until it breaks off; gives the groups of which there may be more.
/// The messages stay, but each counts one more receive, which has no consequence in a dead-letter queue.
///
/// # Errors
///
/// [`Error`](crate::Error) when the queue cannot be read to its end.
pub(crate) async fn look(
    queue: &DeadLetterQueue,
    reporter: Reporter<'_>,
    mut visit: impl FnMut(&Message) -> ControlFlow<()>,
) -> Result<BTreeSet<String>> {
    let visit = async |message: &Message| match visit(message) {
        ControlFlow::Continue(()) => Ok(Fate::Stays),
        ControlFlow::Break(()) => Ok(Fate::Enough),
    };
    let (swept, ended) = sweep(queue, BATCH, reporter, visit).await;
    ended.map(|()| swept.cut_off)
}
