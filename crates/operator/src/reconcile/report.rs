//! What differs, and what the stack was told about it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use upvest::category::Category;
use upvest_api::Fetched;
use uuid::Uuid;

use super::compare::Kind;

/// Says what differs between the stack and Upvest, and what the stack was told about it.
#[derive(Debug, Serialize)]
pub struct Reconciliation {
    /// Whether nothing was to be done but to compare.
    pub dry_run: bool,
    /// What each category came to.
    pub categories: Vec<CategoryReport>,
    /// Every difference, by category.
    pub differences: Vec<Difference>,
    /// What was told; null when nothing was.
    pub repair: Option<RepairReport>,
}

/// Counts what differs in one category.
#[derive(Debug, Serialize)]
pub struct CategoryReport {
    /// The name of the category.
    pub category: &'static str,
    /// The domain that it belongs to.
    pub domain: &'static str,
    /// Why Upvest's API does not give its objects out; null where it does.
    pub unreadable: Option<&'static str>,
    /// Objects at Upvest, and entities that are here alone.
    pub compared: usize,
    /// Objects that Upvest alone has.
    pub missing: usize,
    /// Objects of which Upvest has a newer version.
    pub stale: usize,
    /// Objects of one version with other content.
    pub diverged: usize,
    /// Entities that the stack alone has.
    pub extra: usize,
    /// Differences that are too young to be one.
    pub recent: usize,
    /// Objects that name no entity, or are too large for the table.
    pub unusable: usize,
    /// Why not all was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Names one object that differs, and how.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// The entity, as TYPE#ID.
    pub entity: String,
    /// The category of the object.
    pub category: &'static str,
    /// The id of the object at Upvest.
    pub id: String,
    /// How it differs.
    pub kind: Kind,
    /// The fields that differ, without their values: they may be personal.
    pub fields: Vec<String>,
    /// Our status.
    pub ours: Option<String>,
    /// Upvest's status.
    pub theirs: Option<String>,
    /// The type of the event that would tell it, and the object.
    #[serde(skip)]
    pub repair: Option<(String, Fetched)>,
}

/// Counts what the stack was told, and what it answered.
#[derive(Debug, Serialize)]
pub struct RepairReport {
    /// The operation in the audit table.
    pub operation: Uuid,
    /// How many events were delivered.
    pub told: usize,
    /// How many of them were answered with 200.
    pub accepted: usize,
    /// How often the stack answered what.
    pub answers: BTreeMap<String, usize>,
}

impl CategoryReport {
    /// Begins the counts of a category at zero.
    pub(super) fn new(category: &Category) -> Self {
        Self {
            category: category.name,
            domain: category.domain.name(),
            unreadable: None,
            compared: 0,
            missing: 0,
            stale: 0,
            diverged: 0,
            extra: 0,
            recent: 0,
            unusable: 0,
            error: None,
        }
    }

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
