//! An item of the entities table: its attributes, written and read.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use upvest::category::CATEGORIES;
use upvest::projection::{Derived, LastEvent, Projection, Snapshot};
use upvest::{EntityKey, Occurred};

use super::{AppliedEvents, EntityError, Stored, Transition};
use crate::stores::item::{Item, number_of, text, text_of};

/// Is the largest item that is written, in bytes. `DynamoDB` takes 400 KB; the rest is left for what an estimate
/// misses.
const MAX_ITEM_BYTES: usize = 390 * 1024;
/// Says what an object leaves free of that for the values computed from it and for notes of what is unfinished.
const NOTES_BYTES: usize = 16 * 1024;

pub(super) fn to_item(entity: &EntityKey, state: &Stored) -> Result<Item, EntityError> {
    let mut item = state_item(entity, &state.projection);
    item.extend(notes(state));
    let size = |item: &Item| -> usize { item.iter().map(|(name, value)| name.len() + size_of(value)).sum() };
    if size(&item) > MAX_ITEM_BYTES {
        // The object goes first: what `object_occurred` names is in the event log or the archive, and can be read there.
        item.remove("object");
    }
    if size(&item) > MAX_ITEM_BYTES {
        Err(EntityError::TooLarge(entity.clone()))
    } else {
        Ok(item)
    }
}

/// Writes what the events say: the attributes that come out the same whenever the same events are folded.
fn state_item(entity: &EntityKey, projection: &Projection) -> Item {
    let mut item = Item::new();
    let mut put = |name: &str, value| item.insert(name.to_owned(), value);
    put("aggregate", text(entity.as_str()));
    put("last_event_id", text(projection.last.occurred.event_id()));
    put("last_event_type", text(&projection.last.event_type));
    put("last_occurred", text(projection.last.occurred.as_str()));
    if let Some(status) = projection.status() {
        put("status", text(status));
    }
    if let Some(status) = projection.moved_back_from() {
        put("moved_back_from", text(status));
    }
    let history = projection
        .history
        .iter()
        .map(|(status, at)| (status.clone(), text(at.as_str())));
    put("history", AttributeValue::M(history.collect()));
    for (map, parts) in &projection.parts {
        let parts = parts
            .iter()
            .map(|(id, part)| (id.clone(), AttributeValue::M(part_item(part))));
        put(map, AttributeValue::M(parts.collect()));
    }
    // An object that does not fit stays in the event log, or the archive, where `object_occurred` leads to. Nothing is
    // computed from it then, because the next write could not compute it again.
    let size: usize = item.iter().map(|(name, value)| name.len() + size_of(value)).sum();
    let fits = |snapshot: &Snapshot| size + snapshot.object.len() + NOTES_BYTES <= MAX_ITEM_BYTES;
    let without_object = |snapshot: &Snapshot| Projection {
        snapshot: Some(Snapshot {
            object: String::new(),
            ..snapshot.clone()
        }),
        ..projection.clone()
    };
    let too_large = projection.snapshot.as_ref().filter(|snapshot| !fits(snapshot));
    match too_large.map(without_object) {
        Some(projection) => item.extend(object_item(entity, &projection)),
        None => item.extend(object_item(entity, projection)),
    }
    item
}

/// Writes the newest object, and what is computed from it and from the parts.
fn object_item(entity: &EntityKey, projection: &Projection) -> Item {
    let mut item = Item::new();
    let mut put = |name: &str, value| item.insert(name.to_owned(), value);
    if let Some(snapshot) = &projection.snapshot {
        put("object_type", text(&snapshot.event_type));
        put("object_occurred", text(snapshot.occurred.as_str()));
        if !snapshot.object.is_empty() {
            put("object", text(&snapshot.object));
        }
    }
    for (name, value) in projection.derived(entity.entity_type()) {
        put(&name, derived(value));
    }
    let related = projection.related(entity);
    if !related.is_empty() {
        put(
            "related",
            AttributeValue::L(related.iter().map(|key| text(key.as_str())).collect()),
        );
    }
    item
}

