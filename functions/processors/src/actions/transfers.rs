//! Your own code for changes of transfers: docs/actions.md shows how to write it.

use pipeline::actions::{Actions, ConfigError, Setup};

/// Does what follows from a change of transfers: nothing, until you write it.
#[derive(Debug)]
pub struct TransfersActions;

impl Actions for TransfersActions {}

/// Makes the actions, once for each process of the function.
///
/// # Errors
///
/// [`ConfigError`] naming the environment variable that they need.
pub fn actions(_setup: &Setup<'_>) -> Result<TransfersActions, ConfigError> {
    Ok(TransfersActions)
}
