//! What a receiver has stored, read through the rooms of the stores, which alone know the attributes; and, in [`by_hand`],
//! what somebody edits.

pub mod by_hand;

use std::collections::BTreeSet;

use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::{ArchivedDelivery, QUARANTINE_PREFIX, VERIFIED_PREFIX};
use pipeline::stores::audit::{AuditLog, Operation};
use pipeline::stores::entities::{Entities, Stored};
use pipeline::stores::events::{EventLog, LOAD_BATCH, LoggedEvent};
use pipeline::stores::idempotency::{Idempotency, Record};
use pipeline::stores::keys::{KeyRow, KeysTable};
use upvest::EntityKey;

use crate::receiver::{Receiver, key_of};

/// Reads what is stored. Every function panics where the store cannot be read, or has not what is asked for.
#[expect(clippy::missing_panics_doc, reason = "all of them, as said above")]
impl Receiver {
    /// Tells the time of the account.
    pub fn clock(&self) -> Clock {
        let now = self.aws.clock().clone();
        Clock::from_fn(move || now.timestamp())
    }

    /// Lists the keys of a table's items, sorted.
    pub fn stored(&self, table: &str) -> Vec<String> {
        let key = key_of(table);
        let items = self.aws.items(table).into_iter();
        let keys = items.map(|item| item[key]["S"].as_str().expect("keys are texts").to_owned());
        let keys: BTreeSet<String> = keys.collect();
        keys.into_iter().collect()
    }

    /// Opens the event log.
    pub fn log(&self) -> EventLog {
        EventLog::new(self.aws.dynamodb().clone(), "events".to_owned())
    }

    /// Reads all events of the log, in the order of their keys.
    pub async fn logged(&self) -> Vec<LoggedEvent> {
        let (log, keys) = (self.log(), self.stored("events"));
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut events = Vec::new();
        for keys in keys.chunks(LOAD_BATCH) {
            let loaded = log.load(keys).await.expect("the log can be read");
            events.extend(loaded.into_values());
        }
        events.sort_by(|one, other| one.event_id.cmp(&other.event_id));
        events
    }

    /// Reads the event under this key of the log.
    pub async fn event(&self, key: &str) -> LoggedEvent {
        let found = self.log().find(key).await.expect("the log can be read");
        found.unwrap_or_else(|| panic!("no event {key} in the log"))
    }

    /// Opens the entities table.
    pub fn entities(&self) -> Entities {
        Entities::new(self.aws.dynamodb().clone(), "entities".to_owned())
    }

    /// Reads the state of an entity, written `TYPE#ID`.
    pub async fn state(&self, entity: &str) -> Stored {
        let found = self
            .entities()
            .load(&EntityKey::from_stored(entity.to_owned()))
            .await;
        let found = found.expect("the entities table can be read");
        found.unwrap_or_else(|| panic!("no entity {entity}"))
    }

    /// Reads the status of an entity, written `TYPE#ID`.
    pub async fn status(&self, entity: &str) -> Option<String> {
        self.state(entity).await.projection.status().map(str::to_owned)
    }

    /// Opens the keys table.
    pub fn keys(&self) -> KeysTable {
        KeysTable::new(self.aws.dynamodb().clone(), "keys".to_owned(), self.clock())
    }

    /// Reads the row of a key.
    pub async fn key_row(&self, key_id: &str) -> KeyRow {
        let found = self.keys().row(key_id).await.expect("the keys table can be read");
        found.unwrap_or_else(|| panic!("no key {key_id}"))
    }

    /// Lists the keys of the verified deliveries in the archive, in the order of receipt.
    pub fn verified(&self) -> Vec<String> {
        self.kept_below(VERIFIED_PREFIX)
    }

    /// Reads the verified deliveries of the archive, in the order of receipt.
    pub fn verified_deliveries(&self) -> Vec<ArchivedDelivery> {
        let objects = self.kept();
        let verified = objects.iter().filter(|(key, _)| key.starts_with(VERIFIED_PREFIX));
        verified
            .map(|(_, object)| ArchivedDelivery::parse(&object.bytes).expect("an object is a delivery"))
            .collect()
    }

    /// Lists the keys of what is in quarantine, by the reason.
    pub fn quarantined(&self) -> Vec<String> {
        self.kept_below(QUARANTINE_PREFIX)
    }

    /// Lists the reasons of what is in quarantine, in the order of the keys.
    pub fn quarantine_reasons(&self) -> Vec<String> {
        let keys = self.quarantined();
        let reasons = keys.iter().filter_map(|key| quarantine_reason(key));
        reasons.map(str::to_owned).collect()
    }

    fn kept_below(&self, prefix: &str) -> Vec<String> {
        let keys = self.kept().into_keys();
        keys.filter(|key| key.starts_with(prefix)).collect()
    }

    /// Lists the operations of the audit table, oldest first.
    pub async fn operations(&self) -> Vec<Operation> {
        let log = AuditLog::new(self.aws.dynamodb().clone(), "audit".to_owned(), self.clock());
        let mut operations = log.operations().await.expect("the audit table can be read");
        operations.reverse();
        operations
    }

    /// Reads the record of an action.
    pub async fn record(&self, id: &str) -> Record {
        let records = Idempotency::reader(
            self.aws.dynamodb().clone(),
            "idempotency".to_owned(),
            self.clock(),
        );
        let found = records.records(&BTreeSet::from([id.to_owned()])).await;
        let mut found = found.expect("the idempotency table can be read");
        found.remove(id).unwrap_or_else(|| panic!("no record {id}"))
    }
}

/// Tells why the object of this key is in quarantine; `None` where it is not.
pub fn quarantine_reason(key: &str) -> Option<&str> {
    Some(key.strip_prefix(QUARANTINE_PREFIX)?.split_once('/')?.0)
}

/// Makes the key of an object among the verified deliveries of the first hour of 2026, whatever its name: what somebody puts
/// there.
pub fn key_in_the_first_hour(name: &str) -> String {
    format!("{VERIFIED_PREFIX}2026/01/01/00/{name}")
}
