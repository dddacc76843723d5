//! The commands.

pub(crate) mod doctor;
pub(crate) mod entities;
pub(crate) mod events;
pub(crate) mod keys;
pub(crate) mod reconcile;
pub(crate) mod send;
pub(crate) mod webhooks;
