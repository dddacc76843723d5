//! Synthetic events: those of our own making. The receiver sends some to itself, to see that its pipeline works, and developers
//! send some to see what their code makes of them.
//!
//! They take the way of every event, from the public URL to the entities table. The canary's are about an entity of their own
//! alone; a developer's may be of any type, and are told by their ids ([`is_marked`]). [`Scope`] says which keys may report
//! which.

use jiff::Timestamp;

use crate::category;
use crate::delivery::split;
use crate::entity_key::EntityKey;
use crate::event::Event;

/// Names the type of the canary's events. Its category is [`category::SYNTHETIC`].
pub const CANARY: &str = "synthetic.canary";
/// Begins the ids of events that a key of [`Scope::Synthetic`] or [`Scope::Developer`] signs. Upvest's ids are UUIDs: an
/// event of such a key can take no other event's place in the log, nor conflict with it.
pub const ID_PREFIX: &str = "synthetic-";

/// Is, in quarantine, the reason of a synthetic event that none of our own keys signed.
pub const UNCOVERED: &str = "event-synthetic";

/// Gives the canary's `object.id`: all its events belong to one entity.
const CANARY_OBJECT: &str = "canary";

/// Says which events a key may report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The key may report all but synthetic events: this is for Upvest's keys.
    Upvest,
    /// The key may report everything: this is for HMAC keys, which are our own.
    Everything,
    /// The key may report synthetic events alone: this is for the canary's key, so that nobody who gets hold of it can
    /// report anything real.
    Synthetic,
    /// The key may report events of any type, as long as their ids mark them as made up: this is for developers' keys, so that
    /// nothing of theirs is taken for Upvest's.
    Developer,
}

/// Tells whether the id of an event marks it as one of our own making.
///
/// ```
/// use upvest::synthetic::is_marked;
///
/// assert!(is_marked("synthetic-2f6d9e0c-5b1e-4ad1-9f55-6a7d0b6f3c11"));
/// assert!(!is_marked("1a9eca6b-4294-4260-a20c-2a23e852f2a2"));
/// ```
#[must_use]
pub fn is_marked(event_id: &str) -> bool {
    event_id.starts_with(ID_PREFIX)
}

impl Scope {
    /// Tells whether a key of this scope may report the event.
    #[must_use]
    pub fn covers(self, event: &Event<'_>) -> bool {
        match self {
            Self::Upvest => !event.is_synthetic(),
            Self::Everything => true,
            Self::Synthetic => event.is_synthetic() && is_marked(event.id()),
            Self::Developer => is_marked(event.id()),
        }
    }

    /// Tells whether a delivery with this body may be taken in. An event that Upvest's keys may not report leaves the others
    /// of its delivery alone; of a delivery of the canary's key or a developer's nothing is taken in unless it is synthetic
    /// throughout.
    #[must_use]
    pub fn covers_delivery(self, body: &[u8]) -> bool {
        let covers = |event: &Event<'_>| self.covers(event);
        match self {
            Self::Upvest | Self::Everything => true,
            Self::Synthetic | Self::Developer => {
                split(body).is_ok_and(|parts| parts.iter().all(|part| part.event.as_ref().is_ok_and(covers)))
            }
        }
    }
}

/// Writes the body of a delivery with one event of the canary; `run` makes the event's id, which is given back too.
///
/// ```
/// use upvest::synthetic::{Scope, canary_delivery};
///
/// let (event_id, body) = canary_delivery("run-7", "2026-11-28T12:00:00Z".parse()?);
/// assert_eq!(event_id, "synthetic-run-7");
/// assert!(Scope::Synthetic.covers_delivery(&body));
/// // Upvest's keys cannot report it: only our own may speak of the receiver itself.
/// let events = upvest::split(&body)?;
/// assert!(!Scope::Upvest.covers(events[0].event.as_ref().expect("it is an event")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn canary_delivery(run: &str, created_at: Timestamp) -> (String, Vec<u8>) {
    let id = format!("{ID_PREFIX}{run}");
    let event = serde_json::json!({
        "id": id,
        "created_at": created_at.to_string(),
        "type": CANARY,
        "object": { "id": CANARY_OBJECT },
    });
    let body = serde_json::json!({ "payload": [event] }).to_string();
    (id, body.into_bytes())
}

