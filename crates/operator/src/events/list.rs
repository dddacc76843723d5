//! Listing events by when they were received.
//!
//! The log has no index by time. The archive is one: the keys of its deliveries begin with the hour. So a list reads the
//! deliveries of its time, and asks the log which events they brought first, as a replay does.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::Serialize;
use upvest::{Domain, EntityKey, category};

use crate::error::Result;
use crate::find::any_of;
use crate::records::Records;
use crate::replay::{Filter, Page, Selected, read_delivery};
use crate::stack::Stack;
use crate::times::to_the_second;

/// Bounds the deliveries that are read for one page of the list: as many reads of S3, and of the log.
pub const MOST_DELIVERIES: usize = 1_000;
/// Limits the deliveries that are read at the same time. Each is held in memory, with a body of up to 6 MiB.
const AT_A_TIME: usize = 8;

/// Says which events are listed, and how many.
#[derive(Debug, Clone)]
pub struct Query {
    /// Takes events that were received in this time.
    pub received: Range<Timestamp>,
    /// Takes events of these types or categories, like `ORDER.FILLED` or `ORDER`; of any where none is named.
    pub types: Vec<String>,
    /// Takes events of these domains; of any where none is named.
    pub domains: Vec<Domain>,
    /// Takes events of this person's entities; of anybody's where nobody is named.
    pub user_id: Option<String>,
    /// Limits how many events are listed; the next page goes on after them.
    pub limit: usize,
    /// Goes on here, as the last page said.
    pub after: Option<Cursor>,
}

/// Marks where a page ended: after so many events of the delivery with a key in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    key: String,
    events: usize,
}

/// Lists a page of the events that were asked for, in the order of their receipt.
#[derive(Debug, Default, Serialize)]
pub struct EventList {
    /// Gives the time at which the list was begun; ages count up to it.
    pub at: Timestamp,
    /// Describes the events that were found.
    pub events: Vec<ListedEvent>,
    /// Tells how many deliveries were read for that.
    pub deliveries: usize,
    /// Lists what could not be read, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    /// Tells where the next page goes on; `None` on the last one.
    pub next: Option<String>,
    /// Repeats what was asked for, in words.
    pub selection: String,
}

/// Describes an event by what tells it from others.
#[derive(Debug, Serialize)]
pub struct ListedEvent {
    /// Names the event in the log.
    pub event_id: String,
    /// Repeats the event type that Upvest sent.
    pub r#type: String,
    /// Names the entity that it is about, written `TYPE#ID`.
    pub entity: String,
    /// Gives the time at which it occurred, by Upvest's word where it says so.
    pub occurred_at: String,
    /// Gives the time at which ingest took the delivery that the log has it from.
    pub received_at: String,
}

/// Lists the events that a query asks for, a page at a time. A page ends after [`MOST_DELIVERIES`] deliveries, and the next
/// one goes on there.
///
/// # Errors
///
/// [`Error`](crate::Error) when the archive or the log cannot be read.
pub async fn list(stack: &Stack, query: &Query, at: Timestamp) -> Result<EventList> {
    let records = Records::of(stack)?;
    let own = match &query.user_id {
        Some(user_id) => Some(stack.entities()?.of_user(user_id).await?.into_iter().collect()),
        None => None,
    };
    let wanted = Wanted { query, own };
    let mut list = EventList {
        at,
        selection: query.in_words(),
        ..EventList::default()
    };
    if let Some(Cursor { key, events }) = &query.after {
        // Read without a filter, because the cursor counts all events of the delivery, asked for or not.
        let page = read_delivery(&records, key.clone(), &query.received, &Filter::Any).await?;
        if !list.take(page, key, *events, &wanted) {
            return Ok(list);
        }
    }
    let after = query.after.as_ref().map(|cursor| cursor.key.as_str());
    let mut keys = records.archive.verified_between(query.received.clone(), after);
    while let Some(keys) = keys.next().await? {
        let pages = keys.into_iter().map(async |key| {
            let page = read_delivery(&records, key.clone(), &query.received, &Filter::Any).await;
            (key, page)
        });
        let mut pages = stream::iter(pages).buffered(AT_A_TIME);
        while let Some((key, page)) = pages.next().await {
            if !list.take(page?, &key, 0, &wanted) {
                return Ok(list);
            }
        }
    }
    Ok(list)
}

