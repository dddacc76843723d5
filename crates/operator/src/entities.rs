//! The current state of what events are about.

mod rebuild;
mod show;
mod verify;

pub use rebuild::{RebuildReport, Rebuilding, Rebuilt, Which, rebuild};
pub use show::{EntityReport, EventReference, PartReport, StatusReport, UserEntities, of_user, show};
pub use verify::{Finding, Problem, Verified, verify_all, verify_domains};
