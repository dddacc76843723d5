//! Listing entities: those of a person by the index that has them, all others by a look through the table.

use std::collections::BTreeSet;
use std::ops::Range;

use jiff::Timestamp;
use pipeline::stores::entities::{Entities, Summary};
use serde::Serialize;
use upvest::{Domain, EntityKey};

use super::domain_of;
use crate::error::Result;
use crate::find::{MOST_PAGES, any_of};
use crate::stack::Stack;
use crate::times::to_the_second;

/// Says which entities are listed, and how many.
#[derive(Debug, Clone)]
pub struct Query {
    /// Takes the entities of this person; of anybody where nobody is named.
    pub user_id: Option<String>,
    /// Takes entities of these domains; of any where none is named.
    pub domains: Vec<Domain>,
    /// Takes entities of these types, like `ORDER`; of any where none is named.
    pub types: Vec<String>,
    /// Takes entities that have this status, in whatever case.
    pub status: Option<String>,
    /// Takes entities whose last event occurred in this time.
    pub last_event: Option<Range<Timestamp>>,
    /// Limits how many entities are listed; the next page goes on after them.
    pub limit: usize,
    /// Goes on after this entity, as the last page said.
    pub after: Option<EntityKey>,
}

/// Lists a page of the entities that were asked for.
#[derive(Debug, Default, Serialize)]
pub struct EntityList {
    /// Gives the time at which the list was begun; ages count up to it.
    pub at: Timestamp,
    /// Describes the entities that were found.
    pub entities: Vec<ListedEntity>,
    /// Tells how many were looked at for that.
    pub looked_at: usize,
    /// Names the entity after which the next page goes on; `None` on the last one.
    pub next: Option<String>,
    /// Repeats what was asked for, in words; empty where nothing was.
    pub selection: String,
}

/// Describes an entity by its status and its last event.
#[derive(Debug, Serialize)]
pub struct ListedEntity {
    /// Names the entity by its key, `TYPE#ID`.
    pub entity: String,
    /// Gives the status that it has; `None` where no event gave one.
    pub status: Option<String>,
    /// Names the user whose entity it is; `None` where the object names none.
    pub user_id: Option<String>,
    /// Gives the type of the event that occurred last.
    pub last_event_type: Option<String>,
    /// Names the event that occurred last.
    pub last_event_id: Option<String>,
    /// Gives the time at which that event occurred.
    pub last_occurred_at: Option<String>,
}

/// Lists the entities that a query asks for, a page at a time. A look through the table ends after [`MOST_PAGES`] MB, and
/// the next page goes on there.
///
/// # Errors
///
/// [`Error`](crate::Error) when the table cannot be read.
pub async fn list(stack: &Stack, query: &Query, at: Timestamp) -> Result<EntityList> {
    let entities = stack.entities()?;
    let mut list = EntityList {
        at,
        selection: query.in_words(),
        ..EntityList::default()
    };
    match &query.user_id {
        Some(user_id) => list_of_user(&entities, user_id, query, &mut list).await?,
        None => look_through(&entities, query, &mut list).await?,
    }
    Ok(list)
}

async fn list_of_user(
    entities: &Entities,
    user_id: &str,
    query: &Query,
    list: &mut EntityList,
) -> Result<()> {
    let keys = entities.of_user(user_id).await?;
    let wanted = keys
        .into_iter()
        // The index cannot be asked for what follows a key, so that keys are compared here.
        .filter(|key| query.after.as_ref().is_none_or(|after| key > after) && query.takes_type(key));
    let wanted: BTreeSet<EntityKey> = wanted.collect();
    for summary in entities.summaries_of(&wanted).await? {
        if !list.take(&summary, query) {
            return Ok(());
        }
    }
    Ok(())
}

async fn look_through(entities: &Entities, query: &Query, list: &mut EntityList) -> Result<()> {
    let mut after = query.after.clone();
    for _ in 0..MOST_PAGES {
        let page = entities.summaries(after).await?;
        for summary in &page.entities {
            if !list.take(summary, query) {
                return Ok(());
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    list.next = after.map(|entity| entity.to_string());
    Ok(())
}

impl EntityList {
    /// Adds an entity if it is asked for; tells whether there may be room for another one.
    fn take(&mut self, summary: &Summary, query: &Query) -> bool {
        self.looked_at += 1;
        if query.takes(summary) {
            let last = summary.last.as_ref();
            self.entities.push(ListedEntity {
                entity: summary.entity.to_string(),
                status: summary.status.clone(),
                user_id: summary.user_id.clone(),
                last_event_type: last.map(|(event_type, _)| event_type.clone()),
                last_event_id: last.map(|(_, occurred)| occurred.event_id.clone()),
                last_occurred_at: last.map(|(_, occurred)| occurred.created_at.to_string()),
            });
        }
        let has_room = self.entities.len() < query.limit;
        if !has_room {
            self.next = Some(summary.entity.to_string());
        }
        has_room
    }
}

impl Query {
    fn takes_type(&self, key: &EntityKey) -> bool {
        let own = key.entity_type();
        (self.types.is_empty() || self.types.iter().any(|wanted| wanted == own))
            && (self.domains.is_empty() || self.domains.contains(&domain_of(key)))
    }

    fn takes(&self, summary: &Summary) -> bool {
        let has_status = |wanted: &String| {
            let own = summary.status.as_deref();
            own.is_some_and(|own| own.eq_ignore_ascii_case(wanted))
        };
        let is_within = |period: &Range<Timestamp>| {
            let last = summary.last.as_ref();
            last.is_some_and(|(_, occurred)| period.contains(&occurred.created_at.timestamp()))
        };
        self.takes_type(&summary.entity)
            && self.status.as_ref().is_none_or(has_status)
            && self.last_event.as_ref().is_none_or(is_within)
    }

    /// Writes the selection as words that follow the word `entities`; nothing where all are taken.
    fn in_words(&self) -> String {
        let parts = [
            self.user_id.as_ref().map(|user_id| format!(" of user {user_id}")),
            any_of("domain", self.domains.iter().map(|domain| domain.name())),
            any_of("type", self.types.iter().map(String::as_str)),
            (self.status.as_ref()).map(|status| format!(" with status {status}")),
            (self.last_event.as_ref()).map(|Range { start, end }| {
                let (start, end) = (to_the_second(*start), to_the_second(*end));
                format!(" whose last event occurred from {start} to {end}")
            }),
        ];
        parts.into_iter().flatten().collect()
    }
}
