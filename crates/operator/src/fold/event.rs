//! An event of the log as it is folded: by the entity and the place that the log has of it.

use jiff::Timestamp;
use pipeline::stores::events::LoggedEvent;
use upvest::effects::{Attempt, Dispatch};
use upvest::projection::{Applied, Placed};
use upvest::{EntityKey, Event, Occurred, Projection};

use crate::error::Result;
use crate::records::Records;

/// Holds an event of the log that can be folded.
#[derive(Debug, Clone)]
pub(super) struct Foldable {
    pub(super) event_id: String,
    pub(super) occurred: Occurred,
    pub(super) received_at: Timestamp,
    pub(super) delivery_id: String,
    pub(super) json: String,
}

/// Reads the events of a time line, or says why one of them cannot be read.
pub(super) async fn foldable(
    records: &Records,
    history: &[LoggedEvent],
) -> Result<std::result::Result<Vec<Foldable>, String>> {
    let mut events = Vec::with_capacity(history.len());
    for logged in history {
        let readable = records.json(logged).await?.and_then(|json| {
            let is_event = Event::parse(&json).map(drop);
            is_event.map(|()| json).map_err(|error| error.to_string())
        });
        match readable {
            Ok(json) => events.push(Foldable {
                event_id: logged.event_id.clone(),
                occurred: logged.occurred.clone(),
                received_at: logged.received_at,
                delivery_id: logged.delivery_id.clone(),
                json,
            }),
            Err(why) => return Ok(Err(format!("event {}: {why}", logged.event_id))),
        }
    }
    Ok(Ok(events))
}

impl Foldable {
    /// Folds the event into a state, by the entity and the place that the log has of it. `None` for one that cannot be
    /// folded: processors leave it out too.
    pub(super) fn fold_into(&self, entity: &EntityKey, state: &mut Projection) -> Option<Applied> {
        let event = Event::parse(&self.json).ok()?;
        let placed = Placed {
            event: &event,
            aggregate: entity,
            occurred: &self.occurred,
        };
        state.fold(placed).ok()
    }

    /// Describes the attempt at the event as it is where nothing goes wrong.
    pub(super) fn first_attempt(&self) -> Attempt {
        Attempt {
            dispatch: Dispatch::First,
            receive_count: 1,
            dispatched_at: Some(self.received_at),
            sent_at: Some(self.received_at),
            transition: None,
        }
    }

    /// Describes an attempt at a copy of its message.
    pub(super) fn attempt_again(&self) -> Attempt {
        Attempt {
            dispatch: Dispatch::Again,
            ..self.first_attempt()
        }
    }
}

/// Folds events of an entity; `None` when none of them could be.
pub(super) fn fold<'e>(
    entity: &EntityKey,
    events: impl IntoIterator<Item = &'e Foldable>,
) -> Option<Projection> {
    let mut state = Projection::default();
    for event in events {
        event.fold_into(entity, &mut state);
    }
    state.last.is_some().then_some(state)
}

/// Lists the events in the order in which they were received.
pub(super) fn as_received(events: &[Foldable]) -> Vec<&Foldable> {
    let mut received: Vec<_> = events.iter().collect();
    received.sort_by_key(|event| (event.received_at, &event.delivery_id, event.occurred.position));
    received
}
