//! Folding the events of a batch into their entities: one read and one write for each entity.

mod folding;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use aws_lambda_events::event::sqs::SqsMessage;
use upvest::batch::{Batch, Outcome};
use upvest::effects::{Attempt, Effect};
use upvest::projection::Applied;
use upvest::{EntityKey, Event, Projection};

use super::{ProcessError, Processor};
use crate::queues::consumer::{receive_count, sent_at};
use crate::queues::domains::Dispatched;
use crate::runtime::metrics;
use crate::stores::archive::received_at;
use crate::stores::entities::{EntityError, EntityWrite, Loaded, Stored};

use folding::{fold_in_order, fold_one};

/// Says how often a write is repeated at once when somebody else changed the entity in between.
const ATTEMPTS: usize = 5;

/// Holds an event of the batch, as its message has it.
#[derive(Debug)]
pub(super) struct Incoming<'m> {
    pub(super) message: &'m SqsMessage,
    pub(super) dispatched: &'m Dispatched,
    pub(super) event: Event<'m>,
}

impl Incoming<'_> {
    fn attempt(&self) -> Attempt {
        Attempt {
            dispatch: self.dispatched.dispatch,
            receive_count: receive_count(self.message),
            dispatched_at: self.dispatched.dispatched_at,
            sent_at: sent_at(self.message),
            transition: self.dispatched.transition.clone(),
        }
    }
}

/// Holds an event that is in its entity's state, and what is to be done about it.
#[derive(Debug)]
pub(super) struct Projected<'m> {
    pub(super) incoming: Incoming<'m>,
    pub(super) outcome: Outcome,
    /// Holds the entity's state after the whole batch.
    pub(super) state: Rc<Projection>,
}

/// Holds what an event did, or why it was not folded, with the event's place in the batch of messages.
type FoldedEvent = (usize, Result<Outcome, ProcessError>);

/// Holds an entity whose events are folded and not yet written.
struct Folded {
    entity: EntityKey,
    before: Option<Loaded>,
    outcomes: Vec<FoldedEvent>,
    state: Rc<Projection>,
    /// Holds what is to be written; `None` when the table has all of it already.
    after: Option<Stored>,
}

