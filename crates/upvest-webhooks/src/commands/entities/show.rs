//! `entities show`: status, history, parts, and the latest object.

use operator::entities::{EntityReport, EventReference};
use upvest::projection::Derived;

use crate::output::{self, Report, facts, pretty};

fn event_text(event: &EventReference) -> String {
    format!(
        "{} at {}, event {}",
        event.r#type, event.occurred_at, event.event_id
    )
}

fn list(texts: &[String]) -> Option<String> {
    Some(texts.join(", ")).filter(|list| !list.is_empty())
}

fn shown(value: &Derived) -> String {
    match value {
        Derived::Text(text) => text.clone(),
        Derived::Flag(true) => "yes".to_owned(),
        Derived::Flag(false) => "no".to_owned(),
        Derived::Texts(texts) => texts.join(", "),
    }
}

impl Report for EntityReport {
    fn text(&self) -> String {
        let names = self
            .derived
            .keys()
            .map(|name| name.replace('_', " "))
            .collect::<Vec<_>>();
        let derived = names.iter().map(String::as_str).zip(self.derived.values());
        let mut rows = vec![
            ("entity", Some(self.entity.clone())),
            ("status", self.status.clone()),
            ("moved back from", self.moved_back_from.clone()),
        ];
        rows.extend(derived.map(|(name, value)| (name, Some(shown(value)))));
        rows.push((
            "related",
            Some(self.related.join(", ")).filter(|list| !list.is_empty()),
        ));
        rows.push(("last event", Some(event_text(&self.last_event))));
        rows.push(("object from", self.object_event.as_ref().map(event_text)));
        rows.push(("version", Some(self.version.to_string())));
        rows.push(("unfinished", list(&self.unfinished)));
        let mut text = facts(rows);
        if !self.history.is_empty() {
            let mut table = output::table(["status", "last at"]);
            for step in &self.history {
                table.add_row([&step.status, &step.occurred_at]);
            }
            text.push_str(&format!("\nhistory\n{table}\n"));
        }
        for (name, parts) in &self.parts {
            let mut table = output::table(["id", "status", "last event", "occurred"]);
            for part in parts {
                let status = part.status.as_deref().unwrap_or_default();
                table.add_row([part.id.as_str(), status, &part.r#type, &part.occurred_at]);
            }
            text.push_str(&format!("\n{name}\n{table}\n"));
        }
        match &self.object {
            Some(object) => text.push_str(&format!("\nobject\n{}\n", pretty(object.get()))),
            None if self.object_event.is_some() => text.push_str(
                "\nobject\ntoo large for the entities table: see the event that it is from, with `events show`\n",
            ),
            None => {}
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pipeline::stores::entities::{AppliedEvents, Stored, Transition};
    use upvest::{EntityKey, Event, Projection};

    use super::*;

    fn order() -> EntityReport {
        let events = [
            r#"{"id":"e2","type":"EXECUTION.FILLED","created_at":"2026-01-05T09:30:02Z","object":{"id":"x1","order_id":"o1","share_quantity":"6","cash_amount":"511.32","status":"FILLED"}}"#,
            r#"{"id":"e1","type":"ORDER.NEW","created_at":"2026-01-05T09:30:00Z","object":{"id":"o1","status":"NEW","quantity":"6"}}"#,
            r#"{"id":"e3","type":"ORDER.FILLED","created_at":"2026-01-05T09:30:03Z","object":{"id":"o1","status":"FILLED","quantity":"6"}}"#,
        ];
        let fold = |state, json: &&'static str| {
            let event = Event::parse(json).unwrap();
            Some(Projection::fold(state, &event).0)
        };
        let unfinished = Transition {
            event_id: "e2".to_owned(),
            previous: None,
        };
        let stored = Stored {
            projection: events.iter().fold(None, fold).unwrap(),
            version: 3,
            last_change: None,
            applied: AppliedEvents::default(),
            unfinished: BTreeMap::from([("e2".to_owned(), unfinished)]),
        };
        EntityReport::of(&EntityKey::from_stored("ORDER#o1".to_owned()), &stored).unwrap()
    }

    #[test]
    fn an_order_shows_status_derived_values_history_executions_and_object() {
        let text = order().text();
        for expected in [
            "status           FILLED",
            "filled quantity  6",
            "filled amount    511.32",
            "unfinished       e2",
            "last event       ORDER.FILLED at 2026-01-05T09:30:03.000000000Z, event e3",
            "\nhistory\n",
            "\nexecutions\n",
            "x1",
            "\nobject\n{\n  \"id\": \"o1\",\n  \"status\": \"FILLED\",\n  \"quantity\": \"6\"\n}\n",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in\n{text}");
        }
        let (new, filled) = (text.find("NEW").unwrap(), text.rfind(" FILLED ").unwrap());
        assert!(new < filled, "{text}");
    }

    #[test]
    fn the_json_document_has_the_objects_verbatim() {
        let json: serde_json::Value = serde_json::to_value(order()).unwrap();
        assert_eq!(json["status"], "FILLED");
        assert_eq!(json["derived"]["filled_quantity"], "6");
        assert_eq!(json["history"][0]["status"], "NEW");
        assert_eq!(json["parts"]["executions"][0]["object"]["cash_amount"], "511.32");
        assert_eq!(json["object"]["quantity"], "6");
    }
}
