//! Keeps what was computed from the newest object of an entity, and the place of its event.

use std::collections::{BTreeMap, BTreeSet};

use super::value::{Derived, Values};
use super::{Placed, figures, related};
use crate::entity_key::EntityKey;
use crate::event::Event;
use crate::json::{self, Object};
use crate::occurred::Occurred;

/// Holds what was computed from the newest object of an entity, all of it from the same one: an object that lacks what
/// an earlier one had has it no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// Names the type of the event that brought it.
    pub event_type: String,
    /// Places that event in the time line, with its id, under which the log has the object.
    pub occurred: Occurred,
    pub(super) values: BTreeMap<String, Derived>,
    pub(super) unreadable: Vec<String>,
    pub(super) related: BTreeSet<EntityKey>,
    pub(super) user_id: Option<String>,
}

impl Newest {
    /// Computes what the state keeps of an event's object: its figures, its relations and its user.
    pub(super) fn of(placed: Placed<'_>) -> Self {
        let object = placed.event.fields();
        let Values { values, unreadable } = figures::of_object(placed.aggregate.entity_type(), object);
        Self {
            event_type: placed.event.event_type().to_owned(),
            occurred: placed.occurred.clone(),
            values,
            unreadable,
            related: related::of_object(object, placed.aggregate),
            user_id: user_id(placed.event, placed.aggregate),
        }
    }

    /// Takes back what a table keeps of the newest object: `derived` may be all that was computed from the entity's state
    /// ([`Projection::derived`](super::Projection::derived)), of which it takes what comes from the object.
    #[must_use]
    pub fn from_stored(
        event_type: String,
        occurred: Occurred,
        derived: BTreeMap<String, Derived>,
        related: BTreeSet<EntityKey>,
        user_id: Option<String>,
    ) -> Self {
        let unreadable = match derived.get(figures::UNREADABLE) {
            Some(Derived::Texts(places)) => figures::places_in_object(places),
            _ => Vec::new(),
        };
        Self {
            event_type,
            occurred,
            values: derived
                .into_iter()
                .filter(|(name, _)| figures::is_of_object(name))
                .collect(),
            unreadable,
            related,
            user_id,
        }
    }
}

/// Finds whose entity it is: the user that the object names, the owner among several, or the first of them.
fn user_id(event: &Event<'_>, own: &EntityKey) -> Option<String> {
    if let Some(id) = own.as_str().strip_prefix("USER#") {
        return Some(id.to_owned());
    }
    let object = event.fields();
    let users = object
        .items("users")
        .into_iter()
        .filter_map(|user| Object::parse(user.get()));
    let (owners, others): (Vec<_>, Vec<_>) =
        users.partition(|user| user.text("type").as_deref() == Some("OWNER"));
    let listed = || {
        owners
            .iter()
            .chain(&others)
            .find_map(|user| Some(user.text("id")?.into_owned()))
    };
    let ids = || {
        object
            .items("user_ids")
            .into_iter()
            .find_map(|id| Some(json::text(id)?.into_owned()))
    };
    let named = object.text("user_id").map(|id| id.into_owned());
    named
        .or_else(listed)
        .or_else(ids)
        // It is the key of the index `by-user`: what could not be part of a key is nobody's id.
        .filter(|id| EntityKey::is_field(id))
}
