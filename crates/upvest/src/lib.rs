//! Upvest webhook events, categories, entity keys and signatures.
//!
//! This crate is pure: it takes bytes and the time as arguments and does no I/O. What Upvest sends, and why the
//! code accepts or refuses it, is described where the types are.
//!
//! A delivery passes through it in this order:
//!
//! 1. [`signature`] proves the body, and [`delivery`] splits it into events;
//! 2. [`category`] says to which domain an event belongs, [`entity_key`] to which entity; [`identity`] tells a duplicate
//!    from a conflict, and [`placement`] gives the event its place among those of its entity, once and for all;
//! 3. [`batch`] folds the events of an entity into its state, which is a [`projection`], and [`effects`] decides what is
//!    to be done about each.

pub mod addresses;
pub mod batch;
pub mod category;
pub mod decimal;
pub mod delivery;
pub mod effects;
pub mod entity_key;
pub mod event;
pub mod identity;
mod json;
pub mod occurred;
pub mod packing;
pub mod placement;
pub mod projection;
pub mod signature;
pub mod subscription;
pub mod synthetic;
pub mod time;

pub use category::{Category, Domain};
pub use delivery::split;
pub use entity_key::EntityKey;
pub use event::Event;
pub use identity::Identity;
pub use occurred::Occurred;
pub use placement::{Placement, Receipt, TimeSource};
pub use projection::Projection;
