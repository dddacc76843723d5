//! The idempotency table: which action ran for which event, and, in [`attempts`], which message is being attempted.
//!
//! A record passes through `IN_PROGRESS` to `COMPLETED`. Who claims it owns it until the lease ends, which is when
//! Lambda ends the invocation; only the owner can complete or release it, so that a slow twin, whose lease somebody else
//! has taken over, cannot.

pub mod attempts;
pub mod attributes;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::Timestamp;
use upvest::Domain;

use self::reading::{COMPLETED, IN_PROGRESS};
pub use self::reading::{Record, RecordState};
use super::batch_get::BatchGet;
use super::item::{condition_held, item_in_the_way, number, text};

use crate::error::AwsError;
use crate::runtime::clock::Clock;
use crate::runtime::invocation::Invocation;

/// Bounds the result that is kept, in bytes: a limit of ours, far below the 400 KB of an item. A larger one
/// is left out.
const MAX_RESULT_BYTES: usize = 64 * 1024;

/// Keeps the records of the actions that ran, so that none runs twice for one event.
#[derive(Debug, Clone)]
pub struct Idempotency {
    client: Client,
    table: String,
    clock: Clock,
    retention: Duration,
}

/// Proves that a record is ours until the invocation's deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    id: String,
    owner: String,
}

/// Says what a claim led to, and so whether its caller may do the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The record is ours: do the work, then complete or release it.
    Acquired(Lease),
    /// The work was done before, with this result.
    Completed(Option<String>),
    /// Another invocation works on it: try again when its lease may have ended.
    InProgress,
    /// The record is of another payload under the same id.
    OtherPayload,
}

/// Says why a record could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    /// The table could not be written.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The lease had ended, and somebody else has taken the record over.
    #[error("lost the lease of idempotency record {0}")]
    LeaseLost(String),
}

/// Names the record of an event's action in its domain: one for each event, whichever action it is, and one for each
/// replay of it.
#[must_use]
pub fn record_id(domain: Domain, event_id: &str, replay: Option<&str>) -> String {
    match replay {
        None => format!("{domain}#{event_id}"),
        Some(replay) => format!("{domain}#{event_id}#{replay}"),
    }
}

impl Idempotency {
    /// Uses the table `table`, whose records are kept for `retention` after they were written last.
    #[must_use]
    pub fn new(client: Client, table: String, clock: Clock, retention: Duration) -> Self {
        Self {
            client,
            table,
            clock,
            retention,
        }
    }

    /// Reads the records in the table `table`, and writes none: for those who only look.
    #[must_use]
    pub fn reader(client: Client, table: String, clock: Clock) -> Self {
        Self::new(client, table, clock, Duration::ZERO)
    }

    /// Claims the record `id` for a payload with the hash `payload`.
    ///
    /// | in the table | |
    /// |---|---|
    /// | nothing, or an expired record that `DynamoDB` has not deleted yet | acquired |
    /// | `IN_PROGRESS`, its lease has ended, same payload | acquired |
    /// | `IN_PROGRESS`, ours (the reply to our first claim was lost) | acquired |
    /// | `IN_PROGRESS`, somebody else's | in progress |
    /// | `COMPLETED` | completed |
    /// | another payload | other payload |
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be written; the record may be ours all the same.
    pub async fn claim(&self, id: &str, payload: &str, invocation: &Invocation) -> Result<Claim, AwsError> {
        let now = self.clock.now();
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(attributes::ID, text(id))
            .item(attributes::STATUS, text(IN_PROGRESS))
            .item(attributes::OWNER, text(&invocation.request_id))
            .item(
                attributes::IN_PROGRESS_EXPIRATION,
                number(invocation.deadline.as_millisecond()),
            )
            .item(attributes::EXPIRATION, number(self.expiration(now)))
            .item(attributes::VALIDATION, text(payload))
            .condition_expression(
                "attribute_not_exists(id) OR expiration < :now_s \
                 OR (#status = :in_progress AND in_progress_expiration < :now_ms AND validation = :payload)",
            )
            .expression_attribute_names("#status", attributes::STATUS)
            .expression_attribute_values(":now_s", number(now.as_second()))
            .expression_attribute_values(":now_ms", number(now.as_millisecond()))
            .expression_attribute_values(":in_progress", text(IN_PROGRESS))
            .expression_attribute_values(":payload", text(payload))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let lease = Lease {
            id: id.to_owned(),
            owner: invocation.request_id.clone(),
        };
        let existing = match request.send().await {
            Ok(_) => return Ok(Claim::Acquired(lease)),
            Err(error) => Record::from_item(&item_in_the_way(error, "PutItem to the idempotency table")?),
        };
        Ok(match existing.status.as_deref() {
            // Before the status: the result of other work is of no use, whoever did it.
            _ if existing.validation.as_deref() != Some(payload) => Claim::OtherPayload,
            Some(COMPLETED) => Claim::Completed(existing.data),
            _ if existing.owner.as_deref() == Some(&invocation.request_id) => Claim::Acquired(lease),
            _ => Claim::InProgress,
        })
    }

