//! An entity's state, folded again from the log, and compared with the one that is kept: the one fold behind `explain`
//! and `entities verify`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pipeline::error::ErrorChain;
use pipeline::stores::entities::{AttributeDifference, Entities, EntityItem, Stored};
use pipeline::stores::events::LoggedEvent;
use serde::Serialize;
use upvest::projection::Applied;
use upvest::{EntityKey, Event, Projection};

use crate::error::Result;
use crate::records::Records;

/// The longest history of which each event is left out in turn, to see which one the state lacks: each takes a fold.
const MAX_TRIALS: usize = 200;

/// An entity as it is kept, and all its events, ready to be folded.
#[derive(Debug)]
pub struct Refold {
    /// Names the entity whose time line is folded.
    pub entity: EntityKey,
    /// All events of its time line, oldest first.
    pub history: Vec<LoggedEvent>,
    item: Option<EntityItem>,
    stored: Option<std::result::Result<Stored, String>>,
    /// Those of its events that are its own, or why one of them cannot be read.
    events: std::result::Result<Vec<Foldable>, String>,
}

/// An event of the log that can be folded.
#[derive(Debug, Clone)]
struct Foldable {
    event_id: String,
    received_at: Timestamp,
    delivery_id: String,
    json: String,
}

/// Tells what an event did to its entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The status before it, in the order in which events occurred.
    pub previous_status: Option<String>,
    /// Names the status after it, in the same order; `None` where there is none.
    pub status: Option<String>,
    /// Tells whether it shows in the state.
    pub effect: Effect,
}

/// Tells whether an event shows in its entity's state, in the order in which events were received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It was the newest when it came, or its entity notes that it was.
    Fresh,
    /// A newer one had come before it.
    Late,
    /// It was in the state already.
    Duplicate,
}

/// Tells how the state that is kept compares with the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Comparison {
    /// The log folds to exactly this state.
    Same {
        /// Counts the events that were folded.
        events: usize,
    },
    /// There are events, and no state.
    NoState {
        /// Counts the events that the log has and no state shows.
        events: usize,
    },
    /// The state lacks the events that were received last.
    Behind {
        /// Names these events by their ids.
        lacks: Vec<String>,
    },
    /// The state lacks one event, and has later ones.
    Lacks {
        /// Names the one event that the state lacks.
        event_id: String,
    },
    /// The state is not what the events fold to, and is not known to lack just some of them.
    Differs {
        /// Lists the attributes that differ between the two.
        attributes: Vec<Difference>,
    },
    /// There is a state, and no event.
    #[serde(rename = "unknown")]
    NoEvents {
        /// Explains to people why a state without events cannot be compared.
        why: &'static str,
    },
    /// There is no state, as it should be: its events belong to other entities by now.
    #[serde(rename = "unknown")]
    Elsewhere {
        /// Explains to people why events of other entities leave nothing to compare.
        why: &'static str,
    },
    /// One of the events cannot be read, so that nothing can be folded.
    #[serde(rename = "unknown")]
    UnreadableEvent {
        /// Names the event, and why it cannot be read.
        why: String,
    },
    /// The item of the entity is not one that the receiver writes.
    #[serde(rename = "unknown")]
    UnreadableState {
        /// Explains to people what of the item cannot be read.
        why: String,
    },
}

/// An attribute that is not what the log gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Names the attribute as the entities table does.
    pub attribute: String,
    /// Holds what the state has; `None` without a value, and for attributes that may tell of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// Holds what the log folds to; `None` without a value, and for attributes that may tell of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folded: Option<String>,
}

