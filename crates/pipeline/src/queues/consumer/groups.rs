//! The order within message groups: what waits holds up what came after it in its group, and nothing else.

use std::collections::{BTreeMap, VecDeque};

use aws_lambda_events::event::sqs::SqsMessage;
use futures_util::future::join_all;

use super::one_by_one::{Share, group_of};
use super::{Settled, waits};
use crate::error::Failure;

/// Lists the messages of a group that are still to be ended, by their place in the share, each with what was begun of it.
type Group<P> = VecDeque<(usize, Result<P, Failure>)>;

impl Share<'_, '_> {
    /// Ends the work on the messages of a FIFO queue; tells of each how it was settled. `prepared` has for each message what was
    /// begun for all of them together, or why that failed. `act` goes on with it in rounds: the first message of every group,
    /// then the second of every group, and so on; `finish` ends it, once for all of them. Once a message has to be retried, the
    /// rest of its group comes back too and gets the same pause, so that no event overtakes it and none is waited for longer. One
    /// that goes to the dead-letter queue holds nothing up.
    ///
    /// # Panics
    ///
    /// When `act` does not tell of each message how it went.
    pub async fn in_order<P, D>(
        &self,
        prepared: Vec<Result<P, Failure>>,
        act: impl AsyncFn(Vec<P>) -> Vec<Result<D, Failure>>,
        finish: impl AsyncFn(Vec<D>) -> Vec<Result<(), Failure>>,
    ) -> Vec<Settled> {
        let mut groups: BTreeMap<&str, Group<P>> = BTreeMap::new();
        for (place, prepared) in prepared.into_iter().enumerate() {
            let group = groups.entry(group_of(self.messages[place])).or_default();
            group.push_back((place, prepared));
        }
        let mut settled = vec![Settled::untried(waits::SHORTEST); self.messages.len()];
        let mut done = Vec::new();
        while !groups.is_empty() {
            let (mut round, mut work) = (Vec::new(), Vec::new());
            for (group, messages) in &mut groups {
                if let Some((place, prepared)) = messages.pop_front() {
                    round.push((*group, place, prepared.map(|prepared| work.push(prepared))));
                }
            }
            let mut results = act(work).await.into_iter();
            for (group, place, prepared) in round {
                let result =
                    prepared.and_then(|()| results.next().expect("each message of the round has a result"));
                let failure = match result {
                    Ok(work) => {
                        done.push((place, work));
                        continue;
                    }
                    Err(failure) => failure,
                };
                settled[place] = self.settle_at(place, Err(failure)).await;
                if let Settled::ComesBack { wait, .. } = settled[place] {
                    // Those behind it must wait as well: the order within a group is what the queue is for.
                    let behind: Vec<usize> = groups
                        .remove(group)
                        .into_iter()
                        .flatten()
                        .map(|(place, _)| place)
                        .collect();
                    self.give_back(&mut settled, &behind, wait).await;
                }
            }
            groups.retain(|_, messages| !messages.is_empty());
        }
        self.finish(&mut settled, done, finish).await;
        settled
    }

    async fn finish<D>(
        &self,
        settled: &mut [Settled],
        done: Vec<(usize, D)>,
        finish: impl AsyncFn(Vec<D>) -> Vec<Result<(), Failure>>,
    ) {
        let (places, work): (Vec<usize>, Vec<D>) = done.into_iter().unzip();
        let mut held = BTreeMap::new();
        for (place, result) in places.into_iter().zip(finish(work).await) {
            let group = group_of(self.messages[place]);
            if let Some(wait) = held.get(group) {
                self.give_back(settled, &[place], *wait).await;
                continue;
            }
            settled[place] = self.settle_at(place, result).await;
            if let Settled::ComesBack { wait, .. } = settled[place] {
                held.insert(group, wait);
            }
        }
    }

    async fn settle_at(&self, place: usize, result: Result<(), Failure>) -> Settled {
        self.queue
            .settle(self.messages[place], result, self.attempts)
            .await
    }

