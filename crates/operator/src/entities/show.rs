//! Showing the state of an entity.

use std::collections::BTreeMap;

use pipeline::stores::entities::Stored;
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::category::{CATEGORIES, Role};
use upvest::projection::{Derived, Part, Parts, Projection};
use upvest::{EntityKey, Occurred};

use crate::error::{Error, Result};
use crate::find;
use crate::records::Records;
use crate::stack::Stack;

/// Describes the state that the receiver keeps of an entity.
#[derive(Debug, Serialize)]
pub struct EntityReport {
    /// Names the entity by its key, `TYPE#ID`.
    pub entity: String,
    /// Gives the status that the entity had last; `None` where no event gave one.
    pub status: Option<String>,
    /// Names the later status that it was in before, where it went back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_back_from: Option<String>,
    /// Maps figures to their values, as computed from the newest object and the parts; the table has the same.
    pub derived: BTreeMap<String, Derived>,
    /// Names the user whose entity it is, by id; `None` where the object names none.
    pub user_id: Option<String>,
    /// Lists the other entities that the object names.
    pub related: Vec<String>,
    /// Refers to the event that occurred last, of those that were applied.
    pub last_event: Option<EventReference>,
    /// Refers to the event that brought the object; `None` where the state knows no object.
    pub object_event: Option<EventReference>,
    /// Counts the writes of the state since it was first kept.
    pub version: u64,
    /// Gives the number of the rules by which the state was folded.
    pub fold: u32,
    /// Tells whether today's rules are others, so that the state is to be rebuilt.
    pub to_be_rebuilt: bool,
    /// Lists the events of its last write, whose changes it keeps: if an attempt at their effects failed, the next one
    /// resumes.
    pub transitions: Vec<String>,
    /// Lists each status with the time when the entity had it last, in the order of these times.
    pub history: Vec<StatusReport>,
    /// Tells whether older statuses fell out of the history.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub history_truncated: bool,
    /// Tells what belongs to it and has a status of its own, such as executions.
    pub parts: BTreeMap<String, Vec<PartReport>>,
    /// Lists event types of its categories that this version does not know, with the newest event of each. They change
    /// nothing of the state.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_types: Vec<EventReference>,
    /// Holds the newest object, verbatim; `None` where there is none, or it cannot be had.
    pub object: Option<Box<RawValue>>,
    /// Tells why the object cannot be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_error: Option<String>,
}

/// Describes an event, by what tells it from others.
#[derive(Debug, Serialize)]
pub struct EventReference {
    /// Names the event in the log.
    pub event_id: String,
    /// Repeats the event type that Upvest sent.
    pub r#type: String,
    /// Gives the time at which it occurred, by Upvest's word where it says so.
    pub occurred_at: String,
}

/// Names a status, and tells when the entity had it last.
#[derive(Debug, Serialize)]
pub struct StatusReport {
    /// Names the status as the events give it.
    pub status: String,
    /// Gives the time of the last event that had this status.
    pub occurred_at: String,
    /// Names the last event that had this status.
    pub event_id: String,
}

/// Describes a part that has events of its own inside the entity, such as an execution.
#[derive(Debug, Serialize)]
pub struct PartReport {
    /// Tells the part from others of its kind in the same entity.
    pub id: String,
    /// Repeats the status of the part; `None` where its events have none.
    pub status: Option<String>,
    /// Maps what is kept of its object to its values, by the path in the object.
    pub figures: BTreeMap<&'static str, String>,
    /// Names the newest event about the part; the log has its whole object.
    pub event_id: String,
    /// Gives the time at which that event occurred.
    pub occurred_at: String,
}

/// Reads the state of an entity, found as [`find::entity`](crate::find::entity) does, and its newest object from the log, or from the archive.
///
/// # Errors
///
/// [`Error`] of the kind not-found where there is none.
pub async fn show(stack: &Stack, entity: &str) -> Result<EntityReport> {
    let entity = find::entity(stack, entity).await?;
    let stored = stack.entities()?.load(&entity).await?;
    let stored = stored.ok_or_else(|| unknown(&entity))?;
    let object = match &stored.projection.newest {
        None => None,
        Some(newest) => Some(Records::of(stack)?.object_of(&newest.occurred.event_id).await?),
    };
    Ok(EntityReport::of(&entity, &stored, object))
}

