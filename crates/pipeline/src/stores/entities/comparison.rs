//! An entity's item as a whole: read as a state, and compared with the one that its events give.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use upvest::EntityKey;

use super::item::{from_item, to_item};
use super::{EntityError, Stored};
use crate::stores::item::Item;

/// Lists the attributes whose values tell nothing of a person, so that a difference may show them.
const HARMLESS: [&str; 10] = [
    "status",
    "moved_back_from",
    "last_event_id",
    "last_event_type",
    "last_occurred",
    "object_event_id",
    "object_type",
    "object_occurred",
    "version",
    "fold",
];

/// Holds an entity's item, as it is in the table or as it would be written.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityItem(pub(super) Item);

/// Describes an attribute that two items of an entity do not have alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeDifference {
    /// Names the attribute, for example `status`.
    pub attribute: String,
    /// Gives its value in the first item; `None` where that has none, or where it could tell of a person.
    pub first: Option<String>,
    /// Gives its value in the second item; `None` where that has none, or where it could tell of a person.
    pub second: Option<String>,
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

    /// Finds the attributes that another item does not have alike, in the order of their names.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<AttributeDifference> {
        let shown = |item: &Item, name: &str| {
            let value = item.get(name).filter(|_| HARMLESS.contains(&name))?;
            match value {
                AttributeValue::S(value) | AttributeValue::N(value) => Some(value.clone()),
                _ => None,
            }
        };
        self.0
            .keys()
            .chain(other.0.keys())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter(|name| self.0.get(*name) != other.0.get(*name))
            .map(|name| AttributeDifference {
                attribute: name.clone(),
                first: shown(&self.0, name),
                second: shown(&other.0, name),
            })
            .collect()
    }
}
