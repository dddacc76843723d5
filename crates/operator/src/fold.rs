//! An entity's state, folded again from the log, and compared with the one that is kept: the one fold behind `explain`,
//! `entities verify` and `entities rebuild`.

mod comparison;
mod event;
mod named;
mod published;
mod unfinished;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pipeline::error::ErrorChain;
use pipeline::stores::entities::{Entities, EntityItem, Stored};
use pipeline::stores::events::LoggedEvent;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use upvest::effects::{Effect, Transition, decide};
use upvest::{EntityKey, Event, Projection};

pub use self::comparison::{Comparison, count};
use self::event::{Foldable, as_received, fold, foldable};
use self::named::add_named;
use crate::error::Result;
use crate::records::Records;

/// Bounds the history of which each event is left out in turn, to see which one the state lacks: each takes a fold.
const MAX_TRIALS: usize = 200;

/// Holds an entity as it is kept, and all its events, ready to be folded.
#[derive(Debug)]
pub struct Refold {
    /// Names the entity whose time line is folded.
    pub entity: EntityKey,
    /// Lists all events of its time line, oldest first.
    pub history: Vec<LoggedEvent>,
    item: Option<EntityItem>,
    stored: Option<std::result::Result<Stored, String>>,
    /// Holds its events, or why one of them cannot be read.
    events: std::result::Result<Vec<Foldable>, String>,
}

/// Tells what an event did to its entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Gives the status before it, in the order in which events occurred.
    pub previous_status: Option<String>,
    /// Names the status after it, in the same order; `None` where there is none.
    pub status: Option<String>,
    /// Says what was to be done about it when it came, by the order in which events were received.
    #[serde(serialize_with = "name_of")]
    pub effect: Effect,
    /// Says what would be done about it if its message came again, as from a dead-letter queue.
    #[serde(serialize_with = "name_of")]
    pub sent_again: Effect,
}

impl Refold {
    /// Reads the state of an entity and all its events. What is too large for the log is read from the archive.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when a store cannot be read. That an event or the item is of no use is a [`Comparison`].
    pub async fn read(records: &Records, entities: &Entities, entity: EntityKey) -> Result<Self> {
        // The state first: what is logged in between shows as not yet in it.
        let item = entities.item(&entity).await?;
        let stored = item
            .as_ref()
            .map(|item| item.read(&entity).map_err(|error| ErrorChain(&error).to_string()));
        let mut history = records.log.history(&entity).await?;
        // Nor the other way round: a rebuild would take out of the state what no message brings back.
        if let Some(Ok(stored)) = &stored {
            add_named(records, &entity, &stored.projection, &mut history).await?;
        }
        Ok(Self {
            events: foldable(records, &history).await?,
            entity,
            history,
            item,
            stored,
        })
    }

