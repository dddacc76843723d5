//! What became of the samples, as tables, and what of it is not as expected.

use std::collections::BTreeSet;
use std::fmt::Display;

use aws_sdk_dynamodb::types::AttributeValue;
use comfy_table::{LineStyle, Table, TableStyle};
use upvest::projection::Parts;
use upvest::{Domain, Event};
use upvest_simulator::{Answer, DeliveryRecord, Fault, Subscription};

use super::receiver::{Change, Item, Observed, event_ids, text};

/// Gives the type of the event that Upvest's test of a subscription delivers.
const TEST_EVENT: &str = "WEBHOOK.TEST";

/// Holds the facts of a run, and tells them.
pub(crate) struct Report<'r> {
    /// Lists what the receiver subscribed to at Upvest.
    pub(crate) subscriptions: &'r [Subscription],
    /// Lists every request that the simulator made.
    pub(crate) records: &'r [DeliveryRecord],
    /// Lists the titles of the samples, and their events.
    pub(crate) stories: &'r [(String, Vec<String>)],
    /// Tells what the receiver made of them.
    pub(crate) observed: &'r Observed,
}

impl Report<'_> {
    /// Writes the facts as tables with titles.
    pub(crate) fn text(&self) -> String {
        let sections = [
            (
                "Subscriptions at Upvest, made by the receiver",
                self.subscriptions(),
            ),
            ("Deliveries", self.deliveries()),
            ("Events", self.events()),
            ("What happened: the changes that were published", self.changes()),
            ("Domains", self.domains()),
            ("Orders", self.orders()),
            ("Users", self.users()),
        ];
        let mut text = String::new();
        for (title, table) in sections {
            text.push_str(&format!("\n{title}\n{table}\n"));
        }
        // A table's last column is filled with spaces, which would wrap in a terminal.
        let lines = text.lines();
        lines.flat_map(|line| [line.trim_end(), "\n"]).collect()
    }

    /// Names everything that is not as expected.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let refused = self
            .records
            .iter()
            .filter(|record| !record.answer.is_success())
            .count();
        let ids = event_ids(self.stories.iter().flat_map(|(_, events)| events));
        let missing = ids
            .iter()
            .filter(|id| !self.observed.events.contains_key(*id))
            .count();
        let tests = self.observed.events.values();
        let tests = tests.filter(|item| text(item, "type") == TEST_EVENT).count();
        let foreign = self.observed.events.len() + missing - ids.len() - tests;
        let enabled = self
            .subscriptions
            .iter()
            .filter(|subscription| subscription.enabled);
        let forged = self
            .records
            .iter()
            .filter(|record| record.fault == Some(Fault::Tampered))
            .count();
        let quarantined: usize = self.observed.quarantined.values().sum();
        for (count, what) in [
            (
                enabled.count().abs_diff(1),
                "is how far the number of enabled subscriptions is from one",
            ),
            (refused, "deliveries were not answered with 200"),
            (missing, "events are not in the event log"),
            (foreign, "events in the event log were not delivered"),
            (
                forged.abs_diff(quarantined),
                "is the difference between forged and quarantined deliveries",
            ),
            (self.domains_without_state(), "domains have no state"),
            (self.untold(), "events in the event log were not published"),
        ] {
            if count > 0 {
                problems.push(format!("{count} {what}"));
            }
        }
        let waiting = self.observed.waiting.iter();
        problems.extend(waiting.map(|(queue, messages)| format!("{messages} messages in {queue}")));
        problems
    }

    /// Counts the domains that the samples tell about that have no entity in the table.
    fn domains_without_state(&self) -> usize {
        let told = self.stories.iter().flat_map(|(_, events)| events);
        let told: BTreeSet<Domain> = told.filter_map(|json| domain_of(json)).collect();
        let shown: BTreeSet<Domain> = self.observed.entities.values().map(domain_of_item).collect();
        told.difference(&shown).count()
    }

    /// Counts the stored events of which nobody was told: late ones are told too.
    fn untold(&self) -> usize {
        let stored = event_ids(self.stories.iter().flat_map(|(_, events)| events));
        let stored = stored.iter().filter(|id| self.observed.events.contains_key(*id));
        stored
            .filter(|id| !self.observed.changes.contains_key(*id))
            .count()
    }

    fn changes(&self) -> Table {
        let mut table = table(["story", "event", "entity", "status", "flags"]);
        for (title, events) in self.stories {
            let ids = events
                .iter()
                .filter_map(|json| Some(Event::parse(json).ok()?.id().to_owned()));
            let changes = ids.filter_map(|id| self.observed.changes.get(&id));
            for (index, change) in changes.enumerate() {
                table.add_row([
                    if index == 0 { title.as_str() } else { "" },
                    &change.event.r#type,
                    &short(&change.entity),
                    &status(change),
                    &flags_told(change),
                ]);
            }
        }
        table
    }

    fn domains(&self) -> Table {
        let mut table = table(["domain", "entities", "changes published"]);
        for domain in Domain::ALL {
            let entities = self.observed.entities.values();
            let changes = self.observed.changes.values();
            table.add_row([
                domain.name().to_owned(),
                entities
                    .filter(|item| domain_of_item(item) == domain)
                    .count()
                    .to_string(),
                changes
                    .filter(|change| change.domain == domain.name())
                    .count()
                    .to_string(),
            ]);
        }
        table
    }

    fn subscriptions(&self) -> Table {
        let mut table = table(["title", "url", "categories", "enabled"]);
        for subscription in self.subscriptions {
            table.add_row([
                subscription.title.clone(),
                subscription.url.to_string(),
                subscription.categories.join(", "),
                if subscription.enabled { "yes" } else { "no" }.to_owned(),
            ]);
        }
        table
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
        let tests = self.observed.events.values();
        let tests = tests.filter(|item| text(item, "type") == TEST_EVENT).count();
        let stored = self.observed.events.len() - tests;
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

    /// Lists the entities of a kind, by id.
    fn entities<'s>(&'s self, prefix: &'s str) -> impl Iterator<Item = (&'s str, &'s Item)> {
        let entities = self.observed.entities.iter();
        entities.filter_map(move |(key, item)| Some((key.strip_prefix(prefix)?, item)))
    }
}

