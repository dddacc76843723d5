//! The AWS edges of the receiver: tables and buckets, queues, the processors' common part, and what a function runs on.
//!
//! | Room | Holds |
//! |---|---|
//! | [`stores`] | one module per table and bucket: item format, keys, conditions and reads; nobody else knows an attribute's name |
//! | [`envelope`] | a delivery as it travels, how bytes and attributes are written into a message: stores and queues are above it |
//! | [`queues`] | what is sent through SQS, and how batches are consumed, with all waits |
//! | [`processor`] | what all domain processors have in common: fold, act, publish |
//! | [`actions`] | what the user's own code implements |
//! | [`runtime`] | AWS clients, configuration, clock, log, metrics, traces |
//! | [`verification`], [`key_refresh`], [`upvest_access`] | finding a delivery's key, fetching keys, the API client of a function |
//! | [`policy`] | what is done about what is doubtful: flag, or refuse |
//! | [`environment`] | which of Upvest's environments a stack receives from |
//! | [`sending_on`] | sending deliveries on that waited in quarantine for their key |
//!
//! Adapters are concrete structs around real SDK clients; nothing here decides what an event means (that is
//! [`upvest`]) and nothing here knows which function runs it (those are the crates under `functions/`).

pub mod actions;
pub mod envelope;
pub mod environment;
pub mod error;
pub mod key_refresh;
pub mod policy;
pub mod processor;
pub mod queues;
pub mod runtime;
pub mod sending_on;
pub mod stores;
pub mod upvest_access;
pub mod verification;
