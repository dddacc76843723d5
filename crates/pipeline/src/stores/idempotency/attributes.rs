//! The names of a record's attributes, as the idempotency table has them: for this room, and for whoever looks at a record as it is.

/// Names the table's key: what was done, and for which event.
pub const ID: &str = "id";
/// Tells how far the work is.
pub const STATUS: &str = "status";
/// Names the invocation that claimed the record.
pub const OWNER: &str = "owner";
/// Names the end of the lease, in milliseconds since 1970.
pub const IN_PROGRESS_EXPIRATION: &str = "in_progress_expiration";
/// Names the end of the record, in seconds since 1970: `DynamoDB` may delete it then.
pub const EXPIRATION: &str = "expiration";
/// Names the hash of the payload that the work was done for.
pub const VALIDATION: &str = "validation";
/// Holds the result of the work, as JSON text.
pub const DATA: &str = "data";
/// Names the SQS message of a record of attempts.
pub const MESSAGE: &str = "message";
/// Names the count of a record of attempts.
pub const ATTEMPTS: &str = "attempts";
