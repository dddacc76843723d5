//! Reading what is selected, a page at a time, so that a replay of any size takes little memory.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use pipeline::error::AwsError;
use pipeline::queues::domains::Dispatch;
use pipeline::stores::archive::{Found, ReadError};
use pipeline::stores::events::{LOAD_BATCH, LoggedEvent, Owner, TimelineCursor, TimelineEntry};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use upvest::delivery::split;
use upvest::{Domain, EntityKey, Event, Occurred};

use super::report::{Counts, Failure};
use super::{Filter, ReplayError, Selection, Task};
use crate::logged::{Logged, LoggedError};
use crate::operation::counter;

/// How many entries of a time line are read at a time.
const ENTRIES: i32 = 100;
/// How many ids can be looked up at a time.
const LOOK_UP: usize = 100;
/// How many deliveries are read at the same time.
const DELIVERIES: usize = 8;

/// How far a replay came: the last that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reached {
    /// So many of the events asked for, in their order.
    Events(usize),
    /// This event of this entity, and all entities before it.
    Entity { entity: String, occurred: String },
    /// The delivery under this key of the archive.
    Delivery(String),
}

/// Some of the events selected.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) events: Vec<Selected>,
    /// What is done once they are.
    pub(super) reached: Option<Reached>,
    /// What is selected and cannot be had.
    pub(super) failures: Vec<Failure>,
}

/// An event that is selected.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) event_id: String,
    pub(super) event_type: String,
    /// What the archive has of it; `None` where the log is to be asked.
    delivered: Option<Delivered>,
}

/// An event as it was delivered.
#[derive(Debug)]
struct Delivered {
    json: String,
    delivery_id: String,
}

/// Takes the pages, one after the other.
type Taken = Result<(), ReplayError>;

