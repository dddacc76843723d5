//! What became of the samples, as tables, and what of it is not as expected.

mod cells;

use std::collections::BTreeSet;
use std::fmt::Display;

use comfy_table::Table;
use upvest::projection::Projection;
use upvest::{Domain, Event};
use upvest_simulator::{Answer, DeliveryRecord, Fault, Subscription};

use super::receiver::{Observed, event_ids};
use cells::{domain_of, domain_of_state, flags_told, last_event_type, parts, short, shown, status, table};

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
        let tests = tests.filter(|event| event.event_type == TEST_EVENT).count();
        // What is stored beside the samples that are there and the events of Upvest's test.
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
        let shown: BTreeSet<Domain> = self
            .observed
            .entities
            .values()
            .filter_map(domain_of_state)
            .collect();
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
                    .filter(|state| domain_of_state(state) == Some(domain))
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
        let tests = tests.filter(|event| event.event_type == TEST_EVENT).count();
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
        for (id, order) in self.entities("ORDER") {
            let derived = order.derived("ORDER");
            table.add_row([
                id,
                order.status().unwrap_or_default(),
                &parts(order, "executions").to_string(),
                &shown(derived.get("filled_quantity")),
                &shown(derived.get("filled_amount")),
                last_event_type(order),
            ]);
        }
        table
    }

    fn users(&self) -> Table {
        let mut table = table(["user", "status", "checks", "cleared", "last event"]);
        for (id, user) in self.entities("USER") {
            table.add_row([
                id,
                user.status().unwrap_or_default(),
                &parts(user, "checks").to_string(),
                &shown(user.derived("USER").get("cleared")),
                last_event_type(user),
            ]);
        }
        table
    }

    /// Lists the entities of a type, by id.
    fn entities<'s>(&'s self, entity_type: &'s str) -> impl Iterator<Item = (&'s str, &'s Projection)> {
        let entities = self.observed.entities.iter();
        let of_type = entities.filter(move |(key, _)| key.entity_type() == entity_type);
        of_type.map(|(key, state)| (key.id(), &state.projection))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use pipeline::stores::events::LoggedEvent;
    use upvest::batch::Stored;
    use upvest::projection::Placed;
    use upvest::time::Instant;
    use upvest::{EntityKey, Event, Placement, Receipt};

    use super::*;
    use crate::run::receiver::Change;

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

    fn event(id: &str) -> String {
        format!(
            r#"{{"id":"{id}","type":"ORDER.NEW","created_at":"2026-01-05T09:30:00Z","object":{{"id":"1"}}}}"#
        )
    }

    fn logged(id: &str) -> LoggedEvent {
        let json = event(id);
        let event = Event::parse(&json).unwrap();
        let received_at: Timestamp = "2026-01-05T09:30:01Z".parse().unwrap();
        let receipt = Receipt {
            received_at: Instant::parse(&received_at.to_string()).unwrap(),
            position: 0,
        };
        LoggedEvent {
            event_id: id.to_owned(),
            event_type: event.event_type().to_owned(),
            aggregate: event.entity_key().ok(),
            occurred: Placement::of(&event, &receipt).occurred,
            time_flag: None,
            delivery_id: "d".to_owned(),
            received_at,
            sha256: event.identity().to_hex(),
            object: None,
            archived_at: None,
        }
    }

    /// Folds an event into the state of its entity, as the processor does.
    fn state(id: &str) -> (EntityKey, Stored) {
        let (json, logged) = (event(id), logged(id));
        let (event, entity) = (Event::parse(&json).unwrap(), logged.aggregate.unwrap());
        let mut projection = Projection::default();
        let placed = Placed {
            event: &event,
            aggregate: &entity,
            occurred: &logged.occurred,
        };
        projection.fold(placed).unwrap();
        (entity, Stored::rebuilt(None, projection))
    }

    fn problems(stored: &[&str], changes: &[&str], waiting: &[(&str, usize)]) -> Vec<String> {
        let observed = Observed {
            events: stored.iter().map(|id| ((*id).to_owned(), logged(id))).collect(),
            entities: BTreeMap::from([state("a")]),
            changes: changes.iter().map(|id| ((*id).to_owned(), change(id))).collect(),
            quarantined: BTreeMap::new(),
            waiting: waiting
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
            latencies_ms: Vec::new(),
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
        assert_eq!(problems(&["a", "b"], &["a", "b"], &[]), Vec::<String>::new());
    }

    #[test]
    fn what_is_lost_foreign_or_stuck_is_a_problem() {
        let found = problems(&["a", "c"], &[], &[("OrdersDeadLetterQueueUrl", 2)]);
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
