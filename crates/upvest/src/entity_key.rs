//! Derives the key of the entity that an event is about, from fields of its object.

use std::fmt;

use serde_json::value::RawValue;

use crate::category::{self, Category, Domain, Role};
use crate::json::{self, Object};

/// Bounds the value of a key field, in bytes: a limit of ours. Upvest's ids are UUIDs of 36.
const MAX_FIELD_LENGTH: usize = 256;

/// Identifies an entity by its aggregate key, for example `ORDER#eb5ba93f-5dfe-4bf1-8571-4da0caacc80c`: what its state
/// is stored under, and what its events are ordered by.
///
/// ```
/// use upvest::Event;
///
/// let execution = r#"{"id":"e1","created_at":"2026-11-28T12:00:00Z","type":"ORDER.FILLED","object":{"id":"o1"}}"#;
/// let key = Event::parse(execution)?.entity_key()?;
/// assert_eq!(key.as_str(), "ORDER#o1");
/// assert_eq!((key.entity_type(), key.id()), ("ORDER", "o1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey(String);

/// Says why an event names no entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntityKeyError {
    /// The object has no such field, or it is not a text or an integer.
    #[error("object has no {0}")]
    Missing(&'static str),
    /// The field's value is empty, too long, or has a character that would make the key ambiguous.
    #[error("object's {0} is not 1 to 256 printable ASCII characters without '#'")]
    Unusable(&'static str),
}

impl EntityKey {
    /// Derives the key of the entity that an event is about, by its type's row in the category table. An event of an
    /// unknown category is keyed by its object's `id`.
    ///
    /// # Errors
    ///
    /// [`EntityKeyError`] when the object lacks a field of the key, or a part has no id.
    pub(crate) fn of(event_type: &str, object: &Object<'_>) -> Result<Self, EntityKeyError> {
        Self::of_row(category::of(event_type), event_type, object)
    }

    /// Derives the key that the event had for as long as the table of categories did not name its category.
    ///
    /// # Errors
    ///
    /// [`EntityKeyError`] when the object has no usable `id`.
    pub(crate) fn of_unrecognised(event_type: &str, object: &Object<'_>) -> Result<Self, EntityKeyError> {
        Self::of_row(&category::UNRECOGNISED, event_type, object)
    }

    fn of_row(category: &Category, event_type: &str, object: &Object<'_>) -> Result<Self, EntityKeyError> {
        // Nobody could fold a part that does not say which it is, so it has no key and goes to quarantine,
        // not to a processor.
        part_id(category, object)?;
        let mut key = entity_type(category, event_type).to_owned();
        for field in fields(category, object) {
            key.push('#');
            key.push_str(&key_field(object, field)?);
        }
        Ok(Self(key))
    }

    /// Builds the key of the entity of this type that a field of another entity's object names; `None` where it names
    /// none.
    pub(crate) fn of_reference(entity: &str, id: &RawValue) -> Option<Self> {
        Some(Self::new(entity, &usable(id, "")?.ok()?))
    }

    /// Tells whether a text can be a field of a key: 1 to 256 printable ASCII characters, none of them `#`.
    pub(crate) fn is_field(text: &str) -> bool {
        (1..=MAX_FIELD_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
    }

    /// Makes the key of the entity of this type that has this id.
    #[must_use]
    pub fn new(entity_type: &str, id: &str) -> Self {
        Self(format!("{entity_type}#{id}"))
    }

    /// Takes a key as a table or a queue gives it.
    #[must_use]
    pub fn from_stored(key: String) -> Self {
        Self(key)
    }

    /// Returns the key as tables and queues have it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the part before the first `#`, for example `ORDER`.
    #[must_use]
    pub fn entity_type(&self) -> &str {
        self.0.split_once('#').map_or(&self.0, |(entity, _)| entity)
    }

    /// Returns what comes after the first `#`: the id at Upvest, or, of a key of several fields, all of them, with `#`
    /// between. Empty for a text from a table that is no key.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.split_once('#').map_or("", |(_, id)| id)
    }

    /// Tells whether it is an entity that synthetic events are about.
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        self.entity_type() == category::SYNTHETIC
    }
}

impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Reads the id of the part that an object is; `None` for one that is no part, or is told apart by its event alone.
///
/// # Errors
///
/// [`EntityKeyError`] when the part should have an id and has none.
pub(crate) fn part_id(category: &Category, object: &Object<'_>) -> Result<Option<String>, EntityKeyError> {
    match category.role {
        Role::Part {
            id_field: Some(field),
            ..
        } => key_field(object, field).map(Some),
        Role::Part { id_field: None, .. } | Role::Snapshot | Role::Line => Ok(None),
    }
}