/// Names the domain of an entity in the table.
fn domain_of_item(item: &Item) -> Domain {
    upvest::category::of(text(item, "last_event_type")).domain
}

fn domain_of(json: &str) -> Option<Domain> {
    Some(Event::parse(json).ok()?.category().domain)
}

/// Makes an entity key with no more of each id than tells them apart in a story.
fn short(entity: &str) -> String {
    let parts = entity.split('#').enumerate();
    let parts = parts.map(|(index, part)| part.get(..8).filter(|_| index > 0).unwrap_or(part));
    parts.collect::<Vec<_>>().join("#")
}

/// Gives the status, and the one before where it is another.
fn status(change: &Change) -> String {
    if change.late {
        return "late: a newer event came before".to_owned();
    }
    let now = change.current.status.clone().unwrap_or_default();
    let before = change
        .previous
        .as_ref()
        .and_then(|previous| previous.status.clone());
    match before {
        Some(before) if before != now => format!("{before} → {now}"),
        _ => now,
    }
}

fn flags_told(change: &Change) -> String {
    let flags = change.flags_changed.iter().map(|(flag, now)| {
        let flag = flag.replace('_', " ");
        if *now { flag } else { format!("no longer {flag}") }
    });
    flags.collect::<Vec<_>>().join(", ")
}

/// Says how many parts an entity has in a map.
fn parts(item: &Item, map: &str) -> usize {
    item.get(map)
        .and_then(|value| Parts::unpack(value.as_b().ok()?.as_ref()).ok())
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

    fn change(id: &str) -> Change {
        let change = serde_json::json!({
            "domain": "orders",
            "entity": "ORDER#1",
            "event": { "id": id, "type": "ORDER.NEW" },
            "previous": { "version": 1, "status": "NEW", "derived": {} },
            "current": { "version": 2, "status": "FILLED", "derived": {} },
            "late": false,
            "flags_changed": { "funds_available": true, "cleared": false },
        });
        serde_json::from_value(change).unwrap()
    }

    #[test]
    fn a_change_reads_as_what_it_was_and_is() {
        let change = change("a");
        assert_eq!(status(&change), "NEW → FILLED");
        assert_eq!(flags_told(&change), "no longer cleared, funds available");
        assert_eq!(
            short("CASH_BALANCE#d0fc0305-97b7-4e3b#EUR"),
            "CASH_BALANCE#d0fc0305#EUR"
        );
    }

    fn problems(
        stored: &[&str],
        entities: &[&str],
        changes: &[&str],
        waiting: &[(&str, usize)],
    ) -> Vec<String> {
        let item = || {
            let texts = [("last_event_type", "ORDER.NEW"), ("object_event_id", "a")];
            let texts = texts.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())));
            Item::from(texts)
        };
        let items = |keys: &[&str]| keys.iter().map(|key| ((*key).to_owned(), item())).collect();
        let observed = Observed {
            events: items(stored),
            entities: items(entities),
            changes: changes.iter().map(|id| ((*id).to_owned(), change(id))).collect(),
            quarantined: BTreeMap::new(),
            waiting: waiting
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
            latencies_ms: Vec::new(),
        };
        let event = |id: &str| {
            format!(
                r#"{{"id":"{id}","type":"ORDER.NEW","created_at":"2026-01-05T09:30:00Z","object":{{"id":"1"}}}}"#
            )
        };
        let stories = [("a story".to_owned(), vec![event("a"), event("b")])];
        let url = "https://a.example/webhooks/upvest".parse().unwrap();
        let report = Report {
            subscriptions: &[Subscription::new("s", url)],
            records: &[],
            stories: &stories,
            observed: &observed,
        };
        report.problems()
    }

    #[test]
    fn a_complete_run_has_no_problems() {
        assert_eq!(
            problems(&["a", "b"], &["ORDER#1"], &["a", "b"], &[]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_is_lost_foreign_or_stuck_is_a_problem() {
        let found = problems(&["a", "c"], &["ORDER#1"], &[], &[("OrdersDeadLetterQueueUrl", 2)]);
        assert_eq!(
            found,
            [
                "1 events are not in the event log",
                "1 events in the event log were not delivered",
                "1 events in the event log were not published",
                "2 messages in OrdersDeadLetterQueueUrl",
            ]
        );
    }
}
