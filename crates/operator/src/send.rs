//! Signed deliveries, made by the operator: the one signer and sender behind `send`, `reconcile --repair` and the probe
//! of `doctor`.

mod accepted;
mod load;
mod payload;
mod plan;
mod shipment;
mod signing;
mod summary;
mod target;

pub(crate) use accepted::Accepted;
pub use load::{Answer, Load, Outcome, Pace};
pub use payload::{Payload, Source, events_for};
pub use plan::{Order, Slot, plan};
pub use shipment::Shipment;
pub use signing::{Fault, Signed, Signer};
pub use summary::{Latency, Sent, Summary};
pub use target::Target;
