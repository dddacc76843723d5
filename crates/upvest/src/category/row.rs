//! Describes a row of the table of categories: to which entity an event belongs, and what it does there.

use super::Domain;

/// Names the map in which a ledger line keeps the versions that a newer one replaced.
pub const EARLIER: &str = "earlier";

/// Says what an event of a category does to its entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Makes the object of an event the entity's newest.
    Snapshot,
    /// Makes the object a line that is written once. Should Upvest correct it, the newest version is the entity's
    /// object, and the places of the earlier ones stay in the map [`EARLIER`], under their event ids.
    Line,
    /// Makes the object one part of the entity, beside the newest object, in the map of this name. Its key there is the
    /// id in `id_field` (a path into the object), or the event id where there is none.
    Part {
        /// Names the attribute that holds the map, for example `executions`.
        map: &'static str,
        /// Leads to the part's id in the object, by its path.
        id_field: Option<&'static str>,
        /// Lists the paths of the texts that are kept of it. One may be added at the end; none may move, because a
        /// packed part has them in this order.
        figures: &'static [&'static str],
    },
}

/// Gives one rank of a lifecycle to names: those that exclude each other, or that can be left for each other again.
///
/// Ranks have gaps, so that a step that Upvest adds later finds its place. One that was released never changes: it is part
/// of the place that an event got when it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Places the names in the lifecycle: 1 to 99, the greater the later.
    pub rank: u8,
    /// Lists the states of event types, or the values of the object's status, that have it.
    pub names: &'static [&'static str],
}

impl Step {
    /// Tells whether a name has this step's rank.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.names.contains(&name)
    }
}

/// Makes a step of a row of the table.
pub(super) const fn step(rank: u8, names: &'static [&'static str]) -> Step {
    Step { rank, names }
}

/// Says how events of one category, or of one single event type, are handled: a row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Category {
    /// Names the category, or a full event type where one type differs from the rest of its category.
    pub name: &'static str,
    /// Names the domain whose processor gets the events, as long as it has a queue.
    pub domain: Domain,
    /// Begins the entity key, before the `#`. Usually the category; an execution belongs to its order.
    pub entity: &'static str,
    /// Lists the paths into `object` of the fields that make up the rest of the entity key.
    pub key: &'static [&'static str],
    /// Lists the paths that make it up where the object has none of the first; empty where nothing else does.
    pub fallback_key: &'static [&'static str],
    /// Says what an event does to the entity.
    pub role: Role,
    /// Lists the states that event types name, in the order of the lifecycle.
    pub lifecycle: &'static [Step],
    /// Lists the states in event types that are no step of the lifecycle: they repeat, or only tell that something
    /// changed.
    pub notices: &'static [Step],
    /// Lists the values of the object's status in the order of the lifecycle, where they differ from the event types'
    /// states.
    pub statuses: &'static [Step],
    /// Leads to the object's status, by its path.
    pub status_field: &'static str,
    /// Names the status that an event of the row gives its entity, whatever its object says.
    pub entity_status: Option<&'static str>,
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

    /// Tells whether the row stands for a whole category rather than a single event type.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.name.contains('.')
    }
}
