//! The names of the attributes that our messages carry, but for those of events alone, which
//! [`queues::domains`](crate::queues::domains) has: for whoever writes a message, and for whoever reads one as it is.

/// Names the delivery that the message is, or that brought its event.
pub const DELIVERY_ID: &str = "delivery_id";
/// Says when the delivery was received, by ingest's clock (RFC 3339).
pub const RECEIVED_AT: &str = "received_at";
/// Says when SQS took a delivery whose [`RECEIVED_AT`] is not believed.
pub const JUDGED_AT: &str = "judged_at";
/// Holds what a delivery was beside its body, as JSON: the [`Request`](super::Request).
pub const REQUEST: &str = "request";
/// Names the [`Encoding`](super::encoding::Encoding) of the body; a message without it has its body verbatim.
pub const ENCODING: &str = "encoding";
/// Says where in quarantine the delivery waited for its key.
pub const WAITED_AT: &str = "waited_at";
/// Marks a delivery that may lie under `pending/` though it is received for the first time: a person sent it again.
pub const MAY_BE_PENDING: &str = "pending";
/// Says why a message is in a dead-letter queue.
pub const REASON: &str = "reason";
