//! Your own code for changes of orders.

use aws_config::SdkConfig;
use pipeline::actions::{ActionError, Actions, Change, ConfigError, Setup};
use serde_json::{Value, json};

/// Logs each order that was filled, for a desk that asks for a token.
#[derive(Debug)]
pub struct OrdersActions {
    aws: SdkConfig,
    desk: String,
    token_secret: String,
}

impl Actions for OrdersActions {
    // Once for each order, whichever event filled it.
    fn wants(&self, change: &Change<'_>) -> bool {
        change.entered("FILLED")
    }

    async fn on_change(&self, change: &Change<'_>) -> Result<Value, ActionError> {
        let secrets = pipeline::runtime::aws::secrets(&self.aws);
        let secret = secrets.get_secret_value().secret_id(&self.token_secret);
        let secret = secret.send().await?;
        let token = secret.secret_string().unwrap_or_default();
        // Here you would call the desk, with the token and with change.idempotency_key().
        tracing::info!(entity = %change.entity, desk = %self.desk, "an order was filled");
        Ok(json!({ "desk": self.desk, "token_length": token.len() }))
    }
}

/// Makes the actions, once for each process of the function.
///
/// # Errors
///
/// [`ConfigError`] naming the environment variable that they need.
pub fn actions(setup: &Setup<'_>) -> Result<OrdersActions, ConfigError> {
    Ok(OrdersActions {
        aws: setup.aws.clone(),
        desk: setup.environment.required("ORDER_DESK")?,
        token_secret: setup.environment.required("ORDER_DESK_TOKEN")?,
    })
}
