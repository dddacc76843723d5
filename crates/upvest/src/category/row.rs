//! What a row of the table of categories says.

use super::Domain;

/// Is the map of a ledger line that holds the versions which a newer one replaced.
pub const EARLIER: &str = "earlier";

/// Says what an event of a category does to its entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Its object is the entity's latest snapshot.
    Snapshot,
    /// Its object is a line that is written once. Should Upvest correct it, the newest version is the entity's object, and
    /// the earlier ones stay in the map [`EARLIER`], under their event ids.
    Line,
    /// Its object is one part of the entity, kept beside the snapshot in the map of this name, under the id in
    /// `id_field` (a path into the object), or under the event id where there is none.
    Part {
        /// Is the attribute that holds the map, for example `executions`.
        map: &'static str,
        /// Is the path of the part's id in the object.
        id_field: Option<&'static str>,
    },
}

/// Describes a row of the table: how events of one category, or of one single event type, are handled.
#[derive(Debug, Clone, Copy)]
pub struct Category {
    /// Names the category, or a full event type where one type differs from the rest of its category.
    pub name: &'static str,
    /// Names the domain whose processor gets the events, as long as it has a queue.
    pub domain: Domain,
    /// Is the first part of the entity key. Usually the category; an execution belongs to its order.
    pub entity: &'static str,
    /// Paths into `object` of the fields that make up the rest of the entity key.
    pub key: &'static [&'static str],
    /// Says what an event does to the entity.
    pub role: Role,
    /// Lists the states that event types name, in the order of the lifecycle; those of one step exclude each other.
    pub lifecycle: &'static [&'static [&'static str]],
    /// Lists states in event types that are no step of the lifecycle: they repeat, or only tell that something changed.
    pub notices: &'static [&'static str],
    /// Lists the values of `object.status` in the order of the lifecycle, where they differ from the event types'
    /// states.
    pub statuses: &'static [&'static [&'static str]],
}

impl Category {
    /// Names the map in which the entity keeps what events of this category bring beside the newest object.
    #[must_use]
    pub const fn map(&self) -> Option<&'static str> {
        match self.role {
            Role::Snapshot => None,
            Role::Line => Some(EARLIER),
            Role::Part { map, .. } => Some(map),
        }
    }

    /// Ranks a status by how far it is along the lifecycle; `None` for one that the table does not know.
    #[must_use]
    pub fn rank(&self, status: &str) -> Option<usize> {
        let steps = if self.statuses.is_empty() {
            self.lifecycle
        } else {
            self.statuses
        };
        steps.iter().position(|step| step.contains(&status))
    }

    /// Tells whether the table knows the state that an event type names, be it a step of the lifecycle or a notice.
    #[must_use]
    pub fn knows_state(&self, state: &str) -> bool {
        self.notices.contains(&state) || self.lifecycle.iter().any(|step| step.contains(&state))
    }

    /// Tells whether the row stands for a whole category rather than a single event type.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.name.contains('.')
    }
}
