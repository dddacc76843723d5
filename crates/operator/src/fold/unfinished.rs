//! The changes of events that a stored state does not have: what a rebuild keeps for the messages that are still to come.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use upvest::batch::{Batch, Stored};
use upvest::effects::Transition;
use upvest::projection::{Applied, Placed};
use upvest::{EntityKey, Event};

use super::event::{Foldable, as_received};

/// Says how long after its receipt an event may have a message: a day in the queue of the deliveries and another one in that of
/// its domain, after which each is in a dead-letter queue.
const MAY_COME: SignedDuration = SignedDuration::from_hours(48);

/// Makes the changes of the events that the stored state lacks, as their messages would make them one after another. Without
/// a state that can be read nothing is known to be lacking: then of all events that may still have a message.
pub(super) fn changes(
    entity: &EntityKey,
    stored: Option<&Stored>,
    events: &[Foldable],
    left_out: &BTreeSet<&str>,
    now: Timestamp,
) -> Vec<Transition> {
    let mut batch = Batch::start(entity.clone(), stored.cloned());
    let mut changes = Vec::new();
    for foldable in as_received(events) {
        if left_out.contains(foldable.event_id.as_str()) {
            continue;
        }
        let Ok(event) = Event::parse(&foldable.json) else {
            continue;
        };
        let placed = Placed {
            event: &event,
            aggregate: entity,
            occurred: &foldable.occurred,
        };
        // A late event is told as late by its own message too.
        let change = batch.fold(placed, &foldable.first_attempt()).ok();
        let change = change.filter(|outcome| outcome.applied == Applied::Fresh);
        let may_come = stored.is_some() || now.duration_since(foldable.received_at) < MAY_COME;
        changes.extend(change.filter(|_| may_come).map(|outcome| outcome.transition));
    }
    changes
}
