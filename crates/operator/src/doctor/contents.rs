//! Checks of what the tables hold: event types that this version does not know, and times that are not the events' own.

use std::collections::BTreeMap;

use upvest::TimeSource;

use super::check::{CheckError, Checked};
use super::finding::Finding;
use crate::find::MOST_PAGES;
use crate::names::joined;
use crate::stack::Stack;

const EVENT_TYPES: &str = "event types";
const EVENT_TIMES: &str = "event times";

/// Lists event types of known categories that this version does not know, as far as entities that were looked at had them.
pub(super) async fn unknown_types(stack: &Stack) -> Checked {
    let entities = stack.entities()?;
    let (mut types, mut looked_at, mut after) = (BTreeMap::<String, u64>::new(), 0, None);
    for _ in 0..MOST_PAGES {
        let page = entities.unknown_types(after).await;
        let page = page.map_err(CheckError::of_error("dynamodb:Scan"))?;
        looked_at += page.entities;
        for (event_type, count) in page.types {
            *types.entry(event_type).or_default() += count;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let so_far = match after {
        None => String::new(),
        Some(_) => format!(" (of the first {looked_at} entities)"),
    };
    if types.is_empty() {
        let found = format!("no entity had one of a type that is not known{so_far}");
        return Ok(vec![Finding::ok(EVENT_TYPES, found)]);
    }
    let types = joined(types.iter().map(|(name, count)| format!("{name} ({count})")));
    let found = format!("not known, by how many entities had them: {types}{so_far}");
    let advice = "upgrade, or add them to the table of categories (docs/adding-a-domain.md); their events are in the log, \
                  and changed no state: `upvest-webhooks entities show KEY` names them";
    Ok(vec![Finding::warning(EVENT_TYPES, found, advice)])
}

/// Counts events of the log whose time was taken from elsewhere than their own `created_at`. The object's times do as
/// well; the receipt orders events as they happened to arrive.
pub(super) async fn event_times(stack: &Stack) -> Checked {
    let log = stack.event_log()?;
    let (mut flags, mut looked_at, mut after) = (BTreeMap::<String, (u64, String)>::new(), 0, None);
    for _ in 0..MOST_PAGES {
        let page = log.time_flags(after).await;
        let page = page.map_err(CheckError::of_error("dynamodb:Scan"))?;
        looked_at += page.events;
        for ((flag, event_type), count) in page.flagged {
            flags.entry(flag).or_insert((0, event_type)).0 += count;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let of = if after.is_none() { "" } else { "the first " };
    Ok(vec![time_finding(&format!("{of}{looked_at} events"), &flags)])
}

/// Judges counts of events by their time flags, each with a type as an example.
fn time_finding(events: &str, flags: &BTreeMap<String, (u64, String)>) -> Finding {
    if flags.is_empty() {
        let found = format!("{events} say themselves when they were created");
        return Finding::ok(EVENT_TIMES, found);
    }
    let counts = flags
        .iter()
        .map(|(flag, (count, event_type))| format!("{count} by {flag} (such as {event_type})"));
    let found = format!("of {events}, not by their own time: {}", joined(counts));
    let by_receipt = [TimeSource::Receipt, TimeSource::Future].map(TimeSource::flag);
    if !flags.keys().any(|flag| by_receipt.contains(&Some(flag))) {
        return Finding::ok(EVENT_TIMES, found);
    }
    let advice = "ask Upvest why; they are ordered by when they were received, and `upvest-webhooks explain EVENT` shows the \
                  flag of one";
    Finding::warning(EVENT_TIMES, found, advice)
}