/// Says that an entity is nowhere.
pub(super) fn unknown(entity: &EntityKey) -> Error {
    Error::not_found(format!(
        "no entity {entity}: entities are written TYPE#ID, like ORDER#9fc8c651-..."
    ))
}

impl EntityReport {
    /// Describes a state, with its newest object, or why that cannot be had; `None` where there is none.
    #[must_use]
    pub fn of(
        entity: &EntityKey,
        stored: &Stored,
        object: Option<std::result::Result<Box<RawValue>, String>>,
    ) -> Self {
        let state = &stored.projection;
        let mut history: Vec<_> = state.history.iter().collect();
        history.sort_by_key(|(_, occurred)| *occurred);
        let steps = history.into_iter().map(|(status, occurred)| StatusReport {
            status: status.clone(),
            occurred_at: occurred.created_at.to_string(),
            event_id: occurred.event_id.clone(),
        });
        let (last, newest) = (state.last.as_ref(), state.newest.as_ref());
        let transitions = stored.transitions.iter();
        let unknown = state.unknown_types.iter();
        let (object, object_error) = match object.transpose() {
            Ok(object) => (object, None),
            Err(why) => (None, Some(why)),
        };
        Self {
            entity: entity.to_string(),
            status: state.status().map(str::to_owned),
            moved_back_from: state.moved_back_from().map(str::to_owned),
            derived: state.derived(entity.entity_type()),
            user_id: state.user_id().map(str::to_owned),
            related: state.related().iter().map(EntityKey::to_string).collect(),
            last_event: last.map(|last| EventReference::of(&last.event_type, &last.occurred)),
            object_event: newest.map(|newest| EventReference::of(&newest.event_type, &newest.occurred)),
            version: stored.version,
            fold: stored.fold,
            to_be_rebuilt: !stored.is_of_current_rules(),
            transitions: transitions.map(|kept| kept.event_id.clone()).collect(),
            history: steps.collect(),
            history_truncated: state.history_truncated,
            parts: parts(entity, state),
            unknown_types: unknown
                .map(|(event_type, occurred)| EventReference::of(event_type, occurred))
                .collect(),
            object,
            object_error,
        }
    }
}

fn parts(entity: &EntityKey, state: &Projection) -> BTreeMap<String, Vec<PartReport>> {
    let of_map = |(name, parts): (&String, &Parts)| {
        let figures = figures_of(entity, name);
        let mut parts: Vec<_> = parts.iter().collect();
        parts.sort_by_key(|(_, part)| &part.occurred);
        let parts = parts
            .into_iter()
            .map(|(id, part)| PartReport::of(id, part, figures));
        (name.clone(), parts.collect())
    };
    state.parts.iter().map(of_map).collect()
}

/// Finds the paths of what is kept of an entity's parts of a map.
fn figures_of(entity: &EntityKey, name: &str) -> &'static [&'static str] {
    let mut rows = CATEGORIES
        .iter()
        .filter(|row| row.entity == entity.entity_type())
        .filter_map(|row| match row.role {
            Role::Part { map, figures, .. } if map == name => Some(figures),
            _ => None,
        });
    rows.next().unwrap_or_default()
}

impl PartReport {
    fn of(id: &str, part: &Part, figures: &'static [&'static str]) -> Self {
        let kept = figures.iter().zip(&part.figures);
        Self {
            id: id.to_owned(),
            status: part.status.clone(),
            figures: kept
                .filter_map(|(path, figure)| Some((*path, figure.clone()?)))
                .collect(),
            event_id: part.occurred.event_id.clone(),
            occurred_at: part.occurred.created_at.to_string(),
        }
    }
}

impl EventReference {
    fn of(event_type: &str, occurred: &Occurred) -> Self {
        Self {
            event_id: occurred.event_id.clone(),
            r#type: event_type.to_owned(),
            occurred_at: occurred.created_at.to_string(),
        }
    }
}
