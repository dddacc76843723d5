//! What the operator sees of a check of the archive.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::Timestamp;
use serde::Serialize;

use super::verify::Checked;
use crate::output::{self, Report, facts};

/// How many findings are named; the rest is counted.
const NAMED: usize = 1000;

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Problem {
    /// An event of the archive is not in the log.
    Missing,
    /// An event in the log is not in the archive.
    Extra,
    /// The log has an event otherwise than the archive.
    Changed,
    /// The signature of a delivery cannot be shown to hold.
    Unverifiable,
    /// An object is not the delivery that its key says.
    BadObject,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) problem: Problem,
    /// The event's key in the log; none where the whole delivery is at fault.
    pub(super) event_id: Option<String>,
    /// The delivery's key in the archive, if there is one.
    pub(super) key: Option<String>,
    pub(super) reason: String,
}

/// The result of the command.
#[derive(Debug, Serialize)]
pub(crate) struct VerifyReport {
    since: Timestamp,
    until: Timestamp,
    /// How many deliveries the archive has.
    deliveries: u64,
    /// How many events are in them, repeats included.
    delivered_events: u64,
    /// How many events the log has.
    logged_events: u64,
    /// Deliveries that cannot be verified without the secret of their key.
    not_checked: u64,
    /// These keys.
    not_checked_keys: BTreeSet<String>,
    /// How often what was found.
    found: BTreeMap<Problem, u64>,
    findings: Vec<Finding>,
}

impl Problem {
    fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Changed => "changed",
            Self::Unverifiable => "unverifiable",
            Self::BadObject => "bad-object",
        }
    }
}

impl Finding {
    pub(super) fn of_delivery(problem: Problem, key: &str, reason: String) -> Self {
        Self {
            problem,
            event_id: None,
            key: Some(key.to_owned()),
            reason,
        }
    }

    pub(super) fn of_event(problem: Problem, event_id: &str, key: Option<&str>, reason: String) -> Self {
        Self {
            problem,
            event_id: Some(event_id.to_owned()),
            key: key.map(str::to_owned),
            reason,
        }
    }
}

impl VerifyReport {
    pub(super) fn of(received: &Range<Timestamp>) -> Self {
        Self {
            since: received.start,
            until: received.end,
            deliveries: 0,
            delivered_events: 0,
            logged_events: 0,
            not_checked: 0,
            not_checked_keys: BTreeSet::new(),
            found: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    pub(super) fn add_delivery(&mut self, checked: Checked) {
        self.deliveries += u64::from(checked.is_in_range);
        self.delivered_events += checked.events;
        self.not_checked += u64::from(checked.not_checked.is_some());
        self.not_checked_keys.extend(checked.not_checked);
        self.add(checked.findings);
    }

    pub(super) fn add_logged(&mut self, events: u64, findings: Vec<Finding>) {
        self.logged_events += events;
        self.add(findings);
    }

    /// Adds what was found. Both ways find that an event was changed.
    fn add(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            let is_same = |other: &Finding| {
                (finding.problem, &finding.event_id, &finding.key)
                    == (other.problem, &other.event_id, &other.key)
            };
            if finding.problem == Problem::Changed && self.findings.iter().any(is_same) {
                continue;
            }
            *self.found.entry(finding.problem).or_default() += 1;
            if self.findings.len() < NAMED {
                self.findings.push(finding);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl Report for VerifyReport {
    fn text(&self) -> String {
        let not_checked = || {
            let keys: Vec<&str> = self.not_checked_keys.iter().map(String::as_str).collect();
            format!(
                "{}, because the secret of {} cannot be read",
                self.not_checked,
                keys.join(", ")
            )
        };
        let mut text = facts([
            ("received", Some(format!("{} to {}", self.since, self.until))),
            ("deliveries", Some(self.deliveries.to_string())),
            ("events in them", Some(self.delivered_events.to_string())),
            ("events in the log", Some(self.logged_events.to_string())),
            ("not checked", (self.not_checked > 0).then(not_checked)),
        ]);
        if self.deliveries + self.logged_events == 0 && self.succeeded() {
            text.push_str("\nnothing was received then\n");
            return text;
        }
        if self.succeeded() {
            text.push_str("\nnothing is wrong: what was verified holds, and archive and log say the same\n");
            return text;
        }
        let counts = self
            .found
            .iter()
            .map(|(problem, count)| format!("{count} {}", problem.name()));
        text.push_str(&format!("\nfound: {}\n\n", counts.collect::<Vec<_>>().join(", ")));
        let mut table = output::table(["problem", "event", "delivery", "because"]);
        for finding in &self.findings {
            let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
            table.add_row([
                finding.problem.name().to_owned(),
                or_empty(&finding.event_id),
                or_empty(&finding.key),
                finding.reason.clone(),
            ]);
        }
        text.push_str(&format!("{table}\n"));
        let unnamed = self.found.values().sum::<u64>() - self.findings.len() as u64;
        if unnamed > 0 {
            text.push_str(&format!("and {unnamed} more\n"));
        }
        text
    }

    fn succeeded(&self) -> bool {
        self.found.is_empty()
    }
}
