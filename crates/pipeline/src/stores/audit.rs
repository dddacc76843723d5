//! The audit table: who repaired what, when and why. Operators write it, and `refresh-keys` when it changes which keys are
//! trusted.
//!
//! | Key | Entry |
//! |---|---|
//! | `<operation id>` | that it begins: `at`, `operator`, `command`, `reason`, `request` |
//! | `<operation id>#<number>` | how far it came (`at`, `progress`), or what came of it (`at`, `result`); numbered from 1 |
//!
//! Entries are inserted and never changed, and the policies of operators allow nothing else: what was said once stands.

pub mod attributes;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::execute_statement::ExecuteStatementError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::item::{Item, text, text_of};
use crate::error::AwsError;
use crate::runtime::clock::Clock;
use crate::runtime::ids::id_at;

const INSERT: &str = "ExecuteStatement of the audit table";
const SCAN: &str = "Scan of the audit table";

/// Reads and writes the audit table.
#[derive(Debug, Clone)]
pub struct AuditLog {
    client: Client,
    table: String,
    clock: Clock,
    /// Says how many entries after the first are known of the operations that were begun or read here.
    numbers: Arc<Mutex<HashMap<Uuid, u32>>>,
}

/// Describes something that an operator did, or began to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Gives its id, which also marks what it sends (`replay`): a version 7 UUID, so that operations sort by time.
    pub id: Uuid,
    /// Gives the time at which it was recorded, just before it did anything.
    pub began_at: Timestamp,
    /// Names the AWS principal of the operator, by its ARN.
    pub operator: String,
    /// Names the command, such as `dlq redrive`.
    pub command: String,
    /// Says why it was done, in the operator's words: the value of `--reason`.
    pub reason: String,
    /// Says what it was asked to do: the command's own parameters.
    pub request: Value,
    /// Says how far it came, in the command's own terms; `None` for one that cannot be resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Value>,
    /// Tells when it ended; `None` while it runs, or when it was interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Says what came of it, in the command's own terms; `None` as long as it has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
}

/// Says why an operation cannot be read. Absence is no error.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The table could not be read.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The item is not an operation.
    #[error("audit item {id} is not an operation")]
    Unusable {
        /// Gives the operation's id, or the nil UUID where the item has none that can be read.
        id: Uuid,
        /// Says which attribute is not what an operation has.
        #[source]
        source: serde_json::Error,
    },
}

impl AuditLog {
    /// Uses the table of this name.
    #[must_use]
    pub fn new(client: Client, table: String, clock: Clock) -> Self {
        Self {
            client,
            table,
            clock,
            numbers: Arc::default(),
        }
    }

    /// Records that an operation begins, before it does anything.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be recorded. The operation is then not to begin.
    pub async fn begin(
        &self,
        operator: &str,
        command: &str,
        reason: &str,
        request: Value,
    ) -> Result<Operation, AwsError> {
        let began_at = self.clock.now();
        let operation = Operation {
            id: id_at(began_at),
            began_at,
            operator: operator.to_owned(),
            command: command.to_owned(),
            reason: reason.to_owned(),
            request,
            progress: None,
            ended_at: None,
            result: None,
        };
        let is_new = self
            .insert(&[
                (attributes::ID, operation.id.to_string()),
                (attributes::AT, operation.began_at.to_string()),
                (attributes::OPERATOR, operation.operator.clone()),
                (attributes::COMMAND, operation.command.clone()),
                (attributes::REASON, operation.reason.clone()),
                (attributes::REQUEST, operation.request.to_string()),
            ])
            .await?;
        // The id was drawn just now, so that what has it is our own entry, whose reply was lost. Else two operations would have
        // one record.
        match is_new || self.has(&operation).await? {
            true => Ok(operation),
            false => Err(AwsError::entries(
                INSERT,
                "another operation has the id that was drawn: try again",
            )),
        }
    }

    /// Tells whether just this operation is recorded, and nothing after its beginning.
    async fn has(&self, operation: &Operation) -> Result<bool, AwsError> {
        match self.operation(operation.id).await {
            Ok(recorded) => Ok(recorded.as_ref() == Some(operation)),
            Err(AuditError::Aws(error)) => Err(error),
            Err(AuditError::Unusable { .. }) => Ok(false),
        }
    }

    /// Records how far an operation came.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be recorded.
    pub async fn note_progress(&self, id: Uuid, progress: &Value) -> Result<(), AwsError> {
        self.add(id, (attributes::PROGRESS, progress.to_string())).await
    }

    /// Records what came of an operation.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be recorded.
    pub async fn end(&self, id: Uuid, result: &Value) -> Result<(), AwsError> {
        self.add(id, (attributes::RESULT, result.to_string())).await
    }

