//! What a delivery held, and what became of it.

use std::collections::BTreeSet;

use pipeline::stores::events::conflict_key;
use serde::Serialize;
use uuid::Uuid;

use super::evidence::{Delivery, Evidence, Signature};
use super::signed::Signed;
use crate::error::{Error, Result};
use crate::records::Records;

/// Tells what a delivery held, and what became of it.
#[derive(Debug, Serialize)]
pub struct DeliveryContents {
    /// Names the delivery by the id that the receiver gave it.
    pub delivery_id: String,
    /// Tells whether it is in the archive as verified.
    pub verified: bool,
    /// Gives the time of receipt; `None` where it is not known.
    pub received_at: Option<String>,
    /// Names the address that posted it; `None` where it is not known.
    pub source_address: Option<String>,
    /// Gives the key of its object in the archive.
    pub archived_at: Option<String>,
    /// Tells what its signature is worth today.
    pub signature: Signature,
    /// Tells which of its events are in quarantine and why; `None` where none are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<Quarantine>,
    /// Lists its events in the order of the batch; none where nothing is proven.
    pub events: Vec<DeliveredEvent>,
}

/// Tells why a delivery, or a part of it, is in quarantine.
#[derive(Debug, Serialize)]
pub struct Quarantine {
    /// Gives the reason, as in quarantine keys.
    pub reason: String,
    /// Gives the key of its object in the archive.
    pub archived_at: String,
    /// Lists the positions in the batch; all of them where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub positions: Vec<usize>,
}

/// Tells what became of an event of a delivery.
#[derive(Debug, Serialize)]
pub struct DeliveredEvent {
    /// Names the event as the delivery does.
    pub event_id: String,
    /// Repeats the event type that Upvest sent.
    pub r#type: String,
    /// Names the entity as `TYPE#ID`; `None` for an event that belongs to none.
    pub entity: Option<String>,
    /// Tells whether the log has the event, and from which delivery.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Tells what became of an event that was delivered.
#[derive(Debug, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Outcome {
    /// The log has the event from this delivery.
    Stored,
    /// The log has the same event from another delivery.
    Duplicate {
        /// Names the delivery that the log has the event from.
        of_delivery: String,
    },
    /// The log has other content under the event's id, and this one beside it.
    Conflict {
        /// Names the key under which the log has this content.
        logged_as: String,
    },
    /// The log does not have the event.
    NotLogged,
}

/// Reads what a delivery held, and what became of it; gives what does not hold about it too.
pub(super) async fn read(
    records: &Records,
    evidence: &Evidence,
    id: &str,
) -> Result<(DeliveryContents, Vec<String>)> {
    let nothing = || {
        Error::not_found(format!(
            "no event or delivery {id}: neither in the event log nor in the archive (entities are written TYPE#ID, \
             like ORDER#9fc8c651-...)"
        ))
    };
    let uuid: Uuid = id.parse().map_err(|_| nothing())?;
    let id = uuid.to_string();
    // The quarantine first: what is sent on is archived before it is removed there, so one of the two has it.
    let quarantined = records.archive.quarantined(uuid).await?;
    let verified = records.archive.verified(uuid).await?;
    let found = verified.as_ref().or(quarantined.as_ref()).ok_or_else(nothing)?;
    let delivery = evidence.check(&id, found, None).await;
    let is_verified = verified.is_some();
    let quarantine = quarantined.as_ref().map(|found| Quarantine {
        reason: found.delivery.reason.clone().unwrap_or_default(),
        archived_at: found.key.clone(),
        positions: found.delivery.events.clone(),
    });
    let in_quarantine = quarantine
        .as_ref()
        .map(|quarantine| quarantine.fault(is_verified, delivery.is_proven()));
    let events = match is_verified {
        true => delivered(records, &delivery).await?,
        // Nothing of it was taken, whatever holds today.
        false => Vec::new(),
    };
    let faults = delivery.faults.iter().chain(&in_quarantine);
    let faults = faults.map(|fault| format!("delivery {id}: {fault}"));
    let lost = events
        .iter()
        .filter(|event| matches!(event.outcome, Outcome::NotLogged));
    let lost = lost.map(|event| &event.event_id);
    let lost = lost.map(|id| format!("event {id}: it was delivered, and is not in the log"));
    let findings = faults.chain(lost).collect();
    let contents = DeliveryContents {
        verified: is_verified,
        received_at: delivery.received_at,
        source_address: delivery.source_address,
        archived_at: delivery.archived_at,
        signature: delivery.signature,
        delivery_id: id,
        quarantine,
        events,
    };
    Ok((contents, findings))
}

/// Tells what became of each event of a verified delivery.
async fn delivered(records: &Records, delivery: &Delivery) -> Result<Vec<DeliveredEvent>> {
    let own = |signed: &Signed| {
        let conflict = conflict_key(&signed.event_id, &signed.sha256);
        [signed.event_id.clone(), conflict]
    };
    let ids: BTreeSet<String> = delivery.events.iter().flat_map(own).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let logged = records.log.load(&ids).await?;
    let events = delivery.events.iter().map(|signed| {
        let [id, conflict] = own(signed);
        let outcome = match logged.get(&id) {
            Some(event) if event.sha256 == signed.sha256 => match event.delivery_id {
                ref owner if *owner == delivery.delivery_id => Outcome::Stored,
                ref owner => Outcome::Duplicate {
                    of_delivery: owner.clone(),
                },
            },
            Some(_) if logged.contains_key(&conflict) => Outcome::Conflict { logged_as: conflict },
            _ => Outcome::NotLogged,
        };
        DeliveredEvent {
            event_id: id,
            r#type: signed.event_type.clone(),
            entity: signed.entity.clone(),
            outcome,
        }
    });
    Ok(events.collect())
}

impl Quarantine {
    fn fault(&self, in_part: bool, proven: bool) -> String {
        let Self { reason, .. } = self;
        match (in_part, proven) {
            (true, _) => format!("a part of it is in quarantine: {reason}"),
            (false, false) => format!("it is in quarantine: {reason}"),
            (false, true) => {
                let holds = "today its signature holds, so that it can be re-verified";
                format!("it is in quarantine: {reason}; {holds}")
            }
        }
    }
}
