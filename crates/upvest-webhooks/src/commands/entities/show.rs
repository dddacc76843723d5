//! `entities show`: status, history, parts, and the latest object.

use std::collections::BTreeSet;

use operator::entities::{EntityReport, EventReference, PartReport};
use upvest::projection::Derived;

use crate::output::{Report, facts, pretty, rows_of};
use crate::times::local_text;

fn event_text(event: &EventReference) -> String {
    format!(
        "{} at {}, event {}",
        event.r#type,
        local_text(&event.occurred_at),
        event.event_id
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
        let names = self.derived.keys().map(|name| name.replace('_', " "));
        let names: Vec<String> = names.collect();
        let derived = names.iter().map(String::as_str).zip(self.derived.values());
        let mut rows = vec![
            ("entity", Some(self.entity.clone())),
            ("status", self.status.clone()),
            ("moved back from", self.moved_back_from.clone()),
        ];
        rows.extend(derived.map(|(name, value)| (name, Some(shown(value)))));
        rows.push(("user", self.user_id.clone()));
        rows.push(("related", list(&self.related)));
        rows.push(("last event", self.last_event.as_ref().map(event_text)));
        rows.push(("object from", self.object_event.as_ref().map(event_text)));
        rows.push(("version", Some(self.version.to_string())));
        let rules = format!("{}, which are not today's: entities rebuild", self.fold);
        rows.push(("rules", Some(rules).filter(|_| self.to_be_rebuilt)));
        rows.push(("keeps changes of", list(&self.transitions)));
        let mut text = facts(rows);
        let heading = match self.history_truncated {
            true => "\nhistory, older ones left out",
            false => "\nhistory",
        };
        let history = rows_of(&self.history)
            .column("status", |step| &step.status)
            .column("last at", |step| local_text(&step.occurred_at));
        text.push_str(&history.below(heading));
        for (name, parts) in &self.parts {
            text.push_str(&format!("\n{name}\n{}\n", parts_table(parts)));
        }
        let unknown = rows_of(&self.unknown_types)
            .column("type", |event| &event.r#type)
            .column("last at", |event| local_text(&event.occurred_at))
            .column("event", |event| &event.event_id);
        text.push_str(&unknown.below("\nevents of unknown types, which changed nothing else"));
        match (&self.object, &self.object_error) {
            (Some(object), _) => text.push_str(&format!("\nobject\n{}\n", pretty(object.get()))),
            (None, Some(why)) => text.push_str(&format!("\nobject\ncannot be had: {why}\n")),
            (None, None) => {}
        }
        text
    }
}

/// Shows parts as a table, with a column for each figure that any of them has.
fn parts_table(parts: &[PartReport]) -> String {
    let figures: BTreeSet<&str> = parts
        .iter()
        .flat_map(|part| part.figures.keys().copied())
        .collect();
    let mut table = rows_of(parts)
        .column("id", |part| &part.id)
        .optional("status", |part| part.status.as_ref());
    for name in figures {
        table = table.optional(name, |part| part.figures.get(name));
    }
    table
        .column("occurred", |part| local_text(&part.occurred_at))
        .column("event", |part| &part.event_id)
        .to_string()
}

#[cfg(test)]
mod tests {
    use pipeline::stores::entities::Stored;
    use serde_json::value::RawValue;
    use upvest::effects::Transition;
    use upvest::projection::{Placed, RULES};
    use upvest::time::Instant;
    use upvest::{Event, Placement, Projection, Receipt};
    use webhook_tests::schemas::fitting;

    use super::*;

    const FILLED: &str = r#"{"id":"o1","status":"FILLED","quantity":"6","user_id":"u1"}"#;

    fn order() -> EntityReport {
        let filled = format!(
            r#"{{"id":"e3","type":"ORDER.FILLED","created_at":"2026-01-05T09:30:03Z","object":{FILLED}}}"#
        );
        let events = [
            r#"{"id":"e2","type":"EXECUTION.FILLED","created_at":"2026-01-05T09:30:02Z","object":{"id":"x1","order_id":"o1","share_quantity":"6","cash_amount":"511.32","status":"FILLED"}}"#,
            r#"{"id":"e1","type":"ORDER.NEW","created_at":"2026-01-05T09:30:00Z","object":{"id":"o1","status":"NEW","quantity":"6"}}"#,
            &filled,
            r#"{"id":"e4","type":"ORDER.TELEPORTED","created_at":"2026-01-05T09:30:04Z","object":{"id":"o1"}}"#,
        ];
        let mut projection = Projection::default();
        let mut entity = None;
        for (position, json) in (0..).zip(events) {
            let event = Event::parse(json).unwrap();
            let received_at = Instant::parse("2026-01-05T09:30:09Z").unwrap();
            let occurred = Placement::of(
                &event,
                &Receipt {
                    received_at,
                    position,
                },
            )
            .occurred;
            let aggregate = event.entity_key().unwrap();
            let placed = Placed {
                event: &event,
                aggregate: &aggregate,
                occurred: &occurred,
            };
            projection.fold(placed).unwrap();
            entity = Some(aggregate);
        }
        let kept = Transition {
            event_id: "e2".to_owned(),
            previous: None,
            current: projection.summary("ORDER", 3),
        };
        let stored = Stored {
            projection,
            version: 3,
            fold: RULES,
            transitions: vec![kept],
        };
        let object = RawValue::from_string(FILLED.to_owned()).unwrap();
        EntityReport::of(&entity.unwrap(), &stored, Some(Ok(object)))
    }

    #[test]
    fn an_order_shows_status_derived_values_history_executions_and_object() {
        let text = order().text();
        for expected in [
            "status            FILLED",
            "filled quantity   6",
            "filled amount     511.32",
            "user              u1",
            "related           USER#u1",
            "keeps changes of  e2",
            "last event        ORDER.TELEPORTED at 2026-01-05T09:30:04Z, event e4",
            "object from       ORDER.FILLED at 2026-01-05T09:30:03Z, event e3",
            "\nhistory\n",
            "\nexecutions\n",
            "share_quantity",
            "x1",
            "which changed nothing else",
            "ORDER.TELEPORTED",
            "\nobject\n{\n  \"id\": \"o1\",\n  \"status\": \"FILLED\",\n  \"quantity\": \"6\",\n  \"user_id\": \"u1\"\n}\n",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in\n{text}");
        }
        let (new, filled) = (text.find("NEW").unwrap(), text.rfind(" FILLED ").unwrap());
        assert!(new < filled, "{text}");
    }

    #[test]
    fn the_json_document_has_the_newest_object_the_parts_and_what_is_unknown() {
        let json = fitting("entities show", &order());
        assert_eq!(json["status"], "FILLED");
        assert_eq!(json["derived"]["filled_quantity"], "6");
        assert_eq!(json["history"][0]["status"], "NEW");
        assert_eq!(json["parts"]["executions"][0]["figures"]["cash_amount"], "511.32");
        assert_eq!(json["parts"]["executions"][0]["event_id"], "e2");
        assert_eq!(json["unknown_types"][0]["event_id"], "e4");
        assert_eq!(json["to_be_rebuilt"], false);
        assert_eq!(json["object"]["quantity"], "6");
    }
}
