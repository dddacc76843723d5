//! One event: the fact that Upvest reports.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::category::{self, Category, Domain};
use crate::entity_key::{EntityKey, EntityKeyError};
use crate::identity::Identity;
use crate::json::{self, Object};
use crate::time::Instant;

/// Bounds how deep objects and arrays of an event may be nested: a limit of ours, half that of `serde_json`.
const MAX_DEPTH: usize = 64;

/// Bounds an event id, in bytes. It is a table key and a queue's deduplication id, which takes 128 (SQS).
pub const MAX_ID_LENGTH: usize = 128;

/// Bounds an event type, in bytes: a limit of ours. The longest of the samples has 38.
const MAX_TYPE_LENGTH: usize = 128;

/// Bounds what is taken for a status, in bytes. Upvest's have at most 20.
const MAX_STATUS_LENGTH: usize = 64;

/// Holds an event, borrowed from the body of its delivery.
///
/// Only what every event has is interpreted; unknown fields, types, categories and statuses pass, because new ones
/// arrive about weekly with Upvest's minor versions.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    id: Cow<'a, str>,
    event_type: Cow<'a, str>,
    created_at: Option<Instant>,
    object: &'a RawValue,
    fields: Object<'a>,
    members: Object<'a>,
    json: &'a str,
}

/// Says why a part of a delivery is not an event. The delivery's other events are not affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The text is not a JSON object with `id`, `type` and `object`, each once. (`created_at` may be absent, but not
    /// twice there.)
    #[error("event is not an object with id, type and object, each once")]
    Incomplete,
    /// The id is empty, too long, or has a character that a table key or a queue could not carry.
    #[error("event id is not 1 to 128 printable ASCII characters without '!' and '#'")]
    BadId,
    /// The type is empty, too long or not printable ASCII.
    #[error("event type is not 1 to 128 printable ASCII characters")]
    BadType,
    /// The member `created_at` is there, and is neither null nor an RFC 3339 time.
    #[error("event created_at is not an RFC 3339 time")]
    BadCreatedAt,
    /// The member `object` is not a JSON object.
    #[error("event object is not a JSON object")]
    BadObject,
    /// Objects and arrays are nested more than 64 deep.
    #[error("event is nested more than {MAX_DEPTH} deep")]
    TooDeep,
}

impl EventError {
    /// Lists all of them, in the order of the checks.
    pub const ALL: [Self; 6] = [
        Self::TooDeep,
        Self::Incomplete,
        Self::BadId,
        Self::BadType,
        Self::BadCreatedAt,
        Self::BadObject,
    ];

    /// Names the reason as quarantine keys and metrics have it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Incomplete => "event-incomplete",
            Self::BadId => "event-bad-id",
            Self::BadType => "event-bad-type",
            Self::BadCreatedAt => "event-bad-created-at",
            Self::BadObject => "event-bad-object",
            Self::TooDeep => "event-too-deep",
        }
    }
}

impl<'a> Event<'a> {
    /// Parses the JSON text of one event, as [`split`](crate::split) found it in a delivery.
    ///
    /// ```
    /// use upvest::Event;
    ///
    /// let event = Event::parse(
    ///     r#"{"id": "e1", "created_at": "2021-07-21T14:10:00.00Z", "type": "ORDER.FILLED", "object": {"id": "o1"}}"#,
    /// )?;
    /// assert_eq!((event.category_name(), event.event_type()), ("ORDER", "ORDER.FILLED"));
    /// assert_eq!(event.entity_key()?.as_str(), "ORDER#o1");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EventError`] with the first thing found wrong.
    pub fn parse(json: &'a str) -> Result<Self, EventError> {
        if depth(json) > MAX_DEPTH {
            return Err(EventError::TooDeep);
        }
        let members = Object::parse(json).ok_or(EventError::Incomplete)?;
        // Which of two ids, types or objects is meant, nobody can say; two of another name are Upvest's business.
        let only = |name| members.only(name).map_err(|_| EventError::Incomplete);
        let text = |name| only(name)?.and_then(json::text).ok_or(EventError::Incomplete);
        let (id, event_type) = (text("id")?, text("type")?);
        let object = only("object")?.ok_or(EventError::Incomplete)?;
        // `!` parts the key of a conflict in the log, and `#` those of places and of idempotency records.
        if !is_printable(&id, MAX_ID_LENGTH) || id.contains(['!', '#']) {
            return Err(EventError::BadId);
        }
        if !is_printable(&event_type, MAX_TYPE_LENGTH) {
            return Err(EventError::BadType);
        }
        Ok(Self {
            id,
            event_type,
            created_at: only("created_at")?.map(time).transpose()?.flatten(),
            object,
            fields: Object::parse(object.get()).ok_or(EventError::BadObject)?,
            members,
            json,
        })
    }

