//! What the operator sees of a replay.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use upvest::Domain;
use uuid::Uuid;

use super::Task;
use crate::output::{self, Report};

/// How many failures are named; the rest is counted.
const NAMED: usize = 100;

/// How many events are selected.
#[derive(Debug, Default)]
pub(super) struct Counts {
    rows: BTreeMap<(Domain, String), u64>,
    events: u64,
    left_out: u64,
}

/// An event or a delivery that could not be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    /// Its id or key.
    pub(super) what: String,
    pub(super) reason: String,
}

/// Failures, so many that memory has room for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failures {
    named: Vec<Failure>,
    count: u64,
}

/// The result of the command.
#[derive(Debug, Serialize)]
pub(crate) struct ReplayReport {
    result: Outcome,
    /// The operation's id in the audit table, which marks the messages.
    pub(super) replay: Option<Uuid>,
    /// What is to be sent, or was; of a resumed replay, the rest.
    selected: Vec<Row>,
    /// How many events are selected that none of the domains named takes.
    pub(super) left_out: u64,
    /// How many messages were sent, those before an interruption included.
    pub(super) sent: u64,
    /// How many events or deliveries could not be had, those before an interruption included.
    pub(super) failed: u64,
    failures: Vec<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    DryRun,
    Declined,
    Done,
}

/// So many events of a type for a domain.
#[derive(Debug, Serialize)]
struct Row {
    domain: &'static str,
    r#type: String,
    events: u64,
}

impl Counts {
    /// Adds an event that goes to these domains.
    pub(super) fn add(&mut self, event_type: &str, targets: &[Domain]) {
        self.events += 1;
        self.left_out += u64::from(targets.is_empty());
        for domain in targets {
            *self.rows.entry((*domain, event_type.to_owned())).or_default() += 1;
        }
    }

    /// How many events are selected.
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// How many messages that makes.
    pub(super) fn messages(&self) -> u64 {
        self.rows.values().sum()
    }
}

impl Failures {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn extend(&mut self, failures: Vec<Failure>) {
        self.count += failures.len() as u64;
        let room = NAMED.saturating_sub(self.named.len());
        self.named.extend(failures.into_iter().take(room));
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

impl ReplayReport {
    /// What is to be done.
    pub(super) fn of(task: &Task, counts: Counts) -> Self {
        let row = |((domain, event_type), events): ((Domain, String), u64)| Row {
            domain: domain.name(),
            r#type: event_type,
            events,
        };
        Self {
            result: Outcome::DryRun,
            replay: task.operation,
            left_out: counts.left_out,
            selected: counts.rows.into_iter().map(row).collect(),
            sent: task.progress.sent,
            failed: 0,
            failures: Vec::new(),
        }
    }

    pub(super) fn decline(&mut self) {
        self.result = Outcome::Declined;
    }

    pub(super) fn end(&mut self, id: Uuid, sent: u64, failures: Failures) {
        self.result = Outcome::Done;
        self.replay = Some(id);
        self.sent = sent;
        self.failed = failures.count;
        self.failures = failures.named;
    }

    /// How many messages are to be sent.
    pub(super) fn remaining(&self) -> u64 {
        self.selected.iter().map(|row| row.events).sum()
    }

    pub(super) fn question(&self) -> String {
        format!("Send {} events to their domains again?", self.remaining())
    }

    /// What is selected, by domain and type.
    pub(super) fn counts(&self) -> String {
        let mut table = output::table(["domain", "type", "events"]);
        for row in &self.selected {
            table.add_row([row.domain, &row.r#type, &row.events.to_string()]);
        }
        let mut text = format!("{table}\n{} events in all\n", self.remaining());
        if self.left_out > 0 {
            text.push_str(&format!(
                "{} more for domains that --to does not name\n",
                self.left_out
            ));
        }
        text
    }
}

impl Report for ReplayReport {
    fn text(&self) -> String {
        let mut text = match (self.result, self.replay) {
            (Outcome::DryRun, _) => format!("{}nothing was sent: this was a dry run\n", self.counts()),
            (Outcome::Declined, _) => "nothing was sent\n".to_owned(),
            (Outcome::Done, None) => String::new(),
            (Outcome::Done, Some(id)) => format!("{}replay {id}: {} events sent\n", self.counts(), self.sent),
        };
        if self.failed > 0 {
            let mut table = output::table(["could not be sent", "because"]);
            for failure in &self.failures {
                table.add_row([&failure.what, &failure.reason]);
            }
            text.push_str(&format!("\n{table}\n"));
            let unnamed = self.failed - self.failures.len() as u64;
            if unnamed > 0 {
                text.push_str(&format!("and {unnamed} more\n"));
            }
        }
        text
    }

    fn succeeded(&self) -> bool {
        self.failed == 0 && self.result != Outcome::Declined
    }
}
