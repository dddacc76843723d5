//! The subscriptions at Upvest, which it calls webhooks.

mod arrival;
mod change;
mod create;
mod delete;
mod outcome;
mod test;

use reqwest::Url;
use serde::Serialize;
use upvest_api::{Client, ResourceId, Webhook};

pub use self::arrival::{Arrival, Search};
pub use self::change::{WebhookUpdate, switch, update};
pub use self::create::{CreateOptions, create};
pub use self::delete::delete;
pub use self::outcome::{Difference, Outcome, PlannedRequest};
pub use self::test::{Tested, test};
use crate::error::Result;

/// All subscriptions of a client.
#[derive(Debug, Serialize)]
pub struct WebhookList {
    /// The subscriptions, oldest first.
    pub webhooks: Vec<Webhook>,
}

/// One subscription.
#[derive(Debug, Serialize)]
pub struct WebhookShown {
    /// The subscription.
    pub webhook: Webhook,
}

/// Lists the subscriptions, oldest first.
///
/// # Errors
///
/// [`Error`](crate::Error) when Upvest does not tell them.
pub async fn list(upvest: &Client) -> Result<WebhookList> {
    let webhooks = upvest.list_webhooks().await?;
    Ok(WebhookList { webhooks })
}

/// Reads a subscription.
///
/// # Errors
///
/// [`Error`](crate::Error) when Upvest does not have it, or does not tell.
pub async fn show(upvest: &Client, id: &ResourceId) -> Result<WebhookShown> {
    let webhook = upvest.webhook(id).await?;
    Ok(WebhookShown { webhook })
}

/// Tells whether two texts are one URL, however they are written.
pub(crate) fn is_same_url(one: &str, other: &str) -> bool {
    match (one.parse::<Url>(), other.parse::<Url>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
