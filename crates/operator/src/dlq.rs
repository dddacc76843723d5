//! Shows what could not be processed, sends it back, and discards it.

mod discard;
mod filter;
mod folder;
mod list;
mod message;
mod pending;
mod queue;
mod redrive;
mod show;
mod sweep;
mod waiting;

pub use discard::{Discard, DiscardResult, Discarded, discard};
pub use filter::{Filter, Selection};
pub use list::{List, list};
pub use message::About;
pub use pending::{PendingList, Resent, pending, resend};
pub use queue::QueueCounts;
pub use redrive::{QueueRedriven, RedriveReport, Redriven, redrive};
pub use show::{Shown, show};
pub(crate) use waiting::{Waiting, WaitingEvent};
