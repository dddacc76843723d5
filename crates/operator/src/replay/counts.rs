//! Counts the events of a replay by domain and type, and names those that cannot be had.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use upvest::Domain;

/// Bounds the failures that are named; the rest is counted.
const NAMED: usize = 100;

/// Counts the selected events, each of which makes one message, before anything is sent.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    rows: BTreeMap<(Domain, String), u64>,
}

/// Names an event or a delivery that could not be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Names the event by its id, or the delivery by its key in the archive.
    pub what: String,
    /// Explains in words for people why it could not be read.
    pub reason: String,
}

/// Holds failures: the first of them by name, and the count of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failures {
    pub(super) named: Vec<Failure>,
    pub(super) count: u64,
}

/// Counts how many events of a type go to a domain.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Names the domain whose queue the messages go to.
    pub domain: &'static str,
    /// Names the type of the events, like `ORDER.FILLED`.
    pub r#type: String,
    /// Counts the events of the type; each makes one message to the domain.
    pub events: u64,
}

impl Counts {
    /// Adds an event, which goes to the domain of its type.
    pub(crate) fn add(&mut self, event_type: &str) {
        let domain = upvest::category::of(event_type).domain;
        *self.rows.entry((domain, event_type.to_owned())).or_default() += 1;
    }

    /// Tells how many events are selected.
    pub(crate) fn events(&self) -> u64 {
        self.rows.values().sum()
    }

    /// Lists them by domain and type.
    pub(crate) fn into_rows(self) -> Vec<Row> {
        let row = |((domain, r#type), events): ((Domain, String), u64)| Row {
            domain: domain.name(),
            r#type,
            events,
        };
        self.rows.into_iter().map(row).collect()
    }
}

impl Failures {
    /// Tells whether everything could be had so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds failures, and names them while there is room.
    pub(crate) fn extend(&mut self, failures: Vec<Failure>) {
        self.count += failures.len() as u64;
        let room = NAMED.saturating_sub(self.named.len());
        self.named.extend(failures.into_iter().take(room));
    }
}
