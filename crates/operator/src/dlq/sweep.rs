//! Going through a dead-letter queue: what was received stays out of sight until it is given back.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use pipeline::error::{AwsError, ErrorChain};

use super::message::Message;
use super::queue::{BATCH, DeadLetterQueue, OUT_OF_SIGHT};
use crate::reporter::Reporter;

/// Holds messages that were received and stay where they are: out of sight until they are given back.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) messages: BTreeMap<String, Message>,
    /// Groups of which there may be more behind the messages that are held: SQS hands out nothing of a group while a
    /// part of it is out of sight.
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
    pub(crate) fn hold(&mut self, batch: Vec<Message>, asked_for: i32) -> Option<Vec<String>> {
        let size = batch.len();
        if usize::try_from(asked_for) == Ok(size) {
            self.cut_off
                .extend(batch.last().and_then(|message| message.group.clone()));
        }
        let fresh = batch.into_iter().filter_map(|mut message| {
            let id = message.about.message_id.clone();
            let before = self.messages.get(&id);
            // The body of what was seen already is not needed again.
            message.body = before.map_or(message.body, |_| String::new());
            self.messages.insert(id.clone(), message).is_none().then_some(id)
        });
        let fresh: Vec<String> = fresh.collect();
        self.again = if fresh.is_empty() { self.again + size } else { 0 };
        (size > 0 && self.again <= self.messages.len()).then_some(fresh)
    }

    /// Names the groups of the messages that are held.
    pub(crate) fn groups(&self) -> BTreeSet<String> {
        let groups = self.messages.values().filter_map(|message| message.group.clone());
        groups.collect()
    }

    /// Lets all be seen again, and gives the groups of which there may be more. What cannot be given back is seen again
    /// after a while.
    pub(crate) async fn give_back(self, queue: &DeadLetterQueue, reporter: Reporter<'_>) -> BTreeSet<String> {
        let cut_off = self.cut_off.intersection(&self.groups()).cloned().collect();
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
        cut_off
    }
}

/// Shows every message that can be seen to `visit`, until it breaks off; gives the groups of which there may be more.
/// The messages stay, but each counts one more receive, which has no consequence in a dead-letter queue.
///
/// # Errors
///
/// [`AwsError`] when the queue cannot be read to its end.
pub(crate) async fn look(
    queue: &DeadLetterQueue,
    reporter: Reporter<'_>,
    mut visit: impl FnMut(&Message) -> ControlFlow<()>,
) -> Result<BTreeSet<String>, AwsError> {
    let mut held = Held::default();
    let looked = loop {
        let batch = match queue.receive(BATCH).await {
            Ok(batch) => batch,
            Err(error) => break Err(error),
        };
        let Some(fresh) = held.hold(batch, BATCH) else {
            break Ok(());
        };
        let mut messages = fresh.iter().filter_map(|id| held.messages.get(id));
        if messages.try_for_each(&mut visit).is_break() {
            break Ok(());
        }
        for message in held.messages.values_mut() {
            message.body.clear();
        }
    };
    let cut_off = held.give_back(queue, reporter).await;
    looked.map(|()| cut_off)
}
