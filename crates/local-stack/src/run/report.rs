//! What became of the samples, as tables, and what of it is not as expected.

use std::fmt::Display;

use aws_sdk_dynamodb::types::AttributeValue;
use comfy_table::{LineStyle, Table, TableStyle};
use upvest_simulator::{Answer, DeliveryRecord, Fault};

use super::receiver::{Item, Observed, event_ids, text};

/// The facts of a run.
pub(crate) struct Report<'r> {
    /// Every request that the simulator made.
    pub(crate) records: &'r [DeliveryRecord],
    /// The sample events.
    pub(crate) events: &'r [String],
    /// What the receiver made of them.
    pub(crate) observed: &'r Observed,
}

impl Report<'_> {
    /// The tables.
    pub(crate) fn text(&self) -> String {
        let sections = [
            ("Deliveries", self.deliveries()),
            ("Events", self.events()),
            ("Orders", self.orders()),
            ("Users", self.users()),
        ];
        let mut text = String::new();
        for (title, table) in sections {
            text.push_str(&format!("\n{title}\n{table}\n"));
        }
        text
    }

    /// What is not as expected.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let refused = self
            .records
            .iter()
            .filter(|record| !record.answer.is_success())
            .count();
        let ids = event_ids(self.events);
        let missing = ids
            .iter()
            .filter(|id| !self.observed.events.contains_key(*id))
            .count();
        let foreign = self.observed.events.len() + missing - ids.len();
        let forged = self
            .records
            .iter()
            .filter(|record| record.fault == Some(Fault::Tampered))
            .count();
        let quarantined: usize = self.observed.quarantined.values().sum();
        for (count, what) in [
            (refused, "deliveries were not answered with 200"),
            (missing, "events are not in the event log"),
            (foreign, "events in the event log were not delivered"),
            (
                forged.abs_diff(quarantined),
                "is the difference between forged and quarantined deliveries",
            ),
            (
                usize::from(self.entities("ORDER#").next().is_none()),
                "order state is missing",
            ),
            (
                usize::from(self.entities("USER#").next().is_none()),
                "user state is missing",
            ),
        ] {
            if count > 0 {
                problems.push(format!("{count} {what}"));
            }
        }
        let waiting = self.observed.waiting.iter();
        problems.extend(waiting.map(|(queue, messages)| format!("{messages} messages in {queue}")));
        problems
    }

    fn deliveries(&self) -> Table {
        let mut table = table(["delivery", "attempt", "kind", "events", "bytes", "answer", "ms"]);
        for record in self.records {
            let kind = match record.fault {
                None => "genuine",
                Some(Fault::Tampered) => "forged: body changed after signing",
                Some(Fault::Duplicated) => "genuine, its answer lost",
                Some(_) => "faulty",
            };
            let answer = match &record.answer {
                Answer::Answered { status, .. } => status.to_string(),
                other => format!("{other:?}"),
            };
            table.add_row([
                record.delivery.to_string(),
                record.attempt.to_string(),
                kind.to_owned(),
                record.events.len().to_string(),
                record.bytes.to_string(),
                answer,
                record.took_ms.to_string(),
            ]);
        }
        table
    }

    fn events(&self) -> Table {
        let genuine = self
            .records
            .iter()
            .filter(|record| record.fault != Some(Fault::Tampered));
        let delivered: usize = genuine.map(|record| record.events.len()).sum();
        let stored = self.observed.events.len();
        let latencies = &self.observed.latencies_ms;
        let mut table = table(["", "count"]);
        let mut row = |name: &str, value: &dyn Display| {
            table.add_row([name.to_owned(), value.to_string()]);
        };
        row("delivered in genuine requests", &delivered);
        row("stored", &stored);
        row("duplicates", &delivered.saturating_sub(stored));
        for (reason, deliveries) in &self.observed.quarantined {
            row(&format!("deliveries in quarantine: {reason}"), deliveries);
        }
        if let (Some(median), Some(longest)) = (latencies.get(latencies.len() / 2), latencies.last()) {
            row("receipt to state, median ms", median);
            row("receipt to state, longest ms", longest);
        }
        table
    }

    fn orders(&self) -> Table {
        let mut table = table([
            "order",
            "status",
            "executions",
            "filled quantity",
            "filled amount",
            "last event",
        ]);
        for (id, order) in self.entities("ORDER#") {
            table.add_row([
                id,
                text(order, "status"),
                &parts(order, "executions").to_string(),
                text(order, "filled_quantity"),
                text(order, "filled_amount"),
                text(order, "last_event_type"),
            ]);
        }
        table
    }

    fn users(&self) -> Table {
        let mut table = table(["user", "status", "checks", "cleared", "last event"]);
        for (id, user) in self.entities("USER#") {
            let cleared = match user.get("cleared") {
                Some(AttributeValue::Bool(true)) => "yes",
                Some(AttributeValue::Bool(false)) => "no",
                _ => "",
            };
            table.add_row([
                id,
                text(user, "status"),
                &parts(user, "checks").to_string(),
                cleared,
                text(user, "last_event_type"),
            ]);
        }
        table
    }

    /// The entities of a kind, by id.
    fn entities<'s>(&'s self, prefix: &'s str) -> impl Iterator<Item = (&'s str, &'s Item)> {
        let entities = self.observed.entities.iter();
        entities.filter_map(move |(key, item)| Some((key.strip_prefix(prefix)?, item)))
    }
}

/// How many parts an entity has in a map.
fn parts(item: &Item, map: &str) -> usize {
    item.get(map)
        .and_then(|value| value.as_m().ok())
        .map_or(0, |parts| parts.len())
}

/// Columns side by side, and one line under their names.
const RULE_UNDER_HEADER: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(RULE_UNDER_HEADER).set_header(header);
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn problems(stored: &[&str], entities: &[&str], waiting: &[(&str, usize)]) -> Vec<String> {
        let items = |keys: &[&str]| keys.iter().map(|key| ((*key).to_owned(), Item::new())).collect();
        let observed = Observed {
            events: items(stored),
            entities: items(entities),
            quarantined: BTreeMap::new(),
            waiting: waiting
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
            latencies_ms: Vec::new(),
        };
        let events = [r#"{"id":"a"}"#.to_owned(), r#"{"id":"b"}"#.to_owned()];
        let report = Report {
            records: &[],
            events: &events,
            observed: &observed,
        };
        report.problems()
    }

    #[test]
    fn a_complete_run_has_no_problems() {
        assert_eq!(
            problems(&["a", "b"], &["ORDER#1", "USER#1"], &[]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_is_lost_foreign_or_stuck_is_a_problem() {
        let found = problems(&["a", "c"], &["ORDER#1"], &[("OrdersDeadLetterQueueUrl", 2)]);
        assert_eq!(
            found,
            [
                "1 events are not in the event log",
                "1 events in the event log were not delivered",
                "1 user state is missing",
                "2 messages in OrdersDeadLetterQueueUrl",
            ]
        );
    }
}
