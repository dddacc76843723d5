//! Going through a dead-letter queue: to look, or to send letters back to where they came from.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use indicatif::ProgressBar;
use jiff::Timestamp;
use pipeline::error::{AwsError, ErrorChain};
use serde::Serialize;

use super::letter::Letter;
use super::queue::{BATCH, DeadLetterQueue, OUT_OF_SIGHT};
use crate::operation::Throttle;
use crate::output;

/// Letters that were received and stay where they are: out of sight until they are given back.
#[derive(Default)]
struct Held {
    letters: BTreeMap<String, Letter>,
    /// Groups of which there may be more behind the letters that are held: SQS hands out nothing of a group while a
    /// part of it is out of sight.
    cut_off: BTreeSet<String>,
    /// How many letters in a row came that were held already.
    again: usize,
}

impl Held {
    /// Holds a batch; gives the ids of those that were not held before, in their order. `None` when nothing more is to be
    /// had: no letter came, or none but those that are held, each of them.
    ///
    /// A letter that is held for long can be seen again. Then it is received again, which hides it for another while, and
    /// may come before others that nobody has seen yet.
    fn hold(&mut self, batch: Vec<Letter>, asked_for: i32) -> Option<Vec<String>> {
        let size = batch.len();
        if usize::try_from(asked_for) == Ok(size) {
            self.cut_off
                .extend(batch.last().and_then(|letter| letter.group.clone()));
        }
        let fresh = batch.into_iter().filter_map(|mut letter| {
            let id = letter.message_id.clone();
            let before = self.letters.get(&id);
            // The body of what was seen already is not needed again.
            letter.body = before.map_or(letter.body, |_| String::new());
            self.letters.insert(id.clone(), letter).is_none().then_some(id)
        });
        let fresh: Vec<String> = fresh.collect();
        self.again = if fresh.is_empty() { self.again + size } else { 0 };
        (size > 0 && self.again <= self.letters.len()).then_some(fresh)
    }

    fn groups(&self) -> BTreeSet<String> {
        let groups = self.letters.values().filter_map(|letter| letter.group.clone());
        groups.collect()
    }

    /// Lets all be seen again, and gives the groups of which there may be more. What cannot be given back is seen again
    /// after a while.
    async fn give_back(self, queue: &DeadLetterQueue) -> BTreeSet<String> {
        let cut_off = self.cut_off.intersection(&self.groups()).cloned().collect();
        let mut failure = None;
        for letter in self.letters.values() {
            failure = queue.give_back(letter).await.err().or(failure);
        }
        if let Some(error) = failure {
            let (name, minutes) = (queue.name().as_str(), OUT_OF_SIGHT.as_secs() / 60);
            let error = ErrorChain(&error);
            output::note(&format!(
                "messages of {name} could not be given back, and are out of sight for {minutes} minutes: {error}"
            ));
        }
        cut_off
    }
}

/// Shows every letter that can be seen to `visit`, until it breaks off; gives the groups of which there may be more.
/// The letters stay, but each counts one more receive, which has no consequence in a dead-letter queue.
///
/// # Errors
///
/// [`AwsError`] when the queue cannot be read to its end.
pub(crate) async fn look(
    queue: &DeadLetterQueue,
    mut visit: impl FnMut(&Letter) -> ControlFlow<()>,
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
        let mut letters = fresh.iter().filter_map(|id| held.letters.get(id));
        if letters.try_for_each(&mut visit).is_break() {
            break Ok(());
        }
        for letter in held.letters.values_mut() {
            letter.body.clear();
        }
    };
    let cut_off = held.give_back(queue).await;
    looked.map(|()| cut_off)
}

/// What is to be sent back, and how.
pub(crate) struct Redrive<'r> {
    /// Whether a letter is meant.
    pub(crate) meant: &'r dyn Fn(&Letter) -> bool,
    /// Letters that came later stay: among them may be those that were sent back and failed again.
    pub(crate) began: Timestamp,
    /// Letters a second.
    pub(crate) rate: f64,
    pub(crate) bar: &'r ProgressBar,
}

