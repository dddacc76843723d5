//! Reading what is selected, a page at a time, so that a replay of any size takes little memory.

use std::collections::BTreeSet;

use pipeline::stores::events::{LOAD_BATCH, TimelineEntry};
use upvest::{EntityKey, Occurred};

use super::archive::read_archive;
use super::counts::Counts;
use super::guard::Guard;
use super::page::{Page, Reached, Selected, Taken};
use super::selection::{Filter, Selection};
use super::task::Task;
use crate::error::{Error, Result};
use crate::records::Records;
use crate::reporter::Reporter;

/// Limits how many entries of an entity's time line one query reads.
const ENTRIES: i32 = 100;

/// Counts what is selected, or what is left of it, and has the guard look at it.
pub(crate) async fn count(
    records: &Records,
    task: &Task,
    guard: &mut Guard,
    reporter: Reporter<'_>,
) -> Result<Counts> {
    let work = reporter.count("events selected");
    let mut counts = Counts::default();
    let mut add = |event_type: &str| {
        counts.add(event_type);
        work.done(1);
    };
    if let (Selection::Log(filter), None) = (&task.request.selection, &task.progress.reached) {
        // The index alone tells, without a look at each entity.
        let mut after = None;
        loop {
            let page = records.log.timelines(after).await?;
            for entry in page
                .entries
                .iter()
                .filter(|entry| filter.lets_pass(&entry.event_type))
            {
                guard.look_at(&entry.entity, &entry.occurred);
                add(&entry.event_type);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    } else {
        let mut take = async |page: Page| -> Taken {
            for event in &page.events {
                guard.look_at(&event.entity, &event.occurred);
                add(&event.event_type);
            }
            Ok(())
        };
        read(records, task, &mut take).await?;
    }
    Ok(counts)
}

/// Reads what is selected and not done yet.
pub(crate) async fn read(
    records: &Records,
    task: &Task,
    take: &mut impl AsyncFnMut(Page) -> Taken,
) -> Result<()> {
    let reached = task.progress.reached.as_ref();
    match &task.request.selection {
        Selection::Events(ids) => read_events(records, ids, reached, take).await,
        Selection::Entities(entities) => read_entities(records, entities, reached, take).await,
        Selection::Log(filter) => read_log(records, filter, reached, take).await,
        Selection::Received { since, until, filter } => {
            read_archive(records, *since..*until, filter, reached, take).await
        }
    }
}

/// Reads single events, in the order in which they occurred.
async fn read_events(
    records: &Records,
    ids: &[String],
    reached: Option<&Reached>,
    take: &mut impl AsyncFnMut(Page) -> Taken,
) -> Result<()> {
    let ids: Vec<&str> = BTreeSet::from_iter(ids.iter().map(String::as_str))
        .into_iter()
        .collect();
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for ids in ids.chunks(LOAD_BATCH) {
        let mut events = records.log.load(ids).await?;
        for id in ids {
            match events.remove(*id) {
                Some(event) => match event.aggregate {
                    Some(entity) => found.push((event.occurred, entity, event.event_type)),
                    None => {
                        return Err(Error::failed(format!(
                            "{} belongs to no entity, or conflicts with another event of its id: no domain takes it",
                            event.event_id
                        )));
                    }
                },
                None => unknown.push((*id).to_owned()),
            }
        }
    }
    if !unknown.is_empty() {
        return Err(Error::not_found(format!(
            "not in the event log: {}",
            unknown.join(", ")
        )));
    }
    found.sort();
    let mut done = match reached {
        Some(Reached::Events(done)) => *done,
        _ => 0,
    };
    for events in found.get(done..).unwrap_or_default().chunks(LOAD_BATCH) {
        done += events.len();
        let events = events
            .iter()
            .map(|(occurred, entity, event_type)| Selected::of(entity, occurred, event_type));
        let page = Page {
            events: events.collect(),
            reached: Some(Reached::Events(done)),
            ..Page::default()
        };
        take(page).await?;
    }
    Ok(())
}

/// Reads entities, one after the other.
async fn read_entities(
    records: &Records,
    entities: &[String],
    reached: Option<&Reached>,
    take: &mut impl AsyncFnMut(Page) -> Taken,
) -> Result<()> {
    let mut entities: Vec<&String> = BTreeSet::from_iter(entities).into_iter().collect();
    if let Some(place) = reached.and_then(Reached::place) {
        entities.retain(|entity| ***entity > *place.entity.as_str());
        read_entity(records, &place.entity, Some(place.occurred), &Filter::Any, take).await?;
    }
    for entity in entities {
        let entity = EntityKey::from_stored(entity.clone());
        if !read_entity(records, &entity, None, &Filter::Any, take).await? {
            return Err(Error::not_found(format!(
                "no events of {entity} in the event log: entities are written TYPE#ID, like ORDER#9fc8c651-..."
            )));
        }
    }
    Ok(())
}

/// Reads the whole log, entity by entity: the index names them, and the time line of each has its events in order.
async fn read_log(
    records: &Records,
    filter: &Filter,
    reached: Option<&Reached>,
    take: &mut impl AsyncFnMut(Page) -> Taken,
) -> Result<()> {
    let mut after = reached.and_then(Reached::place);
    let mut last: Option<EntityKey> = None;
    if let Some(place) = after.clone() {
        read_entity(records, &place.entity, Some(place.occurred), filter, take).await?;
        last = Some(place.entity);
    }
    loop {
        let page = records.log.timelines(after).await?;
        for TimelineEntry {
            entity, event_type, ..
        } in page.entries
        {
            // An entity whose entries are not together is read twice, which does no harm.
            if filter.lets_pass(&event_type) && last.as_ref() != Some(&entity) {
                read_entity(records, &entity, None, filter, take).await?;
                last = Some(entity);
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Reads the events of an entity in the order in which they occurred. Tells whether there are any.
async fn read_entity(
    records: &Records,
    entity: &EntityKey,
    mut after: Option<Occurred>,
    filter: &Filter,
    take: &mut impl AsyncFnMut(Page) -> Taken,
) -> Result<bool> {
    let mut any = false;
    loop {
        let entries = records.log.timeline(entity, after.as_ref(), ENTRIES).await?;
        let Some(last) = entries.last() else {
            return Ok(any);
        };
        any = true;
        let reached = Reached::Entity {
            entity: entity.to_string(),
            occurred: last.occurred.to_string(),
        };
        after = Some(last.occurred.clone());
        let selected = entries.iter().filter(|entry| filter.lets_pass(&entry.event_type));
        let page = Page {
            events: selected
                .map(|entry| Selected::of(entity, &entry.occurred, &entry.event_type))
                .collect(),
            reached: Some(reached),
            ..Page::default()
        };
        take(page).await?;
    }
}