/// Writes how the events came: see [`NOTES`](super::NOTES).
fn notes(state: &Stored) -> Item {
    let mut item = Item::from([("version".to_owned(), AttributeValue::N(state.version.to_string()))]);
    if let Some(change) = &state.last_change {
        item.insert("last_change".to_owned(), transition_item(change));
    }
    if !state.applied.is_empty() {
        let applied = Blob::new(state.applied.to_bytes());
        item.insert("applied".to_owned(), AttributeValue::B(applied));
    }
    if !state.unfinished.is_empty() {
        let unfinished = state.unfinished.iter();
        let unfinished = unfinished.map(|(event_id, change)| (event_id.clone(), transition_item(change)));
        item.insert("unfinished".to_owned(), AttributeValue::M(unfinished.collect()));
    }
    item
}

pub(super) fn from_item(entity: &EntityKey, item: &Item) -> Result<Stored, &'static str> {
    let version = number_of(item, "version").and_then(|version| version.try_into().ok());
    let last = LastEvent {
        event_type: required(item, "last_event_type")?,
        occurred: occurred(item, "last_occurred")?,
    };
    let mut history = BTreeMap::new();
    for (status, at) in map(item, "history").into_iter().flatten() {
        let at = at
            .as_s()
            .cloned()
            .ok()
            .and_then(|at| Occurred::from_stored(at).ok());
        history.insert(status.clone(), at.ok_or("history")?);
    }
    let snapshot = item.contains_key("object_occurred").then(|| {
        Ok::<_, &'static str>(Snapshot {
            event_type: required(item, "object_type")?,
            occurred: occurred(item, "object_occurred")?,
            status: None,
            object: required(item, "object").unwrap_or_default(),
        })
    });
    let mut parts = BTreeMap::new();
    for name in part_maps(entity.entity_type()) {
        let mut loaded = BTreeMap::new();
        for (id, part) in map(item, name).into_iter().flatten() {
            loaded.insert(id.clone(), part_from(part.as_m().map_err(|_| name)?)?);
        }
        if !loaded.is_empty() {
            parts.insert(name.to_owned(), loaded);
        }
    }
    let projection = Projection {
        last,
        snapshot: snapshot.transpose()?,
        history,
        parts,
    };
    let last_change = item.get("last_change").map(transition_from).transpose()?;
    let applied = item.get("applied").map(|value| {
        let bytes = value.as_b().ok()?;
        AppliedEvents::from_bytes(bytes.as_ref())
    });
    let unfinished = map(item, "unfinished").into_iter().flatten();
    let unfinished = unfinished.map(|(event_id, change)| Ok((event_id.clone(), transition_from(change)?)));
    Ok(Stored {
        projection,
        version: version.ok_or("version")?,
        last_change,
        applied: applied
            .unwrap_or_else(|| Some(AppliedEvents::default()))
            .ok_or("applied")?,
        unfinished: unfinished.collect::<Result<_, &'static str>>()?,
    })
}

/// Writes a change as JSON: read by nobody but us, and small that way.
fn transition_item(change: &Transition) -> AttributeValue {
    text(serde_json::to_string(change).expect("texts, numbers and flags can always be written as JSON"))
}

fn transition_from(value: &AttributeValue) -> Result<Transition, &'static str> {
    let json = value.as_s().ok();
    json.and_then(|json| serde_json::from_str(json).ok())
        .ok_or("last_change")
}

/// Names the maps that an entity of this type keeps parts in.
fn part_maps(entity_type: &str) -> impl Iterator<Item = &'static str> {
    CATEGORIES
        .iter()
        .filter(move |category| category.entity == entity_type)
        .filter_map(upvest::Category::map)
}

fn part_item(part: &Snapshot) -> Item {
    let mut item = Item::from([
        ("type".to_owned(), text(&part.event_type)),
        ("occurred".to_owned(), text(part.occurred.as_str())),
        ("object".to_owned(), text(&part.object)),
    ]);
    item.extend(
        part.status
            .as_deref()
            .map(|status| ("status".to_owned(), text(status))),
    );
    item
}

