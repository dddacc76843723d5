//! Your own code for changes of orders.

use pipeline::actions::{ActionError, Actions, Change, ConfigError, Setup};
use serde_json::{Value, json};

/// Logs each order that was filled.
#[derive(Debug)]
pub struct OrdersActions;

impl Actions for OrdersActions {
    // Once for each order, whichever event filled it.
    fn wants(&self, change: &Change<'_>) -> bool {
        change.entered("FILLED")
    }

    async fn on_change(&self, change: &Change<'_>) -> Result<Value, ActionError> {
        tracing::info!(entity = %change.entity, "an order was filled");
        Ok(json!({ "logged": true }))
    }
}

/// Makes the actions, once for each process of the function.
///
/// # Errors
///
/// [`ConfigError`] naming the environment variable that they need.
pub fn actions(_setup: &Setup<'_>) -> Result<OrdersActions, ConfigError> {
    Ok(OrdersActions)
}
