//! Reading what is selected, a page at a time, so that a replay of any size takes little memory.

use std::collections::BTreeSet;

use pipeline::stores::events::LOAD_BATCH;
use upvest::{EntityKey, Occurred};

use super::archive::read_archive;
use super::counts::Counts;
use super::guard::Guard;
use super::page::{Page, Position, Selected, Taken};
use super::selection::{Filter, Selection};
use super::task::Task;
use crate::error::{Error, Result};
use crate::records::Records;
use crate::reporter::Reporter;

/// Limits how many entries of an entity's time line one query reads.
const ENTRIES: i32 = 100;

/// Reads what a task selects and has not done yet.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'r> {
    pub(super) records: &'r Records,
    pub(super) task: &'r Task,
}

impl Reader<'_> {
    /// Counts what is selected, or what is left of it, and has the guard look at it.
    pub(super) async fn count(&self, guard: &mut Guard, reporter: Reporter<'_>) -> Result<Counts> {
        let work = reporter.count("events selected");
        let mut counts = Counts::default();
        let mut add = |entity: &EntityKey, occurred: &Occurred, event_type: &str| {
            guard.look_at(entity, occurred);
            counts.add(event_type);
            work.done(1);
        };
        if let (Selection::Log(filter), None) = (&self.task.request.selection, self.position()) {
            // The index alone tells, without a look at each entity.
            let mut after = None;
            loop {
                let page = self.records.log.timelines(after).await?;
                let entries = page.entries.iter();
                for entry in entries.filter(|entry| filter.lets_pass(&entry.event_type)) {
                    add(&entry.entity, &entry.occurred, &entry.event_type);
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        } else {
            let mut take = async |page: Page| -> Taken {
                for event in &page.events {
                    add(&event.entity, &event.occurred, &event.event_type);
                }
                Ok(())
            };
            self.read(&mut take).await?;
        }
        Ok(counts)
    }

    /// Reads what is selected and not done yet.
    pub(super) async fn read(&self, take: &mut impl AsyncFnMut(Page) -> Taken) -> Result<()> {
        match &self.task.request.selection {
            Selection::Events(ids) => self.events(ids, take).await,
            Selection::Entities(entities) => self.entities(entities, take).await,
            Selection::Log(filter) => self.log(filter, take).await,
            Selection::Received { since, until, filter } => {
                read_archive(self.records, *since..*until, filter, self.position(), take).await
            }
        }
    }

    fn position(&self) -> Option<&Position> {
        self.task.progress.position.as_ref()
    }

    /// Reads single events, in the order in which they occurred.
    async fn events(&self, ids: &[String], take: &mut impl AsyncFnMut(Page) -> Taken) -> Result<()> {
        let found = self.find(ids).await?;
        let mut done = match self.position() {
            Some(Position::Events(done)) => *done,
            _ => 0,
        };
        for events in found.get(done..).unwrap_or_default().chunks(LOAD_BATCH) {
            done += events.len();
            let events = events
                .iter()
                .map(|(occurred, entity, event_type)| Selected::of(entity, occurred, event_type));
            let page = Page {
                events: events.collect(),
                position: Some(Position::Events(done)),
                ..Page::default()
            };
            take(page).await?;
        }
        Ok(())
    }

    /// Finds the places of these events, in the order in which they occurred.
    async fn find(&self, ids: &[String]) -> Result<Vec<(Occurred, EntityKey, String)>> {
        let ids: Vec<&str> = BTreeSet::from_iter(ids.iter().map(String::as_str))
            .into_iter()
            .collect();
        let (mut found, mut unknown) = (Vec::new(), Vec::new());
        for ids in ids.chunks(LOAD_BATCH) {
            let mut events = self.records.log.load(ids).await?;
            for id in ids {
                let Some(event) = events.remove(*id) else {
                    unknown.push(*id);
                    continue;
                };
                let Some(entity) = event.aggregate else {
                    return Err(Error::failed(format!(
                        "{} belongs to no entity, or conflicts with another event of its id: no domain takes it",
                        event.event_id
                    )));
                };
                found.push((event.occurred, entity, event.event_type));
            }
        }
        if !unknown.is_empty() {
            let unknown = unknown.join(", ");
            return Err(Error::not_found(format!("not in the event log: {unknown}")));
        }
        found.sort();
        Ok(found)
    }

    /// Reads entities, one after the other.
    async fn entities(&self, keys: &[String], take: &mut impl AsyncFnMut(Page) -> Taken) -> Result<()> {
        // In order, so that the entity that was done last tells which ones a resumed replay has left.
        let mut keys: Vec<&String> = BTreeSet::from_iter(keys).into_iter().collect();
        if let Some(cursor) = self.position().and_then(Position::cursor) {
            keys.retain(|key| ***key > *cursor.entity.as_str());
            let after = Some(cursor.occurred);
            self.entity(&cursor.entity, after, &Filter::Any, take).await?;
        }
        for key in keys {
            let entity = EntityKey::from_stored(key.clone());
            if !self.entity(&entity, None, &Filter::Any, take).await? {
                return Err(Error::not_found(format!(
                    "no events of {entity} in the event log: entities are written TYPE#ID, like ORDER#9fc8c651-..."
                )));
            }
        }
        Ok(())
    }

    /// Reads the whole log, entity by entity: the index names them, and the time line of each has its events in order.
    async fn log(&self, filter: &Filter, take: &mut impl AsyncFnMut(Page) -> Taken) -> Result<()> {
        let mut after = self.position().and_then(Position::cursor);
        let mut last: Option<EntityKey> = None;
        if let Some(cursor) = after.clone() {
            let after = Some(cursor.occurred);
            self.entity(&cursor.entity, after, filter, take).await?;
            // The index goes on within this entity, whose rest was read just now.
            last = Some(cursor.entity);
        }
        loop {
            let page = self.records.log.timelines(after).await?;
            for entry in page.entries {
                // An entity whose entries are not together is read twice, which does no harm.
                if filter.lets_pass(&entry.event_type) && last.as_ref() != Some(&entry.entity) {
                    self.entity(&entry.entity, None, filter, take).await?;
                    last = Some(entry.entity);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Reads the events of an entity in the order in which they occurred. Tells whether there are any.
    async fn entity(
        &self,
        entity: &EntityKey,
        mut after: Option<Occurred>,
        filter: &Filter,
        take: &mut impl AsyncFnMut(Page) -> Taken,
    ) -> Result<bool> {
        let mut any = false;
        loop {
            let entries = self.records.log.timeline(entity, after.as_ref(), ENTRIES).await?;
            let Some(last) = entries.last() else {
                return Ok(any);
            };
            any = true;
            let position = Position::Entity {
                entity: entity.to_string(),
                occurred: last.occurred.to_string(),
            };
            after = Some(last.occurred.clone());
            let selected = entries.iter().filter(|entry| filter.lets_pass(&entry.event_type));
            let page = Page {
                events: selected
                    .map(|entry| Selected::of(entity, &entry.occurred, &entry.event_type))
                    .collect(),
                position: Some(position),
                ..Page::default()
            };
            take(page).await?;
        }
    }
}
