//! Items that are written, read, written again, and edited by hand.

use upvest::batch::Batch;
use upvest::effects::{Attempt, Dispatch};
use upvest::projection::{Placed, RULES};
use upvest::time::Instant;
use upvest::{Event, Placement, Receipt};

use super::*;
use crate::stores::entities::NOTES;

fn event(id: u32, event_type: &str, object: &str) -> String {
    format!(
        r#"{{"id":"e{id}","created_at":"2021-07-21T14:10:00.{id:09}Z","type":"{event_type}","object":{object}}}"#
    )
}

/// Folds events as one batch on top of what is stored.
fn fold(before: Option<Stored>, events: &[String]) -> Stored {
    let receipt = Receipt {
        received_at: Instant::parse("2021-07-21T14:10:09Z").unwrap(),
        position: 0,
    };
    let again = Attempt {
        dispatch: Dispatch::Again,
        receive_count: 1,
        dispatched_at: None,
        sent_at: None,
        transition: None,
    };
    let aggregate = Event::parse(&events[0]).unwrap().entity_key().unwrap();
    let mut batch = Batch::start(aggregate.clone(), before);
    for json in events {
        let event = Event::parse(json).unwrap();
        let occurred = &Placement::of(&event, &receipt).occurred;
        batch
            .fold(
                Placed {
                    event: &event,
                    aggregate: &aggregate,
                    occurred,
                },
                &again,
            )
            .unwrap();
    }
    batch.finish().unwrap()
}

/// Folds events without counting what each of them changes.
fn projection(events: &[String]) -> Projection {
    let mut projection = Projection::default();
    for json in events {
        let event = Event::parse(json).unwrap();
        let receipt = Receipt {
            received_at: event.created_at().unwrap(),
            position: 0,
        };
        let placed = Placed {
            event: &event,
            aggregate: &event.entity_key().unwrap(),
            occurred: &Placement::of(&event, &receipt).occurred,
        };
        projection.fold(placed).unwrap();
    }
    projection
}

fn there_and_back(entity: &str, stored: &Stored) -> Item {
    let entity = EntityKey::from_stored(entity.to_owned());
    let item = to_item(&entity, stored).unwrap();
    assert_eq!(&from_item(&entity, &item).unwrap(), stored);
    item
}

#[test]
fn a_state_that_is_stored_and_read_folds_on_as_if_it_had_not_been() {
    let events = [
        event(
            1,
            "EXECUTION.FILLED",
            r#"{"id":"x1","order_id":"o1","share_quantity":"1.5","cash_amount":"3"}"#,
        ),
        event(
            2,
            "ORDER.FILLED",
            r#"{"id":"o1","status":"FILLED","user_id":"u1","account_id":"a1"}"#,
        ),
        event(3, "ORDER.NEW", r#"{"id":"o1","status":"NEW","user_id":"u1"}"#),
        event(4, "ORDER.TELEPORTED", r#"{"id":"o1"}"#),
    ];
    let first = fold(None, &events[..2]);
    let item = there_and_back("ORDER#o1", &first);
    assert_eq!(item["status"], text("FILLED"));
    assert_eq!(item["filled_quantity"], text("1.5"));
    assert_eq!(item["user_id"], text("u1"));
    assert!(!item.contains_key("object_occurred"), "the last event's is known");
    let entity = EntityKey::from_stored("ORDER#o1".to_owned());
    let resumed = fold(Some(from_item(&entity, &item).unwrap()), &events[2..]);
    let item = there_and_back("ORDER#o1", &resumed);
    let mut at_once = fold(None, &events);
    (at_once.version, at_once.transitions) = (resumed.version, resumed.transitions.clone());
    assert_eq!(item, there_and_back("ORDER#o1", &at_once));
    assert_eq!(item["moved_back_from"], text("FILLED"));
    assert_eq!(
        item["object_type"],
        text("ORDER.NEW"),
        "the last event's type is unknown"
    );
}

#[test]
fn no_object_is_kept() {
    let note = "x".repeat(MAX_ITEM_BYTES);
    let object = format!(r#"{{"id":"t1","status":"CONFIRMED","note":"{note}"}}"#);
    let item = there_and_back("TOPUP#t1", &fold(None, &[event(1, "TOPUP.CONFIRMED", &object)]));
    let size: usize = item.iter().map(|(name, value)| name.len() + size_of(value)).sum();
    assert!(size < 800, "{size} bytes");
}

#[test]
fn an_order_with_two_thousand_executions_fits_and_one_with_far_more_is_refused() {
    let execution = |number: u32| {
        let object = format!(
            r#"{{"id":"eb5ba93f-5dfe-4bf1-8571-4da0{number:08}","order_id":"o1","share_quantity":"1.123456789","cash_amount":"13.45"}}"#
        );
        event(number, "EXECUTION.FILLED", &object)
    };
    let entity = EntityKey::from_stored("ORDER#o1".to_owned());
    let executions: Vec<String> = (0..12_000).map(execution).collect();
    let of = |executions: &[String]| Stored {
        projection: projection(executions),
        version: 1,
        fold: RULES,
        transitions: Vec::new(),
    };
    assert!(to_item(&entity, &of(&executions[..2_000])).is_ok());
    let full = to_item(&entity, &of(&executions));
    assert!(matches!(full, Err(EntityError::TooLarge(_))));
}

#[test]
fn only_the_notes_depend_on_how_the_events_came() {
    let events = [
        event(1, "TOPUP.NEW", r#"{"id":"t1","status":"NEW"}"#),
        event(2, "TOPUP.CONFIRMED", r#"{"id":"t1","status":"CONFIRMED"}"#),
    ];
    let reversed = [events[1].clone(), events[0].clone()];
    let one_by_one = fold(Some(fold(None, &events[..1])), &events[1..]);
    let said = |stored: &Stored| {
        let mut item = there_and_back("TOPUP#t1", stored);
        item.retain(|name, _| !NOTES.contains(&name.as_str()));
        item
    };
    assert_eq!(said(&one_by_one), said(&fold(None, &reversed)));
}

#[test]
fn an_item_that_is_not_ours_names_the_attribute() {
    let entity = EntityKey::from_stored("ORDER#o1".to_owned());
    let events = [
        event(
            1,
            "EXECUTION.FILLED",
            r#"{"id":"x1","order_id":"o1","share_quantity":"1"}"#,
        ),
        event(2, "ORDER.NEW", r#"{"id":"o1","account_id":"a1"}"#),
        event(3, "ORDER.TELEPORTED", r#"{"id":"o1"}"#),
    ];
    let item = to_item(&entity, &fold(None, &events)).unwrap();
    for name in OWN.into_iter().chain(["executions"]) {
        let mut edited = item.clone();
        if edited
            .insert(name.to_owned(), AttributeValue::Null(true))
            .is_none()
        {
            continue;
        }
        let read = from_item(&entity, &edited);
        // The status, and what else is computed from the rest, is written and never read.
        if ["aggregate", "status", "last_event_id"].contains(&name) {
            assert!(read.is_ok(), "{name}");
        } else {
            assert_eq!(read, Err(name.to_owned()));
        }
    }
    assert_eq!(from_item(&entity, &item).unwrap().fold, RULES);
}
