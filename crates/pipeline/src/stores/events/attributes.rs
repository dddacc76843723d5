//! The names of an item's attributes, as the events table has them: for this room, and for whoever looks at an item as it is.

/// Names the table's key: the event's id, or the [`conflict_key`](super::conflict_key) of one that conflicts.
pub const EVENT_ID: &str = "event_id";
/// Tells what the event is, for example `ORDER.FILLED`.
pub const EVENT_TYPE: &str = "type";
/// Names the entity in whose time line it is: the key of the index `by-aggregate`.
pub const AGGREGATE: &str = "aggregate";
/// Names its place among the events of the entity: the sort key of that index.
pub const OCCURRED: &str = "occurred";
/// Tells where its time comes from, where that is not its own.
pub const TIME_FLAG: &str = "time_flag";
/// Names the delivery that brought it first.
pub const DELIVERY_ID: &str = "delivery_id";
/// Names the time at which that was received (RFC 3339).
pub const RECEIVED_AT: &str = "received_at";
/// Holds its identity, in hexadecimal: a hash of what it says, by which a duplicate is told from a conflict.
pub const SHA256: &str = "sha256";
/// Holds the member `object` of the event, verbatim, unless it is too large for an item.
pub const OBJECT: &str = "object";
/// Tells where the archive has one whose object is too large for an item.
pub const ARCHIVED_AT: &str = "archived_at";
