//! The events of one entity that came together: folded in memory, written once.

use std::collections::BTreeSet;

use crate::effects::{Attempt, Effect, Transition, decide};
use crate::entity_key::{EntityKey, EntityKeyError};
use crate::projection::{Applied, Placed, Projection, RULES, Summary};

/// Holds an entity as a table keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Holds what the events fold to.
    pub projection: Projection,
    /// Counts how often it was written, this time included.
    pub version: u64,
    /// Names, by number, the rules by which it was folded: the lowest of all that wrote it since it was built from the
    /// log ([`RULES`]).
    pub fold: u32,
    /// Holds the changes that the last write made or found unfinished.
    pub transitions: Vec<Transition>,
}

impl Stored {
    /// Puts a state that was folded from the whole log in the place of the stored one. The transitions stay: the effects
    /// of their events are as unfinished as before.
    #[must_use]
    pub fn rebuilt(before: Option<Self>, projection: Projection) -> Self {
        let (version, transitions) =
            before.map_or((0, Vec::new()), |before| (before.version, before.transitions));
        Self {
            projection,
            // It goes on and does not begin again: a processor that read the item before finds another
            // version, and folds anew.
            version: version + 1,
            fold: RULES,
            transitions,
        }
    }

    /// Keeps the changes of events that a rebuild brought into the state before their messages, which then resume from them:
    /// without these the events would be taken for told.
    #[must_use]
    pub fn with_unfinished(mut self, changes: Vec<Transition>) -> Self {
        let kept = |change: &Transition| self.transition(&change.event_id).is_some();
        let new: Vec<Transition> = changes.into_iter().filter(|change| !kept(change)).collect();
        self.transitions.extend(new);
        self
    }

    /// Tells whether the state can be compared with one that is folded by today's rules.
    #[must_use]
    pub fn is_of_current_rules(&self) -> bool {
        self.fold == RULES
    }

    fn transition(&self, event_id: &str) -> Option<&Transition> {
        self.transitions
            .iter()
            .find(|transition| transition.event_id == event_id)
    }
}

/// Tells what an event did, and what is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Decides which effects the event has: on the bus, and in actions.
    pub effect: Effect,
    /// Tells what it did to the state.
    pub applied: Applied,
    /// Tells what the entity was before and after; before is `None` where it is not known, or the event changed
    /// nothing.
    pub transition: Transition,
    /// Names the other entities that the entity named after the event.
    pub related: BTreeSet<EntityKey>,
    /// Names a status further along the lifecycle that the entity had left again after the event.
    pub moved_back_from: Option<String>,
    /// Tells whether it was this event that showed so.
    pub moves_back: bool,
}

/// Folds the events of one entity in a batch of messages, one after another.
///
/// ```
/// use upvest::batch::Batch;
/// use upvest::effects::{Attempt, Dispatch, Effect};
/// use upvest::projection::Placed;
/// use upvest::time::Instant;
/// use upvest::{Event, Placement, Receipt};
///
/// let first = Attempt {
///     dispatch: Dispatch::First,
///     receive_count: 1,
///     dispatched_at: Some("2021-07-21T14:10:09Z".parse()?),
///     sent_at: Some("2021-07-21T14:10:09Z".parse()?),
///     transition: None,
/// };
/// let receipt = Receipt { received_at: Instant::parse("2021-07-21T14:10:09Z")?, position: 0 };
/// let json = r#"{"id":"e1","created_at":"2021-07-21T14:10:00Z","type":"ORDER.FILLED","object":{"id":"o1"}}"#;
/// let event = Event::parse(json)?;
/// let (aggregate, placement) = (event.entity_key()?, Placement::of(&event, &receipt));
///
/// // What the table has of the entity: nothing yet.
/// let mut batch = Batch::start(aggregate.clone(), None);
/// let outcome = batch.fold(Placed { event: &event, aggregate: &aggregate, occurred: &placement.occurred }, &first)?;
/// assert_eq!(outcome.effect, Effect::Fresh);
/// // Written under the condition that the version before is still there; after that the effects follow.
/// let stored = batch.finish().expect("something changed");
/// assert_eq!((stored.version, stored.projection.status()), (1, Some("FILLED")));
/// assert_eq!(stored.transitions, [outcome.transition]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Batch {
    entity: EntityKey,
    before: Option<Stored>,
    projection: Projection,
    /// Sums up the state after the events so far; `None` while there is no entity.
    summary: Option<Summary>,
    /// Collects the changes of this batch's events, be they new or kept from before.
    transitions: Vec<Transition>,
    is_changed: bool,
}

