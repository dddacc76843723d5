//! The state of an entity, folded from its events.
//!
//! Every step keeps the newest of two values, each under its own key. Such a fold is commutative and idempotent: any
//! order of a set of events, with any repeats, gives the same state. What is kept is what was computed, and where in the log
//! it comes from; the objects themselves stay in the log.

use std::collections::BTreeMap;

use crate::category::{Category, EARLIER, Role};
use crate::entity_key::{EntityKey, EntityKeyError, part_id};
use crate::event::Event;
use crate::occurred::Occurred;

mod derived;
mod figures;
mod newest;
mod part;
mod related;
mod summary;
mod value;

pub use newest::Newest;
pub use part::{Part, Parts};
pub use related::{REFERENCE_TYPES, reference_paths};
pub use summary::{Summary, flags_changed};
pub use value::Derived;

/// Numbers the rules by which states are folded, computed and packed. It grows with every change that makes another
/// state of the same events, so that a stored state is only compared with one that the same rules made.
pub const RULES: u32 = 1;

/// Bounds the entries of a map whose keys nothing bounds: statuses that an entity had, and parts without an id of their
/// own. The newest stay. (Parts with an id are bounded by the size of an item instead: what they hold adds up.)
pub const MAX_ENTRIES: usize = 100;

/// Bounds the unknown event types that an entity remembers. The newest stay.
pub const MAX_UNKNOWN_TYPES: usize = 16;

/// Holds an event as its message and the log's item hold it: with the entity and the place that it got when it was
/// stored.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'e> {
    /// Borrows the event as it was delivered.
    pub event: &'e Event<'e>,
    /// Names the entity that it is about. (Not computed again: a later version may put the event's category elsewhere.)
    pub aggregate: &'e EntityKey,
    /// Places it in the entity's time line.
    pub occurred: &'e Occurred,
}

/// Tells which event of an entity is the newest, of whatever category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEvent {
    /// Names the event's type, such as `ORDER.FILLED`.
    pub event_type: String,
    /// Places it in the time line, and holds its id.
    pub occurred: Occurred,
}

/// Holds the state of an entity: all that its events fold to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Projection {
    /// Tells the newest event folded in; `None` before the first.
    pub last: Option<LastEvent>,
    /// Holds what the newest object says; `None` while only parts have arrived, as when an execution precedes its
    /// order.
    pub newest: Option<Newest>,
    /// Tells of each status that the entity ever had when it had it last.
    pub history: BTreeMap<String, Occurred>,
    /// Tells whether statuses fell out of the history, because there were more than [`MAX_ENTRIES`].
    pub history_truncated: bool,
    /// Holds the entity's parts (executions, checks ...) by the name of their map.
    pub parts: BTreeMap<String, Parts>,
    /// Lists the event types of the entity's categories that the table does not know, and when each came last. They
    /// change nothing else: what they mean is not known, and what their objects lack must not be lost.
    pub unknown_types: BTreeMap<String, Occurred>,
}

/// Says what an event did to the state of its entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The event changed what the state shows: the status, the figures, a part or the newest object.
    Fresh,
    /// The event changed nothing of that: a newer event of the same object or part was there already. It may have left
    /// a trace in the history.
    Late,
    /// The event changed nothing of that: it is itself the one that is shown.
    Duplicate,
}

impl Projection {
    /// Folds an event into the state that its entity has so far, and says what it did there.
    ///
    /// ```
    /// use upvest::projection::{Applied, Placed};
    /// use upvest::time::Instant;
    /// use upvest::{Event, Placement, Projection, Receipt};
    ///
    /// let mut state = Projection::default();
    /// let receipt = Receipt { received_at: Instant::parse("2021-07-21T14:10:09Z")?, position: 0 };
    /// let mut fold = |id: &str, status: &str| {
    ///     let json = format!(
    ///         r#"{{"id":"{id}","created_at":"2021-07-21T14:10:00Z","type":"ORDER.{status}","object":{{"id":"o1"}}}}"#
    ///     );
    ///     let event = Event::parse(&json).unwrap();
    ///     let (aggregate, placement) = (event.entity_key().unwrap(), Placement::of(&event, &receipt));
    ///     state.fold(Placed { event: &event, aggregate: &aggregate, occurred: &placement.occurred })
    /// };
    /// assert_eq!(fold("e2", "FILLED")?, Applied::Fresh);
    /// // The order is that of the facts, not of their arrival.
    /// assert_eq!(fold("e1", "NEW")?, Applied::Late);
    /// assert_eq!(fold("e2", "FILLED")?, Applied::Duplicate);
    /// assert_eq!(state.status(), Some("FILLED"));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EntityKeyError`] when the event is one of a part and does not say of which; the state is as it was.
    pub fn fold(&mut self, placed: Placed<'_>) -> Result<Applied, EntityKeyError> {
        let (event, occurred) = (placed.event, placed.occurred);
        let row = event.category();
        // Before anything is changed, so that an event that is refused leaves the state as it was.
        let part_id = part_id(row, event.fields())?;
        if self.last.as_ref().is_none_or(|last| last.occurred < *occurred) {
            self.last = Some(LastEvent {
                event_type: event.event_type().to_owned(),
                occurred: occurred.clone(),
            });
        }
        if event.is_of_unknown_type() {
            return Ok(self.note_unknown_type(event.event_type(), occurred));
        }
        let status_before = self.status().map(str::to_owned);
        self.note_status(row, placed);
        let applied = match row.role {
            Role::Snapshot => self.replace_newest(placed).0,
            Role::Line => self.replace_line(placed),
            Role::Part { map, figures, .. } => {
                let part = Part::of(event, figures, occurred);
                match part_id {
                    Some(id) => self.parts.entry(map.to_owned()).or_default().replace(id, part),
                    None => self.add_part(map, part),
                }
            }
        };
        // The status can be older than the object: a later notice without one may have come first.
        let is_shown = self.status() != status_before.as_deref();
        Ok(if is_shown { Applied::Fresh } else { applied })
    }

