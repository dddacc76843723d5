//! Your own code for changes of ledger lines: docs/actions.md shows how to write it.

use pipeline::actions::{Actions, ConfigError, Setup};

/// Does what follows from a change of ledger lines: nothing, until you write it.
#[derive(Debug)]
pub struct LedgerActions;

impl Actions for LedgerActions {}

/// Makes the actions, once for each process of the function.
///
/// # Errors
///
/// [`ConfigError`] naming the environment variable that they need.
pub fn actions(_setup: &Setup<'_>) -> Result<LedgerActions, ConfigError> {
    Ok(LedgerActions)
}
