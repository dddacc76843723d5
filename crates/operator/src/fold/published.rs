//! The changes that an entity's events were published as, made again from the log.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::actions::Change;
use pipeline::processor::bus::Publication;
use pipeline::stores::entities::Stored;
use upvest::batch::Batch;
use upvest::projection::Placed;
use upvest::{Event, category};

use super::event::as_received;
use super::{Foldable, Refold};

impl Refold {
    /// Writes the changes that these events were, by event id: what the bus has of each, as far as the log tells it. Each delivery
    /// is taken for one batch, which shows in `version` alone. An event that cannot be folded is left out, and all are where one
    /// of the entity's cannot be read.
    #[must_use]
    pub fn published(&self, event_ids: &BTreeSet<&str>) -> BTreeMap<String, String> {
        let mut published = BTreeMap::new();
        let Ok(events) = &self.events else {
            return published;
        };
        let mut stored: Option<Stored> = None;
        for delivered in as_received(events).chunk_by(|one, other| one.delivery_id == other.delivery_id) {
            let mut batch = Batch::start(self.entity.clone(), stored.clone());
            for event in delivered {
                if let Some(detail) = self.change(&mut batch, event)
                    && event_ids.contains(event.event_id.as_str())
                {
                    published.insert(event.event_id.clone(), detail);
                }
            }
            // A batch that changes nothing is not written, and leaves the state of before.
            stored = batch.finish().or(stored);
        }
        published
    }

    fn change(&self, batch: &mut Batch, folded: &Foldable) -> Option<String> {
        let event = Event::parse(&folded.json).ok()?;
        let placed = Placed {
            event: &event,
            aggregate: &self.entity,
            occurred: &folded.occurred,
        };
        let outcome = batch.fold(placed, &folded.first_attempt()).ok()?;
        let change = Change {
            domain: category::of(event.event_type()).domain,
            entity: &self.entity,
            event: &event,
            occurred: &folded.occurred,
            delivery_id: Some(&folded.delivery_id),
            previous: outcome.transition.previous.as_ref(),
            current: &outcome.transition.current,
            state: batch.projection(),
            related: &outcome.related,
            moved_back_from: outcome.moved_back_from.as_deref(),
            late: outcome.effect.is_late(),
            possible_duplicate: outcome.effect.is_possible_duplicate(),
            replay: None,
        };
        Some(Publication::of(&change).detail().to_owned())
    }
}
