//! What differs, and what was told about it.

use std::collections::BTreeMap;

use serde::Serialize;
use upvest::category::Category;
use upvest_api::Fetched;
use uuid::Uuid;

use super::arguments::Arguments;
use super::compare::Kind;
use super::examination::Examination;
use crate::output::{self, Report};

/// The most differences that are listed for people.
const MOST_LISTED: usize = 100;

/// The result of `reconcile`.
#[derive(Debug, Serialize)]
pub(crate) struct ReconcileReport {
    dry_run: bool,
    categories: Vec<CategoryReport>,
    differences: Vec<Difference>,
    /// What was told; null when nothing was.
    pub(super) repair: Option<RepairReport>,
}

/// What a category came to.
#[derive(Debug, Serialize)]
pub(super) struct CategoryReport {
    pub(super) category: &'static str,
    domain: &'static str,
    /// Why Upvest's API does not give its objects out; null where it does.
    pub(super) unreadable: Option<&'static str>,
    /// Objects at Upvest, and entities that are here alone.
    pub(super) compared: usize,
    missing: usize,
    stale: usize,
    diverged: usize,
    extra: usize,
    /// Differences that are too young to be one.
    pub(super) recent: usize,
    /// Objects that name no entity, or are too large for the table.
    pub(super) unusable: usize,
    /// Why not all was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// One difference.
#[derive(Debug, Serialize)]
pub(super) struct Difference {
    pub(super) entity: String,
    pub(super) category: &'static str,
    pub(super) id: String,
    pub(super) kind: Kind,
    /// The fields that differ, without their values: they may be personal.
    pub(super) fields: Vec<String>,
    /// Our status.
    pub(super) ours: Option<String>,
    /// Upvest's status.
    pub(super) theirs: Option<String>,
    /// The type of the event that would tell it, and the object.
    #[serde(skip)]
    pub(super) repair: Option<(String, Fetched)>,
}

/// What a repair came to.
#[derive(Debug, Serialize)]
pub(super) struct RepairReport {
    pub(super) operation: Uuid,
    pub(super) told: usize,
    pub(super) accepted: usize,
    /// How often the stack answered what.
    pub(super) answers: BTreeMap<String, usize>,
}

impl CategoryReport {
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

    pub(super) fn count(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Missing => &mut self.missing,
            Kind::Stale => &mut self.stale,
            Kind::Diverged => &mut self.diverged,
            Kind::Extra => &mut self.extra,
        }
    }

    /// What is to be known beside the counts.
    fn note(&self) -> String {
        match (&self.error, self.unreadable, self.unusable) {
            (Some(error), ..) => error.clone(),
            (None, Some(why), _) => format!("not readable at Upvest: {why}"),
            (None, None, 0) => String::new(),
            (None, None, unusable) => format!("{unusable} could not be compared"),
        }
    }
}

impl ReconcileReport {
    pub(super) fn of(examination: Examination<'_>, arguments: &Arguments) -> Self {
        Self {
            dry_run: !arguments.repairs(),
            categories: examination.categories,
            differences: examination.differences,
            repair: None,
        }
    }

    /// How many differences an event could end.
    pub(super) fn repairable(&self) -> usize {
        self.repairs().count()
    }

    /// What an event could tell: its type and object.
    pub(super) fn repairs(&self) -> impl Iterator<Item = &(String, Fetched)> {
        self.differences
            .iter()
            .filter_map(|difference| difference.repair.as_ref())
    }

    /// How many differences there are, by kind.
    pub(super) fn counts(&self) -> serde_json::Value {
        let sum = |count: fn(&CategoryReport) -> usize| self.categories.iter().map(count).sum::<usize>();
        serde_json::json!({
            "missing": sum(|report| report.missing),
            "stale": sum(|report| report.stale),
            "diverged": sum(|report| report.diverged),
            "extra": sum(|report| report.extra),
        })
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::Diverged => "diverged",
            Self::Extra => "extra",
        }
    }
}

impl Report for ReconcileReport {
    fn text(&self) -> String {
        let mut table = output::table([
            "category", "compared", "missing", "stale", "diverged", "extra", "recent", "note",
        ]);
        for report in &self.categories {
            let counts = [
                report.compared,
                report.missing,
                report.stale,
                report.diverged,
                report.extra,
                report.recent,
            ];
            let counts = counts.map(|count| {
                if report.unreadable.is_none() {
                    count.to_string()
                } else {
                    String::new()
                }
            });
            let [compared, missing, stale, diverged, extra, recent] = counts;
            let note = report.note();
            let category = report.category.to_owned();
            table.add_row([category, compared, missing, stale, diverged, extra, recent, note]);
        }
        let mut text = format!("{table}\n");
        if !self.differences.is_empty() {
            text.push_str(&format!("\n{}\n", self.listed()));
        }
        let more = self.differences.len().saturating_sub(MOST_LISTED);
        if more > 0 {
            text.push_str(&format!("and {more} more: --json shows all\n"));
        }
        text.push_str(&match &self.repair {
            Some(RepairReport {
                operation,
                told,
                accepted,
                answers,
            }) => {
                let answers = answers.iter().map(|(answer, count)| format!("{count} × {answer}"));
                format!(
                    "\n{accepted} of {told} events accepted (operation {operation}); answers: {}; run it again, once they are \
                     processed, to see that nothing differs",
                    answers.collect::<Vec<_>>().join(", ")
                )
            }
            None if self.repairable() > 0 => {
                format!("\n{} of them could be told with --repair; nothing was", self.repairable())
            }
            None => String::new(),
        });
        text
    }

    fn succeeded(&self) -> bool {
        let is_complete = self.categories.iter().all(|report| report.error.is_none());
        let accepted = self.repair.as_ref().map_or(0, |repair| repair.accepted);
        is_complete && self.differences.len() == accepted
    }
}

impl ReconcileReport {
    fn listed(&self) -> String {
        let mut table = output::table(["entity", "object", "kind", "here", "at Upvest", "fields", "event"]);
        for difference in self.differences.iter().take(MOST_LISTED) {
            let object = format!("{} {}", difference.category, difference.id);
            let object = object.trim_end();
            let event = difference
                .repair
                .as_ref()
                .map(|(event_type, _)| event_type.as_str());
            table.add_row([
                difference.entity.as_str(),
                object,
                difference.kind.name(),
                difference.ours.as_deref().unwrap_or_default(),
                difference.theirs.as_deref().unwrap_or_default(),
                &difference.fields.join(", "),
                event.unwrap_or_default(),
            ]);
        }
        table.to_string()
    }
}
