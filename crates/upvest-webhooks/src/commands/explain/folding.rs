//! An entity's state, folded again from the log, and compared with the one that is kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pipeline::stores::entities::{AttributeDifference, EntityError, EntityItem, Stored};
use pipeline::stores::events::LoggedEvent;
use serde::Serialize;
use upvest::projection::Applied;
use upvest::{EntityKey, Event, Projection};

/// The effect of an event that shows in the state.
pub(super) const FRESH: &str = "fresh";
/// The effect of one that came after a newer one.
pub(super) const LATE: &str = "late";
/// The longest log of which each event is left out in turn, to see which one the state lacks.
const MAX_TRIALS: usize = 200;
/// An event of the log that can be folded.
#[derive(Debug, Clone)]
pub(super) struct Foldable {
    pub(super) event_id: String,
    received_at: Timestamp,
    delivery_id: String,
    json: String,
}

/// What an event did to its entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Step {
    /// The status before it, in the order in which events occurred.
    pub(super) previous_status: Option<String>,
    /// The status after it.
    pub(super) status: Option<String>,
    /// Whether it shows in the state: `fresh`, `late` or `duplicate`, in the order in which events were received;
    /// `fresh` also where the entity notes that it was.
    pub(super) effect: &'static str,
}

/// How the state that is kept compares with the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub(super) enum Comparison {
    /// The log folds to exactly this state.
    Same { events: usize },
    /// There are events, and no state.
    NoState { events: usize },
    /// The state lacks the events that were received last.
    Behind { lacks: Vec<String> },
    /// The state lacks one event, and has later ones.
    Lacks { event_id: String },
    /// The state is another one.
    Differs { attributes: Vec<Difference> },
    /// It cannot be told.
    Unknown { why: String },
}

/// An attribute that is not what the log gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    pub(super) attribute: String,
    /// What is kept; only of attributes that tell nothing of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kept: Option<String>,
    /// What the log gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) folded: Option<String>,
}

impl Foldable {
    /// The event of the log, with its object from there or, if that was too large, from its delivery.
    ///
    /// # Errors
    ///
    /// Why it cannot be folded.
    pub(super) fn of(event: &LoggedEvent, archived_object: Option<&str>) -> Result<Self, String> {
        let object = event
            .object
            .as_deref()
            .or(archived_object)
            .ok_or("its object is not to be had: it was too large for the log")?;
        let json = event.with_object(object).ok_or("its object is not JSON")?;
        Event::parse(&json).map_err(|error| error.to_string())?;
        Ok(Self {
            event_id: event.event_id.clone(),
            received_at: event.received_at,
            delivery_id: event.delivery_id.clone(),
            json,
        })
    }

    fn fold_into(&self, before: Option<Projection>) -> (Option<Projection>, Option<Applied>) {
        match Event::parse(&self.json) {
            Ok(event) => {
                let (state, applied) = Projection::fold(before, &event);
                (Some(state), Some(applied))
            }
            Err(_) => (before, None),
        }
    }
}

fn fold<'e>(events: impl IntoIterator<Item = &'e Foldable>) -> Option<Projection> {
    let fold = |state, event: &Foldable| event.fold_into(state).0;
    events.into_iter().fold(None, fold)
}

/// The events in the order in which they were received.
fn as_received(events: &[Foldable]) -> Vec<&Foldable> {
    let mut received: Vec<_> = events.iter().collect();
    // Stable: those of one delivery stay in the order in which they occurred.
    received.sort_by_key(|event| (event.received_at, &event.delivery_id));
    received
}

/// What each event did, by event id. `events` are all of the entity, oldest first.
pub(super) fn steps(events: &[Foldable]) -> BTreeMap<String, Step> {
    let mut effects = BTreeMap::new();
    let mut state = None;
    for event in as_received(events) {
        let (next, applied) = event.fold_into(state.take());
        state = next;
        effects.insert(&event.event_id, effect(applied));
    }
    let mut steps = BTreeMap::new();
    let mut state: Option<Projection> = None;
    for event in events {
        let status = |state: &Option<Projection>| state.as_ref()?.status().map(str::to_owned);
        let previous_status = status(&state);
        state = event.fold_into(state.take()).0;
        let step = Step {
            previous_status,
            status: status(&state),
            effect: effects.get(&event.event_id).copied().unwrap_or_default(),
        };
        steps.insert(event.event_id.clone(), step);
    }
    steps
}

