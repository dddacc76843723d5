//! The events of a proven delivery: what is logged, what is dispatched, what conflicts with the log.

mod owned;

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pipeline::envelope::Envelope;
use pipeline::queues::domains::EventMessage;
use pipeline::runtime::metrics;
use pipeline::stores::archive::verified_key;
use pipeline::stores::events::{NewEvent, Owner, Recorded, conflict_key};
use upvest::category::is_synthetic;
use upvest::delivery::{Element, NO_ENTITY_KEY};
use upvest::effects::Dispatch;
use upvest::subscription::FOREIGN;
use upvest::synthetic::{Scope, UNCOVERED};
use upvest::{Domain, EntityKey, Event, Occurred, Placement, Receipt};

pub(crate) use owned::{Owned, owned};

/// Holds the events of one delivery, sorted by what is to be done.
#[derive(Debug, Default)]
pub(crate) struct DeliveredEvents<'b> {
    /// Lists the events to be logged; no two have the same id.
    pub(crate) entries: Vec<NewEvent<'b>>,
    /// Lists what is to be dispatched of each entry, should this delivery own it.
    dispatch: Vec<Parcel<'b>>,
    /// Holds the events of the same id as another of this delivery, with another content; by the key in the log.
    conflicting: BTreeMap<String, NewEvent<'b>>,
    /// Counts the events that are in the delivery once more.
    duplicates: usize,
    /// Maps reasons to the positions in the batch of the events that go to quarantine for them.
    pub(crate) unusable: BTreeMap<&'static str, Vec<usize>>,
}

/// Says what is left to do once the log has spoken.
#[derive(Debug)]
pub(crate) struct Outcome<'b> {
    /// Lists the events to be dispatched: what this delivery brought first.
    pub(crate) dispatch: Vec<EventMessage>,
    /// Lists the events to be logged beside those that they conflict with.
    pub(crate) conflicting: Vec<NewEvent<'b>>,
    new: usize,
    duplicates: usize,
    /// Counts new synthetic events, apart from the others.
    synthetic: usize,
    /// Counts the new events of each type that this version does not know, of categories that it does.
    unknown_types: BTreeMap<String, usize>,
}

impl<'b> DeliveredEvents<'b> {
    /// Sorts the elements of a delivery. The events that were sent for one of the `refused` subscriptions are not taken.
    pub(crate) fn of(
        envelope: &Envelope,
        scope: Scope,
        elements: Vec<Element<'b>>,
        refused: &BTreeSet<String>,
    ) -> Self {
        let mut events = Self::default();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (position, element) in elements.into_iter().enumerate() {
            let event = match element.event {
                Ok(event) => event,
                Err(malformed) => {
                    events
                        .unusable
                        .entry(malformed.reason())
                        .or_default()
                        .push(position);
                    continue;
                }
            };
            // Before anything is logged: a synthetic event must take no other event's place, nor an event of Upvest's a
            // synthetic one's.
            if !scope.covers(&event) {
                events.unusable.entry(UNCOVERED).or_default().push(position);
                continue;
            }
            if !refused.is_empty() && event.webhook_ids().any(|id| refused.contains(&*id)) {
                events.unusable.entry(FOREIGN).or_default().push(position);
                continue;
            }
            let placement = Placement::of(&event, &Receipt::of(envelope.received_at, position));
            let aggregate = event.entity_key().ok();
            let entry = entry(envelope, &event, aggregate.as_ref(), &placement);
            match seen.entry(entry.event_id.clone()) {
                Slot::Occupied(first) if events.entries[*first.get()].sha256 == entry.sha256 => {
                    events.duplicates += 1;
                }
                Slot::Occupied(_) => events.conflicting.extend([conflicting(entry)]),
                Slot::Vacant(slot) => {
                    slot.insert(events.entries.len());
                    if aggregate.is_none() {
                        events.unusable.entry(NO_ENTITY_KEY).or_default().push(position);
                    }
                    events.dispatch.push(Parcel {
                        domain: event.category().domain,
                        aggregate,
                        occurred: placement.occurred,
                        json: event.json(),
                        is_of_unknown_type: event.is_of_unknown_type(),
                    });
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
/// | did not have the event | new | this delivery dispatches it, for the first time unless the bytes were `proven_before` |
/// | has it from this delivery | an earlier attempt stored it and may have crashed | this delivery dispatches it again |
/// | has it from another delivery | that one is still in the queue or in the dead-letter queue, or is done | nothing |
/// | has another event of that id | a conflict | both are kept |
pub(crate) fn decide<'b>(
    events: DeliveredEvents<'b>,
    logged: &[Recorded],
    delivery_id: &str,
    proven_before: bool,
    now: Timestamp,
) -> Outcome<'b> {
    // What was proven before may have been dispatched before, though the log has lost it since.
    let first = if proven_before {
        Dispatch::Again
    } else {
        Dispatch::First
    };
    let mut conflicts = events.conflicting;
    let mut outcome = Outcome {
        dispatch: Vec::new(),
        conflicting: Vec::new(),
        new: 0,
        duplicates: events.duplicates,
        synthetic: 0,
        unknown_types: BTreeMap::new(),
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
                if dispatch.is_of_unknown_type {
                    let count = outcome.unknown_types.entry(entry.event_type.clone());
                    *count.or_default() += 1;
                }
                outcome.dispatch.extend(dispatch.address(entry, first, now));
            }
            Recorded::Existing(owner) if owner.sha256 != entry.sha256 => {
                conflicts.extend([conflicting(entry)]);
            }
            Recorded::Existing(owner) => {
                outcome.duplicates += 1;
                // An earlier attempt at this delivery may have ended between the log and the queue. A second message
                // changes nothing.
                if owner.delivery_id == delivery_id {
                    let stored = dispatch.placed_by(owner);
                    outcome
                        .dispatch
                        .extend(stored.address(entry, Dispatch::Again, now));
                }
            }
        }
    }
    outcome.conflicting = conflicts.into_values().collect();
    outcome
}

impl Outcome<'_> {
    fn count_of_new(&mut self, entry: &NewEvent<'_>) -> &mut usize {
        if is_synthetic(&entry.event_type) {
            &mut self.synthetic
        } else {
            &mut self.new
        }
    }

