//! The current state of what events are about.

mod list;
mod rebuild;
mod show;
mod verify;

use upvest::category::CATEGORIES;
use upvest::{Domain, EntityKey};

pub use list::{EntityList, ListedEntity, Query, list};
pub use rebuild::{RebuildReport, Rebuilding, Rebuilt, Which, rebuild};
pub use show::{EntityReport, EventReference, PartReport, StatusReport, show};
pub use verify::{Finding, Problem, Verified, verify_all, verify_domains};

/// Finds the domain that entities of this type belong to: any row of the type tells it.
fn domain_of(entity: &EntityKey) -> Domain {
    let row = CATEGORIES.iter().find(|row| row.entity == entity.entity_type());
    row.map_or(Domain::Unrecognised, |row| row.domain)
}
