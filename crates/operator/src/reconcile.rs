//! What the stack has of entities beside what Upvest's API says, and events for what no event told.

mod compare;
mod difference;
mod event;
mod object;
mod ours;
mod reader;
mod repair;
mod report;

pub use compare::{Scope, compare};
pub use difference::Kind;
pub use repair::repair;
pub use report::{CategoryReport, Difference, Reconciliation, RepairReport};
