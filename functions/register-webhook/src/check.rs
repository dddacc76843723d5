//! The regular check of the subscription.

use pipeline::runtime::metrics;
use serde::Serialize;
use serde_json::Value;

use crate::Deps;
use crate::error::RegisterError;
use crate::subscription::{Patched, Subscription};

/// Says what a check found, and what it did about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// The subscription is as it is to be.
    Healthy,
    /// It was disabled or changed, and is as it is to be again.
    Patched,
    /// It was missing, and there is a new one.
    Created,
}

/// Checks the subscription, and repairs it: Upvest's documentation says that the sandbox drops one whose endpoint
/// failed for 30 days, and people change them.
pub(crate) async fn run(deps: &Deps, event: &Value) -> Result<Health, RegisterError> {
    let subscription = Subscription {
        upvest: deps.settings.upvest.as_ref().map_err(Clone::clone)?,
        wanted: deps.settings.wanted.as_ref().map_err(Clone::clone)?,
        timing: deps.timing,
        ours: deps.ours.as_ref(),
    };
    let health = match subscription.find().await? {
        Some(existing) => match subscription.patch(&existing).await? {
            Patched::Alike => Health::Healthy,
            Patched::Changed => {
                tracing::warn!(subscription = %existing.id, "the subscription was disabled or changed: repaired it");
                Health::Patched
            }
        },
        None => {
            // The same for all attempts of Lambda at one event of the schedule.
            let done_for = event.get("id").and_then(Value::as_str);
            let done_for = done_for.map_or_else(|| deps.clock.now().to_string(), str::to_owned);
            let created = subscription.create(&done_for).await?;
            subscription.enable(&created).await?;
            tracing::warn!(subscription = %created.id, "the subscription was gone: created it again");
            Health::Created
        }
    };
    match health {
        Health::Healthy => {
            metrics::subscription_healthy();
            tracing::info!("the subscription is as it is to be");
        }
        Health::Patched | Health::Created => metrics::subscription_repaired(),
    }
    Ok(health)
}
