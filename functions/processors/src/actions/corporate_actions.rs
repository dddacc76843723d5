//! Your own code for changes of corporate actions: docs/actions.md shows how to write it.

use pipeline::actions::{Actions, ConfigError, Setup};

/// Does what follows from a change of corporate actions: nothing, until you write it.
#[derive(Debug)]
pub struct CorporateActions;

impl Actions for CorporateActions {}

/// Makes the actions, once for each process of the function.
///
/// # Errors
///
/// [`ConfigError`] naming the environment variable that they need.
pub fn actions(_setup: &Setup<'_>) -> Result<CorporateActions, ConfigError> {
    Ok(CorporateActions)
}
