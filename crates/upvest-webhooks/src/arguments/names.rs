//! Event types, categories and entities on the command line.

use std::convert::Infallible;

use operator::names;
use upvest::{Domain, EntityKey};

/// Reads an event type or a category in whatever case. Unknown ones stay as they are: Upvest adds some every week.
///
/// # Errors
///
/// None.
pub(crate) fn event_type(text: &str) -> Result<String, Infallible> {
    Ok(names::in_upvests_case(text))
}

/// Reads the name of a domain.
///
/// # Errors
///
/// The nearest name where there is no such domain.
pub(crate) fn domain(text: &str) -> Result<Domain, String> {
    let names = Domain::ALL.map(Domain::name);
    text.parse()
        .map_err(|_| format!("there is no domain {text}: {}", names::instead(text, names)))
}

/// Reads the key of an entity, its type in whatever case.
///
/// # Errors
///
/// [`operator::Error`] where the text is no such key.
pub(crate) fn entity(text: &str) -> operator::Result<EntityKey> {
    names::entity_key(text)
}
