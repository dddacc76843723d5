//! The records of attempts: which message was being worked on when a process ended, and how often it was.
//!
//! A record is of an event or delivery, opened and counted before the work on a message about it and closed after it. So one that is
//! found open, with its invocation over, killed its process or outlasted it, by whichever message: there may be several, as when
//! somebody sends again what waits still. A message that is received for the first time has none: a healthy one costs nothing.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;

use super::attributes;
use crate::error::AwsError;
use crate::runtime::clock::Clock;
use crate::runtime::invocation::Invocation;
use crate::stores::item::{Item, condition_held, item_in_the_way, number, number_of, text, text_of};

/// Says how long a record is kept after it was opened last: longer than a message is tried.
const KEPT: Duration = Duration::from_secs(3 * 24 * 3600);
/// Begins the ids of these records; no domain is called so.
const PREFIX: &str = "attempt#";
const UPDATE: &str = "UpdateItem of the idempotency table";
const DELETE: &str = "DeleteItem of the idempotency table";
/// Opens a record; what follows counts the attempt.
const OPEN: &str = "SET #owner = :owner, #message = :message, in_progress_expiration = :deadline, \
                    expiration = :until";

/// Keeps the records of attempts at the messages of one queue, in the idempotency table.
#[derive(Debug, Clone)]
pub struct Attempts {
    client: Client,
    table: String,
    clock: Clock,
    of: &'static str,
}

/// Proves that the record of a message was opened by this invocation, and says which attempt it counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counts the attempts at the message under its record, this one included, but for those that our own infrastructure failed.
    pub count: u32,
    id: String,
    owner: String,
}

/// Describes a message whose record was found open: it, or another one about the same, killed its process or outlasted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// Counts the attempts under the record, that one included.
    pub count: u32,
    id: String,
    owner: String,
}

/// Says what opening a record led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// The attempt is counted, and the work may begin.
    Opened(Attempt),
    /// Another invocation works on the message, and its time is not over.
    InProgress,
    /// The record is open, and the invocation that opened it is over.
    Suspect(Suspect),
}

/// Says what came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The message is done, or in the dead-letter queue: nothing has to be remembered.
    Over,
    /// The message failed, and the attempt counts.
    Counted,
    /// Our own infrastructure failed, so that nothing is known of the message: the attempt does not count.
    NotCounted,
}

/// Names the record of a message: of the event or delivery `subject`, in the queue of a domain or that of deliveries.
#[must_use]
pub fn attempt_id(of: &str, subject: &str) -> String {
    format!("{PREFIX}{of}#{subject}")
}

/// Tells whether the record of this id is about attempts at a message, and not about an action.
pub(in crate::stores) fn is_attempt(id: &str) -> bool {
    id.starts_with(PREFIX)
}

impl Attempts {
    /// Uses the table `table` for the attempts at messages of the domain, or the kind of message, `of`.
    #[must_use]
    pub fn new(client: Client, table: String, clock: Clock, of: &'static str) -> Self {
        Self {
            client,
            table,
            clock,
            of,
        }
    }

    /// Opens the record of the message `message_id`, which is about the event or delivery `subject`, and counts the attempt.
    ///
    /// | in the table | |
    /// |---|---|
    /// | nothing | opened, attempt 1 |
    /// | closed | opened, one attempt more |
    /// | closed, of another message, which was about the same; or expired | opened, attempt 1 |
    /// | open, by us (the reply to our first request was lost) | opened |
    /// | open, and the time of its invocation is not over | in progress |
    /// | open, and the time of its invocation is over | a suspect |
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be written: the work must not begin.
    pub async fn open(
        &self,
        subject: &str,
        message_id: &str,
        invocation: &Invocation,
    ) -> Result<Opening, AwsError> {
        let id = attempt_id(self.of, subject);
        let now = self.clock.now();
        let request = self
            .opening(&id, message_id, invocation)
            .update_expression(format!("{OPEN} ADD attempts :one"))
            .condition_expression(
                "attribute_not_exists(id) OR \
                 (attribute_not_exists(#owner) AND #message = :message AND expiration >= :now_s)",
            )
            .expression_attribute_values(":now_s", number(now.as_second()));
        let found = match request.send().await {
            Ok(updated) => {
                let count = count_of(&updated.attributes.unwrap_or_default());
                return Ok(Opening::Opened(attempt(id, invocation, count)));
            }
            Err(error) => item_in_the_way(error, UPDATE)?,
        };
        let owner = text_of(&found, attributes::OWNER);
        let is_of_it = text_of(&found, attributes::MESSAGE) == Some(message_id);
        let kept_until = number_of(&found, attributes::EXPIRATION);
        if (owner.is_none() && !is_of_it) || kept_until.is_none_or(|until| until < now.as_second()) {
            return self.begin_anew(id, message_id, invocation, now).await;
        }
        Ok(match owner {
            Some(owner) if owner == invocation.request_id && is_of_it => {
                Opening::Opened(attempt(id, invocation, count_of(&found)))
            }
            Some(owner) if has_ended(&found, now) => Opening::Suspect(Suspect {
                count: count_of(&found),
                owner: owner.to_owned(),
                id,
            }),
            // It was closed in this very moment, so that another invocation has the message.
            Some(_) | None => Opening::InProgress,
        })
    }

