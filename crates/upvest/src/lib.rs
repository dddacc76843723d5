//! Upvest webhook events, categories, entity keys and signatures.
//!
//! This crate is pure: it takes bytes and the time as arguments and does no I/O. What Upvest sends, and why the
//! code accepts or refuses it, is described where the types are.
//!
//! A delivery passes through it in this order: [`signature`] proves the body, [`delivery`] splits it into events,
//! [`category`] says to which entity and domain an event belongs, [`projection`] folds it into that entity's state.

pub mod category;
pub mod decimal;
pub mod delivery;
pub mod entity_key;
pub mod event;
pub mod identity;
mod json;
pub mod occurred;
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
pub use placement::{Placement, Receipt};
pub use projection::Projection;
