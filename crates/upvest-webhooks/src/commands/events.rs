//! `events`: what the event log holds.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use clap::{Args, Subcommand};
use pipeline::error::AwsError;
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::Occurred;

use crate::output::{self, Report, facts, pretty};
use crate::stack::{Stack, StackError};

/// The index of the events table that is an entity's time line.
pub(super) const TIMELINE_INDEX: &str = "by-aggregate";

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
    after: Option<String>,
}

fn occurred(text: &str) -> Result<String, &'static str> {
    let occurred = Occurred::from_stored(text.to_owned());
    occurred.map_or(
        Err("expected <instant>#<event id> as the last page printed it"),
        |_| Ok(text.to_owned()),
    )
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EventsError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error("no event {0} in the event log")]
    NoEvent(String),
    #[error("no events of {0} in the event log: entities are written TYPE#ID, like ORDER#9fc8c651-...")]
    NoEntity(String),
    #[error("event {event_id} in the events table has no usable {attribute}")]
    Unusable {
        event_id: String,
        attribute: &'static str,
    },
}

/// The result of either command.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum EventsReport {
    Event(Box<LoggedEvent>),
    Timeline(Page),
}

/// An event of the log.
#[derive(Debug, Serialize)]
pub(crate) struct LoggedEvent {
    pub(super) event_id: String,
    pub(super) r#type: String,
    pub(super) aggregate: Option<String>,
    pub(super) occurred: String,
    pub(super) received_at: String,
    pub(super) delivery_id: String,
    pub(super) sha256: String,
    /// The object, unless it was too large for the table.
    pub(super) object: Option<Box<RawValue>>,
    /// Where the archive keeps the delivery of an object that was too large.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) archived_at: Option<String>,
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
        let client = aws_sdk_dynamodb::Client::new(stack.config());
        match self {
            Self::Show { event_id } => {
                let event = find(stack, &client, event_id).await?;
                Ok(EventsReport::Event(Box::new(event)))
            }
            Self::Timeline(timeline) => {
                let page = timeline.page(&client, stack.events_table()?).await?;
                Ok(EventsReport::Timeline(page))
            }
        }
    }
}

/// Whether an event is in the log.
///
/// # Errors
///
/// [`AwsError`] when the table cannot be read.
pub(crate) async fn is_logged(
    client: &aws_sdk_dynamodb::Client,
    table: &str,
    event_id: &str,
) -> Result<bool, AwsError> {
    let request = client
        .get_item()
        .table_name(table)
        .key("event_id", AttributeValue::S(event_id.to_owned()))
        .projection_expression("event_id")
        .consistent_read(true);
    let answer = request.send().await;
    let answer = answer.map_err(AwsError::of("GetItem of the events table"))?;
    Ok(answer.item.is_some())
}

async fn find(
    stack: &Stack,
    client: &aws_sdk_dynamodb::Client,
    event_id: String,
) -> Result<LoggedEvent, EventsError> {
    let request = client
        .get_item()
        .table_name(stack.events_table()?)
        .key("event_id", AttributeValue::S(event_id.clone()))
        .consistent_read(true);
    let answer = request
        .send()
        .await
        .map_err(AwsError::of("GetItem of the events table"))?;
    let Some(item) = answer.item else {
        return Err(EventsError::NoEvent(event_id));
    };
    let mut event = LoggedEvent::of(&item)?;
    if let Some(key) = &event.archived_at {
        event.archived_at = Some(format!("s3://{}/{key}", stack.archive_bucket()?));
    }
    Ok(event)
}

impl LoggedEvent {
    /// Reads an item of the events table.
    ///
    /// # Errors
    ///
    /// [`EventsError::Unusable`] when it is not one of an event.
    pub(super) fn of(item: &HashMap<String, AttributeValue>) -> Result<Self, EventsError> {
        let optional = |name| text(item, name).map(str::to_owned);
        let event_id = optional("event_id").unwrap_or_default();
        let unusable = |attribute| EventsError::Unusable {
            event_id: event_id.clone(),
            attribute,
        };
        let required = |name| optional(name).ok_or_else(|| unusable(name));
        let object = optional("object").map(RawValue::from_string).transpose();
        Ok(Self {
            r#type: required("type")?,
            aggregate: optional("aggregate"),
            occurred: required("occurred")?,
            received_at: required("received_at")?,
            delivery_id: required("delivery_id")?,
            sha256: required("sha256")?,
            object: object.map_err(|_| unusable("object"))?,
            archived_at: optional("archived_at"),
            event_id,
        })
    }
}

