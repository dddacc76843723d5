//! Signed deliveries on their way to a receiver.

mod load;
mod payload;
mod plan;
mod signing;
mod summary;
mod target;

pub(crate) use load::{Answer, Load, Pace};
pub(crate) use payload::{Payload, PayloadError, Source, events_for};
pub(crate) use plan::{Order, Slot, plan};
pub(crate) use signing::{Fault, Signer};
pub(crate) use summary::Summary;
pub(crate) use target::{Target, TargetError};
