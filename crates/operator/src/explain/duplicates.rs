//! Deliveries that brought an event again, or other content under its id.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use pipeline::stores::archive::Section;
use pipeline::stores::events::{LoggedEvent, conflict_key, original_id};
use serde::Serialize;

use super::evidence::{AT_A_TIME, Delivery, Evidence};
use super::signed::Signed;
use crate::error::Result;
use crate::records::Records;

/// Describes a delivery that brought the event too, besides the one that the log names.
#[derive(Debug, Serialize)]
pub struct OtherDelivery {
    /// Names this other delivery by the id that the receiver gave it.
    pub delivery_id: String,
    /// Gives the time of receipt; `None` where it is not known.
    pub received_at: Option<String>,
    /// Gives the key of its object in the archive.
    pub archived_at: Option<String>,
    /// Gives its identity: a SHA-256 of what it says, in hexadecimal.
    pub sha256: String,
    /// Tells whether the event says the same as the one that is stored.
    pub same: bool,
    /// Gives the id under which another content is in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logged_as: Option<String>,
}

/// Looks for an event in deliveries that came later than its own; gives what does not hold about them too.
pub(super) async fn find(
    records: &Records,
    evidence: &Evidence,
    event: &LoggedEvent,
    within: Duration,
) -> Result<(Vec<OtherDelivery>, Vec<String>)> {
    let id = original_id(&event.event_id).to_owned();
    let range = event.received_at..=event.received_at + within;
    let keys = records.archive.received(Section::Verified, &range).await?;
    let ids = keys.into_iter().map(|key| key.delivery_id.to_string());
    let wanted = &BTreeSet::from([id.clone()]);
    let mut deliveries = stream::iter(ids.filter(|id| *id != event.delivery_id))
        .map(async |id| evidence.delivery(&id, Some(wanted)).await)
        .buffered(AT_A_TIME);
    let mut found = Vec::new();
    while let Some(delivery) = deliveries.try_next().await? {
        let versions = delivery.events.iter();
        found.extend(versions.map(|version| OtherDelivery::of(&delivery, version, &event.sha256)));
    }
    let others: BTreeSet<String> = found
        .iter()
        .filter(|other| !other.same)
        .map(|other| conflict_key(&id, &other.sha256))
        .collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let logged = records.log.load(&others).await?;
    let mut findings = Vec::new();
    for other in found.iter_mut().filter(|other| !other.same) {
        let key = conflict_key(&id, &other.sha256);
        let delivery = &other.delivery_id;
        let finding = format!("event {id}: delivery {delivery} brought it with other content");
        findings.push(finding);
        other.logged_as = Some(key).filter(|key| logged.contains_key(key));
    }
    Ok((found, findings))
}

impl OtherDelivery {
    fn of(delivery: &Delivery, version: &Signed, known_hash: &str) -> Self {
        Self {
            delivery_id: delivery.delivery_id.clone(),
            received_at: delivery.received_at.clone(),
            archived_at: delivery.archived_at.clone(),
            sha256: version.sha256.clone(),
            same: version.sha256 == known_hash,
            logged_as: None,
        }
    }
}
