//! Holds what a replay reads at a time, with the position that this brings it to.

use pipeline::stores::events::TimelineCursor;
use serde::{Deserialize, Serialize};
use upvest::{EntityKey, Occurred};

use super::counts::Failure;
use crate::error::Result;

/// Says how far a replay came: what is done last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Position {
    /// So many of the events asked for are done, in the order in which they occurred.
    Events(usize),
    /// This event of this entity is done, and all entities before it.
    Entity {
        /// Names the entity as the event log keys it.
        entity: String,
        /// Tells when the event occurred, as the log has it.
        occurred: String,
    },
    /// The delivery under this key of the archive is done.
    Delivery(String),
}

/// Holds what is read at a time of the selected events, with how far that brings the replay.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) events: Vec<Selected>,
    /// Says what is done once they are.
    pub(crate) position: Option<Position>,
    /// Lists what is selected and cannot be had.
    pub(crate) failures: Vec<Failure>,
}

/// Identifies a selected event by what the log has of it, with its text where reading the archive gave it already.
#[derive(Debug)]
pub(crate) struct Selected {
    pub(crate) entity: EntityKey,
    /// Gives its place in the entity's time line, with its id.
    pub(crate) occurred: Occurred,
    pub(crate) event_type: String,
    /// Holds what the archive has of it; `None` where the log is to be asked.
    pub(crate) delivered: Option<Delivered>,
}

/// Holds an event as it was delivered.
#[derive(Debug, Clone)]
pub(crate) struct Delivered {
    pub(crate) json: String,
    pub(crate) delivery_id: String,
    /// Gives its identity, by which the log is asked whether it is the same event.
    pub(crate) sha256: String,
}

/// Says whether a page was taken.
pub(crate) type Taken = Result<()>;

impl Position {
    /// Gives the cursor in the log from which reading goes on.
    pub(crate) fn cursor(&self) -> Option<TimelineCursor> {
        match self {
            Self::Entity { entity, occurred } => Some(TimelineCursor {
                entity: EntityKey::from_stored(entity.clone()),
                occurred: Occurred::from_stored(occurred).ok()?,
            }),
            Self::Events(_) | Self::Delivery(_) => None,
        }
    }
}

impl Selected {
    /// Selects an event of the log.
    pub(crate) fn of(entity: &EntityKey, occurred: &Occurred, event_type: &str) -> Self {
        Self {
            entity: entity.clone(),
            occurred: occurred.clone(),
            event_type: event_type.to_owned(),
            delivered: None,
        }
    }
}
