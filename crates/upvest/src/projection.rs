//! The state of an entity, folded from its events.
//!
//! Every step keeps the newest of two values, each under its own key. Such a fold is commutative and idempotent: any
//! order of a set of events, with any repeats, gives the same state.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::category::{Category, Domain, EARLIER, Role};
use crate::entity_key::at_path;
use crate::event::Event;
use crate::occurred::Occurred;

mod derived;
mod related;
mod summary;

pub use derived::Derived;
pub use summary::{Summary, flags_changed};

/// The most entries of a map whose keys nothing bounds: statuses that an entity had, and parts without an id of their
/// own. The newest stay. (Parts with an id are bounded by the size of an item instead: what they hold adds up.)
pub const MAX_ENTRIES: usize = 100;

/// The newest object of an entity, or of one part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The event that brought it.
    pub event_type: String,
    /// When that event occurred.
    pub occurred: Occurred,
    /// A part's status, if it has one. The entity's own is in its history.
    pub status: Option<String>,
    /// The object, verbatim JSON.
    pub object: String,
}

/// The newest event of an entity, of whatever category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEvent {
    /// Its type.
    pub event_type: String,
    /// When it occurred, with its id.
    pub occurred: Occurred,
}

/// An entity's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// The newest event folded in.
    pub last: LastEvent,
    /// The newest snapshot; `None` while only parts have arrived, as when an execution precedes its order.
    pub snapshot: Option<Snapshot>,
    /// For each status the entity ever had: when it had it last.
    pub history: BTreeMap<String, Occurred>,
    /// The entity's parts (executions, checks ...): name of the map, id of the part, newest object.
    pub parts: BTreeMap<String, BTreeMap<String, Snapshot>>,
}

/// Says what an event did to the state of its entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It shows in the state: it is the newest of its kind, or the newest that gives a status.
    Fresh,
    /// A newer one was there already. It may have left a trace in the history.
    Late,
    /// The very same event was there already: nothing changed.
    Duplicate,
}

impl Projection {
    /// Folds an event into the state that its entity has so far, and says what it did there.
    ///
    /// ```
    /// use upvest::projection::Applied;
    /// use upvest::{Event, Projection};
    ///
    /// let event = |id, second, status| format!(
    ///     r#"{{"id":"{id}","created_at":"2021-07-21T14:10:0{second}Z","type":"ORDER.{status}","object":{{"id":"o1"}}}}"#
    /// );
    /// let (state, _) = Projection::fold(None, &Event::parse(&event("e2", 2, "FILLED"))?);
    /// // The order is that of the facts, not of their arrival.
    /// let (state, applied) = Projection::fold(Some(state), &Event::parse(&event("e1", 1, "NEW"))?);
    /// assert_eq!((state.status(), applied), (Some("FILLED"), Applied::Late));
    /// # Ok::<_, upvest::event::EventError>(())
    /// ```
    #[must_use]
    pub fn fold(before: Option<Self>, event: &Event<'_>) -> (Self, Applied) {
        let mut state = before.unwrap_or_else(|| Self {
            last: LastEvent {
                event_type: event.event_type().to_owned(),
                occurred: event.occurred().clone(),
            },
            snapshot: None,
            history: BTreeMap::new(),
            parts: BTreeMap::new(),
        });
        let object: Value = serde_json::from_str(event.object().get()).unwrap_or_default();
        let new = Snapshot {
            event_type: event.event_type().to_owned(),
            occurred: event.occurred().clone(),
            status: status(event, &object),
            object: event.object().get().to_owned(),
        };
        if new.occurred > state.last.occurred {
            state.last = LastEvent {
                event_type: new.event_type.clone(),
                occurred: new.occurred.clone(),
            };
        }
        let status_before = state.status().map(str::to_owned);
        let applied = match event.category().role {
            Role::Snapshot => state.replace_snapshot(new).0,
            Role::Line => state.replace_line(new),
            Role::Part { map, id_field } => {
                let id = id_field
                    .and_then(|path| at_path(&object, path))
                    .and_then(Value::as_str);
                match id {
                    Some(id) => state.replace_part(map, id.to_owned(), new),
                    None => state.add_part(map, new),
                }
            }
        };
        // The status can be older than the snapshot: a later notice without one may have come first.
        let shows = applied == Applied::Late && state.status() != status_before.as_deref();
        (state, if shows { Applied::Fresh } else { applied })
    }

