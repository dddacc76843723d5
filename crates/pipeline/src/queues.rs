//! What travels through the queues, how it is encoded, and how Lambda's batches are consumed.

pub mod consumer;
pub mod deliveries;
pub mod domains;
pub mod encoding;
pub mod envelope;
pub mod key_requests;
