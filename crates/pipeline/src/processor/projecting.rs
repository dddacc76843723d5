//! Folding an event into its entity, and noting there which changes are unfinished.

use std::collections::BTreeMap;

use upvest::projection::Applied;
use upvest::{EntityKey, Event, Projection};

use super::acting::Attempt;
use super::{ProcessError, Processor};
use crate::actions::Change;
use crate::error::{Disposition, ErrorChain};
use crate::runtime::metrics;
use crate::stores::entities::{EntityError, Stored, Transition};

/// Says how often a write is repeated at once when somebody else changed the entity in between.
const ATTEMPTS: usize = 5;

/// Shows an entity after an event was folded into it.
pub(super) struct Projected {
    /// Tells whether the event is the entity's newest, arrived late, or was applied before.
    pub(super) applied: Applied,
    /// The entity's state as it is in the table now.
    pub(super) stored: Stored,
}

impl Projected {
    /// Finds the change to act on: the one just made, the one that an earlier attempt made and left unfinished, or, in a
    /// replay, whichever the event once made. `None` when there is nothing to do.
    pub(super) fn transition(&self, event: &Event<'_>, is_replay: bool) -> Option<Transition> {
        let known = self.stored.change_by(event.id()).filter(|_| !is_replay);
        let replayed = || Transition {
            event_id: event.id().to_owned(),
            previous: None,
        };
        known.cloned().or_else(|| is_replay.then(replayed))
    }
}