fn effect(applied: Option<Applied>) -> &'static str {
    match applied {
        Some(Applied::Fresh) => FRESH,
        Some(Applied::Late) => LATE,
        Some(Applied::Duplicate) => "duplicate",
        None => "",
    }
}

/// Compares the item of an entity with what all its events, oldest first, fold to.
pub(super) fn compare(
    entity: &EntityKey,
    item: Option<(&EntityItem, &Stored)>,
    events: &[Foldable],
) -> Comparison {
    let Some(folded) = fold(events) else {
        return Comparison::Unknown {
            why: "the log has no events of it".to_owned(),
        };
    };
    let Some((item, stored)) = item else {
        return Comparison::NoState { events: events.len() };
    };
    // What only says how the events were handled is taken as it is.
    let written = |projection| {
        let state = Stored {
            projection,
            ..stored.clone()
        };
        state.to_item(entity)
    };
    let expected = match written(folded) {
        Ok(expected) => expected,
        Err(error @ (EntityError::TooLarge(_) | EntityError::Unusable { .. })) => {
            let why = error.to_string();
            return Comparison::Unknown { why };
        }
        Err(error) => {
            let why = format!("the state cannot be written down: {error}");
            return Comparison::Unknown { why };
        }
    };
    if *item == expected {
        return Comparison::Same { events: events.len() };
    }
    let is_kept = |events: &[&Foldable]| {
        let state = fold(events.iter().copied());
        state.is_some_and(|state| written(state).is_ok_and(|state| state == *item))
    };
    lacking(events, is_kept).unwrap_or_else(|| Comparison::Differs {
        attributes: item
            .differences(&expected)
            .into_iter()
            .map(Difference::from)
            .collect(),
    })
}

/// Looks for events without which the log gives the state that is kept.
fn lacking(events: &[Foldable], is_kept: impl Fn(&[&Foldable]) -> bool) -> Option<Comparison> {
    let received = as_received(events);
    if received.len() > MAX_TRIALS {
        return None;
    }
    for taken in (1..received.len()).rev() {
        let (taken, lacks) = received.split_at(taken);
        if is_kept(taken) {
            let lacks = lacks.iter().map(|event| event.event_id.clone()).collect();
            return Some(Comparison::Behind { lacks });
        }
    }
    (0..received.len().saturating_sub(1)).find_map(|left_out| {
        let mut taken = received.clone();
        let event_id = taken.remove(left_out).event_id.clone();
        is_kept(&taken).then_some(Comparison::Lacks { event_id })
    })
}

impl From<AttributeDifference> for Difference {
    fn from(difference: AttributeDifference) -> Self {
        Self {
            attribute: difference.attribute,
            kept: difference.first,
            folded: difference.second,
        }
    }
}

impl Difference {
    /// The same for people.
    pub(super) fn text(&self) -> String {
        match (&self.kept, &self.folded) {
            (None, None) => self.attribute.clone(),
            (kept, folded) => {
                let or_nothing =
                    |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
                format!(
                    "{} is {}, by the log {}",
                    self.attribute,
                    or_nothing(kept),
                    or_nothing(folded)
                )
            }
        }
    }
}

impl Comparison {
    /// Whether the state is known to lack the event.
    pub(super) fn lacks(&self, event_id: &str) -> bool {
        match self {
            Self::NoState { .. } => true,
            Self::Behind { lacks } => lacks.iter().any(|lacking| lacking == event_id),
            Self::Lacks { event_id: lacking } => lacking == event_id,
            Self::Same { .. } | Self::Differs { .. } | Self::Unknown { .. } => false,
        }
    }

    /// What is wrong with the state.
    pub(super) fn fault(&self) -> Option<String> {
        Some(match self {
            Self::Same { .. } => return None,
            Self::NoState { events } => format!(
                "there is no state, but {events} in the log: they wait in the domain's queue, or are in its dead-letter queue",
                events = count(*events, "event")
            ),
            Self::Behind { lacks } => format!(
                "the state lacks the last {}: they wait in the domain's queue, or are in its dead-letter queue",
                count(lacks.len(), "event")
            ),
            Self::Lacks { event_id } => format!(
                "the state lacks event {event_id}, and has later ones: look for it in the domain's dead-letter queue"
            ),
            Self::Differs { attributes } => {
                let differences: Vec<_> = attributes.iter().map(Difference::text).collect();
                format!(
                    "the state is not what the log folds to: {}",
                    differences.join("; ")
                )
            }
            Self::Unknown { why } => format!("the state cannot be compared with the log: {why}"),
        })
    }
}

/// A number with the thing that it counts.
pub(super) fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}
