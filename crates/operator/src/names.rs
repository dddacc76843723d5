//! Names that operators type, and the ones that they meant.
//!
//! Where all names are known, another one is refused, with the nearest. Event types are open: Upvest adds some every week,
//! so that an unknown one is looked for all the same, and the operator told what it may have been.

use std::fmt::Display;

use upvest::EntityKey;
use upvest::category::CATEGORIES;
use upvest::delivery::{DeliveryError, NO_ENTITY_KEY};
use upvest::event::EventError;
use upvest::signature::VerifyError;
use upvest::subscription::FOREIGN;
use upvest::synthetic::UNCOVERED;

use crate::error::{Error, Result};
use crate::reporter::Reporter;

/// Says how alike two names are at least, from 0 to 1, that one may stand for the other.
const LIKENESS: f64 = 0.85;
/// Limits how many names an error lists where none is near.
const LISTED: usize = 20;

/// Finds the name that was probably meant by one that is not among them, in whatever case.
///
/// ```
/// use operator::names::nearest;
///
/// let types = ["ORDER.FILLED", "ORDER.NEW"];
/// assert_eq!(nearest("order.filed", types), Some("ORDER.FILLED"));
/// assert_eq!(nearest("nonsense", types), None);
/// ```
pub fn nearest<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let wanted = wanted.to_lowercase();
    let alike = names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS);
    let best = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.map(|(_, name)| name)
}

/// Says what to type instead of an unknown name: the nearest one, or else all where they are few.
pub fn instead<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str> + Clone) -> String {
    if let Some(name) = nearest(wanted, names.clone()) {
        return format!("did you mean {name}?");
    }
    let names: Vec<&str> = names.into_iter().collect();
    match names.len() > LISTED {
        true => format!(
            "there are {} names, such as {}",
            names.len(),
            names[..3].join(", ")
        ),
        false => format!("there are {}", names.join(", ")),
    }
}

/// Writes names, or other things, in one line: `a, b, c`.
pub fn joined(names: impl IntoIterator<Item = impl Display>) -> String {
    let names = names.into_iter().map(|name| name.to_string());
    names.collect::<Vec<_>>().join(", ")
}

/// Lists the reasons for which this version puts deliveries and events in quarantine.
pub fn quarantine_reasons() -> impl Iterator<Item = &'static str> + Clone {
    let of_events = EventError::ALL.into_iter().map(EventError::reason);
    let of_bodies = DeliveryError::ALL.into_iter().map(DeliveryError::reason);
    let others = [NO_ENTITY_KEY, UNCOVERED, FOREIGN];
    (VerifyError::ALL.iter().copied())
        .chain(of_bodies)
        .chain(of_events)
        .chain(others)
}

/// Lists the event types that this version knows.
pub fn event_types() -> impl Iterator<Item = String> {
    CATEGORIES.iter().flat_map(|row| match row.is_whole() {
        false => vec![row.name.to_owned()],
        true => {
            let types = row.states().map(|state| format!("{}.{state}", row.name));
            types.collect()
        }
    })
}

/// Lists the names of the categories that this version knows.
pub fn categories() -> impl Iterator<Item = &'static str> + Clone {
    CATEGORIES.iter().filter(|row| row.is_whole()).map(|row| row.name)
}

fn types_and_categories() -> impl Iterator<Item = String> {
    event_types().chain(categories().map(str::to_owned))
}

/// Gives an event type or a category as Upvest writes it, whatever the case that it was typed in.
pub fn in_upvests_case(name: &str) -> String {
    let known = types_and_categories().find(|known| known.eq_ignore_ascii_case(name));
    known.unwrap_or_else(|| name.to_owned())
}

/// Tells the operator of event types and categories that this version does not know, and what they may have been.
pub fn warn_of_unknown_types<'n>(names: impl IntoIterator<Item = &'n String>, reporter: Reporter<'_>) {
    let known: Vec<String> = types_and_categories().collect();
    for name in names {
        if !known.contains(name) {
            let meant = meant(name, known.iter().map(String::as_str));
            reporter.note(&format!(
                "no event type or category {name} is known to this version{meant}"
            ));
        }
    }
}

/// Tells the operator of entities whose type this version does not know, and what it may have been.
pub fn warn_of_unknown_entities<'n>(keys: impl IntoIterator<Item = &'n EntityKey>, reporter: Reporter<'_>) {
    let known = || CATEGORIES.iter().map(|row| row.entity);
    let types = keys.into_iter().map(EntityKey::entity_type);
    for name in types.filter(|name| !known().any(|known| known == *name)) {
        let meant = meant(name, known());
        reporter.note(&format!("no entity type {name} is known to this version{meant}"));
    }
}

/// Writes what comes after a name that is not known: the one that was probably meant, if any.
fn meant<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    nearest(name, known).map_or_else(String::new, |meant| format!(": did you mean {meant}?"))
}

/// Reads the key of an entity as it was typed: `TYPE#ID`, the type in any case.
///
/// # Errors
///
/// [`Error`] of the kind usage where it is none.
pub fn entity_key(typed: &str) -> Result<EntityKey> {
    let key = EntityKey::from_stored(typed.to_owned());
    if key.id().is_empty() {
        return Err(Error::usage(format!(
            "{typed:?} is no entity: they are written TYPE#ID, like ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4"
        )));
    }
    let known = CATEGORIES
        .iter()
        .find(|row| row.entity.eq_ignore_ascii_case(key.entity_type()));
    Ok(known.map_or_else(|| key.clone(), |row| EntityKey::new(row.entity, key.id())))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::Progress;

    #[test]
    fn a_slip_of_the_finger_finds_the_name_and_nonsense_none() {
        let reason = |typed| nearest(typed, quarantine_reasons());
        assert_eq!(reason("bad_signature"), Some("bad-signature"));
        assert_eq!(reason("Digest_Mismatch"), Some("digest-mismatch"));
        assert_eq!(reason("nonsense"), None);
        assert!(instead("nonsense", ["a", "b"]).ends_with("there are a, b"));
    }

    #[test]
    fn reasons_are_listed_once() {
        let mut reasons: Vec<&str> = quarantine_reasons().collect();
        let count = reasons.len();
        reasons.sort_unstable();
        reasons.dedup();
        assert_eq!(reasons.len(), count);
    }

    #[test]
    fn types_are_found_in_any_case_and_unknown_ones_stay() {
        assert_eq!(in_upvests_case("order.filled"), "ORDER.FILLED");
        assert_eq!(in_upvests_case("Order"), "ORDER");
        assert_eq!(in_upvests_case("SPACESHIP.Launched"), "SPACESHIP.Launched");
        assert_eq!(entity_key("order#O1").unwrap().as_str(), "ORDER#O1");
        for wrong in ["o1", "ORDER#", ""] {
            assert!(entity_key(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_type_is_told_with_the_nearest_and_a_known_one_is_not() {
        let told = RefCell::new(Vec::new());
        let take = |progress: Progress<'_>| match progress {
            Progress::Note(text) => told.borrow_mut().push(text.to_owned()),
            _ => panic!("nothing takes long"),
        };
        let names = ["ORDER.FILED", "ORDER.FILLED", "ORDER"].map(str::to_owned);
        warn_of_unknown_types(&names, Reporter::new(&take));
        let keys = ["ORDERS", "ORDER"].map(|entity_type| EntityKey::new(entity_type, "9fc8"));
        warn_of_unknown_entities(&keys, Reporter::new(&take));
        let told = told.into_inner();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].ends_with("did you mean ORDER.FILLED?"), "{told:?}");
        assert!(told[1].ends_with("did you mean ORDER?"), "{told:?}");
    }
}
