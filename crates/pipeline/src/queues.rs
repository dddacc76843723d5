//! What is sent through the queues, and how Lambda's batches are consumed.

pub mod consumer;
pub mod dead_letters;
pub mod deliveries;
pub mod domains;
pub mod key_requests;
