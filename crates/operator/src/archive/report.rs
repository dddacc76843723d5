//! Sums up a check of the archive: counts of all it looked at, and the first of its findings.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::verify::Checked;

/// Limits the findings that a report names, to bound its size; the rest is only counted.
const NAMED: usize = 1000;

/// Names what can be wrong between the archive, the event log and the signatures.
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

/// Describes one event or one delivery that did not pass the check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Names the kind of fault, by which findings are counted.
    pub problem: Problem,
    /// Gives the event's key in the log; none where the whole delivery is at fault.
    pub event_id: Option<String>,
    /// Names the delivery's object in the archive; `None` where no object is known.
    pub key: Option<String>,
    /// Explains the fault to a person; not meant to be parsed.
    pub reason: String,
}

/// Sums up how the archive and the event log compare for a range of receipt times.
#[derive(Debug, Default, Serialize)]
pub struct VerifyReport {
    /// Begins the range of receipt times that was checked; this instant is in it.
    pub since: Timestamp,
    /// Ends the range of receipt times that was checked; this instant is not in it.
    pub until: Timestamp,
    /// Counts the archived deliveries that were received in the range.
    pub deliveries: u64,
    /// Counts the events in these deliveries, duplicates included.
    pub delivered_events: u64,
    /// Counts the events of the log that were compared with the archive.
    pub logged_events: u64,
    /// Counts deliveries that cannot be verified without the secret of their key.
    pub not_checked: u64,
    /// Names the keys whose secrets were not there to verify these deliveries by.
    pub not_checked_keys: BTreeSet<String>,
    /// Counts the findings of each kind, those beyond the first 1,000 included.
    pub found: BTreeMap<Problem, u64>,
    /// Lists the first 1,000 findings; `found` counts the rest too.
    pub findings: Vec<Finding>,
}

impl fmt::Display for Problem {
    /// Writes the name that the JSON has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
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
