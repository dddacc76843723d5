//! `audit`: what operators did, and why.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use pipeline::runtime::clock::Clock;
use pipeline::stores::audit::{AuditError, AuditLog, Operation};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::output::{self, Report, facts, pretty};
use crate::stack::{Stack, StackError};
use operator::times::When;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what was done to the stack, newest first
    ///
    /// An operation that has no end runs still, or was interrupted.
    ///
    /// Example: upvest-webhooks audit list --command "dlq redrive" --since 2026-01-05
    List(ListArgs),
    /// Show an operation: who did what, when and why, and what came of it
    ///
    /// Example: upvest-webhooks audit show 019b76da-a87b-7def-8123-456789abcdef
    Show {
        /// The operation's id
        id: Uuid,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only operations of this command, such as `dlq redrive`
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
    /// Only operations that began since then: a time, a day (UTC), or an age like 36h
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// List at most so many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuditCommandError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error("no operation {0} in the audit table")]
    NoOperation(Uuid),
}

impl AuditCommandError {
    /// Whether another command line would have helped.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Stack(error) if error.is_usage())
    }
}

/// The result of either command.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum AuditReport {
    List { operations: Vec<Operation>, more: bool },
    Operation(Box<Operation>),
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(self, stack: &Stack) -> Result<AuditReport, AuditCommandError> {
        let client = aws_sdk_dynamodb::Client::new(stack.config());
        let clock = Clock::system();
        let log = AuditLog::new(client, stack.audit_table()?, clock.clone());
        match self {
            Self::List(list) => {
                let mut operations = log.operations().await?;
                operations.retain(|operation| list.takes(operation, clock.now()));
                let more = operations.len() > usize::from(list.limit);
                operations.truncate(list.limit.into());
                Ok(AuditReport::List { operations, more })
            }
            Self::Show { id } => {
                let operation = log.operation(id).await?;
                let operation = operation.ok_or(AuditCommandError::NoOperation(id))?;
                Ok(AuditReport::Operation(Box::new(operation)))
            }
        }
    }
}

impl ListArgs {
    fn takes(&self, operation: &Operation, now: Timestamp) -> bool {
        let command = self.command.as_ref();
        command.is_none_or(|command| *command == operation.command)
            && self
                .since
                .is_none_or(|since| operation.began_at >= since.instant(now))
    }
}

impl Report for AuditReport {
    fn text(&self) -> String {
        match self {
            Self::List { operations, .. } if operations.is_empty() => "no operations".to_owned(),
            Self::List { operations, more } => {
                let mut table = output::table(["began", "ended", "command", "operator", "reason", "id"]);
                for operation in operations {
                    table.add_row([
                        operation.began_at.to_string(),
                        ended(operation),
                        operation.command.clone(),
                        operation.operator.clone(),
                        operation.reason.clone(),
                        operation.id.to_string(),
                    ]);
                }
                let more = if *more {
                    "\n\nthere are more: use --limit"
                } else {
                    ""
                };
                format!("{table}{more}")
            }
            Self::Operation(operation) => shown(operation),
        }
    }
}

fn ended(operation: &Operation) -> String {
    let ended = operation.ended_at.map(|ended| ended.to_string());
    ended.unwrap_or_else(|| "not".to_owned())
}

fn shown(operation: &Operation) -> String {
    let some = |text: &str| Some(text.to_owned());
    let mut text = facts([
        ("operation", Some(operation.id.to_string())),
        ("command", some(&operation.command)),
        ("operator", some(&operation.operator)),
        ("reason", some(&operation.reason)),
        ("began", Some(operation.began_at.to_string())),
        ("ended", Some(ended(operation))),
    ]);
    let parts: [(&str, Option<&Value>); 3] = [
        ("request", Some(&operation.request)),
        ("progress", operation.progress.as_ref()),
        ("result", operation.result.as_ref()),
    ];
    for (name, part) in parts {
        if let Some(part) = part {
            text.push_str(&format!("\n{name}\n{}\n", pretty(&part.to_string())));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use fake_aws::OPERATOR;
    use serde_json::json;

    use webhook_tests::deployment::Deployment;

    use super::*;
    use crate::operation::Audit;

    fn list(command: Option<&str>, limit: u16) -> Command {
        Command::List(ListArgs {
            command: command.map(str::to_owned),
            since: None,
            limit,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_done_is_listed_newest_first_and_shown_with_its_result() {
        let site = Deployment::builder().without_key().start().await;
        let audit = Audit::of(&site.stack, site.clock()).await.unwrap();
        let first = audit
            .begin("dlq redrive", "INC-1", json!({"queues": ["orders"]}))
            .await;
        let first = first.unwrap();
        site.pass(1);
        let second = audit.begin("replay", "INC-2", json!({})).await.unwrap();
        audit.log().end(first.id, &json!({"redriven": 3})).await.unwrap();

        let text = list(None, 50).run(&site.stack).await.unwrap().text();
        let place = |id: Uuid| text.find(&id.to_string()).unwrap();
        assert!(place(second.id) < place(first.id), "{text}");
        assert!(text.contains(OPERATOR) && text.contains("INC-1"), "{text}");

        let shown = Command::Show { id: first.id }
            .run(&site.stack)
            .await
            .unwrap()
            .text();
        for part in ["dlq redrive", "\"redriven\": 3", "\"orders\"", OPERATOR] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let unended = Command::Show { id: second.id }
            .run(&site.stack)
            .await
            .unwrap()
            .text();
        assert!(unended.contains("ended      not"), "{unended}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_is_filtered_and_says_that_there_is_more() {
        let site = Deployment::builder().without_key().start().await;
        let audit = Audit::of(&site.stack, site.clock()).await.unwrap();
        for command in ["replay", "dlq redrive", "replay"] {
            audit.begin(command, "r", json!({})).await.unwrap();
            site.pass(1);
        }
        let listed = list(Some("replay"), 1).run(&site.stack).await.unwrap();
        let AuditReport::List { operations, more } = &listed else {
            panic!("{listed:?}");
        };
        assert_eq!((operations.len(), *more), (1, true));
        assert_eq!(operations[0].command, "replay");
        let error = Command::Show { id: Uuid::nil() }
            .run(&site.stack)
            .await
            .unwrap_err();
        assert!(matches!(error, AuditCommandError::NoOperation(_)));
    }
}
