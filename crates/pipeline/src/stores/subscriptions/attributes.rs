//! The names of a row's attributes, as the subscriptions table has them: for this room, and for whoever looks at a row as it is.

/// Names the table's key: the subscription's id at Upvest.
pub const WEBHOOK_ID: &str = "webhook_id";
/// Tells whether the subscription is ours.
pub const OURS: &str = "ours";
/// Tells when the row was written (RFC 3339).
pub const FIRST_SEEN: &str = "first_seen";
/// Tells when the stack left the subscription at Upvest (RFC 3339).
pub const OUTLIVED_AT: &str = "outlived_at";
