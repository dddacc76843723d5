//! The events of a proven delivery: what is logged, what is dispatched, what conflicts with the log.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

use pipeline::queues::domains::Dispatch;
use pipeline::queues::envelope::Envelope;
use pipeline::runtime::metrics;
use pipeline::stores::archive::verified_key;
use pipeline::stores::events::{NewEvent, Recorded, conflict_key};
use sha2::{Digest, Sha256};
use upvest::category::is_synthetic;
use upvest::delivery::{Element, NO_ENTITY_KEY};
use upvest::subscription::{FOREIGN, webhook_id};
use upvest::synthetic::Scope;
use upvest::{Domain, Event};

/// Is the reason of synthetic events that none of our own keys signed.
const SYNTHETIC: &str = "event-synthetic";

/// Holds the events of one delivery, sorted by what is to be done.
#[derive(Debug, Default)]
pub(crate) struct DeliveredEvents {
    /// Lists the events to be logged; no two have the same id.
    pub(crate) entries: Vec<NewEvent>,
    /// Lists the events to be dispatched, should this delivery own them: beside each entry, `None` where it names no
    /// entity.
    dispatch: Vec<Option<Dispatch>>,
    /// Holds the events of the same id as another of this delivery, with another content; by the key in the log.
    conflicting: BTreeMap<String, NewEvent>,
    /// Counts the events that are in the delivery once more, byte for byte.
    duplicates: usize,
    /// Maps reasons to the places in the batch of the events that go to quarantine for them.
    pub(crate) unusable: BTreeMap<&'static str, Vec<usize>>,
}

/// Says what is left to do once the log has spoken.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Lists the events to be dispatched: what this delivery brought first.
    pub(crate) dispatch: Vec<Dispatch>,
    /// Lists the events to be logged beside those that they conflict with.
    pub(crate) conflicting: Vec<NewEvent>,
    new: usize,
    duplicates: usize,
    /// Counts new synthetic events, apart from the others.
    synthetic: usize,
}

impl DeliveredEvents {
    /// Sorts the elements of a delivery. The events that were sent for one of the `refused` subscriptions are not taken.
    pub(crate) fn of(
        envelope: &Envelope,
        scope: Scope,
        elements: Vec<Element<'_>>,
        refused: &BTreeSet<String>,
    ) -> Self {
        let mut events = Self::default();
        let mut seen = BTreeMap::new();
        for (index, element) in elements.into_iter().enumerate() {
            let event = match element.event {
                Ok(event) => event,
                Err(malformed) => {
                    events.unusable.entry(malformed.reason()).or_default().push(index);
                    continue;
                }
            };
            // Before anything is logged: a synthetic event must take no other event's place, nor an event of Upvest's a
            // synthetic one's.
            if !scope.covers(&event) {
                events.unusable.entry(SYNTHETIC).or_default().push(index);
                continue;
            }
            if !refused.is_empty() && webhook_id(event.json()).is_some_and(|id| refused.contains(&*id)) {
                events.unusable.entry(FOREIGN).or_default().push(index);
                continue;
            }
            let entry = entry(envelope, &event);
            match seen.entry(entry.event_id.clone()) {
                Slot::Occupied(first) if *first.get() == entry.sha256 => events.duplicates += 1,
                Slot::Occupied(_) => events.conflicting.extend([conflicting(entry)]),
                Slot::Vacant(slot) => {
                    slot.insert(entry.sha256.clone());
                    if event.entity_key().is_err() {
                        events.unusable.entry(NO_ENTITY_KEY).or_default().push(index);
                    }
                    events.dispatch.push(dispatch(envelope, &event));
                    events.entries.push(entry);
                }
            }
        }
        events
    }
}

