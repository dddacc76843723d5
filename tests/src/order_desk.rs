//! Your own code for changes of payments.

use pipeline::actions::{ActionError, Actions, Change, ConfigError, Setup};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// Tells the order desk about each deposit that can be invested.
pub struct PaymentsActions {
    http: reqwest::Client,
    order_desk: String,
}

/// What the order desk needs to know of a deposit. Amounts stay texts: they are exact, floats are not.
#[derive(Deserialize)]
struct Deposit {
    account_group_id: String,
    #[serde(alias = "amount")]
    cash_amount: String,
    currency: String,
}

impl Actions for PaymentsActions {
    // Once for each deposit, whichever event booked it.
    fn wants(&self, change: &Change<'_>) -> bool {
        change.became_true("funds_available")
    }

    async fn on_change(&self, change: &Change<'_>) -> Result<Value, ActionError> {
        let deposit: Deposit = serde_json::from_str(change.event.object().get())?;
        let answer = self
            .http
            .post(&self.order_desk)
            .header("idempotency-key", change.idempotency_key())
            .json(&json!({
                "account_group": deposit.account_group_id,
                "amount": deposit.cash_amount,
                "currency": deposit.currency,
            }))
            .send()
            .await?;
        // An account group that the order desk does not know will not be known at the next attempt either.
        if answer.status() == StatusCode::NOT_FOUND {
            return Err(ActionError::permanent(
                "the order desk does not know the account group",
            ));
        }
        answer.error_for_status()?;
        Ok(json!({ "told": "order desk" }))
    }
}

/// Makes the actions, once for each process of the function.
///
/// # Errors
///
/// [`ConfigError`] naming the environment variable that they need.
pub fn actions(setup: &Setup<'_>) -> Result<PaymentsActions, ConfigError> {
    Ok(PaymentsActions {
        http: reqwest::Client::new(),
        order_desk: setup.environment.required("ORDER_DESK_URL")?,
    })
}
