//! Creating a subscription.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use upvest_api::{Client, NewWebhook, ResourceId, Webhook, WebhookChange};

use super::is_same_url;
use super::outcome::{Outcome, PlannedRequest, invalid};
use crate::error::{Error, Result};

/// Bounds how long a change is tried where Upvest finds no subscription: by its documentation, a new one may
/// not be there at once.
const LAG: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);

/// Says what creating a subscription includes, and what may not stop it.
#[derive(Debug, Clone, Copy, Default)]
pub struct CreateOptions {
    /// Says whether to enable it too, so that Upvest starts to deliver: a new one is disabled.
    pub enable: bool,
    /// Says whether to create it although another subscription delivers to the same URL.
    pub another: bool,
    /// Says whether to show the requests, and not to send them.
    pub dry_run: bool,
}

/// Creates a subscription, which Upvest disables at first.
///
/// # Errors
///
/// [`Error`] when the subscription breaks Upvest's rules, there is one to its URL, or Upvest refuses. One that was
/// created, and not enabled, is an error too, which names it.
pub async fn create(upvest: &Client, wanted: &NewWebhook, options: CreateOptions) -> Result<Outcome> {
    wanted.validate(upvest.is_local()).map_err(invalid)?;
    // Upvest documents no refusal of a second subscription to one URL: it would deliver every event twice.
    if !options.another {
        let webhooks = upvest.list_webhooks().await?;
        let url = wanted.url.as_str();
        if let Some(existing) = webhooks.iter().find(|webhook| is_same_url(&webhook.url, url)) {
            return Err(Error::failed(format!(
                "subscription {} delivers to {url} already, and both would deliver every event: change it with \
                 `webhooks update`, or use --another",
                existing.id
            )));
        }
    }
    let enabled = WebhookChange::enabled(true);
    if options.dry_run {
        let mut requests = vec![PlannedRequest::new("POST", "/webhooks".to_owned(), wanted)?];
        if options.enable {
            let path = "/webhooks/(the new id)".to_owned();
            requests.push(PlannedRequest::new("PATCH", path, &enabled)?);
        }
        return Ok(Outcome::planned(requests, Vec::new()));
    }
    let mut webhook = upvest.create_webhook(wanted).await?;
    if options.enable {
        let id = &webhook.id;
        let not_enabled =
            format!("subscription {id} was created, but not enabled: try `webhooks enable {id}`");
        webhook = change_new(upvest, id, &enabled)
            .await
            .map_err(Error::context(not_enabled))?;
    }
    Ok(Outcome::Created {
        result: "created",
        webhook,
    })
}

/// Changes a subscription that was created a moment ago, and so may not be there yet.
async fn change_new(
    upvest: &Client,
    id: &ResourceId,
    change: &WebhookChange,
) -> Result<Webhook, upvest_api::Error> {
    let until = Instant::now() + LAG;
    loop {
        match upvest.update_webhook(id, change).await {
            Err(error) if error.is_not_found() && Instant::now() < until => sleep(PAUSE).await,
            result => return result,
        }
    }
}
