//! The commands.

pub(crate) mod audit;
pub(crate) mod dlq;
pub(crate) mod entities;
pub(crate) mod events;
pub(crate) mod keys;
pub(crate) mod quarantine;
pub(crate) mod send;
pub(crate) mod webhooks;
