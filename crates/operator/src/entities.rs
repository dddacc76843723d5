//! The current state of what events are about.

mod show;
mod verify;

pub use show::{EntityReport, EventReference, PartReport, StatusReport, show};
pub use verify::{Finding, Problem, Verified, verify_all, verify_domains};
