//! What a check of the archive finds.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::Timestamp;
use serde::Serialize;

use super::verify::Checked;

/// How many findings are named; the rest is counted.
const NAMED: usize = 1000;

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
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
pub struct Finding {
    /// What is wrong.
    pub problem: Problem,
    /// The event's key in the log; none where the whole delivery is at fault.
    pub event_id: Option<String>,
    /// The delivery's key in the archive, if there is one.
    pub key: Option<String>,
    /// Why.
    pub reason: String,
}

/// The result of the command.
#[derive(Debug, Serialize)]
pub struct VerifyReport {
    /// From when on deliveries were checked.
    pub since: Timestamp,
    /// Up to when.
    pub until: Timestamp,
    /// How many deliveries the archive has.
    pub deliveries: u64,
    /// How many events are in them, duplicates included.
    pub delivered_events: u64,
    /// How many events the log has.
    pub logged_events: u64,
    /// Deliveries that cannot be verified without the secret of their key.
    pub not_checked: u64,
    /// These keys.
    pub not_checked_keys: BTreeSet<String>,
    /// How often what was found.
    pub found: BTreeMap<Problem, u64>,
    /// The first 1,000 of these.
    pub findings: Vec<Finding>,
}

impl Problem {
    /// Names it as the JSON document does.
    #[must_use]
    pub fn as_str(self) -> &'static str {
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
}
