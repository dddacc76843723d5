//! The commands.

pub(crate) mod archive;
pub(crate) mod audit;
pub(crate) mod cost;
pub(crate) mod dlq;
pub(crate) mod doctor;
pub(crate) mod entities;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod keys;
pub(crate) mod quarantine;
pub(crate) mod reconcile;
pub(crate) mod replay;
pub(crate) mod send;
pub(crate) mod spec;
pub(crate) mod tail;
pub(crate) mod webhooks;