impl Refold {
    /// Reads the state of an entity and all its events. What is too large for the log is read from the archive, and an
    /// event that belongs to another entity by now, because its category was not known when it came, is left out.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when a store cannot be read. That an event or the item is of no use is a [`Comparison`].
    pub async fn read(records: &Records, entities: &Entities, entity: EntityKey) -> Result<Self> {
        // The state first: what is logged in between shows as not yet in it, and not the other way round.
        let item = entities.item(&entity).await?;
        let stored = item
            .as_ref()
            .map(|item| item.read(&entity).map_err(|error| ErrorChain(&error).to_string()));
        let history = records.log.history(&entity).await?;
        Ok(Self {
            events: foldable(records, &entity, &history).await?,
            entity,
            history,
            item,
            stored,
        })
    }

    /// Tells whether there is neither a state nor an event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.item.is_none() && self.history.is_empty()
    }

    /// Gives the state that is kept, if it can be read.
    #[must_use]
    pub fn stored(&self) -> Option<&Stored> {
        self.stored.as_ref()?.as_ref().ok()
    }

    /// Tells whether the entity notes that an event's actions or its publication failed, and wait.
    #[must_use]
    pub fn is_unfinished(&self, event_id: &str) -> bool {
        self.stored()
            .is_some_and(|stored| stored.unfinished.contains_key(event_id))
    }

    /// Tells whether the entity notes that an event was applied as its newest.
    #[must_use]
    pub fn is_applied(&self, event_id: &str) -> bool {
        self.stored()
            .is_some_and(|stored| stored.applied.contains(event_id))
    }

    /// Compares the state that is kept with what the events fold to.
    #[must_use]
    pub fn compare(&self) -> Comparison {
        let events = match &self.events {
            Ok(events) => events,
            Err(why) => return Comparison::UnreadableEvent { why: why.clone() },
        };
        let folded = fold(events);
        match (folded, &self.item, &self.stored) {
            (None, Some(_), _) => Comparison::NoEvents {
                why: "the log has no events of it",
            },
            (None, None, _) => Comparison::Elsewhere {
                why: "its events belong to other entities by now",
            },
            (Some(_), _, Some(Err(why))) => Comparison::UnreadableState { why: why.clone() },
            (Some(folded), Some(item), Some(Ok(stored))) => match self.written(stored, folded) {
                Ok(expected) if *item == expected => Comparison::Same { events: events.len() },
                Ok(expected) => Comparison::Differs {
                    attributes: item
                        .differences(&expected)
                        .into_iter()
                        .map(Difference::from)
                        .collect(),
                },
                Err(why) => Comparison::UnreadableState { why },
            },
            (Some(_), _, _) => Comparison::NoState { events: events.len() },
        }
    }

    /// Compares as [`Refold::compare`], and looks for the events that explain a difference: those without which the log
    /// gives the state that is kept.
    #[must_use]
    pub fn explain(&self) -> Comparison {
        let comparison = self.compare();
        match (&comparison, &self.events, &self.item, self.stored()) {
            (Comparison::Differs { .. }, Ok(events), Some(item), Some(stored)) => {
                let is_kept = |events: &[&Foldable]| {
                    let state = fold(events.iter().copied());
                    state.is_some_and(|state| self.written(stored, state).is_ok_and(|state| state == *item))
                };
                lacking(events, is_kept).unwrap_or(comparison)
            }
            _ => comparison,
        }
    }

    /// Tells what each event did, by event id; nothing where one of them cannot be read.
    #[must_use]
    pub fn steps(&self) -> BTreeMap<String, Step> {
        let Ok(events) = &self.events else {
            return BTreeMap::new();
        };
        let mut effects = BTreeMap::new();
        let mut state = None;
        for event in as_received(events) {
            let (next, applied) = event.fold_into(state);
            state = next;
            effects.extend(applied.map(|applied| (&event.event_id, Effect::from(applied))));
        }
        let mut steps = BTreeMap::new();
        let mut state: Option<Projection> = None;
        for event in events {
            let status = |state: &Option<Projection>| state.as_ref()?.status().map(str::to_owned);
            let previous_status = status(&state);
            state = event.fold_into(state).0;
            let effect = match self.is_applied(&event.event_id) {
                true => Effect::Fresh,
                false => effects.get(&event.event_id).copied().unwrap_or(Effect::Fresh),
            };
            let step = Step {
                previous_status,
                status: status(&state),
                effect,
            };
            steps.insert(event.event_id.clone(), step);
        }
        steps
    }

    /// Writes a state as the receiver would. What only says how the events were handled is taken as it is.
    fn written(&self, stored: &Stored, projection: Projection) -> std::result::Result<EntityItem, String> {
        let state = Stored {
            projection,
            ..stored.clone()
        };
        state
            .to_item(&self.entity)
            .map_err(|error| ErrorChain(&error).to_string())
    }
}

