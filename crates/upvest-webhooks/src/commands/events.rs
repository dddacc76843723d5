//! `events`: what the event log holds.

use clap::{Args, Subcommand};
use pipeline::stores::events::{EventLog, LogError, LoggedEvent, TimelineEntry};
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::{EntityKey, Occurred};

use crate::output::{self, Report, facts, pretty};
use crate::stack::{Stack, StackError};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show an event, with its object as it was delivered
    ///
    /// Example: upvest-webhooks events show 1a9eca6b-4294-4260-a20c-2a23e852f2a2
    Show {
        /// The event's id
        event_id: String,
    },
    /// List the events of an entity, oldest first
    ///
    /// Example: upvest-webhooks events timeline ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4
    Timeline(Timeline),
}

#[derive(Debug, Args)]
pub(crate) struct Timeline {
    /// The entity, written TYPE#ID
    entity: String,
    /// Show at most so many events
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// Go on after this event, as the last page said
    #[arg(long, value_name = "OCCURRED", value_parser = occurred)]
    after: Option<Occurred>,
}

fn occurred(text: &str) -> Result<Occurred, &'static str> {
    Occurred::from_stored(text.to_owned())
        .map_err(|_| "expected <instant>#<event id> as the last page printed it")
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EventsError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("no event {0} in the event log")]
    NoEvent(String),
    #[error("no events of {0} in the event log: entities are written TYPE#ID, like ORDER#9fc8c651-...")]
    NoEntity(String),
    #[error("the object of event {event_id} in the events table is not JSON")]
    NotJson {
        event_id: String,
        source: serde_json::Error,
    },
}

/// The result of either command.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum EventsReport {
    Event(Box<EventReport>),
    Timeline(Page),
}

/// An event of the log.
#[derive(Debug, Serialize)]
pub(crate) struct EventReport {
    event_id: String,
    r#type: String,
    aggregate: Option<String>,
    occurred: String,
    received_at: String,
    delivery_id: String,
    sha256: String,
    /// The object, unless it was too large for the table.
    object: Option<Box<RawValue>>,
    /// Where the archive keeps the delivery of an object that was too large.
    #[serde(skip_serializing_if = "Option::is_none")]
    archived_at: Option<String>,
}

/// A part of an entity's time line.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    entity: String,
    events: Vec<Entry>,
    /// What to go on after, if there is more.
    next: Option<String>,
}

/// An event of a time line.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    occurred_at: String,
    r#type: String,
    event_id: String,
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(self, stack: &Stack) -> Result<EventsReport, EventsError> {
        let dynamodb = pipeline::runtime::aws::dynamodb(stack.config());
        let log = EventLog::new(dynamodb, stack.events_table()?);
        match self {
            Self::Show { event_id } => {
                let Some(event) = log.find(&event_id).await? else {
                    return Err(EventsError::NoEvent(event_id));
                };
                let mut report = EventReport::of(event)?;
                if let Some(key) = &report.archived_at {
                    report.archived_at = Some(format!("s3://{}/{key}", stack.archive_bucket()?));
                }
                Ok(EventsReport::Event(Box::new(report)))
            }
            Self::Timeline(timeline) => Ok(EventsReport::Timeline(timeline.page(&log).await?)),
        }
    }
}

impl EventReport {
    fn of(event: LoggedEvent) -> Result<Self, EventsError> {
        let object = event.object.map(RawValue::from_string).transpose();
        Ok(Self {
            object: object.map_err(|source| EventsError::NotJson {
                event_id: event.event_id.clone(),
                source,
            })?,
            event_id: event.event_id,
            r#type: event.event_type,
            aggregate: event.aggregate.map(|entity| entity.to_string()),
            occurred: event.occurred.to_string(),
            received_at: event.received_at.to_string(),
            delivery_id: event.delivery_id,
            sha256: event.sha256,
            archived_at: event.archived_at,
        })
    }
}