/// Names the type of the entity: for a category that the table does not know, the category.
fn entity_type<'t>(category: &Category, event_type: &'t str) -> &'t str {
    match category.domain {
        Domain::Unrecognised => Some(category::name_of(event_type))
            // A `#` ends the type in a key, so that such a category would pass for an entity of another one.
            .filter(|name| !name.contains('#'))
            .unwrap_or("UNRECOGNISED"),
        _ => category.entity,
    }
}

/// Chooses the fields of the key: the second choice only where the object has all of it, and not all of the first.
fn fields(category: &Category, object: &Object<'_>) -> &'static [&'static str] {
    let has = |fields: &[&'static str]| {
        !fields.is_empty() && fields.iter().all(|field| key_field(object, field).is_ok())
    };
    if !has(category.key) && has(category.fallback_key) {
        category.fallback_key
    } else {
        category.key
    }
}

fn key_field(object: &Object<'_>, path: &'static str) -> Result<String, EntityKeyError> {
    object
        .at(path)
        .and_then(|value| usable(value, path))
        .unwrap_or(Err(EntityKeyError::Missing(path)))
}

/// Reads a value as a part of a key; `None` when it is neither a text nor a number.
fn usable(value: &RawValue, path: &'static str) -> Option<Result<String, EntityKeyError>> {
    let text = match value.get().as_bytes().first()? {
        b'"' => json::text(value).map(|text| text.into_owned()),
        b'-' | b'0'..=b'9' => json::integer(value).map(str::to_owned),
        _ => return None,
    };
    Some(
        text.filter(|text| EntityKey::is_field(text))
            .ok_or(EntityKeyError::Unusable(path)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn key(event_type: &str, object: &str) -> Result<String, EntityKeyError> {
        let json = format!(
            r#"{{"id":"e1","created_at":"2021-07-21T14:10:00Z","type":"{event_type}","object":{object}}}"#
        );
        Event::parse(&json)
            .unwrap()
            .entity_key()
            .map(|key| key.to_string())
    }

    #[test]
    fn executions_and_cancellations_belong_to_their_order() {
        assert_eq!(key("ORDER.NEW", r#"{"id":"o1"}"#).unwrap(), "ORDER#o1");
        assert_eq!(
            key("EXECUTION.FILLED", r#"{"id":"x1","order_id":"o1"}"#).unwrap(),
            "ORDER#o1"
        );
        assert_eq!(
            key("ORDER_CANCELLATION.REJECTED", r#"{"order_id":"o1"}"#).unwrap(),
            "ORDER#o1"
        );
        assert_eq!(
            key("USER_CHECK.PASSED", r#"{"id":"c1","user_id":"u1"}"#).unwrap(),
            "USER#u1"
        );
        assert_eq!(
            key("USER.DATA_CHANGE_FAILED", r#"{"user_id":"u1"}"#).unwrap(),
            "USER#u1"
        );
    }

    #[test]
    fn composite_keys_take_all_their_fields() {
        let position = r#"{"account_id":"a1","instrument":{"uuid":"i1"}}"#;
        assert_eq!(key("POSITION.UPDATED", position).unwrap(), "POSITION#a1#i1");
        let balance = r#"{"account_group_id":"g1","currency":"EUR"}"#;
        assert_eq!(
            key("CASH_BALANCE.UPDATED", balance).unwrap(),
            "CASH_BALANCE#g1#EUR"
        );
    }

    #[test]
    fn a_key_comes_apart_into_the_type_and_the_id_that_it_is_made_of() {
        for (entity_type, id) in [("ORDER", "o1"), ("POSITION", "a1#i1")] {
            let key = EntityKey::new(entity_type, id);
            assert_eq!(key.as_str(), format!("{entity_type}#{id}"));
            assert_eq!((key.entity_type(), key.id()), (entity_type, id));
        }
        let no_key = EntityKey::from_stored("o1".to_owned());
        assert_eq!((no_key.entity_type(), no_key.id()), ("o1", ""));
    }

    #[test]
    fn a_missing_or_ambiguous_key_field_is_named() {
        assert_eq!(key("ORDER.NEW", "{}"), Err(EntityKeyError::Missing("id")));
        assert_eq!(
            key("ORDER.NEW", r#"{"id":null}"#),
            Err(EntityKeyError::Missing("id"))
        );
        let position = r#"{"account_id":"a1","instrument":{"isin":"US0378331005"}}"#;
        assert_eq!(
            key("POSITION.UPDATED", position),
            Err(EntityKeyError::Missing("instrument.uuid"))
        );
        assert_eq!(
            key("EXECUTION.FILLED", r#"{"order_id":"o1"}"#),
            Err(EntityKeyError::Missing("id"))
        );
        for id in ["", "a#b", "a b", "ü"] {
            assert_eq!(
                key("ORDER.NEW", &format!(r#"{{"id":"{id}"}}"#)),
                Err(EntityKeyError::Unusable("id"))
            );
        }
    }

    #[test]
    fn an_unknown_category_is_keyed_by_its_objects_id_and_by_nothing_else() {
        assert_eq!(key("STAKE.NEW", r#"{"id":"s1"}"#).unwrap(), "STAKE#s1");
        assert_eq!(key("A#B.NEW", r#"{"id":"s1"}"#).unwrap(), "UNRECOGNISED#s1");
        assert_eq!(
            key("STAKE.NEW", r#"{"id":{"a":1}}"#),
            Err(EntityKeyError::Missing("id"))
        );
    }

    #[test]
    fn a_number_is_its_digits_as_written_and_no_fraction() {
        let of = |id: &str| key("STAKE.NEW", &format!(r#"{{"id":{id}}}"#));
        assert_eq!(
            of("100000000000000000001").unwrap(),
            "STAKE#100000000000000000001"
        );
        assert_eq!(
            of("100000000000000000002").unwrap(),
            "STAKE#100000000000000000002"
        );
        for id in ["1.0", "1e20", "\"\\ud800\""] {
            assert_eq!(of(id), Err(EntityKeyError::Unusable("id")), "{id}");
        }
    }

    #[test]
    fn an_event_whose_category_was_not_known_was_keyed_by_the_same_rules() {
        let of = |id: &str| {
            let json =
                format!(r#"{{"id":"e1","type":"EXECUTION.FILLED","object":{{"id":{id},"order_id":"o1"}}}}"#);
            let key = Event::parse(&json).unwrap().unrecognised_entity_key();
            key.map(|key| key.to_string())
        };
        assert_eq!(of("\"x1\"").unwrap(), "EXECUTION#x1");
        assert_eq!(of("7").unwrap(), "EXECUTION#7");
        for id in ["\"\"", "\"a#b\"", "\"a b\"", "1.0", "1e20"] {
            assert_eq!(of(id), Err(EntityKeyError::Unusable("id")), "{id}");
        }
        assert_eq!(of("null"), Err(EntityKeyError::Missing("id")));
        let long = format!("\"{}\"", "x".repeat(MAX_FIELD_LENGTH + 1));
        assert_eq!(of(&long), Err(EntityKeyError::Unusable("id")));
    }

    #[test]
    fn what_stands_beside_the_key_may_be_any_json() {
        let object = r#"{"\ud800":"\udc00","n":1e999999,"id":"o0","id":"o1","n":-0}"#;
        assert_eq!(key("ORDER.NEW", object).unwrap(), "ORDER#o1");
    }

    #[test]
    fn a_second_choice_of_fields_counts_where_the_first_is_not_there() {
        let order = r#"{"execution_id":"x1","account_id":"a1","id":"r1"}"#;
        assert_eq!(
            key("REBALANCING_EXECUTION_ORDER.NEW", order).unwrap(),
            "REBALANCING_EXECUTION_ORDER#r1"
        );
        let earlier = r#"{"execution_id":"x1","account_id":"a1"}"#;
        assert_eq!(
            key("REBALANCING_EXECUTION_ORDER.NEW", earlier).unwrap(),
            "REBALANCING_EXECUTION_ORDER#x1#a1"
        );
        for object in [r#"{"business_id":"b1"}"#, r#"{"id":"b1"}"#] {
            assert_eq!(key("BUSINESS.DATA_CHANGE_FAILED", object).unwrap(), "BUSINESS#b1");
        }
        assert_eq!(
            key("REBALANCING_EXECUTION_ORDER.NEW", r#"{"execution_id":"x1"}"#),
            Err(EntityKeyError::Missing("id"))
        );
    }

    #[test]
    fn all_valuations_of_an_account_are_one_entity_of_each_kind() {
        for category in ["ACCOUNT_VALUATION", "INTRADAY_ACCOUNT_VALUATION"] {
            for id in ["v1", "v2"] {
                let object = format!(r#"{{"id":"{id}","account_id":"a1"}}"#);
                assert_eq!(
                    key(&format!("{category}.CREATED"), &object).unwrap(),
                    format!("{category}#a1")
                );
            }
        }
    }
}