/// Decides by what the log holds.
///
/// | the log | | |
/// |---|---|---|
/// | did not have the event | new | this delivery dispatches it |
/// | has it from this delivery | an earlier attempt stored it and may have crashed | this delivery dispatches it again |
/// | has it from another delivery | that one is still in the queue or in the dead-letter queue, or is done | nothing |
/// | has another event of that id | a conflict | both are kept |
pub(crate) fn decide(events: DeliveredEvents, logged: &[Recorded], delivery_id: &str) -> Outcome {
    let mut conflicts = events.conflicting;
    let mut outcome = Outcome {
        dispatch: Vec::new(),
        conflicting: Vec::new(),
        new: 0,
        duplicates: events.duplicates,
        synthetic: 0,
    };
    for ((entry, dispatch), logged) in events.entries.into_iter().zip(events.dispatch).zip(logged) {
        let in_log = match logged {
            Recorded::New => &entry.sha256,
            Recorded::Existing(owner) => &owner.sha256,
        };
        // Of two versions within the delivery the log may have had the second one already.
        if conflicts.remove(&conflict_key(&entry.event_id, in_log)).is_some() {
            outcome.duplicates += 1;
        }
        match logged {
            Recorded::New => {
                *outcome.count_of_new(&entry) += 1;
                outcome.dispatch.extend(dispatch);
            }
            Recorded::Existing(owner) if owner.sha256 != entry.sha256 => {
                conflicts.extend([conflicting(entry)]);
            }
            Recorded::Existing(owner) => {
                outcome.duplicates += 1;
                // An earlier attempt at this delivery may have ended between the log and the queue. A second message
                // changes nothing.
                if owner.delivery_id == delivery_id {
                    outcome.dispatch.extend(dispatch);
                }
            }
        }
    }
    outcome.conflicting = conflicts.into_values().collect();
    outcome
}

impl Outcome {
    fn count_of_new(&mut self, entry: &NewEvent) -> &mut usize {
        if is_synthetic(&entry.event_type) {
            &mut self.synthetic
        } else {
            &mut self.new
        }
    }

    /// Counts what became of the events; `conflicts` tells which of the conflicting ones are new to the log.
    pub(crate) fn report(&self, envelope: &Envelope, conflicts: &[Recorded]) {
        let conflicting = conflicts
            .iter()
            .filter(|logged| **logged == Recorded::New)
            .count();
        metrics::stored(self.new, self.duplicates, conflicting);
        metrics::synthetic("store", self.synthetic);
        for _ in self
            .dispatch
            .iter()
            .filter(|event| event.domain == Domain::Unrecognised && !event.entity.is_synthetic())
        {
            metrics::unrecognised();
        }
        if conflicting > 0 {
            let ids: Vec<_> = self
                .conflicting
                .iter()
                .map(|entry| entry.event_id.as_str())
                .collect();
            tracing::error!(delivery.id = %envelope.delivery_id, events = ?ids, "events conflict with the event log");
        }
    }
}

fn entry(envelope: &Envelope, event: &Event<'_>) -> NewEvent {
    NewEvent {
        event_id: event.id().to_owned(),
        event_type: event.event_type().to_owned(),
        aggregate: event.entity_key().ok().map(|entity| entity.to_string()),
        occurred: event.occurred().to_string(),
        delivery_id: envelope.delivery_id.to_string(),
        received_at: envelope.received_at.to_string(),
        sha256: hex::encode(Sha256::digest(event.json())),
        object: event.object().get().to_owned(),
        archived_at: verified_key(envelope),
    }
}

fn conflicting(event: NewEvent) -> (String, NewEvent) {
    let event = event.as_conflict();
    (event.event_id.clone(), event)
}

fn dispatch(envelope: &Envelope, event: &Event<'_>) -> Option<Dispatch> {
    Some(Dispatch {
        event_id: event.id().to_owned(),
        domain: event.category().domain,
        entity: event.entity_key().ok()?,
        json: event.json().to_owned(),
        replay: None,
        delivery_id: envelope.delivery_id.to_string(),
    })
}
