//! Showing the state of an entity.

use std::collections::BTreeMap;

use pipeline::stores::entities::Stored;
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::EntityKey;
use upvest::projection::{Derived, Projection, Snapshot};

use crate::error::{Error, Result};
use crate::stack::Stack;

/// Describes the state that the receiver keeps of an entity.
#[derive(Debug, Serialize)]
pub struct EntityReport {
    /// Names the entity, written `TYPE#ID`.
    pub entity: String,
    /// Gives the status that the entity had last; `None` where no event gave one.
    pub status: Option<String>,
    /// The later status that it was in before, where it went back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_back_from: Option<String>,
    /// Maps figures to their values, as computed from the newest object and the parts; the table has the same.
    pub derived: BTreeMap<String, Derived>,
    /// The other entities that the object names.
    pub related: Vec<String>,
    /// Refers to the event that occurred last, of those that were applied.
    pub last_event: EventReference,
    /// Refers to the event that brought the object; `None` where the state has no object.
    pub object_event: Option<EventReference>,
    /// Counts the writes of the state since it was first kept.
    pub version: u64,
    /// The events whose actions failed, and wait for a retry or a redrive.
    pub unfinished: Vec<String>,
    /// Each status with the time when the entity had it last, in the order of these times.
    pub history: Vec<StatusReport>,
    /// Tells what belongs to it and has a status of its own, such as executions.
    pub parts: BTreeMap<String, Vec<PartReport>>,
    /// The newest object, unless it was too large for the table.
    pub object: Option<Box<RawValue>>,
}

/// An event, by what tells it from others.
#[derive(Debug, Serialize)]
pub struct EventReference {
    /// Names the event in the log.
    pub event_id: String,
    /// Repeats the event type that Upvest sent.
    pub r#type: String,
    /// Gives the time at which Upvest says that it occurred.
    pub occurred_at: String,
}

/// A status, and when the entity had it last.
#[derive(Debug, Serialize)]
pub struct StatusReport {
    /// Names the status as the events give it.
    pub status: String,
    /// Gives the time of the last event that had this status.
    pub occurred_at: String,
}

/// Describes a part that has events of its own inside the entity, such as an execution.
#[derive(Debug, Serialize)]
pub struct PartReport {
    /// Tells the part from others of its kind in the same entity.
    pub id: String,
    /// Repeats the status of the part; `None` where its events have none.
    pub status: Option<String>,
    /// Names the type of the newest event about the part.
    pub r#type: String,
    /// Gives the time at which the newest event about the part occurred.
    pub occurred_at: String,
    /// The newest object, unless it was too large for the table.
    pub object: Option<Box<RawValue>>,
}

/// Reads the state of an entity, written `TYPE#ID`.
///
/// # Errors
///
/// [`Error`] of the kind not-found where there is none.
pub async fn show(stack: &Stack, entity: &str) -> Result<EntityReport> {
    let entity = EntityKey::from_stored(entity.to_owned());
    let stored = stack.entities()?.load(&entity).await?;
    let stored = stored.ok_or_else(|| unknown(&entity))?;
    EntityReport::of(&entity, &stored).map_err(Error::context(format!(
        "the object of {entity} in the entities table is not JSON"
    )))
}

/// Says that an entity is nowhere.
pub(super) fn unknown(entity: &EntityKey) -> Error {
    Error::not_found(format!(
        "no entity {entity}: entities are written TYPE#ID, like ORDER#9fc8c651-..."
    ))
}

impl EntityReport {
    /// Describes a state.
    ///
    /// # Errors
    ///
    /// [`serde_json::Error`] when an object of it is not JSON.
    pub fn of(entity: &EntityKey, stored: &Stored) -> Result<Self, serde_json::Error> {
        let state = &stored.projection;
        let mut history: Vec<_> = state.history.iter().collect();
        history.sort_by_key(|(_, occurred)| *occurred);
        let steps = history.into_iter().map(|(status, occurred)| StatusReport {
            status: status.clone(),
            occurred_at: occurred.instant().to_owned(),
        });
        Ok(Self {
            entity: entity.to_string(),
            status: state.status().map(str::to_owned),
            moved_back_from: state.moved_back_from().map(str::to_owned),
            derived: state.derived(entity.entity_type()),
            related: state.related(entity).iter().map(EntityKey::to_string).collect(),
            last_event: EventReference {
                event_id: state.last.occurred.event_id().to_owned(),
                r#type: state.last.event_type.clone(),
                occurred_at: state.last.occurred.instant().to_owned(),
            },
            object_event: state.snapshot.as_ref().map(EventReference::of),
            version: stored.version,
            unfinished: stored.unfinished.keys().cloned().collect(),
            history: steps.collect(),
            parts: parts(state)?,
            object: state.snapshot.as_ref().map(object).transpose()?.flatten(),
        })
    }
}

fn parts(state: &Projection) -> Result<BTreeMap<String, Vec<PartReport>>, serde_json::Error> {
    let mut maps = BTreeMap::new();
    for (name, parts) in &state.parts {
        let mut parts: Vec<_> = parts.iter().collect();
        parts.sort_by_key(|(_, part)| &part.occurred);
        let parts = parts.into_iter().map(|(id, part)| {
            Ok(PartReport {
                id: id.clone(),
                status: part.status.clone(),
                r#type: part.event_type.clone(),
                occurred_at: part.occurred.instant().to_owned(),
                object: object(part)?,
            })
        });
        maps.insert(name.clone(), parts.collect::<Result<_, serde_json::Error>>()?);
    }
    Ok(maps)
}

/// The object, unless it was too large for the table.
fn object(snapshot: &Snapshot) -> Result<Option<Box<RawValue>>, serde_json::Error> {
    let object = Some(snapshot.object.clone()).filter(|object| !object.is_empty());
    object.map(RawValue::from_string).transpose()
}

impl EventReference {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            event_id: snapshot.occurred.event_id().to_owned(),
            r#type: snapshot.event_type.clone(),
            occurred_at: snapshot.occurred.instant().to_owned(),
        }
    }
}
