//! An entity's state, with what is noted about how it came about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use upvest::projection::{Projection, Summary};

use super::AppliedEvents;

/// Holds an entity's state as it is in the table: what the events say, and notes of how they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Holds what the events say about the entity: its newest object, its parts, and the history of its status.
    pub projection: Projection,
    /// Counts how often the item was written, this time included: the guard against a lost write.
    pub version: u64,
    /// Tells the change that was applied last, for an attempt that follows a crash; `None` in an item without such a note.
    pub last_change: Option<Transition>,
    /// Remembers the events that were applied last, by which a duplicate is told from a late event.
    pub applied: AppliedEvents,
    /// Holds the changes whose actions failed, by event id: what is needed to run them when their event comes back,
    /// even though later events have changed the entity since.
    pub unfinished: BTreeMap<String, Transition>,
}

/// Describes a change of an entity: what made it, and what was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Gives the id of the event that made the change.
    pub event_id: String,
    /// The entity in short, before; `None` when there was nothing.
    pub previous: Option<Summary>,
}

impl Stored {
    /// Gives the change that an event made, as long as it is the last one or its actions are unfinished.
    #[must_use]
    pub fn change_by(&self, event_id: &str) -> Option<&Transition> {
        let last = self
            .last_change
            .as_ref()
            .filter(|change| change.event_id == event_id);
        last.or_else(|| self.unfinished.get(event_id))
    }
}
