//! Folding the events of one entity, in their order, up to one that cannot be folded.

use upvest::EntityKey;
use upvest::batch::{Batch, Outcome};
use upvest::projection::Placed;

use super::super::ProcessError;
use super::super::error::FOLD;
use super::{FoldedEvent, Incoming};
use crate::error::caught;
use crate::stores::entities::{EntityError, EntityItem};

/// Folds events, each with its place in the batch of messages, in their order. One whose fold panics is left out, and so are those
/// behind it: what is written is the state up to it.
pub(super) fn fold_in_order(
    start: impl Fn() -> Batch,
    events: &[(usize, &Incoming<'_>)],
    fold: impl Fn(&mut Batch, &Incoming<'_>) -> Result<Outcome, ProcessError>,
) -> (Batch, Vec<FoldedEvent>) {
    let mut batch = start();
    let mut outcomes = Vec::with_capacity(events.len());
    for (position, (place, incoming)) in events.iter().enumerate() {
        let source = match caught(|| fold(&mut batch, incoming)) {
            Ok(outcome) => {
                outcomes.push((*place, outcome));
                continue;
            }
            Err(panicked) => panicked,
        };
        let event_id = |incoming: &Incoming<'_>| incoming.event.id().to_owned();
        let panicked = ProcessError::Panicked {
            event_id: event_id(incoming),
            step: FOLD,
            source,
        };
        outcomes.push((*place, Err(panicked)));
        let behind = events[position + 1..].iter().map(|(place, incoming)| {
            let event_id = event_id(incoming);
            (*place, Err(ProcessError::Behind { event_id }))
        });
        outcomes.extend(behind);
        // A panic leaves the state anyhow: those before it are folded once more.
        batch = start();
        for (_, incoming) in &events[..position] {
            let _ = fold(&mut batch, incoming);
        }
        break;
    }
    (batch, outcomes)
}

/// Folds one event. Where the batch was found too large for an item, an event that would make it so is left out: the others
/// are applied, and it goes to the dead-letter queue.
pub(super) fn fold_one(
    batch: &mut Batch,
    entity: &EntityKey,
    incoming: &Incoming<'_>,
    is_too_large: bool,
) -> Result<Outcome, ProcessError> {
    let without = is_too_large.then(|| batch.clone());
    let placed = Placed {
        event: &incoming.event,
        aggregate: entity,
        occurred: &incoming.dispatched.occurred,
    };
    let outcome = batch
        .fold(placed, &incoming.attempt())
        .map_err(|source| ProcessError::NoEntityKey {
            event_id: incoming.event.id().to_owned(),
            source,
        })?;
    let fits = |batch: &Batch| {
        let after = batch.clone().finish();
        after.is_none_or(|after| EntityItem::of(entity, &after).is_ok())
    };
    match without {
        Some(without) if !fits(batch) => {
            *batch = without;
            Err(EntityError::TooLarge(entity.clone()).into())
        }
        _ => Ok(outcome),
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::event::sqs::SqsMessage;
    use upvest::effects::Dispatch;
    use upvest::{Event, Placement, Receipt};

    use super::*;
    use crate::queues::domains::Dispatched;

    fn dispatched(number: u8) -> Dispatched {
        let json = format!(
            r#"{{"id":"e{number}","type":"ORDER.NEW","created_at":"2026-01-01T00:00:0{number}Z","object":{{"id":"o1"}}}}"#
        );
        let event = Event::parse(&json).unwrap();
        let receipt = Receipt {
            received_at: event.created_at().unwrap(),
            position: 0,
        };
        Dispatched {
            aggregate: event.entity_key().unwrap(),
            occurred: Placement::of(&event, &receipt).occurred,
            sha256: String::new(),
            dispatch: Dispatch::First,
            dispatched_at: None,
            delivery_id: None,
            replay: None,
            transition: None,
            json: json.clone(),
        }
    }

    #[test]
    fn an_event_whose_fold_panics_is_left_out_and_its_entity_is_written_up_to_it() {
        let message = SqsMessage::default();
        let dispatched = [1, 2, 3].map(dispatched);
        let incoming = dispatched.each_ref().map(|dispatched| Incoming {
            message: &message,
            dispatched,
            event: dispatched.event().unwrap(),
        });
        let events: Vec<(usize, &Incoming<'_>)> = incoming.iter().enumerate().collect();
        let entity = &dispatched[0].aggregate;
        let start = || Batch::start(entity.clone(), None);
        let fold = |batch: &mut Batch, incoming: &Incoming<'_>| {
            let outcome = fold_one(batch, entity, incoming, false);
            assert_ne!(incoming.event.id(), "e2", "panics when half of it is done");
            outcome
        };
        let (batch, outcomes) = fold_in_order(start, &events, fold);
        let [
            (0, Ok(_)),
            (1, Err(ProcessError::Panicked { .. })),
            (2, Err(ProcessError::Behind { .. })),
        ] = &outcomes[..]
        else {
            panic!("{outcomes:?}");
        };
        let (up_to_it, _) = fold_in_order(start, &events[..1], |batch, incoming| {
            fold_one(batch, entity, incoming, false)
        });
        assert_eq!(batch.finish(), up_to_it.finish());
    }
}