    /// Puts the newer of two snapshots into place, and gives back the other one.
    fn replace_snapshot(&mut self, mut new: Snapshot) -> (Applied, Option<Snapshot>) {
        if let Some(status) = new.status.take() {
            let at = self.history.entry(status).or_insert_with(|| new.occurred.clone());
            if *at < new.occurred {
                *at = new.occurred.clone();
            }
            keep_newest(&mut self.history, |occurred| occurred);
        }
        match &self.snapshot {
            Some(newest) if newest.occurred == new.occurred => (Applied::Duplicate, None),
            Some(newest) if newest.occurred > new.occurred => (Applied::Late, Some(new)),
            _ => (Applied::Fresh, self.snapshot.replace(new)),
        }
    }

    /// As for a snapshot, except that nothing is overwritten: the other version stays beside it.
    fn replace_line(&mut self, new: Snapshot) -> Applied {
        let (applied, other) = self.replace_snapshot(new);
        match other.map(|other| self.add_part(EARLIER, other)) {
            // The repeat of a version that had been replaced already.
            Some(Applied::Duplicate) => Applied::Duplicate,
            _ => applied,
        }
    }

    /// Adds a part that is told apart by its event alone.
    fn add_part(&mut self, map: &str, new: Snapshot) -> Applied {
        let occurred = new.occurred.clone();
        let applied = self.replace_part(map, occurred.event_id().to_owned(), new);
        if let Some(parts) = self.parts.get_mut(map) {
            keep_newest(parts, |part| &part.occurred);
            if !parts.contains_key(occurred.event_id()) {
                return Applied::Late;
            }
        }
        applied
    }

    fn replace_part(&mut self, map: &str, id: String, new: Snapshot) -> Applied {
        let parts = self.parts.entry(map.to_owned()).or_default();
        match parts.get(&id) {
            Some(newest) if newest.occurred == new.occurred => Applied::Duplicate,
            Some(newest) if newest.occurred > new.occurred => Applied::Late,
            _ => {
                parts.insert(id, new);
                Applied::Fresh
            }
        }
    }

    /// Returns the entity's current status: the one that it had last.
    #[must_use]
    pub fn status(&self) -> Option<&str> {
        self.history
            .iter()
            .max_by_key(|(_, occurred)| *occurred)
            .map(|(status, _)| status.as_str())
    }

    /// Finds a status further along the lifecycle that the entity left again, as in `FILLED` and then `PROCESSING`.
    ///
    /// It is read off the history, so that it does not depend on the order in which the events arrived.
    #[must_use]
    pub fn moved_back_from(&self) -> Option<&str> {
        let category = crate::category::of(&self.snapshot.as_ref()?.event_type);
        let rank = |status: &str| category.rank(status);
        let current = rank(self.status()?)?;
        self.history
            .keys()
            .map(String::as_str)
            .find(|status| rank(status).is_some_and(|other| other > current))
    }
}

/// Keeps the newest [`MAX_ENTRIES`] of a map. Which those are does not depend on the order of arrival.
fn keep_newest<V>(entries: &mut BTreeMap<String, V>, occurred: impl Fn(&V) -> &Occurred) {
    while entries.len() > MAX_ENTRIES {
        let oldest = entries.iter().min_by_key(|(_, entry)| occurred(entry));
        let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
            return;
        };
        entries.remove(&oldest);
    }
}