    /// Marks the work as done, and keeps its result (JSON), unless that is larger than 64 KiB.
    ///
    /// # Errors
    ///
    /// [`CompleteError`]: the work is done and its record is not.
    pub async fn complete(&self, lease: &Lease, result: &str) -> Result<(), CompleteError> {
        // The work is done, whatever the size of its result: an item takes 400 KB at most.
        let kept = if result.len() <= MAX_RESULT_BYTES {
            result
        } else {
            "null"
        };
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(attributes::ID, text(&lease.id))
            .update_expression(
                "SET #status = :completed, expiration = :expiration, #data = :result REMOVE in_progress_expiration",
            )
            // Both are needed: a twin may have taken the record over, or have completed it.
            .condition_expression("#owner = :owner AND #status = :in_progress")
            .expression_attribute_names("#status", attributes::STATUS)
            .expression_attribute_names("#owner", attributes::OWNER)
            .expression_attribute_names("#data", attributes::DATA)
            .expression_attribute_values(":completed", text(COMPLETED))
            .expression_attribute_values(":in_progress", text(IN_PROGRESS))
            .expression_attribute_values(":owner", text(&lease.owner))
            .expression_attribute_values(":expiration", number(self.expiration(self.clock.now())))
            .expression_attribute_values(":result", text(kept))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let existing = match request.send().await {
            Ok(_) => return Ok(()),
            Err(error) => Record::from_item(&item_in_the_way(error, "UpdateItem of the idempotency table")?),
        };
        let is_ours = existing.owner.as_deref() == Some(&lease.owner);
        // The reply to our first request was lost, and the SDK sent it again.
        if is_ours && existing.status.as_deref() == Some(COMPLETED) {
            return Ok(());
        }
        Err(CompleteError::LeaseLost(lease.id.clone()))
    }

    /// Gives the record up, so that the next attempt need not wait for the end of the lease. A record that somebody
    /// else has taken over stays.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be written; the lease ends by itself then.
    pub async fn release(&self, lease: &Lease) -> Result<(), AwsError> {
        const CALL: &str = "DeleteItem of the idempotency table";
        let request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(attributes::ID, text(&lease.id))
            .condition_expression("#owner = :owner AND #status = :in_progress")
            .expression_attribute_names("#owner", attributes::OWNER)
            .expression_attribute_names("#status", attributes::STATUS)
            .expression_attribute_values(":owner", text(&lease.owner))
            .expression_attribute_values(":in_progress", text(IN_PROGRESS));
        condition_held(request.send().await, CALL).map(drop)
    }

    /// Reads the records of these ids that are there, by id.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when some of them are not known.
    pub async fn records(&self, ids: &BTreeSet<String>) -> Result<BTreeMap<String, Record>, AwsError> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let read = BatchGet::new(
            &self.client,
            &self.table,
            attributes::ID,
            "BatchGetItem of the idempotency table",
        );
        let items = read.read(&ids).await?;
        Ok(items
            .iter()
            .map(Record::from_item)
            .map(|record| (record.id.clone(), record))
            .collect())
    }

    fn expiration(&self, now: Timestamp) -> i64 {
        let retention = i64::try_from(self.retention.as_secs()).unwrap_or(i64::MAX);
        now.as_second().saturating_add(retention)
    }
}