impl Timeline {
    async fn page(self, client: &aws_sdk_dynamodb::Client, table: String) -> Result<Page, EventsError> {
        let condition = match &self.after {
            Some(_) => "#aggregate = :entity AND occurred > :after",
            None => "#aggregate = :entity",
        };
        let request = client
            .query()
            .table_name(table)
            .index_name(TIMELINE_INDEX)
            .key_condition_expression(condition)
            // A reserved word of DynamoDB.
            .expression_attribute_names("#aggregate", "aggregate")
            .expression_attribute_values(":entity", AttributeValue::S(self.entity.clone()))
            // One more than is shown tells whether there is more.
            .limit(i32::from(self.limit) + 1);
        let request = match &self.after {
            Some(after) => request.expression_attribute_values(":after", AttributeValue::S(after.clone())),
            None => request,
        };
        let wanted = usize::from(self.limit);
        let mut items = request.into_paginator().items().send();
        let mut events = Vec::new();
        let (mut last, mut more) = (None, false);
        while let Some(item) = items.next().await {
            let item = item.map_err(AwsError::of("Query of the events table"))?;
            if events.len() == wanted {
                more = true;
                break;
            }
            let (entry, occurred) = Entry::of(&item)?;
            events.push(entry);
            last = Some(occurred.as_str().to_owned());
        }
        if events.is_empty() && self.after.is_none() {
            return Err(EventsError::NoEntity(self.entity));
        }
        Ok(Page {
            entity: self.entity,
            events,
            next: last.filter(|_| more),
        })
    }
}

impl Entry {
    fn of(item: &HashMap<String, AttributeValue>) -> Result<(Self, Occurred), EventsError> {
        let event_id = text(item, "event_id").unwrap_or_default().to_owned();
        let unusable = |attribute| EventsError::Unusable {
            event_id: event_id.clone(),
            attribute,
        };
        let occurred = text(item, "occurred").and_then(|text| Occurred::from_stored(text.to_owned()).ok());
        let occurred = occurred.ok_or_else(|| unusable("occurred"))?;
        let entry = Self {
            occurred_at: occurred.instant().to_owned(),
            r#type: text(item, "type").ok_or_else(|| unusable("type"))?.to_owned(),
            event_id,
        };
        Ok((entry, occurred))
    }
}

fn text<'i>(item: &'i HashMap<String, AttributeValue>, name: &str) -> Option<&'i str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

impl Report for EventsReport {
    fn text(&self) -> String {
        match self {
            Self::Event(event) => event.text(),
            Self::Timeline(page) => page.text(),
        }
    }
}

impl LoggedEvent {
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

    fn item(attributes: &[(&str, &str)]) -> HashMap<String, AttributeValue> {
        let attribute =
            |(name, value): &(&str, &str)| ((*name).to_owned(), AttributeValue::S((*value).to_owned()));
        attributes.iter().map(attribute).collect()
    }

    const LOGGED: [(&str, &str); 7] = [
        ("event_id", "e1"),
        ("type", "ORDER.NEW"),
        ("aggregate", "ORDER#o1"),
        ("occurred", "2026-01-05T09:30:00.310000000Z#e1"),
        ("received_at", "2026-01-05T09:30:01Z"),
        ("delivery_id", "d1"),
        ("sha256", "00ff"),
    ];

    #[test]
    fn an_event_shows_its_object_verbatim() {
        let mut attributes = LOGGED.to_vec();
        attributes.push(("object", r#"{"quantity": 1.00, "id":"o1"}"#));
        let report = EventsReport::Event(Box::new(LoggedEvent::of(&item(&attributes)).unwrap()));
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
        let mut attributes = LOGGED.to_vec();
        attributes.push(("archived_at", "verified/2026/01/05/09/d1"));
        let event = LoggedEvent::of(&item(&attributes)).unwrap();
        assert!(event.text().contains("object in  verified/2026/01/05/09/d1"));
    }

    #[test]
    fn an_item_that_is_no_event_names_what_is_missing() {
        let error = LoggedEvent::of(&item(&LOGGED[..2])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "event e1 in the events table has no usable occurred"
        );
    }

    #[test]
    fn a_page_tells_how_to_go_on() {
        let (entry, occurred) = Entry::of(&item(&LOGGED)).unwrap();
        let page = Page {
            entity: "ORDER#o1".to_owned(),
            events: vec![entry],
            next: Some(occurred.as_str().to_owned()),
        };
        let text = page.text();
        assert!(text.contains("2026-01-05T09:30:00.310000000Z"), "{text}");
        assert!(
            text.contains("--after '2026-01-05T09:30:00.310000000Z#e1'"),
            "{text}"
        );
    }
}