/// Reads the status that an event gives its object. `object.status` counts: event types and statuses may differ in
/// Upvest's specification. Where it is absent, the state in the type does, if it is a step of the lifecycle.
fn status(event: &Event<'_>, object: &Value) -> Option<String> {
    let given = object
        .get("status")
        .and_then(Value::as_str)
        .filter(|status| !status.is_empty());
    let is_step = |category: &Category, state: &str| {
        category.domain == Domain::Unrecognised || category.lifecycle.iter().any(|step| step.contains(&state))
    };
    let named = || {
        event
            .state_name()
            .filter(|state| is_step(event.category(), state))
    };
    given.or_else(named).map(str::to_owned)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn event(id: &str, second: u8, event_type: &str, object: &str) -> String {
        format!(
            r#"{{"id":"{id}","created_at":"2021-07-21T14:10:{second:02}Z","type":"{event_type}","object":{object}}}"#
        )
    }

    pub(crate) fn fold(events: &[String]) -> Projection {
        let parsed = events.iter().map(|json| Event::parse(json).unwrap());
        parsed
            .fold(None, |state, event| Some(Projection::fold(state, &event).0))
            .unwrap()
    }

    fn order(id: &str, second: u8, status: &str) -> String {
        event(
            id,
            second,
            &format!("ORDER.{status}"),
            &format!(r#"{{"id":"o1","status":"{status}"}}"#),
        )
    }

    #[test]
    fn a_late_event_does_not_replace_a_newer_one() {
        let state = fold(&[order("e2", 2, "FILLED"), order("e1", 1, "NEW")]);
        assert_eq!(state.status(), Some("FILLED"));
        assert_eq!(state.last.event_type, "ORDER.FILLED");
        assert_eq!(state.snapshot.unwrap().occurred.event_id(), "e2");
    }

    #[test]
    fn each_event_says_what_it_did() {
        let apply =
            |before: Option<Projection>, json: &str| Projection::fold(before, &Event::parse(json).unwrap());
        let (state, applied) = apply(None, &order("e2", 2, "PROCESSING"));
        assert_eq!(applied, Applied::Fresh);
        let (state, applied) = apply(Some(state), &order("e1", 1, "NEW"));
        assert_eq!(applied, Applied::Late);
        let (again, applied) = apply(Some(state.clone()), &order("e2", 2, "PROCESSING"));
        assert_eq!((again, applied), (state, Applied::Duplicate));
    }

    #[test]
    fn a_state_that_moves_backwards_is_applied_and_flagged_in_any_order() {
        let events = [order("e1", 1, "FILLED"), order("e2", 2, "PROCESSING")];
        let reversed = [events[1].clone(), events[0].clone()];
        for state in [fold(&events), fold(&reversed)] {
            assert_eq!(state.status(), Some("PROCESSING"));
            assert_eq!(state.moved_back_from(), Some("FILLED"));
        }
        assert_eq!(
            fold(&[order("e1", 1, "NEW"), order("e2", 2, "FILLED")]).moved_back_from(),
            None
        );
        assert_eq!(
            fold(&[order("e1", 1, "FILLED"), order("e2", 2, "FROZEN")]).moved_back_from(),
            None
        );
    }

    #[test]
    fn a_notice_without_a_status_leaves_the_status_alone() {
        let execution = |id, second, state: &str| {
            event(
                id,
                second,
                &format!("SAVINGS_PLAN_EXECUTION.{state}"),
                r#"{"id":"x"}"#,
            )
        };
        let state = fold(&[execution("e1", 1, "NEW"), execution("e2", 2, "REMINDER")]);
        assert_eq!(state.status(), Some("NEW"));
        assert_eq!(
            state.snapshot.unwrap().event_type,
            "SAVINGS_PLAN_EXECUTION.REMINDER"
        );
    }

    #[test]
    fn a_status_that_arrives_after_a_later_notice_without_one_is_news() {
        let execution = |id, second, state: &str| {
            let event_type = format!("SAVINGS_PLAN_EXECUTION.{state}");
            event(id, second, &event_type, r#"{"id":"x"}"#)
        };
        let (reminder, new) = (execution("e2", 2, "REMINDER"), execution("e1", 1, "NEW"));
        let state = fold(std::slice::from_ref(&reminder));
        let (state, applied) = Projection::fold(Some(state), &Event::parse(&new).unwrap());
        assert_eq!(applied, Applied::Fresh);
        assert_eq!(state.status(), Some("NEW"));
        assert_eq!(state, fold(&[new.clone(), reminder]));
        let (_, again) = Projection::fold(Some(state), &Event::parse(&new).unwrap());
        assert_eq!(again, Applied::Late);
    }

    #[test]
    fn object_status_outranks_the_type() {
        let state = fold(&[event(
            "e1",
            1,
            "PORTFOLIO_ORDER.NEW",
            r#"{"id":"p","status":"PROCESSING"}"#,
        )]);
        assert_eq!(state.status(), Some("PROCESSING"));
    }

    fn any_event() -> impl Strategy<Value = String> {
        let statuses = prop_oneof![
            Just("NEW"),
            Just("PROCESSING"),
            Just("FILLED"),
            Just("CANCELLED"),
            Just("NOVEL")
        ];
        (0..60_u8, 0..4_u8, 0..3_u8, statuses).prop_map(|(second, kind, part, status)| {
            let id = format!("e{second}-{kind}-{part}-{status}");
            match kind {
                0 => event(
                    &id,
                    second,
                    &format!("EXECUTION.{status}"),
                    &format!(
                        r#"{{"id":"x{part}","order_id":"o1","status":"{status}","share_quantity":"{second}.{part}"}}"#
                    ),
                ),
                1 => event(&id, second, "ORDER_CANCELLATION.REJECTED", r#"{"order_id":"o1","status":"REJECTED"}"#),
                _ => order(&id, second, status),
            }
        })
    }

    proptest! {
        #[test]
        fn every_order_with_any_repeats_folds_to_the_same_state(
            (events, shuffled) in proptest::collection::vec(any_event(), 1..12).prop_flat_map(|events| {
                let twice: Vec<_> = events.iter().chain(&events).cloned().collect();
                (Just(events), Just(twice).prop_shuffle())
            })
        ) {
            let (straight, shuffled) = (fold(&events), fold(&shuffled));
            prop_assert_eq!(&straight, &shuffled);
            prop_assert_eq!(straight.derived("ORDER"), shuffled.derived("ORDER"));
        }
    }
}
