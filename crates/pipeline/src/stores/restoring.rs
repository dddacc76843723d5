//! Putting rows of a restored copy of a table back into the table.
//!
//! Point-in-time recovery makes a table of another name, which no function uses. Its rows are copied into the stack's own, under
//! the rule of each table: a row that is missing is put back, and one that is there stays, because it is the newer one. Only
//! events never change once they are in the log, so that one which differs may be put back too.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use super::batch_get::BatchGet;
use super::idempotency::attempts::is_attempt;
use super::item::{Item, condition_held, text_of};
use super::{audit, events, idempotency, keys, subscriptions};
use crate::error::AwsError;

/// Names a table into which rows can be put back. States are none of them: they are folded again from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestorableTable {
    /// The event log, whose rows never change.
    Events,
    /// The records of actions. Those of attempts are about messages of their time, and are left out.
    Idempotency,
    /// The keys that deliveries are verified by.
    Keys,
    /// The subscriptions that are ours, or were seen.
    Subscriptions,
    /// The record of what operators did.
    Audit,
}

/// Compares a restored copy with the table that it is a copy of, and puts rows back.
#[derive(Debug, Clone)]
pub struct Restoring {
    client: Client,
    table: RestorableTable,
    from: String,
    into: String,
}

/// Holds what a page of the restored copy has beside the table.
#[derive(Debug, Default)]
pub struct Compared {
    /// Lists the rows that the table has not, or has otherwise.
    pub rows: Vec<Row>,
    /// Counts the rows that the table has as they are.
    pub same: u64,
    /// Counts the rows that are never put back: records of attempts, and what is no row of the table.
    pub left_out: u64,
    /// Says where the next page begins; `None` after the last one.
    pub next: Option<Position>,
}

/// Says where a page of the restored copy begins.
#[derive(Debug, Clone)]
pub struct Position(Item);

/// Holds a row of the restored copy that the table has not, or has otherwise.
#[derive(Debug)]
pub struct Row {
    /// Gives the row's key, by which the table and its copy are compared.
    pub key: String,
    restored: Item,
    in_the_way: Option<Item>,
}

impl RestorableTable {
    /// Lists the tables that can be restored; that of entities is rebuilt from the log instead.
    pub const ALL: [Self; 5] = [
        Self::Events,
        Self::Idempotency,
        Self::Keys,
        Self::Subscriptions,
        Self::Audit,
    ];

    /// Names the table as operators do.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Idempotency => "idempotency",
            Self::Keys => "keys",
            Self::Subscriptions => "subscriptions",
            Self::Audit => "audit",
        }
    }

    /// Tells whether a row never changes once it is written, so that another one in its place is wrong.
    #[must_use]
    pub const fn is_immutable(self) -> bool {
        matches!(self, Self::Events)
    }

    /// Names the key, and an attribute that each row has besides: two of the tables have keys of one name.
    #[must_use]
    pub const fn attributes(self) -> (&'static str, &'static str) {
        match self {
            Self::Events => (events::attributes::EVENT_ID, events::attributes::SHA256),
            Self::Idempotency => (idempotency::attributes::ID, idempotency::attributes::EXPIRATION),
            Self::Keys => (keys::attributes::KEY_ID, keys::attributes::ALGORITHM),
            Self::Subscriptions => (
                subscriptions::attributes::WEBHOOK_ID,
                subscriptions::attributes::FIRST_SEEN,
            ),
            Self::Audit => (audit::attributes::ID, audit::attributes::AT),
        }
    }

    /// Gives the key of an item that may be put back; `None` of one that may not.
    fn key_of(self, item: &Item) -> Option<&str> {
        let (key, other) = self.attributes();
        let key = text_of(item, key).filter(|_| item.contains_key(other))?;
        (self != Self::Idempotency || !is_attempt(key)).then_some(key)
    }
}

impl Row {
    /// Names the attributes in which the table differs; `None` where it has no such row.
    #[must_use]
    pub fn differs_in(&self) -> Option<Vec<&str>> {
        let other = self.in_the_way.as_ref()?;
        let names = self.restored.keys().chain(other.keys());
        let mut names: Vec<&str> = names
            .filter(|name| self.restored.get(*name) != other.get(*name))
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        names.dedup();
        Some(names)
    }
}

impl Restoring {
    /// Compares the table named `from`, a restored copy, with the stack's own one named `into`.
    #[must_use]
    pub fn new(client: Client, table: RestorableTable, from: String, into: String) -> Self {
        Self {
            client,
            table,
            from,
            into,
        }
    }

    /// Compares a page of the restored copy, the first one or that after `position`.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when one of the tables cannot be read.
    pub async fn compare(&self, position: Option<Position>) -> Result<Compared, AwsError> {
        let scan = self.client.scan().table_name(&self.from);
        let scan = scan.set_exclusive_start_key(position.map(|Position(key)| key));
        let page = scan
            .send()
            .await
            .map_err(AwsError::of("Scan of the restored table"))?;
        let mut compared = Compared {
            next: page.last_evaluated_key.map(Position),
            ..Compared::default()
        };
        let mut restored: BTreeMap<String, Item> = BTreeMap::new();
        for item in page.items.unwrap_or_default() {
            match self.table.key_of(&item).map(str::to_owned) {
                Some(key) => drop(restored.insert(key, item)),
                None => compared.left_out += 1,
            }
        }
        let keys: Vec<&str> = restored.keys().map(String::as_str).collect();
        let (key, _) = self.table.attributes();
        let read = BatchGet::new(&self.client, &self.into, key, "BatchGetItem of the table");
        let items = read.read(&keys).await?.into_iter();
        let mut own: HashMap<String, Item> = items
            .filter_map(|item| Some((text_of(&item, key)?.to_owned(), item)))
            .collect();
        for (key, restored) in restored {
            let in_the_way = own.remove(&key);
            match in_the_way.as_ref() == Some(&restored) {
                true => compared.same += 1,
                false => compared.rows.push(Row {
                    key,
                    restored,
                    in_the_way,
                }),
            }
        }
        Ok(compared)
    }

    /// Puts a row back, in place of what it was compared with; `false` where that has changed since, and nothing was written.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be written.
    pub async fn put(&self, row: &Row) -> Result<bool, AwsError> {
        let put = self.client.put_item().table_name(&self.into);
        let put = put.set_item(Some(row.restored.clone()));
        let put = match &row.in_the_way {
            None => {
                let (key, _) = self.table.attributes();
                put.condition_expression("attribute_not_exists(#key)")
                    .expression_attribute_names("#key", key)
            }
            Some(seen) => {
                let (condition, names, values) = unchanged(seen);
                put.condition_expression(condition)
                    .set_expression_attribute_names(Some(names))
                    .set_expression_attribute_values(Some(values))
            }
        };
        condition_held(put.send().await, "PutItem of the restored row")
    }
}

/// Writes the condition that an item is what was seen of it.
fn unchanged(seen: &Item) -> (String, HashMap<String, String>, HashMap<String, AttributeValue>) {
    let (mut conditions, mut names, mut values) = (Vec::new(), HashMap::new(), HashMap::new());
    for (number, (name, value)) in seen.iter().enumerate() {
        conditions.push(format!("#{number} = :{number}"));
        names.insert(format!("#{number}"), name.clone());
        values.insert(format!(":{number}"), value.clone());
    }
    (conditions.join(" AND "), names, values)
}
