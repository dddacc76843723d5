//! Takes the options that say what a subscription is to be like: a new one, or one that is changed.

use clap::{ArgGroup, Args};
use operator::webhooks::{CreateOptions, WebhookUpdate};
use upvest_api::{Delay, NewWebhook, PackageSize, ResourceId, Url, WebhookConfig};

// Without docstrings: they would replace the commands' descriptions.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
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
    #[arg(long, default_value = "1s", help_heading = "Subscription")]
    delay: Delay,
    /// Size of a delivery in bytes at which it does not wait for more events
    #[arg(
        long,
        value_name = "BYTES",
        // As the template's `WebhookMaxPackageSize` has it.
        default_value = "262144",
        help_heading = "Subscription"
    )]
    max_package_size: PackageSize,
    /// Enable the subscription too, so that Upvest delivers at once
    #[arg(long, help_heading = "Options")]
    enable: bool,
    /// Create it although another subscription delivers to the same URL
    #[arg(long, help_heading = "Options")]
    another: bool,
    /// Show the requests, and do not send them
    #[arg(long, help_heading = "Options")]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args(
    ["title", "url", "categories", "excluded", "exclude_nothing", "delay", "max_package_size"]
))]
pub(super) struct UpdateArgs {
    /// Id of the subscription, as webhooks list shows it
    pub(super) id: ResourceId,
    /// URL that Upvest is to deliver to
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
    /// Exclude no category of events any longer
    #[arg(long, conflicts_with = "excluded", help_heading = "Subscription")]
    exclude_nothing: bool,
    /// How long an event may wait for others to share its delivery, 1s to 30s
    #[arg(long, help_heading = "Subscription")]
    delay: Option<Delay>,
    /// Size of a delivery in bytes at which it does not wait for more events
    #[arg(long, value_name = "BYTES", help_heading = "Subscription")]
    max_package_size: Option<PackageSize>,
    /// Show the request and the difference, and change nothing
    #[arg(long, help_heading = "Options")]
    pub(super) dry_run: bool,
}

impl CreateArgs {
    /// Describes the subscription, which delivers to `url`.
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

    /// Tells how it is to be created.
    pub(super) fn options(&self) -> CreateOptions {
        CreateOptions {
            enable: self.enable,
            another: self.another,
            dry_run: self.dry_run,
        }
    }
}

impl UpdateArgs {
    /// Describes what is to change about the subscription; the rest stays.
    pub(super) fn wanted(self) -> WebhookUpdate {
        WebhookUpdate {
            url: self.url,
            title: self.title,
            categories: self.categories,
            excluded_categories: match self.exclude_nothing {
                true => Some(Vec::new()),
                false => self.excluded,
            },
            delay: self.delay,
            max_package_size: self.max_package_size,
        }
    }
}
