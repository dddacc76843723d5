//! The event that says what Upvest's API says, in the form of Upvest's own.

use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use upvest::category::{Category, RECONCILED, name_of};
use upvest::{EntityKey, Event};
use upvest_api::Fetched;
use uuid::Uuid;

use super::difference::Kind;

/// Shapes an event in Upvest's form, with the mark that it is not Upvest's own.
#[derive(Serialize)]
struct ReconciledEvent<'t> {
    id: String,
    /// Tells when the API said so: an event that occurred later outdoes it, and one that occurred earlier does not.
    created_at: String,
    r#type: String,
    object: &'t RawValue,
    reconciled: Mark,
}

#[derive(Serialize)]
struct Mark {
    operation: Uuid,
}

/// Writes the event that says what the API says of an object. Its id follows from the operation and the object, so that
/// a second delivery of it is a duplicate.
pub(super) fn to_json(operation: Uuid, event_type: &str, fetched: &Fetched) -> String {
    let object = fetched.object.get();
    let id = super::object::id_of(&fetched.object).map_or_else(|| object.to_owned(), String::from);
    let category = name_of(event_type);
    let digest = Sha256::digest(format!("{operation}#{category}#{id}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    let event = ReconciledEvent {
        id: uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string(),
        created_at: fetched.at.to_string(),
        r#type: event_type.to_owned(),
        object: &fetched.object,
        reconciled: Mark { operation },
    };
    serde_json::to_string(&event).expect("texts, and JSON that was parsed before, can be written")
}

/// Chooses the type of the event: that of Upvest's own event where the status is new to us and names it, so that whoever waits
/// for that event gets it; else `<CATEGORY>.RECONCILED`.
pub(super) fn type_for(category: &Category, kind: Kind, ours: Option<&str>, theirs: Option<&str>) -> String {
    let is_step = |status: &str| {
        category.statuses.is_empty() && category.lifecycle.iter().any(|step| step.contains(status))
    };
    let notices = category.notices.iter().flat_map(|step| step.names);
    let state = match (theirs, notices.collect::<Vec<_>>().as_slice()) {
        (Some(theirs), _) if ours != Some(theirs) && is_step(theirs) => theirs,
        // A report, a booking, a position: one notice alone ever tells of it.
        (None, [notice]) if category.lifecycle.is_empty() && kind == Kind::Missing => notice,
        _ => RECONCILED,
    };
    format!("{}.{state}", category.name)
}

/// Names the entity that an object of the API is about: that of the event that would tell it.
pub(super) fn key_of(category: &Category, fetched: &Fetched) -> Option<EntityKey> {
    let event_type = type_for(category, Kind::Diverged, None, None);
    let json = to_json(Uuid::nil(), &event_type, fetched);
    Event::parse(&json).ok()?.entity_key().ok()
}

#[cfg(test)]
mod tests {
    use upvest::category;

    use super::*;

    #[test]
    fn a_status_that_is_new_to_us_is_told_as_upvest_would_have() {
        let of = |event_type, kind, ours, theirs| type_for(category::of(event_type), kind, ours, theirs);
        let order = |kind, ours, theirs| of("ORDER.NEW", kind, ours, Some(theirs));
        assert_eq!(order(Kind::Missing, None, "FILLED"), "ORDER.FILLED");
        assert_eq!(order(Kind::Stale, Some("NEW"), "FILLED"), "ORDER.FILLED");
        assert_eq!(
            order(Kind::Diverged, Some("FILLED"), "FILLED"),
            "ORDER.RECONCILED"
        );
        assert_eq!(order(Kind::Missing, None, "NOVEL"), "ORDER.RECONCILED");
        for told in ["REPORT.CREATED", "CASH_TRANSACTION.EXECUTED", "POSITION.UPDATED"] {
            assert_eq!(of(told, Kind::Missing, None, None), told);
        }
        assert_eq!(
            of("REPORT.CREATED", Kind::Diverged, None, None),
            "REPORT.RECONCILED"
        );
        assert_eq!(
            of("USER.CREATED", Kind::Missing, None, Some("ACTIVE")),
            "USER.RECONCILED"
        );
    }

    #[test]
    fn one_operation_tells_an_object_under_one_id_whatever_else_it_tells() {
        let at: jiff::Timestamp = "2026-01-05T09:30:00Z".parse().unwrap();
        let fetched = |object: &str| {
            let object = serde_json::value::RawValue::from_string(object.to_owned()).unwrap();
            upvest_api::Fetched::new(object, at)
        };
        let order = fetched(r#"{"id":"o1","status":"NEW"}"#);
        let (one, other) = (uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
        let told = to_json(one, "ORDER.NEW", &order);
        assert_eq!(to_json(one, "ORDER.NEW", &order), told);
        let id = |json: &str| upvest::Event::parse(json).unwrap().id().to_owned();
        assert_ne!(id(&to_json(other, "ORDER.NEW", &order)), id(&told));
        assert_ne!(id(&to_json(one, "EXECUTION.NEW", &order)), id(&told));
        let parsed = upvest::Event::parse(&told).unwrap();
        assert_eq!(parsed.reconciliation(), Some(one.to_string()));
        assert_eq!(parsed.object().get(), order.object.get());
        let own = r#"{"id":"e","created_at":"2026-01-05T09:30:00Z","type":"ORDER.NEW","object":{"id":"o1"},"reconciled":true}"#;
        assert_eq!(upvest::Event::parse(own).unwrap().reconciliation(), None);
    }
}