    /// Reads the operation of this id, as of now; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`AuditError`] when that cannot be found out.
    pub async fn operation(&self, id: Uuid) -> Result<Option<Operation>, AuditError> {
        Ok(self.read(Some(id)).await?.pop())
    }

    /// Reads all operations, newest first.
    ///
    /// # Errors
    ///
    /// [`AuditError`] when the table or an entry cannot be read.
    pub async fn operations(&self) -> Result<Vec<Operation>, AuditError> {
        self.read(None).await
    }

    /// Adds an entry to those of an operation, under the next number that is free.
    async fn add(&self, id: Uuid, (name, value): (&'static str, String)) -> Result<(), AwsError> {
        let at = self.clock.now().to_string();
        loop {
            let number = self.next_number(id);
            let key = (attributes::ID, format!("{id}#{number}"));
            let is_new = self
                .insert(&[key, (attributes::AT, at.clone()), (name, value.clone())])
                .await?;
            // Taken by somebody else who goes on with it, or by our own entry, whose reply was lost.
            if is_new {
                return Ok(());
            }
        }
    }

    fn next_number(&self, id: Uuid) -> u32 {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let number = numbers.entry(id).or_default();
        *number += 1;
        *number
    }

    /// Writes an entry, if its key is free; tells whether it was. An insert of `PartiQL` is conditional by nature: whoever is
    /// allowed nothing else can overwrite nothing, which the condition of a put does not hold against a client without it.
    async fn insert(&self, entry: &[(&'static str, String)]) -> Result<bool, AwsError> {
        let fields: Vec<String> = entry.iter().map(|(name, _)| format!("'{name}':?")).collect();
        let values = entry.iter().map(|(_, value)| text(value.clone())).collect();
        let statement = format!("INSERT INTO \"{}\" VALUE {{{}}}", self.table, fields.join(","));
        let request = self.client.execute_statement().statement(statement);
        match request.set_parameters(Some(values)).send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(ExecuteStatementError::is_duplicate_item_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(AwsError::of(INSERT)(error)),
        }
    }

    /// Reads the operations, or the one of an id, newest first.
    async fn read(&self, id: Option<Uuid>) -> Result<Vec<Operation>, AuditError> {
        let mut scan = self.client.scan().table_name(&self.table).consistent_read(true);
        if let Some(id) = id {
            scan = scan
                .filter_expression("begins_with(id, :id)")
                .expression_attribute_values(":id", text(id.to_string()));
        }
        let mut items = scan.into_paginator().items().send();
        let mut entries: BTreeMap<Uuid, BTreeMap<u32, Item>> = BTreeMap::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(AwsError::of(SCAN))?;
            let (id, number) = key_of(&item);
            entries.entry(id).or_default().insert(number, item);
        }
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        // The ids are version 7 UUIDs, whose order is that of time.
        let operations = entries.into_iter().rev().filter_map(|(id, entries)| {
            numbers.insert(id, entries.keys().next_back().copied().unwrap_or_default());
            // Without its beginning nobody knows what it is about.
            let first = entries.get(&0)?;
            Some(read(id, first, entries.range(1..).map(|(_, entry)| entry)))
        });
        operations.collect()
    }
}

/// Reads whose entry an item is, and which: 0 is that it begins. A key that cannot be read is of the nil UUID.
fn key_of(item: &Item) -> (Uuid, u32) {
    let key = text_of(item, attributes::ID).unwrap_or_default();
    let (id, number) = key.split_once('#').unwrap_or((key, "0"));
    (id.parse().unwrap_or_default(), number.parse().unwrap_or_default())
}

/// Reads an operation from its entries. Values are kept as the JSON that they are, in texts; of several the newest counts.
fn read<'e>(id: Uuid, first: &Item, others: impl Iterator<Item = &'e Item>) -> Result<Operation, AuditError> {
    let unusable = |source| AuditError::Unusable { id, source };
    let parsed = |item: &Item, name: &str| -> Result<Option<Value>, AuditError> {
        let value = text_of(item, name).map(serde_json::from_str);
        value.transpose().map_err(unusable)
    };
    let mut document = serde_json::json!({
        "id": text_of(first, attributes::ID),
        "began_at": text_of(first, attributes::AT),
        "operator": text_of(first, attributes::OPERATOR),
        "command": text_of(first, attributes::COMMAND),
        "reason": text_of(first, attributes::REASON),
        "request": parsed(first, attributes::REQUEST)?,
    });
    for entry in others {
        if let Some(progress) = parsed(entry, attributes::PROGRESS)? {
            document["progress"] = progress;
        }
        if let Some(result) = parsed(entry, attributes::RESULT)? {
            document["result"] = result;
            document["ended_at"] = text_of(entry, attributes::AT).into();
        }
    }
    serde_json::from_value(document).map_err(unusable)
}
