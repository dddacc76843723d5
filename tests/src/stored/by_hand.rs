//! Rows of a table as somebody has them who edits them by hand: without the conditions and the types of the room that the
//! table is in. What the attributes are called is the room's to say. Nothing else of the tests writes items.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use pipeline::stores::entities::attributes::LAST_OCCURRED;
use pipeline::stores::keys::KeyRow;

use crate::receiver::{Receiver, key_of};

/// Maps the names of an item's attributes to their values.
pub type Item = HashMap<String, AttributeValue>;

/// Edits the rows of a table by hand.
#[derive(Debug, Clone)]
pub struct Rows {
    client: Client,
    table: String,
    key: &'static str,
}

impl Rows {
    /// Edits the table of this name, which has its rows by the attribute `key`.
    #[must_use]
    pub fn of(client: &Client, table: &str, key: &'static str) -> Self {
        Self {
            client: client.clone(),
            table: table.to_owned(),
            key,
        }
    }

    /// Reads an item; `None` where there is none.
    ///
    /// # Panics
    ///
    /// If there is no such table.
    pub async fn find(&self, id: &str) -> Option<Item> {
        let get = self.client.get_item().table_name(&self.table);
        let get = get.key(self.key, AttributeValue::S(id.to_owned()));
        let found = get.consistent_read(true).send().await;
        found.expect("the table can be read").item
    }

    /// Reads an item.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub async fn item(&self, id: &str) -> Item {
        let found = self.find(id).await;
        found.unwrap_or_else(|| panic!("no item {id} in the table {}", self.table))
    }

    /// Writes an item, over the one that has its key.
    ///
    /// # Panics
    ///
    /// If the table does not take it.
    pub async fn put(&self, item: Item) {
        let put = self.client.put_item().table_name(&self.table);
        let put = put.set_item(Some(item)).send().await;
        put.expect("the table takes the item");
    }

    /// Writes an item of these texts.
    ///
    /// # Panics
    ///
    /// If the table does not take it.
    pub async fn put_texts(&self, attributes: &[(&str, &str)]) {
        self.put(texts(attributes).collect()).await;
    }

    /// Writes an item like another one, but for these texts.
    ///
    /// # Panics
    ///
    /// If there is no such item, or the table does not take the new one.
    pub async fn copy(&self, id: &str, changed: &[(&str, &str)]) {
        let mut item = self.item(id).await;
        item.extend(texts(changed));
        self.put(item).await;
    }

    /// Gives an attribute of an item another text.
    ///
    /// # Panics
    ///
    /// If there is no such item.
    pub async fn set(&self, id: &str, changed: (&str, &str)) {
        self.copy(id, &[changed]).await;
    }

    /// Gives an attribute of an item another number.
    ///
    /// # Panics
    ///
    /// If there is no such item.
    pub async fn set_number(&self, id: &str, (attribute, number): (&str, u64)) {
        let mut item = self.item(id).await;
        item.insert(attribute.to_owned(), AttributeValue::N(number.to_string()));
        self.put(item).await;
    }

    /// Deletes an item.
    ///
    /// # Panics
    ///
    /// If there is no such table.
    pub async fn delete(&self, id: &str) {
        let delete = self.client.delete_item().table_name(&self.table);
        let delete = delete.key(self.key, AttributeValue::S(id.to_owned()));
        delete.send().await.expect("the table exists");
    }
}

impl Receiver {
    /// Edits the rows of one of the tables by hand.
    pub fn rows(&self, table: &str) -> Rows {
        Rows::of(self.aws.dynamodb(), table, key_of(table))
    }

    /// Puts a row into the keys table by hand, in place of the one that has its id: what no import and no fetch writes.
    ///
    /// # Panics
    ///
    /// If the table does not take it.
    pub async fn put_key_row(&self, row: &KeyRow) {
        self.rows("keys").put(row.to_item()).await;
    }

    /// Makes the item of an entity, written `TYPE#ID`, one that no processor can read.
    ///
    /// # Panics
    ///
    /// If there is no such item.
    pub async fn break_entity(&self, entity: &str) {
        self.rows("entities").set(entity, BROKEN).await;
    }
}

/// Names an attribute without which no item of an entity can be read, and a text that it never has.
pub const BROKEN: (&str, &str) = (LAST_OCCURRED, "yesterday");

fn texts(attributes: &[(&str, &str)]) -> impl Iterator<Item = (String, AttributeValue)> {
    let text = |(name, text): &(&str, &str)| ((*name).to_owned(), AttributeValue::S((*text).to_owned()));
    attributes.iter().map(text)
}