impl Processor {
    /// Folds all events of a batch and writes their entities. An entity that somebody else changed in between is read and
    /// folded again; one that fails holds up no other. Gives each result in the order of the events.
    pub(super) async fn project<'m>(
        &self,
        incoming: Vec<Result<Incoming<'m>, ProcessError>>,
    ) -> Vec<Result<Projected<'m>, ProcessError>> {
        let mut by_entity: BTreeMap<EntityKey, Vec<usize>> = BTreeMap::new();
        for (index, incoming) in incoming.iter().enumerate() {
            if let Ok(incoming) = incoming {
                let aggregate = incoming.dispatched.aggregate.clone();
                by_entity.entry(aggregate).or_default().push(index);
            }
        }
        let mut results: BTreeMap<usize, Result<(Outcome, Rc<Projection>), ProcessError>> = BTreeMap::new();
        let mut too_large = BTreeSet::new();
        for attempt in 1..=ATTEMPTS {
            if by_entity.is_empty() {
                break;
            }
            let folded = self.fold(&by_entity, &incoming, &too_large, &mut results).await;
            // Those that could not be read have their results.
            by_entity.retain(|entity, _| folded.iter().any(|folded| folded.entity == *entity));
            let written = self.write(&folded).await;
            for (folded, written) in folded.into_iter().zip(written) {
                match written {
                    Err(EntityError::Changed(_)) if attempt < ATTEMPTS => continue,
                    Err(EntityError::TooLarge(entity)) if !too_large.contains(&entity) => {
                        too_large.insert(entity);
                        continue;
                    }
                    _ => {}
                }
                by_entity.remove(&folded.entity);
                for (index, outcome) in folded.outcomes {
                    let result = match (&written, outcome) {
                        (Ok(()), Ok(outcome)) => Ok((outcome, Rc::clone(&folded.state))),
                        (_, Err(error)) => Err(error),
                        (Err(error), Ok(_)) => Err(error.clone().into()),
                    };
                    results.insert(index, result);
                }
            }
        }
        // What is left was found too large by the last attempt.
        for (entity, indexes) in by_entity {
            for index in indexes {
                results.insert(index, Err(EntityError::Changed(entity.clone()).into()));
            }
        }
        let results = incoming.into_iter().enumerate().map(|(index, incoming)| {
            let incoming = incoming?;
            let (outcome, state) = results.remove(&index).expect("each event belongs to an entity")?;
            self.report(&incoming, &outcome);
            Ok(Projected {
                incoming,
                outcome,
                state,
            })
        });
        results.collect()
    }

    /// Reads the entities and folds their events. Those that cannot be read have their results, and are left out.
    async fn fold(
        &self,
        by_entity: &BTreeMap<EntityKey, Vec<usize>>,
        incoming: &[Result<Incoming<'_>, ProcessError>],
        too_large: &BTreeSet<EntityKey>,
        results: &mut BTreeMap<usize, Result<(Outcome, Rc<Projection>), ProcessError>>,
    ) -> Vec<Folded> {
        let mut loaded = match self.entities.load_many(&by_entity.keys().collect()).await {
            Ok(loaded) => loaded,
            Err(error) => by_entity
                .keys()
                .map(|entity| (entity.clone(), Err(EntityError::Aws(error.clone()))))
                .collect(),
        };
        let mut all = Vec::new();
        for (entity, indexes) in by_entity {
            let before = match loaded.remove(entity).transpose() {
                Ok(before) => before,
                Err(error) => {
                    let failed = indexes.iter().map(|index| (*index, Err(error.clone().into())));
                    results.extend(failed);
                    continue;
                }
            };
            let start = || {
                let stored = before.as_ref().map(|before| before.stored.clone());
                Batch::start(entity.clone(), stored)
            };
            let events: Vec<(usize, &Incoming<'_>)> = indexes
                .iter()
                .filter_map(|index| Some((*index, incoming[*index].as_ref().ok()?)))
                .collect();
            let is_too_large = too_large.contains(entity);
            let (batch, outcomes) = fold_in_order(start, &events, |batch, incoming| {
                fold_one(batch, entity, incoming, is_too_large)
            });
            all.push(Folded {
                entity: entity.clone(),
                before,
                outcomes,
                state: Rc::new(batch.projection().clone()),
                after: batch.finish(),
            });
        }
        all
    }

    /// Writes the entities that changed, each under the condition of its version.
    async fn write(&self, folded: &[Folded]) -> Vec<Result<(), EntityError>> {
        let writes: Vec<EntityWrite<'_>> = folded
            .iter()
            .filter_map(|folded| {
                Some(EntityWrite {
                    entity: &folded.entity,
                    before: folded.before.as_ref(),
                    after: folded.after.as_ref()?,
                })
            })
            .collect();
        let mut written = self.entities.save_many(&writes).await.into_iter();
        let results = folded.iter().map(|folded| {
            let written = folded.after.as_ref().and_then(|_| written.next());
            written.unwrap_or(Ok(()))
        });
        results.collect()
    }

    /// Counts what an event did, and measures how long it took to get here. A replay or a duplicate says nothing about
    /// that.
    fn report(&self, incoming: &Incoming<'_>, outcome: &Outcome) {
        let domain = self.domain.name();
        if incoming.event.is_synthetic() {
            metrics::synthetic("project", 1);
            return;
        }
        metrics::projected(domain, outcome.effect.name());
        if outcome.moves_back {
            let left = outcome.moved_back_from.as_deref();
            metrics::moved_back(domain);
            tracing::warn!(
                event.id = incoming.event.id(),
                left,
                "entity's state moved backwards"
            );
        }
        if matches!(
            outcome.effect,
            Effect::Replay | Effect::Resume | Effect::Duplicate
        ) {
            return;
        }
        let now = self.clock.now();
        let delivery_id = incoming.dispatched.delivery_id.as_deref().unwrap_or_default();
        if let Some(received_at) = delivery_id.parse().ok().and_then(received_at) {
            metrics::projected_after(domain, now.duration_since(received_at));
        }
        if outcome.applied == Applied::Fresh {
            let created_at = incoming.dispatched.occurred.created_at.timestamp();
            metrics::event_age(domain, now.duration_since(created_at));
        }
    }
}
