//! Ids of our own making.

use jiff::Timestamp;
use uuid::Uuid;

/// Makes the id of what begins at this time, a delivery or an operation: a version 7 UUID, so that ids sort by time.
#[must_use]
pub fn id_at(at: Timestamp) -> Uuid {
    // These UUIDs know no time before 1970, which a clock shows that was never set.
    let at = at.max(Timestamp::UNIX_EPOCH);
    let nanoseconds =
        u32::try_from(at.subsec_nanosecond()).expect("a time from 1970 on has no negative part");
    let seconds = u64::try_from(at.as_second()).expect("a time from 1970 on is not negative");
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds))
}
