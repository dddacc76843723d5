//! An entity's state, with what is noted about how it came about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use upvest::projection::{Projection, Summary};

use super::AppliedEvents;

/// An entity's state as it is in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The state.
    pub projection: Projection,
    /// How often it was written, this time included.
    pub version: u64,
    /// The change that was applied last, for an attempt that follows a crash.
    pub last_change: Option<Transition>,
    /// The events that were applied last, by which a duplicate is told from a late event.
    pub applied: AppliedEvents,
    /// The changes whose actions failed, by event id: what is needed to run them when their event comes back, even
    /// though later events have changed the entity since.
    pub unfinished: BTreeMap<String, Transition>,
}

/// A change of an entity: what made it, and what was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The event that made it.
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
