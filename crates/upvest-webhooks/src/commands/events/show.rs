//! `events show`: an event of the log.

use operator::events::EventReport;

use crate::output::{Report, facts, pretty};
use crate::times::local_text;

impl Report for EventReport {
    fn text(&self) -> String {
        let some = |value: &str| Some(value.to_owned());
        let mut text = facts([
            ("event", some(&self.event_id)),
            ("type", some(&self.r#type)),
            ("entity", self.entity.clone()),
            ("occurred", Some(local_text(&self.occurred_at))),
            ("time flag", self.time_flag.clone()),
            ("received", Some(local_text(&self.received_at))),
            ("delivery", some(&self.delivery_id)),
            ("sha256", some(&self.sha256)),
            ("object in", self.archived_at.clone()),
        ]);
        if let Some(object) = &self.object {
            text.push_str(&format!("\n{}\n", pretty(object.get())));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use pipeline::stores::archive::VERIFIED_PREFIX;
    use serde_json::value::RawValue;

    use super::*;

    fn report() -> EventReport {
        EventReport {
            event_id: "e1".to_owned(),
            r#type: "ORDER.NEW".to_owned(),
            entity: Some("ORDER#o1".to_owned()),
            occurred_at: "2026-01-05T09:30:00.31Z".to_owned(),
            occurred: "2026-01-05T09:30:00.31#1010##2026-01-05T09:30:01#00000#e1".to_owned(),
            time_flag: None,
            received_at: "2026-01-05T09:30:01Z".to_owned(),
            delivery_id: "d1".to_owned(),
            sha256: "00ff".to_owned(),
            object: None,
            archived_at: None,
        }
    }

    #[test]
    fn an_event_shows_its_object_with_all_digits() {
        let object = r#"{"quantity": 1.00, "id":"o1"}"#.to_owned();
        let event = EventReport {
            object: Some(RawValue::from_string(object).unwrap()),
            ..report()
        };
        let text = event.text();
        assert!(
            text.ends_with("{\n  \"quantity\": 1.00,\n  \"id\": \"o1\"\n}\n"),
            "{text}"
        );
    }

    #[test]
    fn an_object_too_large_for_the_table_says_where_it_is() {
        let key = format!("{VERIFIED_PREFIX}2026/01/05/09/d1");
        let event = EventReport {
            archived_at: Some(key.clone()),
            ..report()
        };
        let text = event.text();
        assert!(text.contains(&format!("object in  {key}")), "{text}");
    }
}
