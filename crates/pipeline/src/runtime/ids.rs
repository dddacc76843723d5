//! Ids of our own making.

use jiff::Timestamp;
use uuid::Uuid;

/// Makes the id of what begins at this time, a delivery or an operation: a version 7 UUID, so that ids sort by time.
#[must_use]
pub fn id_at(at: Timestamp) -> Uuid {
    let nanoseconds = u32::try_from(at.subsec_nanosecond()).unwrap_or_default();
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds))
}
