//! Reading from the archive what was received in a range of time.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use pipeline::error::AwsError;
use pipeline::stores::archive::{Found, ReadError};
use pipeline::stores::events::Owner;
use upvest::Event;
use upvest::delivery::events_of;

use super::counts::Failure;
use super::page::{Delivered, Page, Position, Selected, Taken};
use super::selection::Filter;
use crate::error::Result;
use crate::records::Records;

/// Bounds the ids of one look into the log: `BatchGetItem` takes 100 keys.
const LOOK_UP: usize = 100;
/// Limits the deliveries that are read at the same time. Each is held in memory, with a body of up to 6 MiB.
const DELIVERIES: usize = 8;

/// Reads what was received in a range of time, in the order of receipt. An event belongs to the delivery that the log
/// names; what that delivery says counts only where the log has its identity.
pub(crate) async fn read_archive(
    records: &Records,
    received: Range<Timestamp>,
    filter: &Filter,
    position: Option<&Position>,
    take: &mut impl AsyncFnMut(Page) -> Taken,
) -> Result<()> {
    let after = match position {
        Some(Position::Delivery(key)) => Some(key.as_str()),
        _ => None,
    };
    let mut keys = records.archive.verified_between(received.clone(), after);
    while let Some(keys) = keys.next().await? {
        let pages = keys
            .into_iter()
            .map(|key| read_delivery(records, key, &received, filter));
        let mut pages = stream::iter(pages).buffered(DELIVERIES);
        while let Some(page) = pages.next().await {
            take(page?).await?;
        }
    }
    Ok(())
}

/// Reads the events that a delivery brought first, where it was received in the range.
pub(crate) async fn read_delivery(
    records: &Records,
    key: String,
    received: &Range<Timestamp>,
    filter: &Filter,
) -> Result<Page> {
    let position = Some(Position::Delivery(key.clone()));
    let failed = |reason: String| Page {
        position: position.clone(),
        failures: vec![Failure {
            what: key.clone(),
            reason,
        }],
        ..Page::default()
    };
    let found = match records.archive.object(&key).await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(failed("it is not in the archive any more".to_owned())),
        Err(ReadError::NotArchived(error)) => return Ok(failed(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    let mut page = Page::default();
    if received.contains(&found.delivery.envelope.received_at) {
        page = selected_events_of(records, &found, filter).await?;
    }
    page.position = position;
    Ok(page)
}

/// Finds the events that a delivery brought first, by the log.
async fn selected_events_of(records: &Records, found: &Found, filter: &Filter) -> Result<Page, AwsError> {
    let envelope = &found.delivery.envelope;
    let events: Vec<Event<'_>> = events_of(&envelope.body)
        .map(|(_, event)| event)
        .filter(|event| filter.lets_pass(event.event_type()))
        .collect();
    let ids: Vec<&str> = BTreeSet::from_iter(events.iter().map(Event::id))
        .into_iter()
        .collect();
    let mut owners: HashMap<String, Owner> = HashMap::new();
    for ids in ids.chunks(LOOK_UP) {
        owners.extend(records.log.owners(ids).await?);
    }
    let delivery_id = envelope.delivery_id.to_string();
    let (mut page, mut taken) = (Page::default(), BTreeSet::new());
    for event in events {
        let Some(owner) = owners.get(event.id()) else {
            page.failures.push(Failure {
                what: event.id().to_owned(),
                reason: format!("{} has it, and the event log does not (yet)", found.key),
            });
            continue;
        };
        let is_the_one = owner.delivery_id == delivery_id && owner.sha256 == event.identity().to_hex();
        // Of the same event twice in a delivery, one is enough.
        if is_the_one
            && let Some(entity) = &owner.aggregate
            && taken.insert(event.id().to_owned())
        {
            page.events.push(Selected {
                entity: entity.clone(),
                occurred: owner.occurred.clone(),
                event_type: owner.event_type.clone(),
                delivered: Some(Delivered {
                    json: event.json().to_owned(),
                    delivery_id: delivery_id.clone(),
                    sha256: owner.sha256.clone(),
                }),
            });
        }
    }
    Ok(page)
}
