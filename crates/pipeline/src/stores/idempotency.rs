//! The idempotency table: which action ran for which event.
//!
//! A record passes through `IN_PROGRESS` to `COMPLETED`. Who claims it owns it until the lease ends, which is when
//! Lambda ends the invocation; only the owner can complete or release it, so that a slow twin, whose lease somebody else
//! has taken over, cannot.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;

use crate::error::AwsError;
use crate::runtime::clock::Clock;

/// The largest result that is kept, in bytes. A larger one is left out.
const MAX_RESULT_BYTES: usize = 64 * 1024;

/// The value of `status` while somebody works.
const IN_PROGRESS: &str = "IN_PROGRESS";
/// The value of `status` once it is done.
const COMPLETED: &str = "COMPLETED";

type Item = HashMap<String, AttributeValue>;

/// The records of the actions that ran.
#[derive(Debug, Clone)]
pub struct Idempotency {
    client: Client,
    table: String,
    clock: Clock,
    retention: Duration,
}

/// Who works, and until when at most: an invocation of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Its request id, no two alike: the owner token of what it claims.
    pub request_id: String,
    /// When Lambda ends it: the end of its leases.
    pub deadline: Timestamp,
}

/// A record that is ours until the invocation's deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    id: String,
    owner: String,
}

/// What a claim led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The record is ours: do the work, then complete or release it.
    Acquired(Lease),
    /// The work was done before, with this result.
    Completed(Option<String>),
    /// Somebody else is at it.
    InProgress,
    /// The record is of another payload under the same id.
    OtherPayload,
}

/// Why a record could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    /// The table could not be written.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The lease had ended, and somebody else has taken the record over.
    #[error("lost the lease of idempotency record {0}")]
    LeaseLost(String),
}

impl Idempotency {
    /// The records in the table `table`, which are kept for `retention` after they were written last.
    #[must_use]
    pub fn new(client: Client, table: String, clock: Clock, retention: Duration) -> Self {
        Self {
            client,
            table,
            clock,
            retention,
        }
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
            .item("id", text(id))
            .item("status", text(IN_PROGRESS))
            .item("owner", text(&invocation.request_id))
            .item(
                "in_progress_expiration",
                number(invocation.deadline.as_millisecond()),
            )
            .item("expiration", number(self.expiration(now)))
            .item("validation", text(payload))
            .condition_expression(
                "attribute_not_exists(id) OR expiration < :now_s \
                 OR (#status = :in_progress AND in_progress_expiration < :now_ms AND validation = :payload)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":now_s", number(now.as_second()))
            .expression_attribute_values(":now_ms", number(now.as_millisecond()))
            .expression_attribute_values(":in_progress", text(IN_PROGRESS))
            .expression_attribute_values(":payload", text(payload))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let lease = Lease {
            id: id.to_owned(),
            owner: invocation.request_id.clone(),
        };
        let there = match request.send().await {
            Ok(_) => return Ok(Claim::Acquired(lease)),
            Err(error) => refused(error, "PutItem to the idempotency table")?,
        };
        Ok(match there.status.as_deref() {
            _ if there.validation.as_deref() != Some(payload) => Claim::OtherPayload,
            Some(COMPLETED) => Claim::Completed(there.data),
            _ if there.owner.as_deref() == Some(&invocation.request_id) => Claim::Acquired(lease),
            _ => Claim::InProgress,
        })
    }

    /// Marks the work as done, and keeps its result (JSON), unless that is larger than 64 KiB.
    ///
    /// # Errors
    ///
    /// [`CompleteError`]: the work is done and its record is not.
    pub async fn complete(&self, lease: &Lease, result: &str) -> Result<(), CompleteError> {
        let kept = if result.len() <= MAX_RESULT_BYTES {
            result
        } else {
            "null"
        };
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", text(&lease.id))
            .update_expression(
                "SET #status = :completed, expiration = :expiration, #data = :result REMOVE in_progress_expiration",
            )
            .condition_expression("#owner = :owner AND #status = :in_progress")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#data", "data")
            .expression_attribute_values(":completed", text(COMPLETED))
            .expression_attribute_values(":in_progress", text(IN_PROGRESS))
            .expression_attribute_values(":owner", text(&lease.owner))
            .expression_attribute_values(":expiration", number(self.expiration(self.clock.now())))
            .expression_attribute_values(":result", text(kept))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let there = match request.send().await {
            Ok(_) => return Ok(()),
            Err(error) => refused(error, "UpdateItem of the idempotency table")?,
        };
        let ours = there.owner.as_deref() == Some(&lease.owner);
        // The reply to our first request was lost, and the SDK repeated it.
        if ours && there.status.as_deref() == Some(COMPLETED) {
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
            .key("id", text(&lease.id))
            .condition_expression("#owner = :owner AND #status = :in_progress")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":owner", text(&lease.owner))
            .expression_attribute_values(":in_progress", text(IN_PROGRESS))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => refused(error, CALL).map(|_| ()),
        }
    }

    fn expiration(&self, now: Timestamp) -> i64 {
        let retention = i64::try_from(self.retention.as_secs()).unwrap_or(i64::MAX);
        now.as_second().saturating_add(retention)
    }
}

/// A record that stood in the way of a write.
#[derive(Debug, Default)]
struct There {
    status: Option<String>,
    owner: Option<String>,
    validation: Option<String>,
    data: Option<String>,
}

/// The record on which a condition failed; any other failure is an error.
fn refused<E, R>(
    error: aws_sdk_dynamodb::error::SdkError<E, R>,
    call: &'static str,
) -> Result<There, AwsError>
where
    E: ConditionFailure + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match error.as_service_error().and_then(ConditionFailure::item) {
        Some(item) => {
            let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
            Ok(There {
                status: text("status"),
                owner: text("owner"),
                validation: text("validation"),
                data: text("data"),
            })
        }
        None => Err(AwsError::of(call)(error)),
    }
}

/// The item in the way, of an error that says that a condition failed.
trait ConditionFailure {
    fn item(&self) -> Option<Item>;
}

macro_rules! condition_failure {
    ($($error:path),*) => {$(
        impl ConditionFailure for $error {
            fn item(&self) -> Option<Item> {
                match self {
                    Self::ConditionalCheckFailedException(failure) => Some(failure.item().cloned().unwrap_or_default()),
                    _ => None,
                }
            }
        }
    )*};
}

condition_failure!(
    aws_sdk_dynamodb::operation::put_item::PutItemError,
    aws_sdk_dynamodb::operation::update_item::UpdateItemError,
    aws_sdk_dynamodb::operation::delete_item::DeleteItemError
);

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
