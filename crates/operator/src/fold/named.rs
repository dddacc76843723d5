//! The events by which a state is what it is, read by id where the index of the time line does not have them yet.

use std::collections::BTreeSet;

use pipeline::stores::events::{LOAD_BATCH, LoggedEvent};
use upvest::{EntityKey, Projection};

use crate::error::Result;
use crate::records::Records;

/// Adds to an entity's history the events that its state names and that are not in it. The index by entity, which the history
/// is read from, follows the log within moments, or later when it is throttled: an event can be in the state, its message
/// deleted, and not be in the index.
///
/// # Errors
///
/// [`Error`](crate::Error) when the log cannot be read.
pub(super) async fn add_named(
    records: &Records,
    entity: &EntityKey,
    state: &Projection,
    history: &mut Vec<LoggedEvent>,
) -> Result<()> {
    let mut lacking = named_by(state);
    for event in &*history {
        lacking.remove(event.event_id.as_str());
    }
    let lacking: Vec<&str> = lacking.into_iter().collect();
    for ids in lacking.chunks(LOAD_BATCH) {
        let found = records.log.load(ids).await?.into_values();
        // A state that was copied by hand names the events of another entity.
        history.extend(found.filter(|event| event.aggregate.as_ref() == Some(entity)));
    }
    if !lacking.is_empty() {
        history.sort_by(|one, other| one.occurred.cmp(&other.occurred));
    }
    Ok(())
}

/// Names the events that a state comes from. With these a fold has all that is in the state: each entry of it is that of the
/// newest event of its kind, and every entry has its event's id.
fn named_by(state: &Projection) -> BTreeSet<&str> {
    // By all its members, so that none is forgotten that a later version adds.
    let Projection {
        last,
        newest,
        history,
        history_truncated: _,
        parts,
        unknown_types,
    } = state;
    let last = last.iter().map(|last| &last.occurred);
    let newest = newest.iter().map(|newest| &newest.occurred);
    let parts = parts.values().flat_map(|parts| parts.iter());
    let parts = parts.map(|(_, part)| &part.occurred);
    let named = last.chain(newest).chain(parts).chain(history.values());
    let named = named.chain(unknown_types.values());
    named.map(|occurred| occurred.event_id.as_str()).collect()
}
