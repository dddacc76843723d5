//! An item of the entities table: its attributes, written and read.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use upvest::category::CATEGORIES;
use upvest::effects::Transition;
use upvest::packing::{PackingError, pack_history, pack_place, unpack_history, unpack_place};
use upvest::projection::{Derived, LastEvent, Newest, Parts, Projection};
use upvest::{EntityKey, Occurred};

use super::{EntityError, Stored, attributes};
use crate::stores::item::{Item, number_of, text, text_of};

/// Bounds an item that is written, in bytes. `DynamoDB` takes 400 KB; the rest is left for what an estimate
/// misses.
const MAX_ITEM_BYTES: usize = 390 * 1024;

/// Names all attributes but the maps of parts and what is computed ([`Projection::derived`]).
const OWN: [&str; 17] = [
    attributes::AGGREGATE,
    attributes::STATUS,
    attributes::MOVED_BACK_FROM,
    attributes::RELATED,
    attributes::USER_ID,
    attributes::HISTORY,
    attributes::HISTORY_TRUNCATED,
    attributes::UNKNOWN_TYPES,
    attributes::OBJECT_EVENT_ID,
    attributes::OBJECT_TYPE,
    attributes::OBJECT_OCCURRED,
    attributes::LAST_EVENT_ID,
    attributes::LAST_EVENT_TYPE,
    attributes::LAST_OCCURRED,
    attributes::VERSION,
    attributes::FOLD,
    attributes::TRANSITIONS,
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
    put(attributes::AGGREGATE, text(entity.as_str()));
    if let Some(last) = &projection.last {
        put(attributes::LAST_EVENT_ID, text(&last.occurred.event_id));
        put(attributes::LAST_EVENT_TYPE, text(&last.event_type));
        put(attributes::LAST_OCCURRED, text(last.occurred.to_string()));
    }
    if let Some(newest) = &projection.newest {
        put(attributes::OBJECT_EVENT_ID, text(&newest.occurred.event_id));
        // Usually the object is the last event's, of which all is there already.
        if projection
            .last
            .as_ref()
            .is_none_or(|last| last.occurred != newest.occurred)
        {
            put(attributes::OBJECT_TYPE, text(&newest.event_type));
            put(attributes::OBJECT_OCCURRED, bytes(pack_place(&newest.occurred)));
        }
    }
    if let Some(status) = projection.status() {
        put(attributes::STATUS, text(status));
    }
    if let Some(status) = projection.moved_back_from() {
        put(attributes::MOVED_BACK_FROM, text(status));
    }
    if let Some(user_id) = projection.user_id() {
        put(attributes::USER_ID, text(user_id));
    }
    put(attributes::HISTORY, bytes(pack_history(&projection.history)));
    if projection.history_truncated {
        put(attributes::HISTORY_TRUNCATED, AttributeValue::Bool(true));
    }
    for (map, parts) in &projection.parts {
        put(map, bytes(parts.pack()));
    }
    let unknown_types = projection.unknown_types.iter();
    let unknown_types: Item = unknown_types
        .map(|(event_type, occurred)| (event_type.clone(), text(occurred.to_string())))
        .collect();
    if !unknown_types.is_empty() {
        put(attributes::UNKNOWN_TYPES, AttributeValue::M(unknown_types));
    }
    for (name, value) in projection.derived(entity.entity_type()) {
        put(&name, derived(value));
    }
    let related = projection.related();
    if !related.is_empty() {
        let related = related.iter().map(|key| text(key.as_str()));
        put(attributes::RELATED, AttributeValue::L(related.collect()));
    }
    item
}

/// Writes how the events came: see [`NOTES`](super::NOTES).
fn notes(state: &Stored) -> Item {
    let mut item = Item::from([
        (
            attributes::VERSION.to_owned(),
            AttributeValue::N(state.version.to_string()),
        ),
        (
            attributes::FOLD.to_owned(),
            AttributeValue::N(state.fold.to_string()),
        ),
    ]);
    if !state.transitions.is_empty() {
        let transitions = Transition::pack(&state.transitions);
        item.insert(attributes::TRANSITIONS.to_owned(), bytes(transitions));
    }
    item
}

/// Reads an item; where that cannot be done, names the attribute that is missing or is not what we write.
pub(super) fn from_item(entity: &EntityKey, item: &Item) -> Result<Stored, String> {
    let last = LastEvent {
        event_type: required(item, attributes::LAST_EVENT_TYPE)?,
        occurred: occurred(item, attributes::LAST_OCCURRED)?,
    };
    let mut parts = BTreeMap::new();
    for name in part_maps(entity.entity_type()).filter(|name| item.contains_key(*name)) {
        parts.insert(name.to_owned(), packed(item, name, Parts::unpack)?);
    }
    let transitions = match item.contains_key(attributes::TRANSITIONS) {
        true => packed(item, attributes::TRANSITIONS, Transition::unpack)?,
        false => Vec::new(),
    };
    Ok(Stored {
        projection: Projection {
            newest: newest(entity, item, &last)?,
            last: Some(last),
            history: packed(item, attributes::HISTORY, unpack_history)?,
            history_truncated: item.contains_key(attributes::HISTORY_TRUNCATED),
            parts,
            unknown_types: unknown_types(item)?,
        },
        version: positive(item, attributes::VERSION)?,
        fold: positive(item, attributes::FOLD)?
            .try_into()
            .map_err(|_| attributes::FOLD)?,
        transitions,
    })
}

fn newest(entity: &EntityKey, item: &Item, last: &LastEvent) -> Result<Option<Newest>, String> {
    if !item.contains_key(attributes::OBJECT_EVENT_ID) {
        return Ok(None);
    }
    let event_id = required(item, attributes::OBJECT_EVENT_ID)?;
    let (event_type, occurred) = match event_id == last.occurred.event_id {
        true => (last.event_type.clone(), last.occurred.clone()),
        false => {
            let unpack = |bytes: &[u8]| unpack_place(bytes, event_id.clone());
            let occurred = packed(item, attributes::OBJECT_OCCURRED, unpack)?;
            (required(item, attributes::OBJECT_TYPE)?, occurred)
        }
    };
    let maps: BTreeSet<&str> = part_maps(entity.entity_type()).collect();
    let computed = item
        .iter()
        .filter(|(name, _)| !OWN.contains(&name.as_str()) && !maps.contains(name.as_str()));
    let computed = computed.filter_map(|(name, value)| Some((name.clone(), derived_from(value)?)));
    let related = match item.get(attributes::RELATED) {
        Some(related) => texts(related).ok_or(attributes::RELATED)?,
        None => Vec::new(),
    };
    Ok(Some(Newest::from_stored(
        event_type,
        occurred,
        computed.collect(),
        related.into_iter().map(EntityKey::from_stored).collect(),
        text_of(item, attributes::USER_ID).map(str::to_owned),
    )))
}

fn unknown_types(item: &Item) -> Result<BTreeMap<String, Occurred>, String> {
    const NAME: &str = attributes::UNKNOWN_TYPES;
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
