//! Which entity an event is about.

use std::fmt;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::category::{self, Domain, Role};

/// The longest value of a key field, in bytes.
const MAX_FIELD_LENGTH: usize = 256;

/// The aggregate key of an entity, for example `ORDER#eb5ba93f-5dfe-4bf1-8571-4da0caacc80c`: what its state is stored
/// under, and what its events are ordered by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey(String);

/// Says why an event names no entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntityKeyError {
    /// The object has no such field, or it is not a text or number.
    #[error("object has no {0}")]
    Missing(&'static str),
    /// The field's value is empty, too long, or has a character that would make the key ambiguous.
    #[error("object's {0} is not 1 to 256 printable ASCII characters without '#'")]
    Unusable(&'static str),
}

impl EntityKey {
    /// Derives the key of the entity that an event is about, by its type's row in the category table.
    ///
    /// An event of an unknown category is keyed by its object's `id`, or, where there is no usable one, by its own id.
    ///
    /// # Errors
    ///
    /// [`EntityKeyError`] when an event of a known category lacks a field of its key, or a part has no id.
    pub fn of(event_type: &str, event_id: &str, object: &RawValue) -> Result<Self, EntityKeyError> {
        let category = category::of(event_type);
        let object: Value = serde_json::from_str(object.get()).unwrap_or_default();
        if let Role::Part {
            id_field: Some(field),
            ..
        } = category.role
        {
            key_field(&object, field)?;
        }
        if category.domain == Domain::Unrecognised {
            let name = Some(category::name_of(event_type)).filter(|name| !name.contains('#'));
            let name = name.unwrap_or("UNRECOGNISED");
            let id = key_field(&object, "id").unwrap_or_else(|_| event_id.to_owned());
            return Ok(Self(format!("{name}#{id}")));
        }
        let mut key = category.entity.to_owned();
        for field in category.key {
            key.push('#');
            key.push_str(&key_field(&object, field)?);
        }
        Ok(Self(key))
    }

    /// Builds the key of the entity of this type that a field of another entity's object names.
    pub(crate) fn of_reference(entity: &str, id: &Value) -> Option<Self> {
        Some(Self(format!("{entity}#{}", usable(id, "")?.ok()?)))
    }

    /// Takes a key as an operator or a table gives it.
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

/// Finds the value at a path like `instrument.uuid`.
pub(crate) fn at_path<'v>(object: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(object, |value, field| value.get(field))
}

fn key_field(object: &Value, path: &'static str) -> Result<String, EntityKeyError> {
    at_path(object, path)
        .and_then(|value| usable(value, path))
        .unwrap_or(Err(EntityKeyError::Missing(path)))
}

/// A value as a part of a key; `None` when it is neither a text nor a number.
fn usable(value: &Value, path: &'static str) -> Option<Result<String, EntityKeyError>> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let usable = (1..=MAX_FIELD_LENGTH).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    Some(if usable {
        Ok(text)
    } else {
        Err(EntityKeyError::Unusable(path))
    })
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
    fn an_unknown_category_always_has_a_key() {
        assert_eq!(key("STAKE.NEW", r#"{"id":"s1"}"#).unwrap(), "STAKE#s1");
        assert_eq!(key("STAKE.NEW", r#"{"id":{"a":1}}"#).unwrap(), "STAKE#e1");
        assert_eq!(key("A#B.NEW", "{}").unwrap(), "UNRECOGNISED#e1");
    }
}
