//! `events timeline`: the events of an entity in their order.

use operator::events::Timeline;

use crate::output::{Report, rows_of};
use crate::times::local_text;

impl Report for Timeline {
    fn text(&self) -> String {
        let table = rows_of(&self.events)
            .column("occurred", |event| local_text(&event.occurred_at))
            .column("type", |event| &event.r#type)
            .column("event id", |event| &event.event_id);
        let mut text = format!("{}\n{table}\n", self.entity);
        if let Some(next) = &self.next {
            text.push_str(&format!("\nthere is more: --after '{next}'\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use operator::events::TimelineEvent;

    use super::*;

    #[test]
    fn a_page_tells_how_to_go_on() {
        let page = Timeline {
            entity: "ORDER#o1".to_owned(),
            next: Some("2026-01-05T09:30:00.310000000Z#e1".to_owned()),
            events: vec![TimelineEvent {
                occurred_at: "2026-01-05T09:30:00.31Z".to_owned(),
                r#type: "ORDER.NEW".to_owned(),
                event_id: "e1".to_owned(),
            }],
        };
        let text = page.text();
        assert!(text.contains("ORDER.NEW"), "{text}");
        assert!(
            text.contains("--after '2026-01-05T09:30:00.310000000Z#e1'"),
            "{text}"
        );
    }
}
