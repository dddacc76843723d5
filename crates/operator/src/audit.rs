//! What operators did to a stack, and why.

use jiff::Timestamp;
use pipeline::stores::audit::{AuditLog, Operation};
use serde::Serialize;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::stack::Stack;
use crate::times::to_the_second;

/// Lists some of the operations of the audit table, newest first.
#[derive(Debug, Serialize)]
pub struct Operations {
    /// Lists the operations that matched, newest first, up to the limit asked for.
    pub operations: Vec<Operation>,
    /// Tells whether more matched than the limit let through.
    pub more: bool,
    /// Repeats what was asked for, in words.
    pub selection: String,
}

/// Lists the commands that leave a record, by the names that they have there.
pub const COMMANDS: [&str; 17] = [
    "archive resend",
    "dlq discard",
    "dlq redrive",
    "dlq resend",
    "drain",
    "drain --resume",
    "entities rebuild",
    "keys distrust",
    "keys import",
    "keys refresh",
    "keys trust",
    "quarantine discard",
    "quarantine reverify",
    "reconcile",
    "replay",
    "restore",
    "trigger",
];

/// Lists up to `limit` operations, of one command or all, of operators whose ARN has a text in it or of all, that began since a
/// time or at any.
///
/// # Errors
///
/// [`Error`] when the audit table cannot be read.
pub async fn list(
    stack: &Stack,
    command: Option<&str>,
    operator: Option<&str>,
    since: Option<Timestamp>,
    limit: u16,
) -> Result<Operations> {
    let mut operations = stack.audit_log(stack.clock().clone())?.operations().await?;
    operations.retain(|operation| {
        command.is_none_or(|command| command == operation.command)
            && operator.is_none_or(|operator| operation.operator.contains(operator))
            && since.is_none_or(|since| operation.began_at >= since)
    });
    // After the filter, because `more` is about the operations that were asked for.
    let more = operations.len() > usize::from(limit);
    operations.truncate(limit.into());
    let of = command.map(|command| format!(" of {command}"));
    let by = operator.map(|operator| format!(" by {operator}"));
    let since = since.map(|since| format!(" since {}", to_the_second(since)));
    Ok(Operations {
        operations,
        more,
        selection: [of, by, since].into_iter().flatten().collect(),
    })
}

/// Reads what one operation did, who began it and why.
///
/// # Errors
///
/// [`Error`] of the kind not-found where there is none of this id.
pub async fn show(stack: &Stack, id: Uuid) -> Result<Operation> {
    find(&stack.audit_log(stack.clock().clone())?, id).await
}

/// Finds an operation in the audit table.
///
/// # Errors
///
/// [`Error`] of the kind not-found where there is none of this id.
pub(crate) async fn find(log: &AuditLog, id: Uuid) -> Result<Operation> {
    let operation = log.operation(id).await?;
    operation.ok_or_else(|| {
        Error::not_found(format!(
            "no operation {id} in the audit table: `upvest-webhooks audit list` has them"
        ))
    })
}
