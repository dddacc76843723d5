//! The entities table: the current state of every entity.
//!
//! | Module | Knows |
//! |---|---|
//! | `item` | the attributes of an item, and how large it may be |
//! | `stored` | a state with the notes of how it came about |
//! | `applied` | which events were applied last, in few bytes |
//! | `comparison` | what differs between an item and the one that its events give |

mod applied;
mod comparison;
mod item;
mod stored;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use upvest::EntityKey;

pub use self::applied::AppliedEvents;
pub use self::comparison::{AttributeDifference, EntityItem};
pub use self::stored::{Stored, Transition};
use super::item::{Item, condition_held, text, text_of};
use crate::error::AwsError;

const SCAN: &str = "Scan of the entities table";

/// Names the attributes of an item that tell how the events came, one by one and with what trouble. All others tell
/// what the events say: they are the same whenever the same events are folded, in whatever order.
pub const NOTES: [&str; 4] = ["version", "last_change", "applied", "unfinished"];

/// Reads and writes the current state of every entity. Processors write it, everybody else only reads.
#[derive(Debug, Clone)]
pub struct Entities {
    client: Client,
    table: String,
}

/// Says why an entity's state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum EntityError {
    /// The table could not be read or written.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The item was changed since it was read.
    #[error("entity {0} was changed by somebody else")]
    Changed(EntityKey),
    /// The item in the table is not one of ours.
    #[error("entity {entity} in the entities table has no usable {attribute}")]
    Unusable {
        /// Names the entity whose item it is.
        entity: EntityKey,
        /// Names the attribute that is missing, or is not what we write.
        attribute: &'static str,
    },
    /// Its parts have become more than an item can hold.
    #[error("entity {0} does not fit into an item")]
    TooLarge(EntityKey),
}

impl Entities {
    /// Uses the table of this name, which the stack sets as `ENTITIES_TABLE`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Reads an entity's state, as of the time of the call; `None` when no event of it was applied.
    ///
    /// # Errors
    ///
    /// [`EntityError::Aws`] or [`EntityError::Unusable`].
    pub async fn load(&self, entity: &EntityKey) -> Result<Option<Stored>, EntityError> {
        let item = self.item(entity).await?;
        item.map(|item| item.read(entity)).transpose()
    }

    /// Reads an entity's item, as of now; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be read.
    pub async fn item(&self, entity: &EntityKey) -> Result<Option<EntityItem>, AwsError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("aggregate", text(entity.as_str()))
            .consistent_read(true)
            .send()
            .await
            .map_err(AwsError::of("GetItem of the entities table"))?;
        Ok(found.item.map(EntityItem))
    }

    /// Reads which entities there are, in no order, after one of them; and after which of them those that follow come.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be read.
    pub async fn keys(
        &self,
        after: Option<EntityKey>,
    ) -> Result<(Vec<EntityKey>, Option<EntityKey>), AwsError> {
        let page = self
            .scan_keys()
            .set_exclusive_start_key(
                after.map(|entity| Item::from([("aggregate".to_owned(), text(entity.as_str()))])),
            )
            .send()
            .await
            .map_err(AwsError::of(SCAN))?;
        Ok((
            page.items().iter().filter_map(key_of).collect(),
            page.last_evaluated_key().and_then(key_of),
        ))
    }

    /// Reads the keys of all entities of a type, for example `ORDER`. Reads the whole table, a page at a time.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it cannot be read.
    pub async fn keys_of_type(&self, entity_type: &str) -> Result<Vec<EntityKey>, AwsError> {
        let scan = self
            .scan_keys()
            .filter_expression("begins_with(#aggregate, :type)")
            .expression_attribute_values(":type", text(format!("{entity_type}#")));
        let mut items = scan.into_paginator().items().send();
        let mut keys = Vec::new();
        while let Some(item) = items.next().await {
            keys.extend(key_of(&item.map_err(AwsError::of(SCAN))?));
        }
        Ok(keys)
    }

    fn scan_keys(&self) -> ScanFluentBuilder {
        self.client
            .scan()
            .table_name(&self.table)
            .projection_expression("#aggregate")
            // A reserved word of DynamoDB.
            .expression_attribute_names("#aggregate", "aggregate")
    }

    /// Writes an entity's state, if the item is still the one before its version.
    ///
    /// The condition is the guard of every projection: of two writers that read the same version one wins, and the
    /// other reads again and folds again.
    ///
    /// | in the table | `version` of the state | |
    /// |---|---|---|
    /// | no item | 1 | written |
    /// | no item | 4 | refused |
    /// | version 3 | 1 | refused |
    /// | version 3 | 4 | written |
    /// | version 4 | 4 | refused |
    ///
    /// # Errors
    ///
    /// [`EntityError::Changed`] when it is not; [`EntityError::Aws`], [`EntityError::TooLarge`].
    pub async fn save(&self, entity: &EntityKey, state: &Stored) -> Result<(), EntityError> {
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(state.to_item(entity)?.0));
        let request = match state.version {
            // `aggregate` is a reserved word.
            ..=1 => request
                .condition_expression("attribute_not_exists(#aggregate)")
                .expression_attribute_names("#aggregate", "aggregate"),
            version => request
                .condition_expression("#version = :before")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":before", AttributeValue::N((version - 1).to_string())),
        };
        match condition_held(request.send().await, "PutItem to the entities table")? {
            true => Ok(()),
            false => Err(EntityError::Changed(entity.clone())),
        }
    }
}

fn key_of(item: &Item) -> Option<EntityKey> {
    text_of(item, "aggregate").map(|key| EntityKey::from_stored(key.to_owned()))
}