impl Timeline {
    async fn page(self, log: &EventLog) -> Result<Page, EventsError> {
        let entity = EntityKey::from_stored(self.entity.clone());
        // One more than is shown tells whether there is more.
        let limit = i32::from(self.limit) + 1;
        let mut entries = log.timeline(&entity, self.after.as_ref(), limit).await?;
        if entries.is_empty() && self.after.is_none() {
            return Err(EventsError::NoEntity(self.entity));
        }
        let is_more = entries.len() > usize::from(self.limit);
        entries.truncate(self.limit.into());
        Ok(Page {
            entity: self.entity,
            next: entries
                .last()
                .filter(|_| is_more)
                .map(|entry| entry.occurred.to_string()),
            events: entries.into_iter().map(Entry::from).collect(),
        })
    }
}

impl From<TimelineEntry> for Entry {
    fn from(entry: TimelineEntry) -> Self {
        Self {
            occurred_at: entry.occurred.instant().to_owned(),
            r#type: entry.event_type,
            event_id: entry.occurred.event_id().to_owned(),
        }
    }
}

impl Report for EventsReport {
    fn text(&self) -> String {
        match self {
            Self::Event(event) => event.text(),
            Self::Timeline(page) => page.text(),
        }
    }
}

impl EventReport {
    fn text(&self) -> String {
        let some = |value: &str| Some(value.to_owned());
        let mut text = facts([
            ("event", some(&self.event_id)),
            ("type", some(&self.r#type)),
            ("entity", self.aggregate.clone()),
            ("occurred", some(&self.occurred)),
            ("received", some(&self.received_at)),
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

impl Page {
    fn text(&self) -> String {
        let mut table = output::table(["occurred", "type", "event id"]);
        for event in &self.events {
            table.add_row([&event.occurred_at, &event.r#type, &event.event_id]);
        }
        let mut text = format!("{}\n{table}\n", self.entity);
        if let Some(next) = &self.next {
            text.push_str(&format!("\nthere is more: --after '{next}'\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged() -> LoggedEvent {
        LoggedEvent {
            event_id: "e1".to_owned(),
            event_type: "ORDER.NEW".to_owned(),
            aggregate: Some(EntityKey::from_stored("ORDER#o1".to_owned())),
            occurred: Occurred::new("2026-01-05T09:30:00.310Z", "e1").unwrap(),
            delivery_id: "d1".to_owned(),
            received_at: "2026-01-05T09:30:01Z".parse().unwrap(),
            sha256: "00ff".to_owned(),
            object: None,
            archived_at: None,
        }
    }

    #[test]
    fn an_event_shows_its_object_verbatim() {
        let event = LoggedEvent {
            object: Some(r#"{"quantity": 1.00, "id":"o1"}"#.to_owned()),
            ..logged()
        };
        let report = EventsReport::Event(Box::new(EventReport::of(event).unwrap()));
        assert!(
            report
                .text()
                .ends_with("{\n  \"quantity\": 1.00,\n  \"id\": \"o1\"\n}\n")
        );
        let json = serde_json::to_string(&report).unwrap();
        assert!(
            json.contains(r#""object":{"quantity": 1.00, "id":"o1"}"#),
            "{json}"
        );
    }

    #[test]
    fn an_object_too_large_for_the_table_says_where_it_is() {
        let event = LoggedEvent {
            archived_at: Some("verified/2026/01/05/09/d1".to_owned()),
            ..logged()
        };
        let text = EventReport::of(event).unwrap().text();
        assert!(text.contains("object in  verified/2026/01/05/09/d1"), "{text}");
    }

    #[test]
    fn an_object_that_is_no_json_names_its_event() {
        let event = LoggedEvent {
            object: Some("{".to_owned()),
            ..logged()
        };
        assert_eq!(
            EventReport::of(event).unwrap_err().to_string(),
            "the object of event e1 in the events table is not JSON"
        );
    }

    #[test]
    fn a_page_tells_how_to_go_on() {
        let occurred = logged().occurred;
        let page = Page {
            entity: "ORDER#o1".to_owned(),
            next: Some(occurred.to_string()),
            events: vec![Entry::from(TimelineEntry {
                entity: EntityKey::from_stored("ORDER#o1".to_owned()),
                occurred,
                event_type: "ORDER.NEW".to_owned(),
            })],
        };
        let text = page.text();
        assert!(text.contains("2026-01-05T09:30:00.310000000Z"), "{text}");
        assert!(
            text.contains("--after '2026-01-05T09:30:00.310000000Z#e1'"),
            "{text}"
        );
    }
}
