//! Your own code for changes of people and businesses: docs/actions.md shows how to write it.

use pipeline::actions::{Actions, ConfigError, Setup};

/// Does what follows from a change of people and businesses: nothing, until you write it.
#[derive(Debug)]
pub struct UsersActions;

impl Actions for UsersActions {}

/// Makes the actions, once for each process of the function.
///
/// # Errors
///
/// [`ConfigError`] naming the environment variable that they need.
pub fn actions(_setup: &Setup<'_>) -> Result<UsersActions, ConfigError> {
    Ok(UsersActions)
}
