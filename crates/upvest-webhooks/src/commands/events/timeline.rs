//! `events timeline`: the events of an entity in their order.

use clap::Args;
use operator::events::{Timeline, timeline};
use operator::{Result, Stack};
use upvest::Occurred;

use crate::output::{Report, rows_of};
use crate::times::local_text;

#[derive(Debug, Args)]
pub(crate) struct TimelineArgs {
    /// The entity, written TYPE#ID; a bare id or the beginning of one does where only one entity has it
    entity: String,
    /// Show at most so many events
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// Go on after this event, as the last page said
    #[arg(long, value_name = "OCCURRED", value_parser = occurred)]
    after: Option<Occurred>,
}

fn occurred(text: &str) -> Result<Occurred, &'static str> {
    Occurred::from_stored(text).map_err(|_| "expected the place of an event, as the last page printed it")
}

impl TimelineArgs {
    /// Reads the time line of the entity, oldest event first.
    pub(super) async fn run(self, stack: &Stack) -> Result<Timeline> {
        timeline(stack, &self.entity, self.after.as_ref(), self.limit).await
    }
}

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
