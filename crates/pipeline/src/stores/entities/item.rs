//! An item of the entities table: its attributes, written and read.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use upvest::category::CATEGORIES;
use upvest::effects::Transition;
use upvest::packing::{PackingError, pack_history, pack_place, unpack_history, unpack_place};
use upvest::projection::{Derived, LastEvent, Newest, Parts, Projection};
use upvest::{EntityKey, Occurred};

use super::{EntityError, Stored};
use crate::stores::item::{Item, number_of, text, text_of};

/// Bounds an item that is written, in bytes. `DynamoDB` takes 400 KB; the rest is left for what an estimate
/// misses.
const MAX_ITEM_BYTES: usize = 390 * 1024;

/// Names all attributes but the maps of parts and what is computed ([`Projection::derived`]).
const OWN: [&str; 17] = [
    "aggregate",
    "status",
    "moved_back_from",
    "related",
    "user_id",
    "history",
    "history_truncated",
    "unknown_types",
    "object_event_id",
    "object_type",
    "object_occurred",
    "last_event_id",
    "last_event_type",
    "last_occurred",
    "version",
    "fold",
    "transitions",
];

pub(super) fn to_item(entity: &EntityKey, state: &Stored) -> Result<Item, EntityError> {
    let mut item = state_item(entity, &state.projection);
    item.extend(notes(state));
    let size: usize = item.iter().map(|(name, value)| name.len() + size_of(value)).sum();
    if size > MAX_ITEM_BYTES {
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
    if let Some(last) = &projection.last {
        put("last_event_id", text(&last.occurred.event_id));
        put("last_event_type", text(&last.event_type));
        put("last_occurred", text(last.occurred.to_string()));
    }
    if let Some(newest) = &projection.newest {
        put("object_event_id", text(&newest.occurred.event_id));
        // Usually the object is the last event's, of which all is there already.
        if projection
            .last
            .as_ref()
            .is_none_or(|last| last.occurred != newest.occurred)
        {
            put("object_type", text(&newest.event_type));
            put("object_occurred", bytes(pack_place(&newest.occurred)));
        }
    }
    if let Some(status) = projection.status() {
        put("status", text(status));
    }
    if let Some(status) = projection.moved_back_from() {
        put("moved_back_from", text(status));
    }
    if let Some(user_id) = projection.user_id() {
        put("user_id", text(user_id));
    }
    put("history", bytes(pack_history(&projection.history)));
    if projection.history_truncated {
        put("history_truncated", AttributeValue::Bool(true));
    }
    for (map, parts) in &projection.parts {
        put(map, bytes(parts.pack()));
    }
    let unknown_types = projection.unknown_types.iter();
    let unknown_types: Item = unknown_types
        .map(|(event_type, occurred)| (event_type.clone(), text(occurred.to_string())))
        .collect();
    if !unknown_types.is_empty() {
        put("unknown_types", AttributeValue::M(unknown_types));
    }
    for (name, value) in projection.derived(entity.entity_type()) {
        put(&name, derived(value));
    }
    let related = projection.related();
    if !related.is_empty() {
        let related = related.iter().map(|key| text(key.as_str()));
        put("related", AttributeValue::L(related.collect()));
    }
    item
}

/// Writes how the events came: see [`NOTES`](super::NOTES).
fn notes(state: &Stored) -> Item {
    let mut item = Item::from([
        ("version".to_owned(), AttributeValue::N(state.version.to_string())),
        ("fold".to_owned(), AttributeValue::N(state.fold.to_string())),
    ]);
    if !state.transitions.is_empty() {
        let transitions = Transition::pack(&state.transitions);
        item.insert("transitions".to_owned(), bytes(transitions));
    }
    item
}

/// Reads an item; where that cannot be done, names the attribute that is missing or is not what we write.
pub(super) fn from_item(entity: &EntityKey, item: &Item) -> Result<Stored, String> {
    let last = LastEvent {
        event_type: required(item, "last_event_type")?,
        occurred: occurred(item, "last_occurred")?,
    };
    let mut parts = BTreeMap::new();
    for name in part_maps(entity.entity_type()).filter(|name| item.contains_key(*name)) {
        parts.insert(name.to_owned(), packed(item, name, Parts::unpack)?);
    }
    let transitions = match item.contains_key("transitions") {
        true => packed(item, "transitions", Transition::unpack)?,
        false => Vec::new(),
    };
    Ok(Stored {
        projection: Projection {
            newest: newest(entity, item, &last)?,
            last: Some(last),
            history: packed(item, "history", unpack_history)?,
            history_truncated: item.contains_key("history_truncated"),
            parts,
            unknown_types: unknown_types(item)?,
        },
        version: positive(item, "version")?,
        fold: positive(item, "fold")?.try_into().map_err(|_| "fold")?,
        transitions,
    })
}

fn newest(entity: &EntityKey, item: &Item, last: &LastEvent) -> Result<Option<Newest>, String> {
    if !item.contains_key("object_event_id") {
        return Ok(None);
    }
    let event_id = required(item, "object_event_id")?;
    let (event_type, occurred) = match event_id == last.occurred.event_id {
        true => (last.event_type.clone(), last.occurred.clone()),
        false => {
            let unpack = |bytes: &[u8]| unpack_place(bytes, event_id.clone());
            let occurred = packed(item, "object_occurred", unpack)?;
            (required(item, "object_type")?, occurred)
        }
    };
    let maps: BTreeSet<&str> = part_maps(entity.entity_type()).collect();
    let computed = item
        .iter()
        .filter(|(name, _)| !OWN.contains(&name.as_str()) && !maps.contains(name.as_str()));
    let computed = computed.filter_map(|(name, value)| Some((name.clone(), derived_from(value)?)));
    let related = match item.get("related") {
        Some(related) => texts(related).ok_or("related")?,
        None => Vec::new(),
    };
    Ok(Some(Newest::from_stored(
        event_type,
        occurred,
        computed.collect(),
        related.into_iter().map(EntityKey::from_stored).collect(),
        text_of(item, "user_id").map(str::to_owned),
    )))
}

fn unknown_types(item: &Item) -> Result<BTreeMap<String, Occurred>, String> {
    const NAME: &str = "unknown_types";
    let Some(types) = item.get(NAME) else {
        return Ok(BTreeMap::new());
    };
    let types = types.as_m().map_err(|_| NAME)?;
    types
        .keys()
        .map(|event_type| {
            let at = text_of(types, event_type).and_then(|at| Occurred::from_stored(at).ok());
            Ok((event_type.clone(), at.ok_or(NAME)?))
        })
        .collect()
}

/// Names the maps that an entity of this type keeps parts in.
fn part_maps(entity_type: &str) -> impl Iterator<Item = &'static str> {
    CATEGORIES
        .iter()
        .filter(move |category| category.entity == entity_type)
        .filter_map(upvest::Category::map)
}

