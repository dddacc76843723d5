//! Events of every category, stored as verify-and-store stores them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use upvest::category::{CATEGORIES, Category, Role};
use upvest::projection::{Applied, Placed};
use upvest::time::Instant;
use upvest::{EntityKey, Event, Occurred, Placement, Projection, Receipt};

/// Holds an event of the log.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    pub(crate) json: String,
    pub(crate) aggregate: EntityKey,
    pub(crate) occurred: Occurred,
}

impl Logged {
    /// Stores an event that was received at a second of the minute, at a position of its delivery.
    pub(crate) fn new(json: &str, second: u8, position: u16) -> Self {
        let event = Event::parse(json).unwrap();
        let receipt = Receipt {
            received_at: Instant::parse(&format!("2026-01-01T00:01:{second:02}Z")).unwrap(),
            position,
        };
        Self {
            aggregate: event.entity_key().unwrap(),
            occurred: Placement::of(&event, &receipt).occurred,
            json: json.to_owned(),
        }
    }

    pub(crate) fn event(&self) -> Event<'_> {
        Event::parse(&self.json).unwrap()
    }

    pub(crate) fn placed<'e>(&'e self, event: &'e Event<'e>) -> Placed<'e> {
        Placed {
            event,
            aggregate: &self.aggregate,
            occurred: &self.occurred,
        }
    }

    pub(crate) fn fold(&self, state: &mut Projection) -> Applied {
        state.fold(self.placed(&self.event())).unwrap()
    }
}

pub(crate) fn fold(events: &[Logged]) -> Projection {
    let mut state = Projection::default();
    for event in events {
        event.fold(&mut state);
    }
    state
}

/// Writes an event as JSON, of a second of the minute.
pub(crate) fn event(id: &str, event_type: &str, second: u8, object: &Value) -> String {
    let created_at = format!("2026-01-01T00:00:{second:02}Z");
    json!({ "id": id, "type": event_type, "created_at": created_at, "object": object }).to_string()
}

/// Makes an object with the fields of the key of the row's entity.
pub(crate) fn object(row: &Category) -> Value {
    let mut object = json!({});
    for (number, path) in row.key.iter().enumerate() {
        set(&mut object, path, json!(format!("key-{number}")));
    }
    object
}

/// Sets the value at a path like `instrument.uuid`.
pub(crate) fn set(object: &mut Value, path: &str, value: Value) {
    let field = path.split('.').fold(object, |object, field| &mut object[field]);
    *field = value;
}

/// What varies from event to event of one entity.
#[derive(Debug, Clone)]
struct Variation {
    /// Which of the rows that belong to the entity.
    row: prop::sample::Index,
    /// Which of the states that the row knows, and one that it does not.
    state: prop::sample::Index,
    second: Option<u8>,
    updated: Option<u8>,
    part: u8,
    has_status: bool,
    figure: &'static str,
    /// When the delivery was received, and where in it the event was.
    receipt: (u8, u16),
}

fn variation() -> impl Strategy<Value = Variation> {
    let figures = prop_oneof![
        Just("1.5"),
        Just("0"),
        Just("-3.000000000000000000000000001"),
        Just("ten")
    ];
    let index = any::<prop::sample::Index>;
    let times = (
        prop::option::weighted(0.9, 0..4_u8),
        prop::option::of(0..3_u8),
        (0..3_u8, 0..3_u16),
    );
    (index(), index(), times, 0..3_u8, any::<bool>(), figures).prop_map(
        |(row, state, (second, updated, receipt), part, has_status, figure)| Variation {
            row,
            state,
            second,
            updated,
            part,
            has_status,
            figure,
            receipt,
        },
    )
}

/// The types of a row, and one that it does not know.
fn types(row: &Category) -> Vec<String> {
    if !row.is_whole() {
        return vec![row.name.to_owned()];
    }
    let types = row
        .states()
        .chain(["TELEPORTED"])
        .map(|state| format!("{}.{state}", row.name));
    // Some types have a row of their own.
    types
        .filter(|name| upvest::category::of(name).name == row.name)
        .collect()
}

/// An event of the entity that the events of `entity`'s rows are about.
fn logged(entity: &str, number: usize, vary: &Variation) -> Logged {
    let rows: Vec<&Category> = CATEGORIES.iter().filter(|row| row.entity == entity).collect();
    let row = *vary.row.get(&rows);
    let event_type = vary.state.get(&types(row)).clone();
    let kind = ["KYC", "INSTRUMENT_FIT", "ORDER_EXECUTION_CANCELLATION"][usize::from(vary.part)];
    let mut object = object(row);
    let figures = json!({
        "share_quantity": vary.figure, "cash_amount": vary.figure, "available_for_trading": vary.figure,
        "collection_amount": "10", "processed_amount": { "cash_balance": vary.figure }, "type": kind,
    });
    for (name, value) in figures.as_object().unwrap() {
        object[name] = value.clone();
    }
    if let Role::Part {
        id_field: Some(id), ..
    } = row.role
    {
        set(&mut object, id, json!(format!("part-{}", vary.part)));
    }
    if let Some(second) = vary.updated {
        object["updated_at"] = json!(format!("2026-01-01T00:00:{second:02}Z"));
    }
    let known: Vec<&str> = row
        .statuses
        .iter()
        .flat_map(|step| step.names.iter().copied())
        .collect();
    let known = if known.is_empty() {
        row.states().collect()
    } else {
        known
    };
    if vary.has_status && !known.is_empty() {
        set(&mut object, row.status_field, json!(vary.state.get(&known)));
    }
    let mut event: Value = serde_json::from_str(&event(
        &format!("e{number}"),
        &event_type,
        vary.second.unwrap_or_default(),
        &object,
    ))
    .unwrap();
    if vary.second.is_none() {
        event.as_object_mut().unwrap().remove("created_at");
    }
    Logged::new(&event.to_string(), vary.receipt.0, vary.receipt.1)
}

pub(crate) fn entities() -> Vec<&'static str> {
    let entities: BTreeSet<&str> = CATEGORIES.iter().map(|row| row.entity).collect();
    entities.into_iter().collect()
}

/// Makes up the events of an entity, with ties of every kind, in the order of their random ids.
pub(crate) fn history() -> impl Strategy<Value = (&'static str, Vec<Logged>)> {
    let entity = prop::sample::select(entities());
    (entity, prop::collection::vec(variation(), 1..12)).prop_map(|(entity, variations)| {
        let numbered = variations.iter().enumerate();
        (
            entity,
            numbered
                .map(|(number, vary)| logged(entity, number, vary))
                .collect(),
        )
    })
}

/// Makes up the events of an entity, and the same events each at least once in any order.
pub(crate) fn shuffled() -> impl Strategy<Value = (&'static str, Vec<Logged>, Vec<Logged>)> {
    history().prop_flat_map(|(entity, events)| {
        let twice: Vec<Logged> = events.iter().chain(&events).cloned().collect();
        (Just(entity), Just(events), Just(twice).prop_shuffle())
    })
}
