//! Reports what differs between the stack and Upvest, and what the stack was told about it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use upvest_api::Fetched;
use uuid::Uuid;

use super::difference::Kind;

/// Says what differs between the stack and Upvest, and what the stack was told about it.
#[derive(Debug, Default, Serialize)]
pub struct Reconciliation {
    /// Tells whether nothing was to be done but to compare.
    pub dry_run: bool,
    /// Counts what was found, with one report for each category that was looked at.
    pub categories: Vec<CategoryReport>,
    /// Lists every difference in the order in which it was found, one category after another.
    pub differences: Vec<Difference>,
    /// Reports what was told to the receiver; null when nothing was.
    pub repair: Option<RepairReport>,
}

/// Counts what differs in one category.
#[derive(Debug, Default, Serialize)]
pub struct CategoryReport {
    /// Names the category, which begins the types of its events, like `ORDER`.
    pub category: &'static str,
    /// Names the domain whose processor takes the category's events.
    pub domain: &'static str,
    /// Says why Upvest's API does not give its objects out; null where it does.
    pub unreadable: Option<&'static str>,
    /// Counts the objects at Upvest, and entities that are here alone.
    pub compared: usize,
    /// Counts objects that Upvest has and the stack does not.
    pub missing: usize,
    /// Counts objects of which Upvest has a newer version than the stack.
    pub stale: usize,
    /// Counts objects whose content differs although neither side is known to be newer.
    pub diverged: usize,
    /// Counts entities that the stack has and Upvest does not.
    pub extra: usize,
    /// Counts differences younger than the grace time: their event may still be on its way.
    pub recent: usize,
    /// Counts objects that name no entity, or are too large for the table.
    pub unusable: usize,
    /// Says why Upvest refused to give out the category; `None` when all of it was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Names one object that differs, and how.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// Names the entity that holds the object, as TYPE#ID.
    pub entity: String,
    /// Names the object's own category, which differs from the entity's for a part within it.
    pub category: &'static str,
    /// Gives the id of the object at Upvest.
    pub id: String,
    /// Says which side lacks the object, or is behind.
    pub kind: Kind,
    /// Lists the fields that differ, without their values: they may be personal.
    pub fields: Vec<String>,
    /// Gives the status in the stack; `None` when the object is missing, or has no status.
    pub ours: Option<String>,
    /// Gives the status at Upvest; `None` when Upvest does not have the object, or it has no status.
    pub theirs: Option<String>,
    /// Holds the type of the event that would tell it, and the object.
    #[serde(skip)]
    pub repair: Option<(String, Fetched)>,
}

/// Counts what the stack was told, and what it answered.
#[derive(Debug, Serialize)]
pub struct RepairReport {
    /// Names the operation in the audit table that records the repair.
    pub operation: Uuid,
    /// Counts the events that were delivered to tell the stack.
    pub told: usize,
    /// Counts those that the receiver took, which are the ones answered with 200.
    pub accepted: usize,
    /// Counts the answers by HTTP status, or by how the request failed.
    pub answers: BTreeMap<String, usize>,
}

impl CategoryReport {
    /// Gives the counter of a kind of difference.
    pub(super) fn count(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Missing => &mut self.missing,
            Kind::Stale => &mut self.stale,
            Kind::Diverged => &mut self.diverged,
            Kind::Extra => &mut self.extra,
        }
    }
}

impl Reconciliation {
    /// Counts the differences that an event could end.
    #[must_use]
    pub fn repairable(&self) -> usize {
        self.repairs().count()
    }

    /// Lists what an event could tell: its type and object.
    pub(super) fn repairs(&self) -> impl Iterator<Item = &(String, Fetched)> {
        self.differences
            .iter()
            .filter_map(|difference| difference.repair.as_ref())
    }

    /// Counts the differences by kind, for the audit table.
    pub(super) fn counts(&self) -> Value {
        let sum = |count: fn(&CategoryReport) -> usize| self.categories.iter().map(count).sum::<usize>();
        json!({
            "missing": sum(|report| report.missing),
            "stale": sum(|report| report.stale),
            "diverged": sum(|report| report.diverged),
            "extra": sum(|report| report.extra),
        })
    }
}
