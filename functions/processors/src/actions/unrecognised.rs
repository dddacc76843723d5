//! Your own code for changes of entities that this version does not know: docs/actions.md shows how to write it.

use pipeline::actions::{Actions, ConfigError, Setup};

/// Does what follows from a change of entities that this version does not know: nothing, until you write it.
#[derive(Debug)]
pub struct UnrecognisedActions;

impl Actions for UnrecognisedActions {}

/// Makes the actions, once for each process of the function.
///
/// # Errors
///
/// [`ConfigError`] naming the environment variable that they need.
pub fn actions(_setup: &Setup<'_>) -> Result<UnrecognisedActions, ConfigError> {
    Ok(UnrecognisedActions)
}
