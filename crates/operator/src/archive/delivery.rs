//! An archived delivery against the log.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::stores::archive::Found;
use pipeline::stores::events::{LOAD_BATCH, LoggedEvent, conflict_key};
use serde_json::Value;
use sha2::{Digest, Sha256};
use upvest::Event;
use upvest::delivery::split;

use super::report::{Finding, Problem};
use crate::error::Result;
use crate::records::Records;

/// An event as it was delivered.
struct Delivered<'d> {
    event: Event<'d>,
    sha256: String,
}

/// Looks for each event of a delivery in the log. Gives how many there are, and what is wrong.
///
/// | the log has under the event's id | |
/// |---|---|
/// | nothing | missing |
/// | the same bytes, from this delivery | all that it says has to be so |
/// | the same bytes, from another delivery | a duplicate |
/// | other bytes, and these ones beside them | a conflict, which it keeps |
/// | other bytes alone | changed |
pub(super) async fn compare(records: &Records, found: &Found) -> Result<(u64, Vec<Finding>)> {
    let parts = split(&found.delivery.envelope.body).unwrap_or_default();
    let events = parts.into_iter().filter_map(|part| part.event.ok());
    let delivered: Vec<Delivered<'_>> = events
        .map(|event| Delivered {
            sha256: hex::encode(Sha256::digest(event.json())),
            event,
        })
        .collect();
    let mut findings = Vec::new();
    for delivered in delivered.chunks(LOAD_BATCH) {
        let ids = delivered.iter().map(|delivered| delivered.event.id().to_owned());
        let in_log = load(records, ids.collect()).await?;
        let conflicts = |delivered: &&Delivered<'_>| {
            let logged = in_log.get(delivered.event.id());
            logged.is_some_and(|logged| logged.sha256 != delivered.sha256)
        };
        let beside = delivered.iter().filter(conflicts).map(Delivered::conflict_key);
        let beside = load(records, beside.collect()).await?;
        for delivered in delivered {
            let wrong = match (
                in_log.get(delivered.event.id()),
                beside.get(&delivered.conflict_key()),
            ) {
                (None, _) => Some((Problem::Missing, "it is not in the log".to_owned())),
                (Some(event), _) if event.sha256 == delivered.sha256 => delivered.differs(event, found),
                (Some(_), Some(event)) => delivered.differs(event, found),
                (Some(_), None) => {
                    let reason = "its sha256 is not that of its bytes in its delivery".to_owned();
                    Some((Problem::Changed, reason))
                }
            };
            findings.extend(wrong.map(|(problem, reason)| {
                Finding::of_event(problem, delivered.event.id(), Some(&found.key), reason)
            }));
        }
    }
    Ok((delivered.len() as u64, findings))
}

async fn load(records: &Records, ids: BTreeSet<String>) -> Result<BTreeMap<String, LoggedEvent>> {
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    Ok(records.log.load(&ids).await?.into_iter().collect())
}

impl Delivered<'_> {
    fn conflict_key(&self) -> String {
        conflict_key(self.event.id(), &self.sha256)
    }

    /// What the log says otherwise of an event that this delivery brought. Of one that another delivery brought, that
    /// one tells.
    fn differs(&self, logged: &LoggedEvent, found: &Found) -> Option<(Problem, String)> {
        let envelope = &found.delivery.envelope;
        if logged.delivery_id != envelope.delivery_id.to_string() {
            return None;
        }
        let object = self.event.object().get();
        let has_object = match (&logged.object, &logged.archived_at) {
            (Some(logged), None) => logged == object,
            (None, Some(key)) => *key == found.key,
            _ => false,
        };
        let checks = [
            ("type", logged.event_type == self.event.event_type()),
            ("occurred", logged.occurred == *self.event.occurred()),
            ("received_at", logged.received_at == envelope.received_at),
            ("aggregate", self.is_entity(logged)),
            ("object", has_object),
        ];
        let (attribute, _) = checks.into_iter().find(|(_, is_so)| !is_so)?;
        Some((
            Problem::Changed,
            format!("its {attribute} is not what was delivered"),
        ))
    }

    /// Whether the log has the event in the right time line: that of its entity, or, for a category that was not known
    /// when it came, the one that it had then. A conflicting event is in none.
    fn is_entity(&self, logged: &LoggedEvent) -> bool {
        let Some(entity) = &logged.aggregate else {
            return self.event.entity_key().is_err() || logged.event_id != self.event.id();
        };
        let is_its_own = self.event.entity_key().is_ok_and(|own| own == *entity);
        is_its_own || *entity.as_str() == self.unrecognised_entity()
    }

    /// The entity of the event as long as its category is not known.
    fn unrecognised_entity(&self) -> String {
        let object: Value = serde_json::from_str(self.event.object().get()).unwrap_or_default();
        let id = object["id"].as_str().unwrap_or(self.event.id());
        format!("{}#{id}", self.event.category_name())
    }
}
