//! What the stack has of entities beside what Upvest's API says, and events for what no event told.

mod compare;
mod comparison;
mod event;
mod object;
mod ours;
mod reader;
mod repair;
mod report;

pub use compare::Kind;
pub use comparison::{Scope, compare};
pub use repair::repair;
pub use report::{CategoryReport, Difference, Reconciliation, RepairReport};
