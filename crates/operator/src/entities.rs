//! The current state of what events are about.

mod list;
mod rebuild;
mod show;
mod verify;

pub use list::{EntityList, ListedEntity, Query, list};
pub use rebuild::{RebuildReport, Rebuilding, Rebuilt, Which, rebuild};
pub use show::{EntityReport, EventReference, PartReport, StatusReport, show};
pub use verify::{Finding, Problem, Verified, verify_all, verify_domains};