async fn foldable(
    records: &Records,
    entity: &EntityKey,
    history: &[LoggedEvent],
) -> Result<std::result::Result<Vec<Foldable>, String>> {
    let mut events = Vec::with_capacity(history.len());
    for logged in history {
        let json = records.json(logged).await?;
        let is_own = json.as_deref().map_err(Clone::clone).and_then(|json| {
            let event = Event::parse(json).map_err(|error| error.to_string())?;
            Ok(event.entity_key().as_ref() == Ok(entity))
        });
        match (is_own, json) {
            (Ok(true), Ok(json)) => events.push(Foldable {
                event_id: logged.event_id.clone(),
                received_at: logged.received_at,
                delivery_id: logged.delivery_id.clone(),
                json,
            }),
            (Err(why), _) => return Ok(Err(format!("event {}: {why}", logged.event_id))),
            (Ok(_), _) => {}
        }
    }
    Ok(Ok(events))
}

impl Foldable {
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
    events
        .into_iter()
        .fold(None, |state, event| event.fold_into(state).0)
}

/// The events in the order in which they were received.
fn as_received(events: &[Foldable]) -> Vec<&Foldable> {
    let mut received: Vec<_> = events.iter().collect();
    // Stable: those of one delivery stay in the order in which they occurred.
    received.sort_by_key(|event| (event.received_at, &event.delivery_id));
    received
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

impl From<Applied> for Effect {
    fn from(applied: Applied) -> Self {
        match applied {
            Applied::Fresh => Self::Fresh,
            Applied::Late => Self::Late,
            Applied::Duplicate => Self::Duplicate,
        }
    }
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
    fn text(&self) -> String {
        let or_nothing = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        match (&self.kept, &self.folded) {
            (None, None) => self.attribute.clone(),
            (kept, folded) => format!(
                "{} is {}, by the log {}",
                self.attribute,
                or_nothing(kept),
                or_nothing(folded)
            ),
        }
    }
}

impl Comparison {
    /// Tells whether the state is known to lack the event.
    #[must_use]
    pub fn lacks(&self, event_id: &str) -> bool {
        match self {
            Self::NoState { .. } => true,
            Self::Behind { lacks } => lacks.iter().any(|lacking| lacking == event_id),
            Self::Lacks { event_id: lacking } => lacking == event_id,
            _ => false,
        }
    }

    /// Tells why the state cannot be compared, if it cannot.
    #[must_use]
    pub fn unknown(&self) -> Option<&str> {
        match self {
            Self::NoEvents { why } | Self::Elsewhere { why } => Some(why),
            Self::UnreadableEvent { why } | Self::UnreadableState { why } => Some(why),
            _ => None,
        }
    }

    /// Tells what is wrong with the state.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        Some(match self {
            Self::Same { .. } | Self::Elsewhere { .. } => return None,
            Self::NoEvents { why } => cannot_be_compared(why),
            Self::UnreadableEvent { why } | Self::UnreadableState { why } => cannot_be_compared(why),
            Self::NoState { events } => format!(
                "there is no state, but {} in the log: they wait in the domain's queue, or are in its dead-letter queue",
                count(*events, "event")
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
        })
    }
}

fn cannot_be_compared(why: &str) -> String {
    format!("the state cannot be compared with the log: {why}")
}

/// Writes a number with the thing that it counts.
#[must_use]
pub fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}