    /// Returns the event's id: the same in every retry, and the receiver's idempotency key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the type, for example `ORDER.FILLED`.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// Reads the category off the type: its text before the first full stop, for example `ORDER`.
    #[must_use]
    pub fn category_name(&self) -> &str {
        category::name_of(&self.event_type)
    }

    /// Reads the state off the type: its text after the first full stop, for example `FILLED`.
    fn state_name(&self) -> Option<&str> {
        self.event_type.split_once('.').map(|(_, state)| state)
    }

    /// Tells whether it is one that the receiver sent to itself ([`crate::synthetic`]).
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        category::is_synthetic(&self.event_type)
    }

    /// Finds the row of the category table for this event; the catch-all row for an unknown category.
    #[must_use]
    pub fn category(&self) -> &'static Category {
        category::of(&self.event_type)
    }

    /// Returns when the event says that it was created; `None` where it does not say.
    /// ([`Placement`](crate::Placement) knows what counts then.)
    #[must_use]
    pub fn created_at(&self) -> Option<Instant> {
        self.created_at
    }

    /// Reads a time of the object; `None` when there is none of that name.
    pub(crate) fn object_time(&self, field: &str) -> Option<Instant> {
        Instant::parse(&self.fields.text(field)?).ok()
    }

    /// Returns the members of the event itself.
    pub(crate) fn members(&self) -> &Object<'a> {
        &self.members
    }

    /// Returns the members of the event's `object`.
    pub(crate) fn fields(&self) -> &Object<'a> {
        &self.fields
    }

    /// Reads the status that the event gives its object: the object's own (types and statuses may differ), or, where that is
    /// absent, the state in the type, if it is a step of the lifecycle. `None` for a type that the table does not know.
    #[must_use]
    pub fn status(&self) -> Option<Cow<'_, str>> {
        let row = self.category();
        if !row.knows_type(&self.event_type) {
            return None;
        }
        let is_step = |state: &&str| {
            // Of an unknown category nothing tells which states are steps, so that each counts as one.
            row.domain == Domain::Unrecognised || row.lifecycle.iter().any(|step| step.contains(state))
        };
        let named = || self.state_name().filter(is_step).map(Cow::Borrowed);
        self.fields
            .text(row.status_field)
            .or_else(named)
            .filter(|status| is_printable(status, MAX_STATUS_LENGTH))
    }

    /// Tells whether the event's category is known and its type is not. Such an event is kept beside its entity's state.
    #[must_use]
    pub fn is_of_unknown_type(&self) -> bool {
        !self.category().knows_type(&self.event_type)
    }

    /// Computes the event's identity, by which a duplicate is told from a conflict.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::of(&self.members)
    }

    /// Derives the key of the entity that the event is about.
    ///
    /// # Errors
    ///
    /// [`EntityKeyError`] when the object lacks a field that the key is made of.
    pub fn entity_key(&self) -> Result<EntityKey, EntityKeyError> {
        EntityKey::of(&self.event_type, &self.fields)
    }

    /// Derives the key that the event had, and has in the log, if it came before its category was known.
    ///
    /// # Errors
    ///
    /// [`EntityKeyError`] when the object has no `id` that a key could be made of.
    pub fn unrecognised_entity_key(&self) -> Result<EntityKey, EntityKeyError> {
        EntityKey::of_unrecognised(&self.event_type, &self.fields)
    }

    /// Returns the event's `object` as it was sent: numbers and spaces are those of Upvest.
    #[must_use]
    pub fn object(&self) -> &'a RawValue {
        self.object
    }

    /// Reads the operation by which an operator told what Upvest's API says and no event did; `None` for Upvest's own events.
    ///
    /// Such an event has a member `reconciled` with the operation's id. Whatever else Upvest may give that name is not
    /// taken for it.
    #[must_use]
    pub fn reconciliation(&self) -> Option<String> {
        self.members
            .text("reconciled.operation")
            .map(|operation| operation.into_owned())
    }

    /// Returns the whole event, verbatim: the bytes that its delivery's signature covers.
    #[must_use]
    pub fn json(&self) -> &'a str {
        self.json
    }
}

