//! What a subscription is to be like.

use clap::{ArgGroup, Args};
use upvest_api::{
    Delay, InvalidWebhookError, NewWebhook, PackageSize, ResourceId, Url, Webhook, WebhookChange,
    WebhookConfig,
};

use super::WebhooksError;

// Without docstrings: they would replace the commands' descriptions.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// Where to deliver to; without it, to the stack
    #[arg(long, help_heading = "Subscription")]
    pub(super) url: Option<Url>,
    /// Title, at most 32 letters, digits, spaces or ()[]{}.-
    #[arg(long, default_value = "Upvest webhooks", help_heading = "Subscription")]
    title: String,
    /// Category of events to receive; may be given several times
    #[arg(
        long = "category",
        value_name = "CATEGORY",
        default_value = "ALL",
        help_heading = "Subscription"
    )]
    categories: Vec<String>,
    /// Category of events not to receive, together with ALL; may be given several times
    #[arg(long = "exclude", value_name = "CATEGORY", help_heading = "Subscription")]
    excluded: Vec<String>,
    /// How long an event may wait for others to share its delivery, 1s to 30s
    #[arg(long, value_parser = delay, default_value = "1s", help_heading = "Subscription")]
    delay: Delay,
    /// Size of a delivery in bytes at which it does not wait for more events
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = package_size,
        default_value = "262144",
        help_heading = "Subscription"
    )]
    max_package_size: PackageSize,
    /// Enable it too
    #[arg(long, help_heading = "Options")]
    pub(super) enable: bool,
    /// Create it although another subscription delivers to the same URL
    #[arg(long, help_heading = "Options")]
    pub(super) another: bool,
    /// Show the requests, and do not send them
    #[arg(long, help_heading = "Options")]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args(
    ["title", "url", "categories", "excluded", "exclude_nothing", "delay", "max_package_size"]
))]
pub(super) struct Update {
    /// The subscription's id
    pub(super) id: ResourceId,
    /// Where to deliver to
    #[arg(long, help_heading = "Subscription")]
    url: Option<Url>,
    /// Title, at most 32 letters, digits, spaces or ()[]{}.-
    #[arg(long, help_heading = "Subscription")]
    title: Option<String>,
    /// Category of events to receive, in place of all former ones; may be given several times
    #[arg(long = "category", value_name = "CATEGORY", help_heading = "Subscription")]
    categories: Option<Vec<String>>,
    /// Category of events not to receive, in place of all former ones; may be given several times
    #[arg(long = "exclude", value_name = "CATEGORY", help_heading = "Subscription")]
    excluded: Option<Vec<String>>,
    /// Exclude no category any longer
    #[arg(long, conflicts_with = "excluded", help_heading = "Subscription")]
    exclude_nothing: bool,
    /// How long an event may wait for others to share its delivery, 1s to 30s
    #[arg(long, value_parser = delay, help_heading = "Subscription")]
    delay: Option<Delay>,
    /// Size of a delivery in bytes at which it does not wait for more events
    #[arg(long, value_name = "BYTES", value_parser = package_size, help_heading = "Subscription")]
    max_package_size: Option<PackageSize>,
    /// Show the request and the difference, and change nothing
    #[arg(long, help_heading = "Options")]
    pub(super) dry_run: bool,
}

/// A text that says nothing about batching.
#[derive(Debug, thiserror::Error)]
enum InvalidBatching {
    #[error("expected seconds, such as 5s")]
    NotSeconds,
    #[error("expected a number of bytes")]
    NotBytes,
    #[error(transparent)]
    Limit(#[from] InvalidWebhookError),
}

fn delay(text: &str) -> Result<Delay, InvalidBatching> {
    let seconds = text.strip_suffix('s').and_then(|seconds| seconds.parse().ok());
    Ok(Delay::from_seconds(seconds.ok_or(InvalidBatching::NotSeconds)?)?)
}

fn package_size(text: &str) -> Result<PackageSize, InvalidBatching> {
    let bytes = text.parse().map_err(|_| InvalidBatching::NotBytes)?;
    Ok(PackageSize::from_bytes(bytes)?)
}

impl Create {
    /// The subscription, which delivers to `url`.
    pub(super) fn wanted(&self, url: Url) -> NewWebhook {
        let mut wanted = NewWebhook::new(&self.title, url);
        wanted.categories.clone_from(&self.categories);
        wanted.excluded_categories.clone_from(&self.excluded);
        wanted.config = Some(WebhookConfig {
            delay: self.delay,
            max_package_size: self.max_package_size,
        });
        wanted
    }
}

impl Update {
    /// What of the wanted an existing subscription is not yet.
    ///
    /// # Errors
    ///
    /// [`WebhooksError`] when the half of its batching that stays breaks today's limits.
    pub(super) fn change(&self, existing: &Webhook) -> Result<WebhookChange, WebhooksError> {
        let excluded = match self.exclude_nothing {
            true => Some(Vec::new()),
            false => self.excluded.clone(),
        };
        let url = self.url.clone();
        Ok(WebhookChange {
            title: self.title.clone().filter(|title| *title != existing.title),
            url: url.filter(|url| url.as_str() != existing.url),
            categories: changed(self.categories.clone(), &existing.categories),
            excluded_categories: changed(excluded, &existing.excluded_categories),
            config: self.config(existing)?.filter(|config| existing.config != *config),
            ..WebhookChange::default()
        })
    }

    /// Both halves of the batching, because Upvest takes them together.
    fn config(&self, existing: &Webhook) -> Result<Option<WebhookConfig>, WebhooksError> {
        if self.delay.is_none() && self.max_package_size.is_none() {
            return Ok(None);
        }
        let reported = &existing.config;
        let old_delay = |_| WebhooksError::OldDelay {
            id: existing.id.clone(),
            delay: reported.delay.clone(),
        };
        let old_size = |_| WebhooksError::OldPackageSize {
            id: existing.id.clone(),
            bytes: reported.max_package_size,
        };
        Ok(Some(WebhookConfig {
            delay: match self.delay {
                Some(delay) => delay,
                None => delay(&reported.delay).map_err(old_delay)?,
            },
            max_package_size: match self.max_package_size {
                Some(size) => size,
                None => PackageSize::from_bytes(reported.max_package_size).map_err(old_size)?,
            },
        }))
    }
}

/// The wanted categories, if they are others than the existing ones.
fn changed(wanted: Option<Vec<String>>, existing: &[String]) -> Option<Vec<String>> {
    wanted.filter(|wanted| {
        wanted.len() != existing.len() || wanted.iter().any(|category| !existing.contains(category))
    })
}