fn part_from(item: &Item) -> Result<Snapshot, &'static str> {
    Ok(Snapshot {
        event_type: required(item, "type")?,
        occurred: occurred(item, "occurred")?,
        status: required(item, "status").ok(),
        object: required(item, "object")?,
    })
}

fn derived(value: Derived) -> AttributeValue {
    match value {
        Derived::Text(value) => AttributeValue::S(value),
        Derived::Flag(value) => AttributeValue::Bool(value),
        Derived::Texts(values) => AttributeValue::L(values.into_iter().map(AttributeValue::S).collect()),
    }
}

fn required(item: &Item, name: &'static str) -> Result<String, &'static str> {
    text_of(item, name).map(str::to_owned).ok_or(name)
}

fn occurred(item: &Item, name: &'static str) -> Result<Occurred, &'static str> {
    Occurred::from_stored(required(item, name)?).map_err(|_| name)
}

fn map<'i>(item: &'i Item, name: &str) -> Option<&'i Item> {
    item.get(name).and_then(|value| value.as_m().ok())
}

/// Measures a value as `DynamoDB` counts it, in bytes, for the kinds that an entity has.
fn size_of(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::L(values) => 3 + values.iter().map(|value| size_of(value) + 1).sum::<usize>(),
        AttributeValue::M(values) => {
            3 + values
                .iter()
                .map(|(name, value)| name.len() + size_of(value) + 1)
                .sum::<usize>()
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use upvest::Event;

    use super::*;
    use crate::stores::entities::NOTES;

    fn event(id: u32, event_type: &str, object: &str) -> String {
        format!(
            r#"{{"id":"e{id}","created_at":"2021-07-21T14:10:00.{id:09}Z","type":"{event_type}","object":{object}}}"#
        )
    }

    fn fold(events: &[String]) -> Projection {
        let parsed = events.iter().map(|json| Event::parse(json).unwrap());
        parsed
            .fold(None, |state, event| Some(Projection::fold(state, &event).0))
            .unwrap()
    }

    fn state(projection: Projection) -> Stored {
        let transition = |event_id: &str, previous| Transition {
            event_id: event_id.to_owned(),
            previous,
        };
        let before = projection.summary("ORDER", 5);
        Stored {
            last_change: Some(transition("e2", Some(before))),
            applied: AppliedEvents::default().with("e1").with("e2"),
            unfinished: BTreeMap::from([("e1".to_owned(), transition("e1", None))]),
            projection,
            version: 7,
        }
    }

    fn there_and_back(entity: &str, projection: &Projection) -> (Item, Stored) {
        let entity = EntityKey::from_stored(entity.to_owned());
        let state = state(projection.clone());
        let item = to_item(&entity, &state).unwrap();
        let stored = from_item(&entity, &item).unwrap();
        assert_eq!(to_item(&entity, &stored).unwrap(), item);
        assert_eq!(
            (&stored.last_change, &stored.applied, &stored.unfinished),
            (&state.last_change, &state.applied, &state.unfinished)
        );
        (item, stored)
    }

    #[test]
    fn a_state_that_is_stored_and_read_folds_on_as_if_it_had_not_been() {
        let events = [
            event(
                1,
                "EXECUTION.FILLED",
                r#"{"id":"x1","order_id":"o1","share_quantity":"1.5","cash_amount":"3"}"#,
            ),
            event(2, "ORDER.FILLED", r#"{"id":"o1","status":"FILLED"}"#),
            event(3, "ORDER.NEW", r#"{"id":"o1","status":"NEW"}"#),
        ];
        let (item, stored) = there_and_back("ORDER#o1", &fold(&events[..2]));
        assert_eq!(item["status"], text("FILLED"));
        assert_eq!(item["filled_quantity"], text("1.5"));
        assert_eq!(stored.version, 7);
        let last = Event::parse(&events[2]).unwrap();
        let (resumed, _) = Projection::fold(Some(stored.projection), &last);
        let (item, _) = there_and_back("ORDER#o1", &resumed);
        assert_eq!(item, there_and_back("ORDER#o1", &fold(&events)).0);
        assert_eq!(item["moved_back_from"], text("FILLED"));
    }

    #[test]
    fn a_change_is_known_while_it_is_the_last_or_unfinished() {
        let stored = state(fold(&[event(1, "ORDER.NEW", r#"{"id":"o1"}"#)]));
        assert_eq!(stored.change_by("e1").unwrap().previous, None);
        assert_eq!(
            stored.change_by("e2").unwrap().previous.as_ref().unwrap().version,
            5
        );
        assert_eq!(stored.change_by("e3"), None);
    }

    #[test]
    fn an_object_too_large_for_an_item_is_left_out_and_parts_that_are_are_refused() {
        let filler = "x".repeat(MAX_ITEM_BYTES);
        let large = fold(&[event(
            1,
            "ORDER.NEW",
            &format!(r#"{{"id":"o1","status":"NEW","note":"{filler}"}}"#),
        )]);
        let (item, _) = there_and_back("ORDER#o1", &large);
        assert!(!item.contains_key("object") && item["status"] == text("NEW"));
        let part = format!(r#"{{"id":"x1","order_id":"o1","note":"{filler}"}}"#);
        let entity = EntityKey::from_stored("ORDER#o1".to_owned());
        let full = to_item(&entity, &state(fold(&[event(1, "EXECUTION.FILLED", &part)])));
        assert!(matches!(full, Err(EntityError::TooLarge(_))));
    }

    #[test]
    fn only_the_notes_depend_on_how_the_events_came() {
        let entity = EntityKey::from_stored("TOPUP#t1".to_owned());
        let filler = "x".repeat(MAX_ITEM_BYTES - NOTES_BYTES - 400);
        let object =
            format!(r#"{{"id":"t1","account_group_id":"g1","status":"CONFIRMED","note":"{filler}"}}"#);
        let projection = fold(&[event(1, "TOPUP.CONFIRMED", &object)]);
        let quiet = Stored {
            projection,
            version: 1,
            last_change: None,
            applied: AppliedEvents::default(),
            unfinished: BTreeMap::new(),
        };
        let noisy = Stored {
            projection: quiet.projection.clone(),
            ..state(fold(&[event(1, "ORDER.NEW", r#"{"id":"o1"}"#)]))
        };
        let said = |stored: &Stored| {
            let mut item = to_item(&entity, stored).unwrap();
            item.retain(|name, _| !NOTES.contains(&name.as_str()));
            item
        };
        assert!(said(&quiet).contains_key("object"));
        assert_eq!(said(&quiet), said(&noisy));
    }

    #[test]
    fn what_was_computed_from_an_object_stays_as_long_as_the_object() {
        let entity = EntityKey::from_stored("TOPUP#t1".to_owned());
        for (filler, is_kept) in [(10, true), (MAX_ITEM_BYTES, false)] {
            let note = "x".repeat(filler);
            let object =
                format!(r#"{{"id":"t1","account_group_id":"g1","status":"CONFIRMED","note":"{note}"}}"#);
            let first = state(fold(&[event(1, "TOPUP.CONFIRMED", &object)]));
            let item = to_item(&entity, &first).unwrap();
            assert_eq!(item.contains_key("object"), is_kept);
            let again = from_item(&entity, &item).unwrap();
            assert_eq!(to_item(&entity, &again).unwrap(), item);
        }
    }

    #[test]
    fn an_item_that_is_not_ours_names_the_attribute() {
        let entity = EntityKey::from_stored("ORDER#o1".to_owned());
        let state = state(fold(&[event(1, "ORDER.NEW", r#"{"id":"o1"}"#)]));
        let mut item = to_item(&entity, &state).unwrap();
        item.insert("last_occurred".to_owned(), text("yesterday"));
        assert_eq!(from_item(&entity, &item), Err("last_occurred"));
    }
}
