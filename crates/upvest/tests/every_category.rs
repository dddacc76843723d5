//! Properties that hold for every row of the category table.

#![expect(clippy::unwrap_used, reason = "a property that cannot be checked fails")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use upvest::category::{CATEGORIES, Category, Role};
use upvest::projection::Applied;
use upvest::{EntityKey, Event, Projection};

/// What varies from event to event of one entity.
#[derive(Debug, Clone)]
struct Variation {
    /// Which of the rows that belong to the entity.
    row: prop::sample::Index,
    /// Which of the states that the row knows, and one that it does not.
    state: prop::sample::Index,
    second: u8,
    part: u8,
    has_status: bool,
    figure: &'static str,
}

fn variation() -> impl Strategy<Value = Variation> {
    let figures = prop_oneof![
        Just("1.5"),
        Just("0"),
        Just("-3.000000000000000000000000001"),
        Just("ten")
    ];
    let (row, state) = (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    (row, state, 0..20_u8, 0..3_u8, any::<bool>(), figures).prop_map(
        |(row, state, second, part, has_status, figure)| Variation {
            row,
            state,
            second,
            part,
            has_status,
            figure,
        },
    )
}

/// Sets the value at a path like `instrument.uuid`.
fn set(object: &mut Value, path: &str, value: Value) {
    let field = path.split('.').fold(object, |object, field| &mut object[field]);
    *field = value;
}

/// An event of the entity that the events of `entity`'s rows are about.
fn event(entity: &str, vary: &Variation) -> String {
    let rows: Vec<&Category> = CATEGORIES.iter().filter(|row| row.entity == entity).collect();
    let row = vary.row.get(&rows);
    let known = row.lifecycle.iter().copied().flatten().chain(row.notices);
    // Some types have a row of their own.
    let own = |state: &&str| upvest::category::of(&format!("{}.{state}", row.name)).name == row.name;
    let states: Vec<&str> = known.copied().filter(own).chain(["TELEPORTED"]).collect();
    let state = *vary.state.get(&states);
    let event_type = if row.is_whole() {
        format!("{}.{state}", row.name)
    } else {
        row.name.to_owned()
    };
    let kind = ["KYC", "INSTRUMENT_FIT", "ORDER_EXECUTION_CANCELLATION"][usize::from(vary.part)];
    let mut object = json!({
        "share_quantity": vary.figure, "cash_amount": vary.figure, "available_for_trading": vary.figure,
        "collection_amount": "10", "processed_amount": { "cash_balance": vary.figure },
        "type": kind,
    });
    if let Role::Part {
        id_field: Some(id), ..
    } = row.role
    {
        set(&mut object, id, json!(format!("part-{}", vary.part)));
    }
    for (number, path) in row.key.iter().enumerate() {
        set(&mut object, path, json!(format!("key-{number}")));
    }
    if vary.has_status {
        let statuses: Vec<&str> = row.statuses.iter().copied().flatten().copied().collect();
        let statuses = if statuses.is_empty() { states } else { statuses };
        object["status"] = json!(vary.state.get(&statuses));
    }
    let text = object.to_string();
    let id = format!("{event_type}-{}-{}", vary.second, hash(&text));
    let created_at = format!("2026-01-01T00:00:{:02}Z", vary.second);
    json!({ "id": id, "type": event_type, "created_at": created_at, "object": object }).to_string()
}

/// Tells objects apart, so that no two different events have the same id.
fn hash(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn fold(events: &[String]) -> Projection {
    events
        .iter()
        .fold(None, |state, json| {
            Some(Projection::fold(state, &Event::parse(json).unwrap()).0)
        })
        .unwrap()
}

fn entities() -> Vec<&'static str> {
    let entities: BTreeSet<&str> = CATEGORIES.iter().map(|row| row.entity).collect();
    entities.into_iter().collect()
}

/// The events of an entity, and the same events each at least once in any order.
fn shuffled() -> impl Strategy<Value = (&'static str, Vec<String>, Vec<String>)> {
    let entity = prop::sample::select(entities());
    (entity, prop::collection::vec(variation(), 1..12)).prop_flat_map(|(entity, variations)| {
        let events: Vec<String> = variations.iter().map(|vary| event(entity, vary)).collect();
        let twice: Vec<String> = events.iter().chain(&events).cloned().collect();
        (Just(entity), Just(events), Just(twice).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_order_with_any_repeats_folds_to_the_same_state((entity, events, shuffled) in shuffled()) {
        let (straight, shuffled) = (fold(&events), fold(&shuffled));
        prop_assert_eq!(straight.derived(entity), shuffled.derived(entity));
        prop_assert_eq!(straight.status(), shuffled.status());
        prop_assert_eq!(straight.moved_back_from(), shuffled.moved_back_from());
        prop_assert_eq!(straight, shuffled);
    }

    #[test]
    fn an_event_changes_the_state_once((_, _, shuffled) in shuffled()) {
        let mut state = None;
        let mut newest = BTreeSet::new();
        for json in &shuffled {
            let event = Event::parse(json).unwrap();
            let (after, applied) = Projection::fold(state, &event);
            if applied == Applied::Fresh {
                prop_assert!(newest.insert(event.id().to_owned()), "{} was the newest twice", event.id());
            }
            state = Some(after);
        }
        prop_assert!(!newest.is_empty());
    }

    #[test]
    fn all_events_of_an_entity_have_its_key((entity, events, _) in shuffled()) {
        let keys: BTreeSet<EntityKey> = events
            .iter()
            .map(|json| Event::parse(json).unwrap().entity_key().unwrap())
            .collect();
        prop_assert_eq!(keys.len(), 1);
        prop_assert_eq!(keys.first().unwrap().entity_type(), entity);
    }
}

#[test]
fn a_map_that_nothing_bounds_keeps_the_newest_entries() {
    let failure = |number: u32| {
        json!({
            "id": format!("e{number}"), "type": "USER.DATA_CHANGE_FAILED", "object": { "user_id": "u" },
            "created_at": format!("2026-01-01T00:{:02}:{:02}Z", number / 60, number % 60),
        })
        .to_string()
    };
    let mut events: Vec<String> = (0..250).map(failure).collect();
    let straight = fold(&events);
    let kept: BTreeSet<&str> = straight.parts["data_change_failures"]
        .values()
        .map(|part| part.occurred.event_id())
        .collect();
    assert_eq!(kept.len(), upvest::projection::MAX_ENTRIES);
    assert!(kept.contains("e249") && !kept.contains("e149"));
    events.reverse();
    assert_eq!(fold(&events), straight);
}

#[test]
fn a_ledger_line_that_is_corrected_keeps_what_it_was() {
    let line = |id: &str, second: u8, amount: &str| {
        json!({
            "id": id, "type": "CASH_TRANSACTION.EXECUTED", "created_at": format!("2026-01-01T00:00:{second:02}Z"),
            "object": { "id": "l", "delta": { "amount": amount } },
        })
        .to_string()
    };
    let versions = [line("e1", 1, "10"), line("e3", 3, "12"), line("e2", 2, "11")];
    let state = fold(&versions);
    assert_eq!(state.snapshot.unwrap().occurred.event_id(), "e3");
    assert_eq!(state.parts["earlier"].keys().collect::<Vec<_>>(), ["e1", "e2"]);
}