/// Counts what is selected, or what is left of it.
pub(super) async fn count(logged: &Logged, task: &Task) -> Result<Counts, ReplayError> {
    let progress = counter("events selected");
    let mut counts = Counts::default();
    let mut add = |event_type: &str| {
        counts.add(event_type, &task.targets(event_type));
        progress.inc(1);
    };
    if let (Selection::Log(filter), None) = (&task.request.selection, &task.progress.reached) {
        // The index alone tells, without a look at each entity.
        let mut after = None;
        loop {
            let page = logged.log.timelines(after).await?;
            let types = page.entries.iter().map(|entry| entry.event_type.as_str());
            types
                .filter(|event_type| filter.lets_pass(event_type))
                .for_each(&mut add);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    } else {
        let mut take = async |page: Page| -> Taken {
            page.events.iter().for_each(|event| add(&event.event_type));
            Ok(())
        };
        read(logged, task, &mut take).await?;
    }
    progress.finish_and_clear();
    Ok(counts)
}

/// Reads what is selected and not done yet.
pub(super) async fn read(
    logged: &Logged,
    task: &Task,
    take: &mut impl AsyncFnMut(Page) -> Taken,
) -> Result<(), ReplayError> {
    let reached = task.progress.reached.as_ref();
    match &task.request.selection {
        Selection::Events(ids) => read_events(logged, ids, reached, take).await,
        Selection::Entities(entities) => read_entities(logged, entities, reached, take).await,
        Selection::Log(filter) => read_log(logged, filter, reached, take).await,
        Selection::Received { since, until, filter } => {
            read_archive(logged, *since..*until, filter, reached, take).await
        }
    }
}

/// Reads single events, in the order in which they occurred.
async fn read_events(
    logged: &Logged,
    ids: &[String],
    reached: Option<&Reached>,
    take: &mut impl AsyncFnMut(Page) -> Taken,
) -> Result<(), ReplayError> {
    let ids: Vec<&str> = BTreeSet::from_iter(ids.iter().map(String::as_str))
        .into_iter()
        .collect();
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for ids in ids.chunks(LOAD_BATCH) {
        let mut events = logged.log.load(ids).await?;
        for id in ids {
            match events.remove(*id) {
                Some(event) if event.aggregate.is_none() => {
                    return Err(ReplayError::NotForADomain(event.event_id));
                }
                Some(event) => found.push((event.occurred, event.event_type)),
                None => unknown.push((*id).to_owned()),
            }
        }
    }
    if !unknown.is_empty() {
        return Err(ReplayError::NoEvents(unknown));
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
            .map(|(occurred, event_type)| Selected::of(occurred, event_type));
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
    logged: &Logged,
    entities: &[String],
    reached: Option<&Reached>,
    take: &mut impl AsyncFnMut(Page) -> Taken,
) -> Result<(), ReplayError> {
    let mut entities: Vec<&String> = BTreeSet::from_iter(entities).into_iter().collect();
    if let Some(place) = reached.and_then(Reached::place) {
        entities.retain(|entity| ***entity > *place.entity.as_str());
        read_entity(logged, &place.entity, Some(place.occurred), &Filter::Any, take).await?;
    }
    for entity in entities {
        let entity = EntityKey::from_stored(entity.clone());
        if !read_entity(logged, &entity, None, &Filter::Any, take).await? {
            return Err(ReplayError::NoEntity(entity));
        }
    }
    Ok(())
}

/// Reads the whole log, entity by entity: the index names them, and the time line of each has its events in order.
async fn read_log(
    logged: &Logged,
    filter: &Filter,
    reached: Option<&Reached>,
    take: &mut impl AsyncFnMut(Page) -> Taken,
) -> Result<(), ReplayError> {
    let mut after = reached.and_then(Reached::place);
    let mut last: Option<EntityKey> = None;
    if let Some(place) = after.clone() {
        read_entity(logged, &place.entity, Some(place.occurred), filter, take).await?;
        last = Some(place.entity);
    }
    loop {
        let page = logged.log.timelines(after).await?;
        for TimelineEntry {
            entity, event_type, ..
        } in page.entries
        {
            // An entity whose entries are not together is read twice, which does no harm.
            if filter.lets_pass(&event_type) && last.as_ref() != Some(&entity) {
                read_entity(logged, &entity, None, filter, take).await?;
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
    logged: &Logged,
    entity: &EntityKey,
    mut after: Option<Occurred>,
    filter: &Filter,
    take: &mut impl AsyncFnMut(Page) -> Taken,
) -> Result<bool, ReplayError> {
    let mut any = false;
    loop {
        let entries = logged.log.timeline(entity, after.as_ref(), ENTRIES).await?;
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
                .map(|entry| Selected::of(&entry.occurred, &entry.event_type))
                .collect(),
            reached: Some(reached),
            ..Page::default()
        };
        take(page).await?;
    }
}

/// Reads what was received in a range of time, in the order of receipt. An event belongs to the delivery that the log
/// names; that delivery's bytes count only where the log has their hash.
async fn read_archive(
    logged: &Logged,
    received: Range<Timestamp>,
    filter: &Filter,
    reached: Option<&Reached>,
    take: &mut impl AsyncFnMut(Page) -> Taken,
) -> Result<(), ReplayError> {
    let after = match reached {
        Some(Reached::Delivery(key)) => Some(key.as_str()),
        _ => None,
    };
    let mut keys = logged.archive.verified_between(received.clone(), after);
    while let Some(keys) = keys.next().await? {
        let pages = keys
            .into_iter()
            .map(|key| read_delivery(logged, key, &received, filter));
        let mut pages = stream::iter(pages).buffered(DELIVERIES);
        while let Some(page) = pages.next().await {
            take(page?).await?;
        }
    }
    Ok(())
}

async fn read_delivery(
    logged: &Logged,
    key: String,
    received: &Range<Timestamp>,
    filter: &Filter,
) -> Result<Page, ReplayError> {
    let reached = Some(Reached::Delivery(key.clone()));
    let failed = |reason: String| Page {
        reached: reached.clone(),
        failures: vec![Failure {
            what: key.clone(),
            reason,
        }],
        ..Page::default()
    };
    let found = match logged.archive.object(&key).await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(failed("it is not in the archive any more".to_owned())),
        Err(ReadError::NotArchived(error)) => return Ok(failed(error.to_string())),
        Err(error) => return Err(LoggedError::from(error).into()),
    };
    let mut page = Page::default();
    if received.contains(&found.delivery.envelope.received_at) {
        page = events_of(logged, &found, filter).await?;
    }
    page.reached = reached;
    Ok(page)
}

/// The events that a delivery brought first, by the log.
async fn events_of(logged: &Logged, found: &Found, filter: &Filter) -> Result<Page, AwsError> {
    let envelope = &found.delivery.envelope;
    let parts = split(&envelope.body).unwrap_or_default();
    let events = parts.into_iter().filter_map(|part| part.event.ok());
    let events: Vec<Event<'_>> = events
        .filter(|event| filter.lets_pass(event.event_type()) && event.entity_key().is_ok())
        .collect();
    let ids: Vec<&str> = BTreeSet::from_iter(events.iter().map(Event::id))
        .into_iter()
        .collect();
    let mut owners: HashMap<String, Owner> = HashMap::new();
    for ids in ids.chunks(LOOK_UP) {
        owners.extend(logged.log.owners(ids).await?);
    }
    let delivery_id = envelope.delivery_id.to_string();
    let mut page = Page::default();
    for event in events {
        let Some(owner) = owners.get(event.id()) else {
            page.failures.push(Failure {
                what: event.id().to_owned(),
                reason: format!("{} has it, and the event log does not (yet)", found.key),
            });
            continue;
        };
        let sha256 = hex::encode(Sha256::digest(event.json()));
        if owner.delivery_id == delivery_id && owner.sha256 == sha256 {
            // Of the same event twice in a delivery, one is enough.
            owners.remove(event.id());
            page.events.push(Selected::delivered(&event, &delivery_id));
        }
    }
    Ok(page)
}

impl Reached {
    fn place(&self) -> Option<TimelineCursor> {
        match self {
            Self::Entity { entity, occurred } => Some(TimelineCursor {
                entity: EntityKey::from_stored(entity.clone()),
                occurred: Occurred::from_stored(occurred.clone()).ok()?,
            }),
            Self::Events(_) | Self::Delivery(_) => None,
        }
    }
}

impl Selected {
    fn of(occurred: &Occurred, event_type: &str) -> Self {
        Self {
            event_id: occurred.event_id().to_owned(),
            event_type: event_type.to_owned(),
            delivered: None,
        }
    }

    fn delivered(event: &Event<'_>, delivery_id: &str) -> Self {
        Self {
            event_id: event.id().to_owned(),
            event_type: event.event_type().to_owned(),
            delivered: Some(Delivered {
                json: event.json().to_owned(),
                delivery_id: delivery_id.to_owned(),
            }),
        }
    }
}

/// Gets hold of events, up to [`LOAD_BATCH`], and addresses them; those that cannot be had fail.
pub(super) async fn dispatches(
    logged: &Logged,
    events: &[Selected],
    targets: impl Fn(&str) -> Vec<Domain>,
    replay: &str,
) -> Result<(Vec<Dispatch>, Vec<Failure>), ReplayError> {
    let in_log = events.iter().filter(|event| event.delivered.is_none());
    let ids: Vec<&str> = in_log.map(|event| event.event_id.as_str()).collect();
    let mut items = logged.log.load(&ids).await?;
    let (mut dispatches, mut failures) = (Vec::new(), Vec::new());
    for event in events {
        let had = match &event.delivered {
            Some(Delivered { json, delivery_id }) => Ok((json.clone(), delivery_id.clone())),
            None => from_log(logged, items.remove(&event.event_id)).await?,
        };
        let addressed = had.and_then(|(json, delivery_id)| {
            let entity = entity_of(&json)?;
            let targets = targets(&event.event_type).into_iter().map(|domain| Dispatch {
                event_id: event.event_id.clone(),
                domain,
                entity: entity.clone(),
                json: json.clone(),
                delivery_id: delivery_id.clone(),
                replay: Some(replay.to_owned()),
            });
            Ok(targets.collect::<Vec<_>>())
        });
        match addressed {
            Ok(addressed) => dispatches.extend(addressed),
            Err(reason) => failures.push(Failure {
                what: event.event_id.clone(),
                reason,
            }),
        }
    }
    Ok((dispatches, failures))
}

async fn from_log(
    logged: &Logged,
    item: Option<LoggedEvent>,
) -> Result<Result<(String, String), String>, AwsError> {
    let Some(item) = item else {
        return Ok(Err("it is not in the event log any more".to_owned()));
    };
    let json = logged.json(&item).await?;
    Ok(json.map(|json| (json, item.delivery_id)))
}

/// The entity as this version of the software sees it: by that the processor will find it.
fn entity_of(json: &str) -> Result<EntityKey, String> {
    let event = Event::parse(json).map_err(|error| error.to_string())?;
    event.entity_key().map_err(|error| error.to_string())
}