/// What became of a dead-letter queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Redriven {
    /// Sent back, and deleted.
    pub(crate) redriven: usize,
    /// Not meant.
    pub(crate) other: usize,
    /// Meant, but they came after the command had begun.
    pub(crate) came_since: usize,
    /// Groups of which there may be more behind letters that are not meant.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) cut_off: BTreeSet<String>,
}

/// Sends letters back to the queue that they came from, one at a time, those of a group in their order.
///
/// A letter is deleted once it is known to be in that queue: whatever happens between, it is in one of the two, or in
/// both, and downstream a repeat has no effect. What the first failure left is still in the dead-letter queue.
pub(crate) async fn redrive(
    queue: &DeadLetterQueue,
    order: &Redrive<'_>,
    throttle: &mut Throttle,
) -> (Redriven, Option<AwsError>) {
    let mut run = Run {
        queue,
        order,
        done: Redriven::default(),
        sent: BTreeSet::new(),
    };
    loop {
        let mut held = Held::default();
        let passed = run.pass(&mut held, throttle).await;
        run.done.cut_off = held.give_back(queue).await;
        match passed {
            Ok(true) => {}
            Ok(false) => return (run.done, None),
            Err(error) => return (run.done, Some(error)),
        }
    }
}

/// As many letters as are sent back at this rate, by the second, well before the first is seen again.
fn batch_at(rate: f64) -> i32 {
    let in_time = rate * OUT_OF_SIGHT.as_secs_f64() / 2.0;
    let fits = |most: &i32| f64::from(*most) <= in_time;
    (1..=BATCH).rev().find(fits).unwrap_or(1)
}

struct Run<'r> {
    queue: &'r DeadLetterQueue,
    order: &'r Redrive<'r>,
    done: Redriven,
    /// What was sent back, by the id of its new message and by its identity: so it is known again.
    sent: BTreeSet<String>,
}

impl Run<'_> {
    /// Goes once through what can be seen. Says whether to do so again, because what was sent back came from a group of
    /// which a letter was held, which may have hidden others.
    async fn pass(&mut self, held: &mut Held, throttle: &mut Throttle) -> Result<bool, AwsError> {
        let most = batch_at(self.order.rate);
        let mut emptied = BTreeSet::new();
        (self.done.other, self.done.came_since) = (0, 0);
        loop {
            let Some(fresh) = held.hold(self.queue.receive(most).await?, most) else {
                return Ok(!emptied.is_disjoint(&held.groups()));
            };
            for id in fresh {
                let Some(letter) = held.letters.get_mut(&id) else {
                    continue;
                };
                if !(self.order.meant)(letter) {
                    self.done.other += 1;
                } else if self.came_since(letter) {
                    self.done.came_since += 1;
                } else {
                    throttle.due().await;
                    self.send_back(letter).await?;
                    emptied.extend(letter.group.clone());
                    held.letters.remove(&id);
                    continue;
                }
                letter.body.clear();
            }
        }
    }

    /// By the clocks of SQS and of this machine, and because clocks differ, by the ids of what was sent back too: a
    /// function that fails sends a copy to the dead-letter queue whose deduplication id is the message's id, and SQS moves
    /// the message as it is.
    fn came_since(&self, letter: &Letter) -> bool {
        let ids = [
            Some(letter.message_id.clone()),
            letter.deduplication_id.clone(),
            letter.identity(),
        ];
        letter.sent_at.is_none_or(|sent_at| sent_at >= self.order.began)
            || ids.into_iter().flatten().any(|id| self.sent.contains(&id))
    }

    async fn send_back(&mut self, letter: &Letter) -> Result<(), AwsError> {
        let new_id = self.queue.send_home(letter).await?;
        self.sent.extend(new_id);
        self.sent.extend(letter.identity());
        self.queue.delete(letter).await?;
        self.done.redriven += 1;
        self.order.bar.inc(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_sent_back_well_before_its_letters_are_seen_again() {
        for (rate, most) in [(0.01, 1), (0.05, 3), (0.1, 6), (0.2, 10), (50.0, 10)] {
            assert_eq!(batch_at(rate), most, "{rate}");
            assert!(f64::from(most) / rate < OUT_OF_SIGHT.as_secs_f64());
        }
    }
}
