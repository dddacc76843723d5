//! Event types, categories and entities on the command line.

use std::convert::Infallible;

use operator::names;

/// Reads an event type or a category in whatever case. Unknown ones stay as they are: Upvest adds some every week.
///
/// # Errors
///
/// None.
pub(crate) fn event_type(text: &str) -> Result<String, Infallible> {
    Ok(names::in_upvests_case(text))
}

/// Reads the key of an entity, its type in whatever case.
///
/// # Errors
///
/// [`operator::Error`] where the text is no such key.
pub(crate) fn entity(text: &str) -> operator::Result<String> {
    names::entity_key(text)
}
