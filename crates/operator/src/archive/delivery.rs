//! An archived delivery against the log.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::stores::archive::Found;
use pipeline::stores::events::{LOAD_BATCH, LoggedEvent, attributes, conflict_key};
use upvest::delivery::events_of;
use upvest::synthetic::Scope;
use upvest::{Event, Occurred};

use super::report::{Finding, Problem};
use crate::error::Result;
use crate::event_refusals::Refusals;
use crate::records::Records;
use crate::signed_place::{is_same_place, place_of};

/// Holds an event as it was delivered.
struct Delivered<'d> {
    event: Event<'d>,
    occurred: Occurred,
    sha256: String,
}

/// Looks for each event of a delivery in the log. Gives how many there are, and what is wrong.
///
/// | the log has under the event's id | |
/// |---|---|
/// | nothing | missing, unless the stack refuses the event |
/// | the same, from this delivery | all that it says has to be so |
/// | the same, from another delivery | a duplicate |
/// | another content, and this one beside it | a conflict, which it keeps |
/// | another content alone | changed |
pub(super) async fn compare(
    records: &Records,
    refusals: &Refusals,
    scope: Option<Scope>,
    found: &Found,
) -> Result<(u64, Vec<Finding>)> {
    let envelope = &found.delivery.envelope;
    let mut seen = BTreeSet::new();
    let delivered: Vec<Delivered<'_>> = events_of(&envelope.body)
        .map(|(position, event)| Delivered {
            occurred: place_of(&event, envelope.received_at, position),
            sha256: event.identity().to_hex(),
            event,
        })
        // Of the same event twice in a delivery, the log has the first.
        .filter(|delivered| seen.insert(delivered.conflict_key()))
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
                (None, _) if is_refused(refusals, scope, &delivered.event).await? => None,
                (None, _) => Some((Problem::Missing, "it is not in the log".to_owned())),
                (Some(event), _) if event.sha256 == delivered.sha256 => delivered.differs(event, found),
                (Some(_), Some(event)) => delivered.differs(event, found),
                (Some(_), None) => {
                    let reason = "its sha256 is not that of what its delivery says".to_owned();
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

/// Tells whether the stack keeps the event in quarantine only. What was not verified passes for taken.
async fn is_refused(refusals: &Refusals, scope: Option<Scope>, event: &Event<'_>) -> Result<bool> {
    match scope {
        Some(scope) => Ok(refusals.reason(event, scope).await?.is_some()),
        None => Ok(false),
    }
}

async fn load(records: &Records, ids: BTreeSet<String>) -> Result<BTreeMap<String, LoggedEvent>> {
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    Ok(records.log.load(&ids).await?.into_iter().collect())
}

impl Delivered<'_> {
    fn conflict_key(&self) -> String {
        conflict_key(self.event.id(), &self.sha256)
    }

    /// Tells what the log says otherwise of an event that this delivery brought. Of one that another delivery brought,
    /// that one tells.
    fn differs(&self, logged: &LoggedEvent, found: &Found) -> Option<(Problem, String)> {
        let envelope = &found.delivery.envelope;
        if logged.delivery_id != envelope.delivery_id.to_string() {
            return None;
        }
        let object = self.event.object().get();
        // An object that is too large for an item (DynamoDB: 400 KB) is in the archive alone, under this key.
        let has_object = match (&logged.object, &logged.archived_at) {
            (Some(logged), None) => logged == object,
            (None, Some(key)) => *key == found.key,
            _ => false,
        };
        let checks = [
            (
                attributes::EVENT_TYPE,
                logged.event_type == self.event.event_type(),
            ),
            (
                attributes::OCCURRED,
                is_same_place(&self.occurred, &logged.occurred),
            ),
            (
                attributes::RECEIVED_AT,
                logged.received_at == envelope.received_at,
            ),
            (attributes::AGGREGATE, self.is_entity(logged)),
            (attributes::OBJECT, has_object),
        ];
        let (attribute, _) = checks.into_iter().find(|(_, is_so)| !is_so)?;
        Some((
            Problem::Changed,
            format!("its {attribute} is not what was delivered"),
        ))
    }

    /// Tells whether the log has the event in the right time line: that of its entity, or, for a category that was not
    /// known when it came, the one that it had then. A conflicting event is in none.
    fn is_entity(&self, logged: &LoggedEvent) -> bool {
        let Some(entity) = &logged.aggregate else {
            return self.event.entity_key().is_err() || logged.event_id != self.event.id();
        };
        let keys = [self.event.entity_key(), self.event.unrecognised_entity_key()];
        keys.into_iter().flatten().any(|key| key == *entity)
    }
}