    /// Opens the record of a suspect once more, and counts the attempt; `None` where another invocation has done so.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be written: the work must not begin.
    pub async fn reopen(
        &self,
        suspect: &Suspect,
        message_id: &str,
        invocation: &Invocation,
    ) -> Result<Option<Attempt>, AwsError> {
        let request = self
            .opening(&suspect.id, message_id, invocation)
            .update_expression(format!("{OPEN} ADD attempts :one"))
            .condition_expression("#owner = :before")
            .expression_attribute_values(":before", text(&suspect.owner));
        match request.send().await {
            Ok(updated) => {
                let count = count_of(&updated.attributes.unwrap_or_default());
                Ok(Some(attempt(suspect.id.clone(), invocation, count)))
            }
            Err(error) => {
                let found = item_in_the_way(error, UPDATE)?;
                let is_ours = text_of(&found, attributes::OWNER) == Some(&invocation.request_id);
                Ok(is_ours.then(|| attempt(suspect.id.clone(), invocation, count_of(&found))))
            }
        }
    }

    /// Closes a record. One that somebody else has opened since stays.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be written; the message is a suspect then, though it did nothing.
    pub async fn close(&self, attempt: &Attempt, outcome: Outcome) -> Result<(), AwsError> {
        let not_counted = match outcome {
            Outcome::Counted => 0,
            Outcome::NotCounted if attempt.count > 1 => -1,
            Outcome::NotCounted | Outcome::Over => return self.forget(&attempt.id, &attempt.owner).await,
        };
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(attributes::ID, text(&attempt.id))
            .update_expression("REMOVE #owner, in_progress_expiration ADD attempts :not_counted")
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", attributes::OWNER)
            .expression_attribute_values(":owner", text(&attempt.owner))
            .expression_attribute_values(":not_counted", number(not_counted));
        condition_held(request.send().await, UPDATE).map(drop)
    }

    /// Removes the record of a suspect that is in the dead-letter queue.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be written; the record ends by itself then.
    pub async fn forget_suspect(&self, suspect: &Suspect) -> Result<(), AwsError> {
        self.forget(&suspect.id, &suspect.owner).await
    }

    async fn forget(&self, id: &str, owner: &str) -> Result<(), AwsError> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(attributes::ID, text(id))
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", attributes::OWNER)
            .expression_attribute_values(":owner", text(owner));
        condition_held(request.send().await, DELETE).map(drop)
    }

    /// Counts from one, whatever a closed record says of another message, or any of another time.
    async fn begin_anew(
        &self,
        id: String,
        message_id: &str,
        invocation: &Invocation,
        now: Timestamp,
    ) -> Result<Opening, AwsError> {
        let request = self
            .opening(&id, message_id, invocation)
            .update_expression(format!("{OPEN}, attempts = :one"))
            // Not over an open one: of two messages that end their process, each would begin anew what the other has left.
            .condition_expression(
                "(attribute_not_exists(#owner) AND #message <> :message) OR expiration < :now_s",
            )
            .expression_attribute_values(":now_s", number(now.as_second()));
        match request.send().await {
            Ok(_) => Ok(Opening::Opened(attempt(id, invocation, 1))),
            Err(error) => {
                let found = item_in_the_way(error, UPDATE)?;
                let is_ours = text_of(&found, attributes::OWNER) == Some(&invocation.request_id);
                Ok(match is_ours {
                    true => Opening::Opened(attempt(id, invocation, 1)),
                    false => Opening::InProgress,
                })
            }
        }
    }

    /// Makes the request that opens a record, but for what it says and under which condition.
    fn opening(&self, id: &str, message_id: &str, invocation: &Invocation) -> UpdateItemFluentBuilder {
        let kept = i64::try_from(KEPT.as_secs()).unwrap_or(i64::MAX);
        let until = self.clock.now().as_second().saturating_add(kept);
        self.client
            .update_item()
            .table_name(&self.table)
            .key(attributes::ID, text(id))
            .expression_attribute_names("#owner", attributes::OWNER)
            .expression_attribute_names("#message", attributes::MESSAGE)
            .expression_attribute_values(":owner", text(&invocation.request_id))
            .expression_attribute_values(":message", text(message_id))
            .expression_attribute_values(":deadline", number(invocation.deadline.as_millisecond()))
            .expression_attribute_values(":until", number(until))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

fn attempt(id: String, invocation: &Invocation, count: u32) -> Attempt {
    Attempt {
        count,
        id,
        owner: invocation.request_id.clone(),
    }
}

fn count_of(item: &Item) -> u32 {
    let count = number_of(item, attributes::ATTEMPTS).and_then(|count| u32::try_from(count).ok());
    count.unwrap_or(1)
}

fn has_ended(item: &Item, now: Timestamp) -> bool {
    let ends = number_of(item, attributes::IN_PROGRESS_EXPIRATION);
    ends.is_none_or(|ends| ends < now.as_millisecond())
}