    /// Tells whether there is neither a state nor an event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.item.is_none() && self.history.is_empty()
    }

    /// Gives the state that is kept, if it can be read.
    #[must_use]
    pub fn stored(&self) -> Option<&Stored> {
        self.stored.as_ref()?.as_ref().ok()
    }

    /// Gives the entity's item, as it was read.
    pub(crate) fn item(&self) -> Option<&EntityItem> {
        self.item.as_ref()
    }

    /// Gives the newest object that the state knows, where the log or the archive has it.
    #[must_use]
    pub fn object(&self) -> Option<Box<RawValue>> {
        let newest = self.stored()?.projection.newest.as_ref()?;
        let event_id = &newest.occurred.event_id;
        let events = self.events.as_ref().ok()?;
        let event = events.iter().find(|event| event.event_id == *event_id)?;
        Some(Event::parse(&event.json).ok()?.object().to_owned())
    }

    /// Tells whether the entity keeps an event's change, so that its effects are resumed if its message comes again.
    #[must_use]
    pub fn keeps(&self, event_id: &str) -> bool {
        let transitions = self.stored().map_or(&[][..], |stored| &stored.transitions);
        transitions.iter().any(|kept| kept.event_id == event_id)
    }

    /// Folds the events but for some. `None` when that leaves none.
    ///
    /// # Errors
    ///
    /// Why one of the events cannot be read, for people.
    pub(crate) fn folded(
        &self,
        left_out: &BTreeSet<&str>,
    ) -> std::result::Result<Option<Projection>, String> {
        let events = self.events.as_ref().map_err(Clone::clone)?;
        let taken = events
            .iter()
            .filter(|event| !left_out.contains(event.event_id.as_str()));
        Ok(fold(&self.entity, taken))
    }

    /// Makes the changes of the events that are folded now and may still have a message, but for some.
    pub(crate) fn unfinished(&self, left_out: &BTreeSet<&str>, now: Timestamp) -> Vec<Transition> {
        let events = self.events.as_deref().unwrap_or_default();
        unfinished::changes(&self.entity, self.stored(), events, left_out, now)
    }

    /// Tells whether the item is just what the receiver would write of this state by today's rules.
    pub(crate) fn is_kept_as(&self, projection: &Projection) -> bool {
        let current = self.stored().filter(|stored| stored.is_of_current_rules());
        let written = current.map(|stored| self.written(stored, projection.clone()));
        written.is_some_and(|written| written.is_ok_and(|written| self.item.as_ref() == Some(&written)))
    }

    /// Compares the state that is kept with what the events fold to.
    #[must_use]
    pub fn compare(&self) -> Comparison {
        let events = match &self.events {
            Ok(events) => events,
            Err(why) => return Comparison::UnreadableEvent { why: why.clone() },
        };
        let folded = fold(&self.entity, events);
        match (folded, &self.item, &self.stored) {
            (None, Some(_), _) => Comparison::NoEvents {
                why: "the log has no events of it".to_owned(),
            },
            // Events that cannot be folded leave no state.
            (None, None, _) => Comparison::Same { events: 0 },
            (Some(_), _, Some(Err(why))) => Comparison::UnreadableState { why: why.clone() },
            (Some(_), _, Some(Ok(stored))) if !stored.is_of_current_rules() => {
                Comparison::OtherRules { fold: stored.fold }
            }
            (Some(folded), Some(item), Some(Ok(stored))) => match self.written(stored, folded) {
                Ok(expected) if *item == expected => Comparison::Same { events: events.len() },
                Ok(expected) => Comparison::Differs {
                    attributes: item.differences(&expected),
                },
                Err(why) => Comparison::UnreadableState { why },
            },
            (Some(_), _, _) => Comparison::NoState { events: events.len() },
        }
    }

    /// Compares as [`Refold::compare`], and looks for the events that explain a difference: those without which the log
    /// gives the state that is kept.
    #[must_use]
    pub fn explain(&self) -> Comparison {
        let comparison = self.compare();
        match (&comparison, &self.events, &self.item, self.stored()) {
            (Comparison::Differs { .. }, Ok(events), Some(item), Some(stored)) => {
                let is_kept = |events: &[&Foldable]| {
                    let state = fold(&self.entity, events.iter().copied());
                    state.is_some_and(|state| self.written(stored, state).is_ok_and(|state| state == *item))
                };
                lacking(events, is_kept).unwrap_or(comparison)
            }
            _ => comparison,
        }
    }

    /// Tells whether the state lacks an event of the history: folded into it, the event would change it. A state that cannot be
    /// read may lack any; where an event cannot be read, nothing is known, and a replay names the event.
    pub(crate) fn lacks(&self, event_id: &str) -> bool {
        let Ok(events) = &self.events else {
            return false;
        };
        let Some(stored) = self.stored() else {
            return true;
        };
        let event = events.iter().find(|event| event.event_id == event_id);
        let mut folded = stored.projection.clone();
        event.is_some_and(|event| event.fold_into(&self.entity, &mut folded).is_some())
            && folded != stored.projection
    }

    /// Tells what each of these events did, by event id; nothing where one of the entity's cannot be read.
    #[must_use]
    pub fn steps(&self, shown: &BTreeSet<&str>) -> BTreeMap<String, Step> {
        let Ok(events) = &self.events else {
            return BTreeMap::new();
        };
        let mut applied = BTreeMap::new();
        let mut state = Projection::default();
        for event in as_received(events) {
            applied.insert(&event.event_id, event.fold_into(&self.entity, &mut state));
        }
        let mut steps = BTreeMap::new();
        let mut state = Projection::default();
        for event in events {
            let previous_status = state.status().map(str::to_owned);
            event.fold_into(&self.entity, &mut state);
            if !shown.contains(event.event_id.as_str()) {
                continue;
            }
            let came = applied.get(&event.event_id).copied().flatten();
            let step = Step {
                previous_status,
                status: state.status().map(str::to_owned),
                effect: match came {
                    // The entity notes that it changed something, whatever the order of receipt says.
                    Some(applied) if !self.keeps(&event.event_id) => {
                        decide(applied, &event.first_attempt(), false)
                    }
                    _ => Effect::Fresh,
                },
                sent_again: self.sent_again(event),
            };
            steps.insert(event.event_id.clone(), step);
        }
        steps
    }

    /// Decides what would be done about another copy of the event's message.
    fn sent_again(&self, event: &Foldable) -> Effect {
        let stored = self.stored().map(|stored| stored.projection.clone());
        let mut kept = stored.unwrap_or_default();
        match event.fold_into(&self.entity, &mut kept) {
            Some(applied) => decide(applied, &event.attempt_again(), self.keeps(&event.event_id)),
            None => Effect::Fresh,
        }
    }

    /// Writes a state as the receiver would. What only says how the events came is taken as it is.
    fn written(&self, stored: &Stored, projection: Projection) -> std::result::Result<EntityItem, String> {
        let state = Stored {
            projection,
            ..stored.clone()
        };
        EntityItem::of(&self.entity, &state).map_err(|error| ErrorChain(&error).to_string())
    }
}

/// Looks for events without which the log gives the state that is kept.
fn lacking(events: &[Foldable], is_kept: impl Fn(&[&Foldable]) -> bool) -> Option<Comparison> {
    let received = as_received(events);
    if received.len() > MAX_TRIALS {
        return None;
    }
    // From the fewest that may be lacking on: most often the last events are still in a queue.
    for taken in (1..received.len()).rev() {
        let (taken, lacks) = received.split_at(taken);
        if is_kept(taken) {
            let lacks = lacks.iter().map(|event| event.event_id.clone()).collect();
            return Some(Comparison::Behind { lacks });
        }
    }
    // The last one is left out above already.
    (0..received.len().saturating_sub(1)).find_map(|left_out| {
        let mut taken = received.clone();
        let event_id = taken.remove(left_out).event_id.clone();
        is_kept(&taken).then_some(Comparison::Lacks { event_id })
    })
}

/// Writes an effect by the name that metrics and the documentation have for it.
fn name_of<S: Serializer>(effect: &Effect, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(effect.name())
}
