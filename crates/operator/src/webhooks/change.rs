//! Changing a subscription.

use reqwest::Url;
use upvest_api::{Client, Delay, PackageSize, ResourceId, Webhook, WebhookChange, WebhookConfig};

use super::outcome::{Outcome, PlannedRequest, differences, invalid};
use crate::error::{Error, Result};

/// Says what a subscription is to be like; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct WebhookUpdate {
    /// Sets the URL that Upvest delivers to.
    pub url: Option<Url>,
    /// Sets the title, by which people know the subscription.
    pub title: Option<String>,
    /// Lists the categories that it receives, in place of all former ones.
    pub categories: Option<Vec<String>>,
    /// Lists the categories that it does not receive, in place of all former ones.
    pub excluded_categories: Option<Vec<String>>,
    /// Sets how long Upvest lets an event wait for others to be delivered with.
    pub delay: Option<Delay>,
    /// Sets the size of a delivery at which it does not wait for more events.
    pub max_package_size: Option<PackageSize>,
}

/// Changes a subscription where it differs from what is wanted.
///
/// # Errors
///
/// [`Error`] when the subscription would break Upvest's rules, is not there, or Upvest refuses.
pub async fn update(
    upvest: &Client,
    id: &ResourceId,
    wanted: WebhookUpdate,
    dry_run: bool,
) -> Result<Outcome> {
    let existing = upvest.webhook(id).await?;
    let change = wanted.change(&existing)?;
    apply(upvest, existing, change, dry_run).await
}

/// Enables or disables a subscription, unless it is so already.
///
/// # Errors
///
/// [`Error`] when the subscription is not there, or Upvest refuses.
pub async fn switch(upvest: &Client, id: &ResourceId, enabled: bool, dry_run: bool) -> Result<Outcome> {
    let existing = upvest.webhook(id).await?;
    apply(upvest, existing, WebhookChange::enabled(enabled), dry_run).await
}

async fn apply(upvest: &Client, existing: Webhook, change: WebhookChange, dry_run: bool) -> Result<Outcome> {
    let changes = differences(&existing, &change);
    if changes.is_empty() {
        return Ok(Outcome::Changed {
            result: "as it was",
            changes,
            webhook: existing,
        });
    }
    change.validate(upvest.is_local()).map_err(invalid)?;
    if dry_run {
        let request = PlannedRequest::new("PATCH", format!("/webhooks/{}", existing.id), &change)?;
        return Ok(Outcome::planned(vec![request], changes));
    }
    Ok(Outcome::Changed {
        result: "changed",
        changes,
        webhook: upvest.update_webhook(&existing.id, &change).await?,
    })
}

impl WebhookUpdate {
    /// Tells what of the wanted an existing subscription is not yet.
    fn change(self, existing: &Webhook) -> Result<WebhookChange> {
        Ok(WebhookChange {
            config: self.config(existing)?.filter(|config| existing.config != *config),
            title: self.title.filter(|title| *title != existing.title),
            url: self.url.filter(|url| url.as_str() != existing.url),
            categories: changed(self.categories, &existing.categories),
            excluded_categories: changed(self.excluded_categories, &existing.excluded_categories),
            ..WebhookChange::default()
        })
    }

    /// Gives both halves of the batching, because Upvest takes them together. The half that stays may break today's
    /// limits, and has to be changed then too.
    fn config(&self, existing: &Webhook) -> Result<Option<WebhookConfig>> {
        if self.delay.is_none() && self.max_package_size.is_none() {
            return Ok(None);
        }
        let (id, reported) = (&existing.id, &existing.config);
        let old_delay = |_| {
            Error::usage(format!(
                "subscription {id} waits {:?}, which Upvest does not take any longer: use --delay too",
                reported.delay
            ))
        };
        let old_size = |_| {
            Error::usage(format!(
                "subscription {id} has packages of {} bytes, which Upvest does not take any longer: use \
                 --max-package-size too",
                reported.max_package_size
            ))
        };
        Ok(Some(WebhookConfig {
            delay: match self.delay {
                Some(delay) => delay,
                None => reported.delay.parse().map_err(old_delay)?,
            },
            max_package_size: match self.max_package_size {
                Some(size) => size,
                None => PackageSize::from_bytes(reported.max_package_size).map_err(old_size)?,
            },
        }))
    }
}

/// Gives the wanted categories, if they are others than the existing ones.
fn changed(wanted: Option<Vec<String>>, existing: &[String]) -> Option<Vec<String>> {
    // Categories have no order: the same ones otherwise arranged are no change.
    wanted.filter(|wanted| {
        wanted.len() != existing.len() || wanted.iter().any(|category| !existing.contains(category))
    })
}
