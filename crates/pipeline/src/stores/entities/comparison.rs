//! An entity's item as a whole: read as a state, and compared with the one that its events give.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use upvest::EntityKey;

use super::item::{from_item, to_item};
use super::{EntityError, Stored, attributes};
use crate::stores::item::Item;

/// Lists the attributes whose values tell nothing of a person, so that a difference may show them.
const HARMLESS: [&str; 10] = [
    attributes::STATUS,
    attributes::MOVED_BACK_FROM,
    attributes::LAST_EVENT_ID,
    attributes::LAST_EVENT_TYPE,
    attributes::LAST_OCCURRED,
    attributes::OBJECT_EVENT_ID,
    attributes::OBJECT_TYPE,
    attributes::OBJECT_OCCURRED,
    attributes::VERSION,
    attributes::FOLD,
];

/// Holds an entity's item, as it is in the table or as it would be written.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityItem(pub(super) Item);

/// Describes an attribute that the item of an entity does not have as its events give it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttributeDifference {
    /// Names the attribute, for example `status`.
    pub attribute: String,
    /// Holds what the item has; `None` without a value, and for attributes that may tell of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// Holds what the events fold to; `None` without a value, and for attributes that may tell of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folded: Option<String>,
}

impl EntityItem {
    /// Writes the item that [`Entities::save`](super::Entities::save) would put into the table.
    ///
    /// # Errors
    ///
    /// [`EntityError::TooLarge`].
    pub fn of(entity: &EntityKey, state: &Stored) -> Result<Self, EntityError> {
        to_item(entity, state).map(Self)
    }

    /// Reads the state that the item holds.
    ///
    /// # Errors
    ///
    /// [`EntityError::Unusable`] when it is not an entity's.
    pub fn read(&self, entity: &EntityKey) -> Result<Stored, EntityError> {
        from_item(entity, &self.0).map_err(|attribute| EntityError::Unusable {
            entity: entity.clone(),
            attribute,
        })
    }

    /// Finds the attributes that the item which the events fold to does not have alike, in the order of their names.
    #[must_use]
    pub fn differences(&self, folded: &Self) -> Vec<AttributeDifference> {
        let shown = |item: &Item, name: &str| {
            let value = item.get(name).filter(|_| HARMLESS.contains(&name))?;
            match value {
                AttributeValue::S(value) | AttributeValue::N(value) => Some(value.clone()),
                _ => None,
            }
        };
        self.0
            .keys()
            .chain(folded.0.keys())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter(|name| self.0.get(*name) != folded.0.get(*name))
            .map(|name| AttributeDifference {
                attribute: name.clone(),
                kept: shown(&self.0, name),
                folded: shown(&folded.0, name),
            })
            .collect()
    }
}