    /// Tells whether the delivery brought an event that the log did not have.
    pub(crate) fn is_new(&self) -> bool {
        self.new > 0
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
            .filter(|event| event.domain == Domain::Unrecognised && !event.aggregate.is_synthetic())
        {
            metrics::unrecognised();
        }
        if !self.unknown_types.is_empty() {
            metrics::unknown_types(self.unknown_types.values().sum());
            // A name of another form may hold anything, which does not belong into the log.
            let is_name = |name: &&String| {
                let mut bytes = name.bytes();
                bytes.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"_.".contains(&byte))
            };
            let types: Vec<&String> = self.unknown_types.keys().filter(is_name).collect();
            tracing::warn!(delivery.id = %envelope.delivery_id, ?types, "events of unknown types of known categories");
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

fn entry<'b>(
    envelope: &Envelope,
    event: &Event<'b>,
    aggregate: Option<&EntityKey>,
    placement: &Placement,
) -> NewEvent<'b> {
    NewEvent {
        event_id: event.id().to_owned(),
        event_type: event.event_type().to_owned(),
        aggregate: aggregate.map(ToString::to_string),
        occurred: placement.occurred.to_string(),
        time_flag: placement.time_source.flag(),
        delivery_id: envelope.delivery_id.to_string(),
        received_at: envelope.received_at.to_string(),
        sha256: event.identity().to_hex(),
        object: event.object().get(),
        archived_at: verified_key(envelope),
    }
}

fn conflicting(event: NewEvent<'_>) -> (String, NewEvent<'_>) {
    let event = event.as_conflict();
    (event.event_id.clone(), event)
}

/// Holds what is sent of an event beside what its entry in the log says, before it is known whether, how and when.
#[derive(Debug)]
struct Parcel<'b> {
    domain: Domain,
    /// Names the entity; `None` for an event that names none.
    aggregate: Option<EntityKey>,
    occurred: Occurred,
    /// Borrows the event from the delivery's body: it is copied once, into its message.
    json: &'b str,
    is_of_unknown_type: bool,
}

impl Parcel<'_> {
    /// Gives it the entity and the place that were stored, whatever this version would make of the event.
    fn placed_by(self, owner: &Owner) -> Self {
        Self {
            aggregate: owner.aggregate.clone().or(self.aggregate),
            occurred: owner.occurred.clone(),
            ..self
        }
    }

    /// Makes the message; `None` for an event without an entity, which no domain could take.
    fn address(
        self,
        entry: NewEvent<'_>,
        dispatch: Dispatch,
        dispatched_at: Timestamp,
    ) -> Option<EventMessage> {
        Some(EventMessage {
            event_id: entry.event_id,
            domain: self.domain,
            aggregate: self.aggregate?,
            occurred: self.occurred,
            json: self.json.to_owned(),
            sha256: entry.sha256,
            delivery_id: entry.delivery_id,
            dispatch,
            dispatched_at,
            replay: None,
        })
    }
}