    /// Gives back what is not tried because of another message of its group.
    async fn give_back(&self, settled: &mut [Settled], places: &[usize], wait: std::time::Duration) {
        let messages = places.iter().map(|place| self.messages[*place]);
        join_all(messages.map(|message: &SqsMessage| self.queue.come_back_after(wait, message))).await;
        for place in places {
            settled[*place] = Settled::untried(wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::event::sqs::SqsEvent;

    use super::super::tests::{all_fail_at, batch, queue};
    use super::*;
    use crate::error::{AwsError, Kind};

    fn failures<'e>(event: &'e SqsEvent, settled: &[Settled]) -> Vec<&'e str> {
        let failed = event.records.iter().zip(settled);
        let failed = failed.filter(|(_, settled)| **settled != Settled::Gone);
        failed
            .map(|(message, _)| message.message_id.as_deref().unwrap())
            .collect()
    }

    async fn in_order<P>(
        event: &SqsEvent,
        prepared: Vec<Result<P, Failure>>,
        act: impl AsyncFn(Vec<P>) -> Vec<Result<P, Failure>>,
        finish: impl AsyncFn(Vec<P>) -> Vec<Result<(), Failure>>,
    ) -> Vec<Settled> {
        let (queue, messages): (_, Vec<&SqsMessage>) = (queue(), event.records.iter().collect());
        let share = Share {
            queue: &queue,
            messages: &messages,
            attempts: 0,
        };
        share.in_order(prepared, act, finish).await
    }

    /// Acts on all messages and finishes them; fails the one of this id at `act`, or at `finish`.
    async fn act_and_finish(
        event: &SqsEvent,
        act: impl AsyncFn(&[&SqsMessage]) -> Vec<Result<(), Failure>>,
        finish: impl AsyncFn(&[&SqsMessage]) -> Vec<Result<(), Failure>>,
    ) -> Vec<Settled> {
        let messages = |indexes: &[usize]| -> Vec<&SqsMessage> {
            indexes.iter().map(|index| &event.records[*index]).collect()
        };
        let act = async |round: Vec<usize>| {
            let results = act(&messages(&round)).await.into_iter().zip(round);
            results.map(|(result, index)| result.map(|()| index)).collect()
        };
        let finish = async |done: Vec<usize>| finish(&messages(&done)).await;
        let prepared = (0..event.records.len()).map(Ok).collect();
        in_order(event, prepared, act, finish).await
    }

    #[tokio::test]
    async fn a_retry_stops_its_own_message_group() {
        let ids = [
            (Some("1"), "a"),
            (Some("2"), "b"),
            (Some("3"), "a"),
            (Some("4"), "a"),
            (Some("5"), "b"),
        ];
        let event = batch(&ids);
        for (act, finish) in [(Some("3"), Some("no")), (Some("no"), Some("3"))] {
            let settled = act_and_finish(&event, all_fail_at(act), all_fail_at(finish)).await;
            assert_eq!(failures(&event, &settled), ["3", "4"]);
        }
    }

    #[tokio::test]
    async fn a_message_that_failed_before_its_round_stops_its_group_there() {
        let event = batch(&[(Some("1"), "a"), (Some("2"), "a"), (Some("3"), "a")]);
        let error = AwsError::entries("GetItem", "throttled");
        let failure = Failure::new(Kind::Infrastructure, "test", &error);
        let acted = std::cell::RefCell::new(0);
        let count = async |round: Vec<()>| {
            *acted.borrow_mut() += round.len();
            round.into_iter().map(Ok).collect()
        };
        let finish = async |done: Vec<()>| done.into_iter().map(Ok).collect();
        let settled = in_order(&event, vec![Ok(()), Err(failure), Ok(())], count, finish).await;
        assert_eq!(
            (failures(&event, &settled), acted.into_inner()),
            (vec!["2", "3"], 1)
        );
    }

    #[tokio::test]
    async fn a_round_has_one_message_of_each_group_in_their_order_and_the_end_has_all() {
        let ids = [
            (Some("1"), "a"),
            (Some("2"), "b"),
            (Some("3"), "a"),
            (Some("4"), "a"),
        ];
        let rounds = std::cell::RefCell::new(Vec::new());
        let record = async |round: &[&SqsMessage]| {
            let ids = round.iter().filter_map(|message| message.message_id.clone());
            rounds.borrow_mut().push(ids.collect::<Vec<_>>().join("+"));
            round.iter().map(|_| Ok(())).collect()
        };
        act_and_finish(&batch(&ids), record, record).await;
        assert_eq!(rounds.into_inner(), ["1+2", "3", "4", "1+2+3+4"]);
    }
}