/// Decides which events of the log are listed: those that the query takes, of the person's entities.
struct Wanted<'q> {
    query: &'q Query,
    /// Names the entities of the person who is named.
    own: Option<BTreeSet<EntityKey>>,
}

impl Wanted<'_> {
    fn takes(&self, event: &Selected) -> bool {
        let Query { types, domains, .. } = self.query;
        let event_type = event.event_type.as_str();
        let category = category::name_of(event_type);
        (types.is_empty()
            || types
                .iter()
                .any(|wanted| wanted == event_type || wanted == category))
            && (domains.is_empty() || domains.contains(&category::of(event_type).domain))
            && (self.own.as_ref()).is_none_or(|own| own.contains(&event.entity))
    }
}

impl EventList {
    /// Adds what is asked for of a delivery, after so many of its events; tells whether there may be room for another.
    fn take(&mut self, page: Page, key: &str, skip: usize, wanted: &Wanted<'_>) -> bool {
        self.deliveries += 1;
        let failures = page.failures.iter();
        self.unreadable
            .extend(failures.map(|failure| format!("{}: {}", failure.what, failure.reason)));
        let count = page.events.len();
        for (index, event) in page.events.into_iter().enumerate().skip(skip) {
            if !wanted.takes(&event) {
                continue;
            }
            self.events.push(ListedEvent {
                r#type: event.event_type,
                entity: event.entity.to_string(),
                occurred_at: event.occurred.created_at.to_string(),
                received_at: event.occurred.received_at.to_string(),
                event_id: event.occurred.event_id,
            });
            if self.events.len() == wanted.query.limit {
                return self.ends_at(key, index + 1);
            }
        }
        match self.deliveries < MOST_DELIVERIES {
            true => true,
            false => self.ends_at(key, count),
        }
    }

    fn ends_at(&mut self, key: &str, events: usize) -> bool {
        let cursor = Cursor {
            key: key.to_owned(),
            events,
        };
        self.next = Some(cursor.to_string());
        false
    }
}

impl Query {
    /// Writes the selection as words that follow the word `events`; nothing where all are taken.
    fn in_words(&self) -> String {
        let Range { start, end } = self.received;
        let (start, end) = (to_the_second(start), to_the_second(end));
        let parts = [
            any_of("type", self.types.iter().map(String::as_str)),
            any_of("domain", self.domains.iter().map(|domain| domain.name())),
            self.user_id.as_ref().map(|user_id| format!(" of user {user_id}")),
            Some(format!(" received from {start} to {end}")),
        ];
        parts.into_iter().flatten().collect()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, self.events)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let unknown = "expected what the last page printed";
        let (key, events) = text.rsplit_once(':').ok_or(unknown)?;
        let events = events.parse().map_err(|_| unknown)?;
        Ok(Self {
            key: key.to_owned(),
            events,
        })
    }
}

#[cfg(test)]
mod tests {
    use pipeline::stores::archive::VERIFIED_PREFIX;

    use super::*;

    #[test]
    fn what_was_asked_for_is_told_to_the_second() {
        let at = |text: &str| text.parse().unwrap();
        let query = Query {
            received: at("2026-01-05T09:30:00.123456789Z")..at("2026-01-05T10:30:00.123456789Z"),
            types: Vec::new(),
            domains: Vec::new(),
            user_id: None,
            limit: 1,
            after: None,
        };
        assert_eq!(
            query.in_words(),
            " received from 2026-01-05T09:30:00Z to 2026-01-05T10:30:00Z"
        );
    }

    #[test]
    fn a_place_is_read_back_as_it_was_written() {
        let written = format!("{VERIFIED_PREFIX}2026/01/05/09/019b8d70-3d1a-7aa5-8123-456789abcdef:7");
        assert_eq!(written.parse::<Cursor>().unwrap().to_string(), written);
        for wrong in ["", "key", "key:x"] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }
}
