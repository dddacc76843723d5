//! A delivery's body: split into its events, which are placed and folded.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::stores::entities::{EntityItem, Stored};
use upvest::projection::{Placed, RULES};
use upvest::time::Instant;
use upvest::{EntityKey, Event, Placement, Projection, Receipt, split};

/// Bounds the events that are folded. What comes after them would only be slow.
const MOST_EVENTS: usize = 64;

/// Splits a body, and folds its events in the order sent and in the opposite one; then writes the states as a table keeps
/// them.
///
/// # Panics
///
/// When an element is no piece of the body, or is read differently the second time; when the two orders end in different
/// states; and when a state does not come back from its item as it was.
pub fn run(data: &[u8]) {
    let Ok(elements) = split(data) else {
        return;
    };
    assert!(!elements.is_empty(), "a body without events is none");
    let mut ids = BTreeSet::new();
    let mut events = Vec::new();
    for (position, element) in elements.into_iter().take(MOST_EVENTS).enumerate() {
        let of_body = data.as_ptr_range().contains(&element.json.as_ptr());
        assert!(of_body, "an element is no piece of the body");
        let reason = element.quarantine_reason();
        let Ok(event) = element.event else {
            assert!(reason.is_some(), "a malformed event has a reason");
            continue;
        };
        let again = Event::parse(element.json).expect("what was read can be read again");
        assert_eq!((again.id(), again.identity()), (event.id(), event.identity()));
        // An event is stored once: of two with one id the second is a duplicate, or a conflict.
        if !ids.insert(event.id().to_owned()) {
            continue;
        }
        let receipt = Receipt {
            received_at: Instant::parse("2026-01-05T17:00:00Z").expect("a time"),
            position: u16::try_from(position).expect("there are few"),
        };
        let placement = Placement::of(&event, &receipt);
        match event.entity_key() {
            Ok(key) => events.push((key, placement, event)),
            Err(_) => assert!(reason.is_some(), "an event without an entity has a reason"),
        }
    }
    let forwards = folded(events.iter());
    let backwards = folded(events.iter().rev());
    assert_eq!(forwards, backwards, "the order of arrival shows in the state");
    for (key, (projection, _)) in forwards {
        comes_back(&key, projection);
    }
}

/// Writes a state as an item, with the figures that are computed for it, and reads it again.
fn comes_back(key: &EntityKey, projection: Projection) {
    let state = Stored {
        projection,
        version: 1,
        fold: RULES,
        transitions: Vec::new(),
    };
    // One that is too large for an item is refused.
    if let Ok(item) = EntityItem::of(key, &state) {
        assert_eq!(item.read(key).expect("what was written can be read"), state);
    }
}

type Arrived<'a> = (EntityKey, Placement, Event<'a>);

/// Folds events into their entities. One that cannot be folded is left out, as a processor does.
fn folded<'a>(
    events: impl Iterator<Item = &'a Arrived<'a>>,
) -> BTreeMap<EntityKey, (Projection, BTreeSet<String>)> {
    let mut states: BTreeMap<EntityKey, (Projection, BTreeSet<String>)> = BTreeMap::new();
    for (key, placement, event) in events {
        let (state, left_out) = states.entry(key.clone()).or_default();
        let placed = Placed {
            event,
            aggregate: key,
            occurred: &placement.occurred,
        };
        let before = state.clone();
        match state.fold(placed) {
            Ok(_) => {
                // What is folded a second time changes nothing.
                let once = state.clone();
                state.fold(placed).expect("it was folded before");
                assert_eq!(*state, once, "a repeated event changes the state");
            }
            Err(_) => {
                assert_eq!(*state, before, "an event that cannot be folded changes the state");
                left_out.insert(event.identity().to_hex());
            }
        }
    }
    states
}