impl Processor {
    /// Folds the event into its entity; reads and folds again when the entity changed in between.
    pub(super) async fn project(
        &self,
        entity: &EntityKey,
        event: &Event<'_>,
        is_replay: bool,
        attempt: &Attempt<'_>,
    ) -> Result<Projected, ProcessError> {
        // Each round reads the entity anew: a write that lost against another one must fold into what that one wrote.
        let mut writes = 1;
        loop {
            let before = self.entities.load(entity).await?;
            let so_far = before.as_ref().map(|before| before.projection.clone());
            let (projection, applied) = Projection::fold(so_far, event);
            // The fold alone takes a duplicate for a late event: only the item remembers which events were applied.
            let applied = match &before {
                Some(stored) if stored.applied.contains(event.id()) => Applied::Duplicate,
                _ => applied,
            };
            // A fold that changes nothing is not written, so that duplicates cost no write and no version.
            let before = match before {
                Some(stored) if stored.projection == projection => {
                    return Ok(Projected { applied, stored });
                }
                before => before,
            };
            let mut stored = next(entity, event, before.as_ref(), (projection, applied));
            if applied == Applied::Fresh && !is_replay {
                stored.applied = stored.applied.with(event.id());
                // This attempt may be the last: after a crash the event is in the dead-letter queue, and later events
                // take its place as the last change before it is redriven.
                if !attempt.is_first() && !event.is_synthetic() {
                    let change = stored.last_change.clone();
                    stored
                        .unfinished
                        .extend(change.map(|change| (event.id().to_owned(), change)));
                }
            }
            match self.entities.save(entity, &stored).await {
                Err(EntityError::Changed(_)) if writes < ATTEMPTS => writes += 1,
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    self.flag_move_backwards(event, before.as_ref(), &stored);
                    return Ok(Projected { applied, stored });
                }
            }
        }
    }

    pub(super) fn count(&self, applied: Applied) {
        let result = match applied {
            Applied::Fresh => "fresh",
            Applied::Late => "late",
            Applied::Duplicate => "duplicate",
        };
        metrics::projected(self.domain.name(), result);
    }

    fn flag_move_backwards(&self, event: &Event<'_>, before: Option<&Stored>, after: &Stored) {
        let was_back = before.is_some_and(|before| before.projection.moved_back_from().is_some());
        if let Some(left) = after.projection.moved_back_from().filter(|_| !was_back) {
            metrics::moved_back(self.domain.name());
            tracing::warn!(event.id = event.id(), left, "entity's state moved backwards");
        }
    }

    /// Notes a change as unfinished before its actions run again, in case this attempt does not come to its end
    /// either. Tells whether it is noted.
    pub(super) async fn note_before(
        &self,
        entity: &EntityKey,
        projected: &Projected,
        transition: &Transition,
        change: &Change<'_>,
    ) -> Result<bool, ProcessError> {
        if change.replay.is_some() {
            return Ok(false);
        }
        let noted = projected.stored.unfinished.contains_key(&transition.event_id);
        if !noted && projected.applied != Applied::Fresh {
            self.note_unfinished(entity, transition).await?;
            return Ok(true);
        }
        Ok(noted)
    }

    pub(super) async fn note_failure(&self, entity: &EntityKey, transition: &Transition) {
        if let Err(error) = self.note_unfinished(entity, transition).await {
            // The next attempt notes it, unless it goes well.
            tracing::warn!(event.id = transition.event_id, error = %ErrorChain(&error), "could not note a failure");
        }
    }

    /// Notes the change whose action failed; gives the error to report.
    pub(super) async fn note_failed_action(
        &self,
        entity: &EntityKey,
        transition: &Transition,
        error: ProcessError,
    ) -> ProcessError {
        match (&error, error.disposition()) {
            // While another invocation runs the action, it is up to that one.
            (ProcessError::InProgress { .. }, _) => error,
            // Redriven after later events, a change that is not noted would be taken for a duplicate.
            (_, Disposition::DeadLetter) => match self.note_unfinished(entity, transition).await {
                Ok(()) => error,
                Err(unnoted) => {
                    tracing::warn!(event.id = transition.event_id, error = %ErrorChain(&error), "could not note a failure");
                    unnoted.into()
                }
            },
            _ => {
                self.note_failure(entity, transition).await;
                error
            }
        }
    }

    /// Notes in the entity that a change's actions are unfinished.
    pub(super) async fn note_unfinished(
        &self,
        entity: &EntityKey,
        transition: &Transition,
    ) -> Result<(), EntityError> {
        self.edit(entity, |unfinished| {
            unfinished.insert(transition.event_id.clone(), transition.clone());
        })
        .await
    }

    /// Notes that the actions of a change went well after all.
    pub(super) async fn forget_unfinished(
        &self,
        entity: &EntityKey,
        event_id: &str,
    ) -> Result<(), EntityError> {
        self.edit(entity, |unfinished| {
            unfinished.remove(event_id);
        })
        .await
    }

    async fn edit(
        &self,
        entity: &EntityKey,
        edit: impl Fn(&mut BTreeMap<String, Transition>),
    ) -> Result<(), EntityError> {
        let mut attempt = 1;
        loop {
            // An entity is never deleted; without it there is nothing to note.
            let Some(mut stored) = self.entities.load(entity).await? else {
                return Ok(());
            };
            let before = stored.unfinished.clone();
            edit(&mut stored.unfinished);
            if stored.unfinished == before {
                return Ok(());
            }
            stored.version += 1;
            match self.entities.save(entity, &stored).await {
                Err(EntityError::Changed(_)) if attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }
}

/// Makes the item of an entity after an event that changed it.
fn next(
    entity: &EntityKey,
    event: &Event<'_>,
    before: Option<&Stored>,
    (projection, applied): (Projection, Applied),
) -> Stored {
    let made_now = || Transition {
        event_id: event.id().to_owned(),
        previous: before.map(|before| before.projection.summary(entity.entity_type(), before.version)),
    };
    Stored {
        projection,
        version: before.map_or(0, |before| before.version) + 1,
        last_change: match applied {
            Applied::Fresh => Some(made_now()),
            // It left a trace in the history, no more.
            Applied::Late | Applied::Duplicate => before.and_then(|before| before.last_change.clone()),
        },
        applied: before.map(|before| before.applied.clone()).unwrap_or_default(),
        unfinished: before.map(|before| before.unfinished.clone()).unwrap_or_default(),
    }
}
