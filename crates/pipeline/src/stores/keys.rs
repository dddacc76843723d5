//! The keys table: Upvest's verification keys and our own HMAC keys, with their history.
//!
//! | Module | Knows |
//! |---|---|
//! | [`attributes`] | what the attributes are called |
//! | `row` | the attributes of an item |
//! | `lookup` | finding the key of a delivery, and for how long it is remembered |
//! | `changed` | keys that were changed under their id |
//! | `fetched` | what a fetch of Upvest's keys writes |
//! | `imported` | what an operator writes |
//! | `canary` | the canary's key, which is no row |
//! | `developer` | which keys are developers' |
//! | `pinned` | a list of keys outside the table, against which its rows are held |
//! | `trust` | what an operator writes about a key that others may have |
//! | `validity` | since when a key is retired or distrusted, and for how long it proves all the same |
//! | `proved` | what a delivery that a key proved writes |
//! | `secrets` | where HMAC keys are kept |

pub mod attributes;
mod canary;
mod changed;
mod developer;
mod fetched;
mod imported;
mod lookup;
mod pinned;
mod proved;
mod row;
mod secrets;
mod trust;
mod validity;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;

pub use self::canary::{CANARY_DIALECT, canary_key_id};
pub use self::changed::{earlier_id, is_reserved};
pub use self::developer::is_developers;
pub use self::imported::{ImportError, Imported, Material, NewKey};
pub(crate) use self::lookup::KNOWN_FOR;
pub use self::lookup::{Keys, KeysError, REFUSES_FOR};
pub use self::pinned::{PinnedKeys, PinnedKeysError};
pub use self::row::KeyRow;
pub use self::secrets::{HmacSecrets, secret_name};
use super::item::{condition_held, text};
use crate::error::AwsError;
use crate::runtime::clock::Clock;

const PUT: &str = "PutItem to the keys table";
const UPDATE: &str = "UpdateItem of the keys table";

/// Reads and writes the rows of the keys table.
#[derive(Debug, Clone)]
pub struct KeysTable {
    client: Client,
    name: String,
    clock: Clock,
}

impl KeysTable {
    /// Uses the table of this name.
    #[must_use]
    pub fn new(client: Client, name: String, clock: Clock) -> Self {
        Self { client, name, clock }
    }

    /// Reads all keys, sorted by id.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be read.
    pub async fn rows(&self) -> Result<Vec<KeyRow>, AwsError> {
        let scan = self.client.scan().table_name(&self.name).consistent_read(true);
        let mut items = scan.into_paginator().items().send();
        let mut rows = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(AwsError::of("Scan of the keys table"))?;
            rows.push(KeyRow::from_item(&item));
        }
        rows.sort_by(|one, other| one.key_id.cmp(&other.key_id));
        Ok(rows)
    }

    /// Reads the key of this id, as of now; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be read.
    pub async fn row(&self, key_id: &str) -> Result<Option<KeyRow>, AwsError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.name)
            .key(attributes::KEY_ID, text(key_id))
            .consistent_read(true)
            .send()
            .await
            .map_err(AwsError::of("GetItem of the keys table"))?;
        Ok(found.item.as_ref().map(KeyRow::from_item))
    }

    /// Writes a new row; `false` when there is one of its id.
    async fn add(&self, row: &KeyRow) -> Result<bool, AwsError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(row.to_item()))
            .condition_expression("attribute_not_exists(key_id)")
            .send()
            .await;
        condition_held(put, PUT)
    }

    /// Begins an update of a row.
    fn update(&self, key_id: &str, expression: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .key(attributes::KEY_ID, text(key_id))
            .update_expression(expression)
    }

    /// Begins an update of a row, in which `:now` is the time.
    fn update_now(&self, key_id: &str, expression: &str) -> UpdateItemFluentBuilder {
        self.update(key_id, expression)
            .expression_attribute_values(":now", text(self.clock.now().to_string()))
    }
}
