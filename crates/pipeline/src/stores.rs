//! One room for each table and bucket. The item format, the keys, the conditions and the reads of a store are known in
//! its module and nowhere else.

pub mod archive;
pub mod audit;
mod batch_get;
mod body;
pub mod entities;
pub mod events;
pub mod idempotency;
mod item;
pub mod keys;
mod object;
pub mod pending;
pub mod restoring;
pub mod subscriptions;
