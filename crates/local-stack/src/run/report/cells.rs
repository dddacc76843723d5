//! What stands in the cells of the report's tables, and how a table is drawn.

use comfy_table::{LineStyle, Table, TableStyle};
use upvest::batch::Stored;
use upvest::projection::{Derived, Projection};
use upvest::{Domain, Event};

use crate::run::receiver::Change;

/// Names the domain of an entity by its newest event; `None` for one without events, which there is none of.
pub(super) fn domain_of_state(state: &Stored) -> Option<Domain> {
    let last = state.projection.last.as_ref()?;
    Some(upvest::category::of(&last.event_type).domain)
}

pub(super) fn last_event_type(state: &Projection) -> &str {
    state.last.as_ref().map_or("", |last| &last.event_type)
}

/// Writes a computed value for people.
pub(super) fn shown(value: Option<&Derived>) -> String {
    match value {
        Some(Derived::Flag(true)) => "yes".to_owned(),
        Some(Derived::Flag(false)) => "no".to_owned(),
        Some(Derived::Text(text)) => text.clone(),
        Some(Derived::Texts(texts)) => texts.join(", "),
        None => String::new(),
    }
}

pub(super) fn domain_of(json: &str) -> Option<Domain> {
    Some(Event::parse(json).ok()?.category().domain)
}

/// Makes an entity key with no more of each id than tells them apart in a story.
pub(super) fn short(entity: &str) -> String {
    let parts = entity.split('#').enumerate();
    let parts = parts.map(|(index, part)| part.get(..8).filter(|_| index > 0).unwrap_or(part));
    parts.collect::<Vec<_>>().join("#")
}

/// Gives the status, and the one before where it is another.
pub(super) fn status(change: &Change) -> String {
    if change.late {
        return "late: a newer event came before".to_owned();
    }
    let now = change.current.status.clone().unwrap_or_default();
    let before = change
        .previous
        .as_ref()
        .and_then(|previous| previous.status.clone());
    match before {
        Some(before) if before != now => format!("{before} → {now}"),
        _ => now,
    }
}

pub(super) fn flags_told(change: &Change) -> String {
    let flags = change.flags_changed.iter().map(|(flag, now)| {
        let flag = flag.replace('_', " ");
        if *now { flag } else { format!("no longer {flag}") }
    });
    flags.collect::<Vec<_>>().join(", ")
}

/// Counts the parts that an entity has in a map.
pub(super) fn parts(state: &Projection, map: &str) -> usize {
    state.parts.get(map).map_or(0, |parts| parts.len())
}

/// Draws columns side by side, and one line under their names.
const RULE_UNDER_HEADER: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

pub(super) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(RULE_UNDER_HEADER).set_header(header);
    table
}