fn bytes(packed: Vec<u8>) -> AttributeValue {
    AttributeValue::B(Blob::new(packed))
}

fn derived(value: Derived) -> AttributeValue {
    match value {
        Derived::Text(value) => AttributeValue::S(value),
        Derived::Flag(value) => AttributeValue::Bool(value),
        Derived::Texts(values) => AttributeValue::L(values.into_iter().map(AttributeValue::S).collect()),
    }
}

/// Reads a computed value; `None` for what none is written as, which somebody else has added.
fn derived_from(value: &AttributeValue) -> Option<Derived> {
    match value {
        AttributeValue::S(value) => Some(Derived::Text(value.clone())),
        AttributeValue::Bool(value) => Some(Derived::Flag(*value)),
        value => texts(value).map(Derived::Texts),
    }
}

fn texts(value: &AttributeValue) -> Option<Vec<String>> {
    let values = value.as_l().ok()?.iter();
    values.map(|value| value.as_s().ok().cloned()).collect()
}

fn required(item: &Item, name: &str) -> Result<String, String> {
    text_of(item, name)
        .map(str::to_owned)
        .ok_or_else(|| name.to_owned())
}

fn occurred(item: &Item, name: &str) -> Result<Occurred, String> {
    Occurred::from_stored(&required(item, name)?).map_err(|_| name.to_owned())
}

fn positive(item: &Item, name: &str) -> Result<u64, String> {
    number_of(item, name)
        .and_then(|number| number.try_into().ok())
        .ok_or_else(|| name.to_owned())
}

fn packed<T>(
    item: &Item,
    name: &str,
    unpack: impl FnOnce(&[u8]) -> Result<T, PackingError>,
) -> Result<T, String> {
    let bytes = item.get(name).and_then(|value| value.as_b().ok());
    bytes
        .and_then(|bytes| unpack(bytes.as_ref()).ok())
        .ok_or_else(|| name.to_owned())
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
mod tests;