impl Batch {
    /// Starts with what the table has of an entity; `None` when it has nothing.
    #[must_use]
    pub fn start(entity: EntityKey, stored: Option<Stored>) -> Self {
        let summary = |stored: &Stored| stored.projection.summary(entity.entity_type(), stored.version);
        Self {
            projection: stored
                .as_ref()
                .map(|stored| stored.projection.clone())
                .unwrap_or_default(),
            summary: stored.as_ref().map(summary),
            transitions: Vec::new(),
            is_changed: false,
            before: stored,
            entity,
        }
    }

    /// Folds the next event, and decides what is to be done about it once the batch is written.
    ///
    /// # Errors
    ///
    /// [`EntityKeyError`] when the event cannot be folded. It is left out: the batch is as it was.
    pub fn fold(&mut self, placed: Placed<'_>, attempt: &Attempt) -> Result<Outcome, EntityKeyError> {
        let event_id = placed.event.id();
        let had_moved_back = self.projection.moved_back_from().is_some();
        let previous = self.summary.clone();
        let applied = self.apply(placed)?;
        let kept = self
            .transitions
            .iter()
            .find(|transition| transition.event_id == event_id)
            .or_else(|| self.before.as_ref()?.transition(event_id))
            .or(attempt.transition.as_ref())
            .cloned();
        let effect = decide(applied, attempt, kept.is_some());
        let made = Transition {
            event_id: event_id.to_owned(),
            // Of an event that changed nothing now, it is not known what was before it.
            previous: previous.filter(|_| applied == Applied::Fresh),
            current: self.current(),
        };
        self.keep(kept.as_ref(), &made, applied);
        let moved_back_from = self.projection.moved_back_from().map(str::to_owned);
        Ok(Outcome {
            effect,
            applied,
            transition: kept.filter(|_| effect == Effect::Resume).unwrap_or(made),
            related: self.projection.related(),
            moves_back: !had_moved_back && moved_back_from.is_some(),
            moved_back_from,
        })
    }

    /// Folds the event into the state, and sums up anew what that changed.
    fn apply(&mut self, placed: Placed<'_>) -> Result<Applied, EntityKeyError> {
        // What a late event may leave. (One that is the last of all is the newest of its kind, and so fresh.)
        let history = self.projection.history.clone();
        let applied = self.projection.fold(placed)?;
        let is_changed = applied == Applied::Fresh || history != self.projection.history;
        if is_changed {
            self.is_changed = true;
            self.summary = None;
        }
        Ok(applied)
    }

    fn current(&mut self) -> Summary {
        let version = self.version();
        let (projection, entity_type) = (&self.projection, self.entity.entity_type());
        let summary = self
            .summary
            .get_or_insert_with(|| projection.summary(entity_type, version));
        summary.clone()
    }

    /// Counts the version that the entity has once the batch is written.
    fn version(&self) -> u64 {
        let before = self.before.as_ref().map_or(0, |before| before.version);
        before + u64::from(self.is_changed)
    }

    /// Keeps the transition of the batch's event: one that was kept before, or the one that it made just now. A replay's too:
    /// the event's own message, if it is still to come, then resumes from it and is not taken for late.
    fn keep(&mut self, kept: Option<&Transition>, made: &Transition, applied: Applied) {
        let is_there = |transition: &Transition| transition.event_id == made.event_id;
        // An event may be in a batch twice, and the second time it changes nothing.
        if self.transitions.iter().any(is_there) {
            return;
        }
        let own = kept.or(Some(made).filter(|_| applied == Applied::Fresh));
        self.transitions.extend(own.cloned());
    }

    /// Returns the state after the events so far.
    #[must_use]
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// Ends the batch: what is to be written, or `None` when the table has all of it already.
    ///
    /// The write keeps the transitions of this batch's events and drops all others: in a FIFO group those were deleted,
    /// because their effects are done, or moved to a dead-letter queue, with their transition.
    #[must_use]
    pub fn finish(self) -> Option<Stored> {
        self.is_changed.then(|| Stored {
            version: self.version(),
            fold: self.before.map_or(RULES, |before| before.fold.min(RULES)),
            projection: self.projection,
            transitions: self.transitions,
        })
    }
}
