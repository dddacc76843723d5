//! The names of the attributes that a message carries, whichever queue it is in.

/// Says why a message is in a dead-letter queue.
pub const REASON: &str = "reason";
