//! A record of the idempotency table, read back.

use jiff::Timestamp;
use serde::Serialize;

use super::attributes;
use crate::stores::item::{Item, number_of, text_of};

/// Gives the value of `status` while somebody works.
pub(super) const IN_PROGRESS: &str = "IN_PROGRESS";
/// Gives the value of `status` once the work is done.
pub(super) const COMPLETED: &str = "COMPLETED";

/// Describes a record as the table has it. Somebody else may have written it, so anything but the id may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Says what was done, and for which event: the table's key.
    pub id: String,
    /// Gives the hash of the payload that it was done for, so that another event under the same id is noticed.
    pub validation: Option<String>,
    /// Holds the JSON that the work gave back, at most 64 KiB; `None` before the work is done.
    pub data: Option<String>,
    /// Tells when the lease of one that is in progress ends.
    pub leased_until: Option<Timestamp>,
    /// Gives the time after which the record counts for nothing, and `DynamoDB` may delete it.
    pub kept_until: Option<Timestamp>,
    pub(super) status: Option<String>,
    pub(super) owner: Option<String>,
}

/// Says how far the work of a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordState {
    /// The work was done, and its result is in the record.
    Completed,
    /// An invocation works on it, whose lease has not ended.
    InProgress,
    /// Whoever was at it was stopped before it came to its end.
    Abandoned,
    /// The record's time is over, so that it says nothing any more.
    Expired,
    /// The record is not one of ours.
    Unusable,
}

impl Record {
    pub(super) fn from_item(item: &Item) -> Self {
        let own = |name| text_of(item, name).map(str::to_owned);
        Self {
            // A condition that did not hold because there is no record gives an empty item.
            id: own(attributes::ID).unwrap_or_default(),
            validation: own(attributes::VALIDATION),
            data: own(attributes::DATA),
            leased_until: number_of(item, attributes::IN_PROGRESS_EXPIRATION)
                .and_then(|at| Timestamp::from_millisecond(at).ok()),
            kept_until: number_of(item, attributes::EXPIRATION)
                .and_then(|at| Timestamp::from_second(at).ok()),
            status: own(attributes::STATUS),
            owner: own(attributes::OWNER),
        }
    }

    /// Tells how far the work is. `DynamoDB` deletes records days after they have expired, so the time counts and not
    /// whether the record is there.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> RecordState {
        match self.status.as_deref() {
            // First, because an expired record says nothing, whatever its status is.
            _ if self.kept_until.is_some_and(|until| until < now) => RecordState::Expired,
            Some(COMPLETED) => RecordState::Completed,
            Some(IN_PROGRESS) if self.leased_until.is_some_and(|until| until >= now) => {
                RecordState::InProgress
            }
            Some(IN_PROGRESS) => RecordState::Abandoned,
            _ => RecordState::Unusable,
        }
    }
}