/// Builds the key of the entity that the canary's events are about.
#[must_use]
pub fn canary_entity() -> EntityKey {
    EntityKey::from_stored(format!("{}#{CANARY_OBJECT}", category::SYNTHETIC))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::category::{CATEGORIES, Domain, is_synthetic};

    fn event(id: &str, event_type: &str) -> String {
        format!(
            r#"{{"id":"{id}","created_at":"2026-11-22T09:00:00Z","type":"{event_type}","object":{{"id":"canary"}}}}"#
        )
    }

    fn covers(scope: Scope, id: &str, event_type: &str) -> bool {
        scope.covers(&Event::parse(&event(id, event_type)).unwrap())
    }

    fn delivery(events: &[String]) -> Vec<u8> {
        format!(r#"{{"payload":[{}]}}"#, events.join(",")).into_bytes()
    }

    #[test]
    fn the_canarys_event_is_one_that_only_our_own_keys_may_report() {
        let (id, body) = canary_delivery("run", "2026-11-22T09:00:00.5Z".parse().unwrap());
        assert_eq!(id, "synthetic-run");
        let parts = split(&body).unwrap();
        let event = parts[0].event.as_ref().unwrap();
        assert_eq!((event.id(), event.event_type()), (&*id, CANARY));
        assert!(event.is_synthetic());
        assert_eq!(event.entity_key().unwrap(), canary_entity());
        assert_eq!(event.category().domain, Domain::Unrecognised);
        assert_eq!(event.created_at().unwrap().to_string(), "2026-11-22T09:00:00.5Z");
        assert!(Scope::Synthetic.covers_delivery(&body));
        assert!(Scope::Synthetic.covers(event) && Scope::Everything.covers(event));
        assert!(!Scope::Upvest.covers(event));
    }

    #[test]
    fn the_canarys_key_reports_nothing_that_could_be_real() {
        let synthetic = ("synthetic-1", CANARY);
        for (id, event_type) in [
            ("synthetic-1", "ORDER.FILLED"),
            ("synthetic-1", "SYNTHETIC.CANARY"),
            ("synthetic-1", "synthetics.canary"),
            ("55a877ce-effa-11ed-a05b-0242ac120003", CANARY),
        ] {
            assert!(!covers(Scope::Synthetic, id, event_type), "{id} {event_type}");
            let hidden = delivery(&[event(synthetic.0, synthetic.1), event(id, event_type)]);
            assert!(!Scope::Synthetic.covers_delivery(&hidden), "{id} {event_type}");
            assert!(Scope::Everything.covers_delivery(&hidden));
        }
        let malformed = delivery(&[event(synthetic.0, synthetic.1), "{}".to_owned()]);
        for body in [malformed, b"no json".to_vec(), b"{\"payload\":[]}".to_vec()] {
            assert!(!Scope::Synthetic.covers_delivery(&body));
        }
    }

    #[test]
    fn a_developers_key_reports_any_type_under_ids_that_no_event_of_upvests_has() {
        let upvests = "55a877ce-effa-11ed-a05b-0242ac120003";
        for event_type in ["ORDER.FILLED", "SPACESHIP.LAUNCHED", CANARY] {
            assert!(
                covers(Scope::Developer, "synthetic-1", event_type),
                "{event_type}"
            );
            assert!(!covers(Scope::Developer, upvests, event_type), "{event_type}");
        }
        let marked = event("synthetic-1", "ORDER.NEW");
        assert!(Scope::Developer.covers_delivery(&delivery(std::slice::from_ref(&marked))));
        let hidden = delivery(&[marked, event(upvests, "ORDER.FILLED")]);
        assert!(!Scope::Developer.covers_delivery(&hidden));
        let escaped = event(r"\u0073ynthetic-1", "ORDER.NEW");
        assert!(Scope::Developer.covers_delivery(&delivery(&[escaped])));
    }

    #[test]
    fn a_letter_written_as_its_number_makes_no_other_type() {
        let escaped = event("synthetic-1", r"\u0073ynthetic.canary");
        assert!(Event::parse(&escaped).unwrap().is_synthetic());
    }

    #[test]
    fn no_category_of_upvest_is_synthetic() {
        for row in CATEGORIES {
            assert!(!is_synthetic(row.name) && row.entity != category::SYNTHETIC);
        }
        assert!(!is_synthetic(category::UNRECOGNISED.name));
    }

    proptest! {
        #[test]
        fn no_name_that_upvest_may_give_is_synthetic(name in "[A-Z0-9_]{1,20}(\\.[A-Z0-9_.]{1,20})?") {
            prop_assert!(!is_synthetic(&name));
            prop_assert!(covers(Scope::Upvest, "e1", &name));
        }

        #[test]
        fn only_synthetic_events_are_about_synthetic_entities(event_type in "[ -~]{1,30}", id in "[ -~]{0,20}") {
            let json = serde_json::json!({
                "id": "synthetic-1",
                "created_at": "2026-11-22T09:00:00Z",
                "type": event_type,
                "object": { "id": id, "order_id": id, "user_id": id },
            })
            .to_string();
            if let Ok(event) = Event::parse(&json)
                && let Ok(entity) = event.entity_key()
            {
                prop_assert_eq!(entity.is_synthetic(), event.is_synthetic());
            }
        }
    }
}
