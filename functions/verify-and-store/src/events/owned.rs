//! What of a delivery the log has from an earlier attempt at it.

use std::collections::HashMap;

use jiff::Timestamp;
use pipeline::queues::domains::EventMessage;
use pipeline::stores::events::Owner;
use upvest::effects::Dispatch;

use super::DeliveredEvents;

/// Describes what an earlier attempt at a delivery left in the log.
#[derive(Debug, Default)]
pub(crate) struct Owned {
    /// Lists the events to be dispatched again: nobody else does, and whether the attempt did is not known.
    pub(crate) dispatch: Vec<EventMessage>,
    /// Tells that the attempt stored the delivery, and the log has each of its events: nothing of it is left to refuse.
    pub(crate) is_whole: bool,
}

/// Sorts the events of a delivery by who `owners` says stored them. An event counts for one of the log where both have the same
/// identity: what the log has was proven, whatever proves the delivery now.
pub(crate) fn owned(
    events: DeliveredEvents<'_>,
    owners: &HashMap<String, Owner>,
    delivery_id: &str,
    now: Timestamp,
) -> Owned {
    let mut dispatch = Vec::new();
    let (mut is_stored, mut is_whole) = (false, events.conflicting.is_empty());
    for (entry, parcel) in events.entries.into_iter().zip(events.dispatch) {
        let logged = owners.get(&entry.event_id);
        match logged.filter(|owner| owner.sha256 == entry.sha256) {
            Some(owner) if owner.delivery_id == delivery_id => {
                is_stored = true;
                dispatch.extend(parcel.placed_by(owner).address(entry, Dispatch::Again, now));
            }
            Some(_) => {}
            None => is_whole = false,
        }
    }
    Owned {
        dispatch,
        is_whole: is_whole && is_stored,
    }
}
