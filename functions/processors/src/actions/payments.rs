//! Your own code for changes of payments: docs/actions.md shows how to write it.

use pipeline::actions::{Actions, ConfigError, Setup};

/// Does what follows from a change of payments: nothing, until you write it.
#[derive(Debug)]
pub struct PaymentsActions;

impl Actions for PaymentsActions {}

/// Makes the actions, once for each process of the function.
///
/// # Errors
///
/// [`ConfigError`] naming the environment variable that they need.
pub fn actions(_setup: &Setup<'_>) -> Result<PaymentsActions, ConfigError> {
    Ok(PaymentsActions)
}
