//! Reading the state of entities, and which entities there are.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::operation::scan::ScanOutput;
use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use upvest::EntityKey;

use super::{Entities, EntityError, EntityItem, Stored, attributes};
use crate::error::AwsError;
use crate::stores::batch_get::BatchGet;
use crate::stores::item::{Item, text, text_of};

const SCAN: &str = "Scan of the entities table";
/// Names the index of a person's entities. The index has their keys, and nothing else.
const BY_USER: &str = "by-user";

/// Holds an entity's state as it was read, with what a later write has to know of the item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Holds the state of the entity, as it was read.
    pub stored: Stored,
    /// Names all attributes that the item has: those that the next state lacks are removed.
    pub(super) attributes: BTreeSet<String>,
}

impl Entities {
    /// Reads an entity's state, as of the time of the call; `None` when no event of it was applied.
    ///
    /// # Errors
    ///
    /// [`EntityError::Aws`] or [`EntityError::Unusable`].
    pub async fn load(&self, entity: &EntityKey) -> Result<Option<Stored>, EntityError> {
        let item = self.item(entity).await?;
        item.map(|item| item.read(entity)).transpose()
    }

    /// Reads the states of many entities, as of the time of the call, in requests of a hundred. An entity without an item
    /// is left out; one whose item is not usable has its own error.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when some of the items are not known.
    pub async fn load_many(
        &self,
        entities: &BTreeSet<&EntityKey>,
    ) -> Result<HashMap<EntityKey, Result<Loaded, EntityError>>, AwsError> {
        const CALL: &str = "BatchGetItem of the entities table";
        let keys: Vec<&str> = entities.iter().map(|entity| entity.as_str()).collect();
        let read = BatchGet::new(&self.client, &self.table, attributes::AGGREGATE, CALL);
        let items = read.read(&keys).await?;
        let loaded = items.into_iter().filter_map(|item| {
            let entity = key_of(&item)?;
            let attributes = item.keys().cloned().collect();
            let stored = EntityItem(item).read(&entity);
            Some((entity, stored.map(|stored| Loaded { stored, attributes })))
        });
        Ok(loaded.collect())
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
            .key(attributes::AGGREGATE, text(entity.as_str()))
            .consistent_read(true)
            .send()
            .await
            .map_err(AwsError::of("GetItem of the entities table"))?;
        Ok(found.item.map(EntityItem))
    }

    /// Reads the keys of all entities that belong to a person, in their order. The index that has them follows the table
    /// within moments.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it cannot be read.
    pub async fn of_user(&self, user_id: &str) -> Result<Vec<EntityKey>, AwsError> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(BY_USER)
            .key_condition_expression("user_id = :user")
            .expression_attribute_values(":user", text(user_id));
        let mut items = query.into_paginator().items().send();
        let mut keys = Vec::new();
        while let Some(item) = items.next().await {
            keys.extend(key_of(
                &item.map_err(AwsError::of("Query of the entities table"))?,
            ));
        }
        keys.sort_unstable();
        Ok(keys)
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
        let page = self.page(self.scan_keys(), after).await?;
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

    /// Reads a page of the table, 1 MB of it, after one of the entities.
    pub(super) async fn page(
        &self,
        scan: ScanFluentBuilder,
        after: Option<EntityKey>,
    ) -> Result<ScanOutput, AwsError> {
        let after =
            after.map(|entity| Item::from([(attributes::AGGREGATE.to_owned(), text(entity.as_str()))]));
        let page = scan.table_name(&self.table).set_exclusive_start_key(after);
        page.send().await.map_err(AwsError::of(SCAN))
    }

    fn scan_keys(&self) -> ScanFluentBuilder {
        self.client
            .scan()
            .table_name(&self.table)
            .projection_expression("#aggregate")
            // A reserved word of DynamoDB.
            .expression_attribute_names("#aggregate", attributes::AGGREGATE)
    }
}

pub(super) fn key_of(item: &Item) -> Option<EntityKey> {
    text_of(item, attributes::AGGREGATE).map(|key| EntityKey::from_stored(key.to_owned()))
}
