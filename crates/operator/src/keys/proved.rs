//! What a key proved: the deliveries of the archive that it signed, with their events.

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use pipeline::stores::archive::{Archive, Found, ReadError};
use pipeline::stores::keys::KeyRow;
use serde::Serialize;
use upvest::delivery::events_of;

use crate::error::Result;
use crate::repair::Repair;

/// Limits the deliveries that are read at the same time. Each is held in memory, with a body of up to 6 MiB.
const AT_A_TIME: usize = 8;

/// Lists the deliveries that a key proved.
#[derive(Debug, Default, Serialize)]
pub struct Proved {
    /// Lists them in the order of receipt.
    pub deliveries: Vec<ProvedDelivery>,
    /// Lists objects of the archive that cannot be read, so that nobody knows whether the key proved them.
    pub unreadable: Vec<String>,
}

/// Describes a delivery that a key proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProvedDelivery {
    /// Gives the delivery's key in the archive.
    pub key: String,
    /// Tells when ingest received the delivery.
    pub received_at: Timestamp,
    /// Lists the ids of its events, in their order.
    pub event_ids: Vec<String>,
}

/// Lists what a key proved that was received from `since` on: all of the archive since then is read.
///
/// # Errors
///
/// [`Error`](crate::Error) when the archive cannot be read.
pub(super) async fn proved(repair: &Repair<'_>, row: &KeyRow, since: Timestamp) -> Result<Proved> {
    let archive = repair.stack.archive()?;
    let work = repair.reporter.count("deliveries looked at");
    let mut keys = archive.verified_between(since..repair.clock.now(), None);
    let mut proved = Proved::default();
    while let Some(keys) = keys.next().await? {
        let reads = keys.into_iter().map(|key| read(&archive, key));
        let mut reads = stream::iter(reads).buffered(AT_A_TIME);
        while let Some(read) = reads.next().await {
            work.done(1);
            match read? {
                Ok(found) if is_meant(&found, row, since) => proved.deliveries.push(describe(found)),
                Ok(_) => {}
                Err(unreadable) => proved.unreadable.push(unreadable),
            }
        }
    }
    Ok(proved)
}

/// Reads an object, or gives its key where it is no delivery.
async fn read(archive: &Archive, key: String) -> Result<std::result::Result<Found, String>> {
    match archive.object(&key).await {
        Ok(Some(found)) => Ok(Ok(found)),
        Ok(None) | Err(ReadError::NotArchived(_)) => Ok(Err(key)),
        Err(error) => Err(error.into()),
    }
}

/// Tells whether a delivery was proven by the key of a row: another one may have had its id before, or since.
fn is_meant(found: &Found, row: &KeyRow, since: Timestamp) -> bool {
    let delivery = &found.delivery;
    let is_the_key = delivery.thumbprint.is_none() || delivery.thumbprint == row.thumbprint();
    delivery.key_id.as_deref() == Some(row.named()) && is_the_key && delivery.envelope.received_at >= since
}

fn describe(found: Found) -> ProvedDelivery {
    let envelope = &found.delivery.envelope;
    let events = events_of(&envelope.body);
    ProvedDelivery {
        event_ids: events.map(|(_, event)| event.id().to_owned()).collect(),
        received_at: envelope.received_at,
        key: found.key,
    }
}
