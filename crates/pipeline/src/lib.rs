//! The AWS edges of the receiver: queues, tables, archive, batch responses, metrics and configuration.
//!
//! Adapters are concrete structs around real SDK clients; nothing here decides what an event means (that is
//! [`upvest`]) and nothing here knows which function runs it (those are the crates under `functions/`).

pub mod action;
pub mod archive;
pub mod audit;
pub mod aws;
pub mod batch;
pub mod carry;
pub mod clock;
pub mod config;
pub mod deliveries;
pub mod entities;
pub mod envelope;
pub mod error;
pub mod events;
pub mod idempotency;
pub mod key_refresh;
pub mod key_requests;
pub mod keys;
pub mod log;
pub mod metric;
pub mod processor;
pub mod publish;
pub mod routing;
pub mod trace;
pub mod upvest_api;
pub mod verification;
