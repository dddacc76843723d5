//! Reading from the archive what was received in a range of time.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use pipeline::error::AwsError;
use pipeline::stores::archive::{Found, ReadError};
use pipeline::stores::events::Owner;
use sha2::{Digest, Sha256};
use upvest::Event;
use upvest::delivery::split;

use super::counts::Failure;
use super::page::{Page, Reached, Selected, Taken};
use super::selection::Filter;
use crate::error::Result;
use crate::records::Records;

/// How many ids can be looked up at a time.
const LOOK_UP: usize = 100;
/// How many deliveries are read at the same time.
const DELIVERIES: usize = 8;

/// Reads what was received in a range of time, in the order of receipt. An event belongs to the delivery that the log
/// names; that delivery's bytes count only where the log has their hash.
pub(crate) async fn read_archive(
    records: &Records,
    received: Range<Timestamp>,
    filter: &Filter,
    reached: Option<&Reached>,
    take: &mut impl AsyncFnMut(Page) -> Taken,
) -> Result<()> {
    let after = match reached {
        Some(Reached::Delivery(key)) => Some(key.as_str()),
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

async fn read_delivery(
    records: &Records,
    key: String,
    received: &Range<Timestamp>,
    filter: &Filter,
) -> Result<Page> {
    let reached = Some(Reached::Delivery(key.clone()));
    let failed = |reason: String| Page {
        reached: reached.clone(),
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
        page = events_of(records, &found, filter).await?;
    }
    page.reached = reached;
    Ok(page)
}

/// The events that a delivery brought first, by the log.
async fn events_of(records: &Records, found: &Found, filter: &Filter) -> Result<Page, AwsError> {
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
        owners.extend(records.log.owners(ids).await?);
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
