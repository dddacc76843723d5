//! Arguments that several commands share, and the plain values that operations take in their place.

pub(crate) mod candidates;
mod choices;
mod consent;
pub(crate) mod ids;
mod names;
mod repair;
mod site;
mod stack;
mod time;
mod upvest;

pub(crate) use choices::{OneOf, by_name, environment};
pub(crate) use consent::ConsentArgs;
pub(crate) use names::{domain, entity, event_type};
pub(crate) use repair::{RepairArgs, rate};
pub(crate) use site::Site;
pub(crate) use stack::StackArgs;
pub(crate) use time::length_of_time;
pub(crate) use upvest::UpvestArgs;