fn is_printable(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads the `created_at` of an event; null is the same as none.
fn time(value: &RawValue) -> Result<Option<Instant>, EventError> {
    if json::is_null(value) {
        return Ok(None);
    }
    let text = json::text(value).ok_or(EventError::BadCreatedAt)?;
    Instant::parse(&text)
        .map(Some)
        .map_err(|_| EventError::BadCreatedAt)
}

/// Finds the deepest nesting of arrays and objects in a JSON text, without recursion: a body may be one bracket a
/// million times.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"id":"55a877ce-effa-11ed-a05b-0242ac120003","created_at":"2021-07-21T14:10:00.00Z","type":"ORDER.NEW","object":{"id":"o1"},"webhook_id":"w"}"#;

    fn with(field: &str, json: &str) -> String {
        let mut event: serde_json::Value = serde_json::from_str(GOOD).unwrap();
        event[field] = serde_json::from_str(json).unwrap();
        event.to_string()
    }

    #[test]
    fn an_event_keeps_its_exact_bytes() {
        let event = Event::parse(GOOD).unwrap();
        assert_eq!(event.json(), GOOD);
        assert_eq!(event.object().get(), r#"{"id":"o1"}"#);
        assert_eq!(
            (event.category_name(), event.state_name()),
            ("ORDER", Some("NEW"))
        );
    }

    #[test]
    fn unknown_fields_and_types_pass() {
        let newer = with("type", r#""CRYPTO_STAKE.SLASHED.TWICE""#).replace("webhook_id", "whatever");
        let event = Event::parse(&newer).unwrap();
        assert_eq!(
            (event.category_name(), event.state_name()),
            ("CRYPTO_STAKE", Some("SLASHED.TWICE"))
        );
        assert_eq!(
            Event::parse(&with("type", r#""PING""#)).unwrap().category_name(),
            "PING"
        );
    }

    #[test]
    fn each_malformation_has_its_reason() {
        let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
        let long = format!("\"{}\"", "a".repeat(129));
        for (json, reason) in [
            ("7".to_owned(), EventError::Incomplete),
            ("{}".to_owned(), EventError::Incomplete),
            (GOOD.replacen('{', r#"{"id":"x","#, 1), EventError::Incomplete),
            (with("id", "7"), EventError::Incomplete),
            (with("id", "\"\""), EventError::BadId),
            (with("id", "\"a b\""), EventError::BadId),
            (with("id", "\"a!b\""), EventError::BadId),
            (with("id", &long), EventError::BadId),
            (with("type", "\"\""), EventError::BadType),
            (with("type", "\"ORDER.\\u0000\""), EventError::BadType),
            (with("created_at", "\"soon\""), EventError::BadCreatedAt),
            (with("created_at", "7"), EventError::BadCreatedAt),
            (
                GOOD.replacen('{', r#"{"created_at":null,"#, 1),
                EventError::Incomplete,
            ),
            (with("object", "[]"), EventError::BadObject),
            (with("object", &deep), EventError::TooDeep),
        ] {
            assert_eq!(Event::parse(&json).map(|_| ()), Err(reason), "{json}");
        }
    }

    #[test]
    fn an_event_without_a_time_is_an_event() {
        assert_eq!(
            Event::parse(&with("created_at", "null")).unwrap().created_at(),
            None
        );
        let created_at = r#""created_at":"2021-07-21T14:10:00.00Z","#;
        assert_eq!(
            Event::parse(&GOOD.replace(created_at, "")).unwrap().created_at(),
            None
        );
        assert!(Event::parse(&GOOD.replace(".00Z", ".123456789012Z")).is_ok());
    }

    #[test]
    fn members_that_nobody_asks_for_may_be_any_json() {
        let odd = GOOD.replacen('{', r#"{"x":1e999999,"x":"\ud800","\udfff":null,"#, 1);
        assert_eq!(
            Event::parse(&odd).unwrap().entity_key().unwrap().as_str(),
            "ORDER#o1"
        );
    }

    #[test]
    fn a_status_is_the_objects_or_the_step_that_the_type_names() {
        let status = |event_type: &str, object: &str| {
            let json = format!(r#"{{"id":"e1","type":"{event_type}","object":{object}}}"#);
            Event::parse(&json).unwrap().status().map(Cow::into_owned)
        };
        let told = |text: &str| Some(text.to_owned());
        assert_eq!(
            status("PORTFOLIO_ORDER.NEW", r#"{"status":"PROCESSING"}"#),
            told("PROCESSING")
        );
        assert_eq!(status("ORDER.FILLED", r#"{"status":""}"#), told("FILLED"));
        assert_eq!(status("ORDER.FILLED", r#"{"status":"NOVEL"}"#), told("NOVEL"));
        assert_eq!(
            status("ORDER.TELEPORTED", r#"{"status":"FILLED"}"#),
            None,
            "an unknown type"
        );
        assert_eq!(status("SAVINGS_PLAN_EXECUTION.REMINDER", "{}"), None, "a notice");
        assert_eq!(
            status("STAKE.SLASHED", "{}"),
            told("SLASHED"),
            "an unknown category"
        );
        assert_eq!(
            status("CORPORATE_ACTION.UPDATED", r#"{"announcement_status":"FINAL"}"#),
            told("FINAL")
        );
        let long = format!(r#"{{"status":"{}"}}"#, "S".repeat(65));
        assert_eq!(
            status("ORDER.NEW", &long),
            None,
            "not the state of the type either"
        );
    }

    #[test]
    fn brackets_inside_strings_are_not_nesting() {
        assert_eq!(depth(r#"{"a":"[[[[\"[[","b":[{}]}"#), 3);
        assert!(Event::parse(&with("object", &format!("{{\"a\":\"{}\"}}", "[".repeat(500)))).is_ok());
    }
}
