//! The audit table: who repaired what, when and why. Operators write it, functions never do.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::error::AwsError;
use crate::runtime::clock::Clock;

const PUT: &str = "PutItem of the audit table";
const UPDATE: &str = "UpdateItem of the audit table";
const READ: &str = "GetItem of the audit table";

/// Reads and writes the audit table.
#[derive(Debug, Clone)]
pub struct AuditLog {
    client: Client,
    table: String,
    clock: Clock,
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
        Self { client, table, clock }
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
        let item = [
            ("id", operation.id.to_string()),
            ("began_at", operation.began_at.to_string()),
            ("operator", operation.operator.clone()),
            ("command", operation.command.clone()),
            ("reason", operation.reason.clone()),
            ("request", operation.request.to_string()),
        ];
        let item = item.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
        let put = self.client.put_item().table_name(&self.table);
        put.set_item(Some(HashMap::from(item)))
            // Two operations of one id would overwrite each other's record.
            .condition_expression("attribute_not_exists(id)")
            .send()
            .await
            .map_err(AwsError::of(PUT))?;
        Ok(operation)
    }

    /// Records how far an operation came.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be recorded.
    pub async fn note_progress(&self, id: Uuid, progress: &Value) -> Result<(), AwsError> {
        self.set(id, &[("progress", progress.to_string())]).await
    }

    /// Records what came of an operation.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be recorded.
    pub async fn end(&self, id: Uuid, result: &Value) -> Result<(), AwsError> {
        let ended_at = self.clock.now().to_string();
        self.set(id, &[("ended_at", ended_at), ("result", result.to_string())])
            .await
    }

    /// Reads the operation of this id, as of now; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`AuditError`] when that cannot be found out.
    pub async fn operation(&self, id: Uuid) -> Result<Option<Operation>, AuditError> {
        let request = self.client.get_item().table_name(&self.table);
        let request = request.key("id", AttributeValue::S(id.to_string()));
        let answer = request.consistent_read(true).send().await;
        let answer = answer.map_err(AwsError::of(READ))?;
        answer.item.map(|item| read(id, &item)).transpose()
    }

    /// Reads all operations, newest first.
    ///
    /// # Errors
    ///
    /// [`AuditError`] when the table or an item cannot be read.
    pub async fn operations(&self) -> Result<Vec<Operation>, AuditError> {
        let scan = self.client.scan().table_name(&self.table).consistent_read(true);
        let mut items = scan.into_paginator().items().send();
        let mut operations = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(AwsError::of("Scan of the audit table"))?;
            let id = item.get("id").and_then(|id| id.as_s().ok()?.parse().ok());
            operations.push(read(id.unwrap_or_default(), &item)?);
        }
        // The ids are version 7 UUIDs, whose order is that of time.
        operations.sort_by_key(|operation| std::cmp::Reverse(operation.id));
        Ok(operations)
    }

    async fn set(&self, id: Uuid, values: &[(&str, String)]) -> Result<(), AwsError> {
        let mut request = self.client.update_item().table_name(&self.table);
        request = request.key("id", AttributeValue::S(id.to_string()));
        let mut settings = Vec::new();
        for (name, value) in values {
            settings.push(format!("#{name} = :{name}"));
            request = request
                .expression_attribute_names(format!("#{name}"), *name)
                .expression_attribute_values(format!(":{name}"), AttributeValue::S(value.clone()));
        }
        request
            .update_expression(format!("SET {}", settings.join(", ")))
            // Without the condition an update would make an item of its own, which no `begin` wrote.
            .condition_expression("attribute_exists(id)")
            .send()
            .await
            .map_err(AwsError::of(UPDATE))?;
        Ok(())
    }
}

/// Makes the id of an operation that begins at this time: a version 7 UUID.
fn id_at(at: Timestamp) -> Uuid {
    let nanoseconds = u32::try_from(at.subsec_nanosecond()).unwrap_or(0);
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds))
}

/// Reads an operation from its item. Values are kept as the JSON that they are, in texts.
fn read(id: Uuid, item: &HashMap<String, AttributeValue>) -> Result<Operation, AuditError> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    let unusable = |source| AuditError::Unusable { id, source };
    let parsed = |name: &str| -> Result<Option<Value>, AuditError> {
        let value = text(name).map(|text| serde_json::from_str(&text));
        value.transpose().map_err(unusable)
    };
    let document = serde_json::json!({
        "id": text("id"),
        "began_at": text("began_at"),
        "operator": text("operator"),
        "command": text("command"),
        "reason": text("reason"),
        "request": parsed("request")?,
        "progress": parsed("progress")?,
        "ended_at": text("ended_at"),
        "result": parsed("result")?,
    });
    serde_json::from_value(document).map_err(unusable)
}