    fn note_unknown_type(&mut self, event_type: &str, occurred: &Occurred) -> Applied {
        let applied = match self.unknown_types.get(event_type) {
            Some(newest) if newest == occurred => return Applied::Duplicate,
            Some(newest) if newest > occurred => return Applied::Late,
            _ => Applied::Fresh,
        };
        self.unknown_types.insert(event_type.to_owned(), occurred.clone());
        let dropped = keep_newest(&mut self.unknown_types, MAX_UNKNOWN_TYPES, |occurred| occurred);
        // Older than all that are kept, it fell out at once: nothing shows it.
        if dropped.as_deref() == Some(event_type) {
            Applied::Late
        } else {
            applied
        }
    }

    /// Notes the status that the event gives its entity. One of a part is the part's own, unless the table says otherwise.
    fn note_status(&mut self, row: &Category, placed: Placed<'_>) {
        let is_part = matches!(row.role, Role::Part { .. });
        let own = placed.event.status().filter(|_| !is_part);
        let Some(status) = row
            .entity_status
            .map(str::to_owned)
            .or(own.map(|status| status.into_owned()))
        else {
            return;
        };
        let at = self
            .history
            .entry(status)
            .or_insert_with(|| placed.occurred.clone());
        if *at < *placed.occurred {
            at.clone_from(placed.occurred);
        }
        let dropped = keep_newest(&mut self.history, MAX_ENTRIES, |occurred| occurred);
        self.history_truncated |= dropped.is_some();
    }

    /// Puts the newer of two objects into place; gives back the place of the other one.
    fn replace_newest(&mut self, placed: Placed<'_>) -> (Applied, Option<Occurred>) {
        match &self.newest {
            Some(newest) if newest.occurred == *placed.occurred => (Applied::Duplicate, None),
            Some(newest) if newest.occurred > *placed.occurred => {
                (Applied::Late, Some(placed.occurred.clone()))
            }
            _ => {
                let replaced = self.newest.replace(Newest::of(placed));
                (Applied::Fresh, replaced.map(|newest| newest.occurred))
            }
        }
    }

    /// Replaces the newest object as a snapshot does, but forgets no version: the other one's place stays beside it.
    fn replace_line(&mut self, placed: Placed<'_>) -> Applied {
        match self.replace_newest(placed) {
            (applied, None) => applied,
            // Among the earlier versions, which are shown too, an older one is new: so it is not late.
            (Applied::Late, Some(own)) => self.add_part(EARLIER, Part::bare(own)),
            (applied, Some(replaced)) => {
                self.add_part(EARLIER, Part::bare(replaced));
                applied
            }
        }
    }

    /// Adds a part that is told apart by its event alone.
    fn add_part(&mut self, map: &str, part: Part) -> Applied {
        let event_id = part.occurred.event_id.clone();
        let parts = self.parts.entry(map.to_owned()).or_default();
        let applied = parts.replace(event_id.clone(), part);
        if parts.keep_newest(MAX_ENTRIES).as_deref() == Some(&event_id) {
            return Applied::Late;
        }
        applied
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
        let category = crate::category::of(&self.newest.as_ref()?.event_type);
        let current = category.status_rank(self.status()?)?;
        self.history
            .keys()
            .map(String::as_str)
            .find(|status| category.status_rank(status).is_some_and(|other| other > current))
    }
}

/// Drops the oldest entry of a map that has one too many, and names it. Which ones stay does not depend on the order of
/// arrival.
fn keep_newest<V>(
    entries: &mut BTreeMap<String, V>,
    most: usize,
    occurred: impl Fn(&V) -> &Occurred,
) -> Option<String> {
    if entries.len() <= most {
        return None;
    }
    let oldest = entries.iter().min_by_key(|(_, entry)| occurred(entry));
    let oldest = oldest.map(|(key, _)| key.clone())?;
    entries.remove(&oldest);
    Some(oldest)
}
