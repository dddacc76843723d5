//! `webhooks`: the subscriptions at Upvest.

mod arguments;
mod arrival;
mod report;
#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::time::{Instant, sleep};
use upvest_api::{
    Client, Deletion, InvalidWebhookError, ResourceId, TestOutcome, Url, Webhook, WebhookChange,
};

use self::arguments::{Create, Update};
use self::arrival::{Arrival, Search};
use self::report::{Changed, PlannedRequest, Shown, Tested, WebhooksReport, differences};
use crate::arguments::UpvestArgs;
use crate::operation::ask_on_terminal;
use crate::stack::{StackError, StackFinder};

/// How long a subscription that was created a moment ago may not be there yet.
const LAG: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  All subscriptions, with the credentials of the stack's own secret:
    upvest-webhooks --stack webhooks-live webhooks list

  A subscription to all categories but one, that delivers to the stack:
    upvest-webhooks --stack webhooks-live webhooks create --exclude INSTRUMENT --enable

  What a change would be, with credentials from a file:
    upvest-webhooks webhooks update a8eb3540-5a84-40f9-b2bb-7f99f282fc5a --delay 5s --dry-run \\
      --upvest-credentials upvest.json --profile sandbox";

// Without a docstring: it would replace the command's description.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Webhooks {
    #[command(flatten)]
    upvest: UpvestArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all subscriptions, oldest first
    ///
    /// Example: upvest-webhooks --stack webhooks-live webhooks list
    List,
    /// Show a subscription
    ///
    /// Example: upvest-webhooks --stack webhooks-live webhooks get a8eb3540-5a84-40f9-b2bb-7f99f282fc5a
    Get {
        /// The subscription's id
        id: ResourceId,
    },
    /// Create a subscription, which is disabled at first
    ///
    /// Example: upvest-webhooks --stack webhooks-live webhooks create --title "All events" --enable
    Create(Create),
    /// Change a subscription; what is not given stays
    ///
    /// Example: upvest-webhooks --stack webhooks-live webhooks update a8eb3540-5a84-40f9-b2bb-7f99f282fc5a --delay 5s
    Update(Update),
    /// Let a subscription deliver events
    ///
    /// Example: upvest-webhooks --stack webhooks-live webhooks enable a8eb3540-5a84-40f9-b2bb-7f99f282fc5a
    Enable(Switch),
    /// Stop a subscription; events that occur meanwhile may not be delivered later
    ///
    /// Example: upvest-webhooks --stack webhooks-live webhooks disable a8eb3540-5a84-40f9-b2bb-7f99f282fc5a
    Disable(Switch),
    /// Delete a subscription, after a question
    ///
    /// Example: upvest-webhooks --stack webhooks-live webhooks delete a8eb3540-5a84-40f9-b2bb-7f99f282fc5a --yes
    Delete(Delete),
    /// Have Upvest send a test, and see what became of it
    ///
    /// Shows what Upvest was answered, and looks for the delivery in the stack for up to 20 seconds. It fails when the
    /// answer was not 200, or the delivery is in quarantine or nowhere.
    ///
    /// Example: upvest-webhooks --stack webhooks-live webhooks test a8eb3540-5a84-40f9-b2bb-7f99f282fc5a
    Test {
        /// The subscription's id
        id: ResourceId,
    },
}

#[derive(Debug, Args)]
struct Switch {
    /// The subscription's id
    id: ResourceId,
    /// Show the request, and do not send it
    #[arg(long, help_heading = "Options")]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct Delete {
    /// The subscription's id
    id: ResourceId,
    /// Show the request, and do not send it
    #[arg(long, help_heading = "Options")]
    dry_run: bool,
    /// Do not ask
    #[arg(long, help_heading = "Options")]
    yes: bool,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebhooksError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Upvest(#[from] upvest_api::Error),
    #[error("the stack's WebhookUrl {url} is not a URL: use --url")]
    StackUrl { url: String },
    #[error("the subscription would break Upvest's rules")]
    Invalid(#[from] InvalidWebhookError),
    #[error(
        "subscription {id} delivers to {url} already, and both would deliver every event: change it with `webhooks \
         update`, or use --another"
    )]
    AlreadyThere { id: ResourceId, url: Url },
    #[error("subscription {id} was created, but not enabled: try `webhooks enable {id}`")]
    NotEnabled {
        id: ResourceId,
        source: Box<upvest_api::Error>,
    },
    #[error("subscription {id} waits {delay:?}, which Upvest does not take any longer: use --delay too")]
    OldDelay { id: ResourceId, delay: String },
    #[error(
        "subscription {id} has packages of {bytes} bytes, which Upvest does not take any longer: use \
         --max-package-size too"
    )]
    OldPackageSize { id: ResourceId, bytes: u64 },
    #[error("nobody can be asked whether to delete subscription {id}, without a terminal: use --yes")]
    NobodyToAsk { id: ResourceId },
    #[error("the answer cannot be read")]
    Question(#[from] io::Error),
    #[error("the request cannot be shown as JSON")]
    Json(#[from] serde_json::Error),
}

impl WebhooksError {
    /// Whether another command line would have helped.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Stack(error) => error.is_usage(),
            Self::Invalid(_)
            | Self::OldDelay { .. }
            | Self::OldPackageSize { .. }
            | Self::NobodyToAsk { .. } => true,
            _ => false,
        }
    }

    /// What probably made Upvest refuse, and what to do.
    pub(crate) fn hint(&self) -> Option<upvest_api::Hint> {
        match self {
            Self::Upvest(error) => error.hint(),
            Self::NotEnabled { source, .. } => source.hint(),
            Self::Stack(error) => error.hint(),
            _ => None,
        }
    }
}

/// Puts a question that is answered with yes or no; `None` when there is nobody to answer.
type Ask<'a> = &'a mut dyn FnMut(&str) -> io::Result<Option<bool>>;

impl Webhooks {
    /// Runs the command.
    pub(crate) async fn run(self, stacks: &StackFinder<'_>) -> Result<WebhooksReport, WebhooksError> {
        self.run_with(stacks, &mut ask_on_terminal, Search::default())
            .await
    }

    async fn run_with(
        self,
        stacks: &StackFinder<'_>,
        ask: Ask<'_>,
        search: Search,
    ) -> Result<WebhooksReport, WebhooksError> {
        let client = self.upvest.client(stacks).await?;
        match self.command {
            Command::List => {
                let webhooks = client.list_webhooks().await?;
                let webhooks = webhooks.into_iter().map(Shown::from).collect();
                Ok(WebhooksReport::Listed { webhooks })
            }
            Command::Get { id } => {
                let webhook = client.webhook(&id).await?.into();
                Ok(WebhooksReport::One { webhook })
            }
            Command::Create(create) => create.run(&client, stacks).await,
            Command::Update(update) => {
                change(&client, &update.id, update.dry_run, |existing| {
                    update.change(existing)
                })
                .await
            }
            Command::Enable(switch) => switch.run(&client, true).await,
            Command::Disable(switch) => switch.run(&client, false).await,
            Command::Delete(delete) => delete.run(&client, ask).await,
            Command::Test { id } => test(&client, stacks, search, &id).await,
        }
    }
}

impl Create {
    async fn run(&self, client: &Client, stacks: &StackFinder<'_>) -> Result<WebhooksReport, WebhooksError> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => {
                let url = stacks.stack().await?.webhook_url()?;
                url.parse().map_err(|_| WebhooksError::StackUrl { url })?
            }
        };
        let wanted = self.wanted(url);
        wanted.validate(client.is_local())?;
        if !self.another {
            let same = |webhook: &Webhook| webhook.url.parse().is_ok_and(|url: Url| url == wanted.url);
            if let Some(there) = client.list_webhooks().await?.into_iter().find(same) {
                return Err(WebhooksError::AlreadyThere {
                    id: there.id,
                    url: wanted.url,
                });
            }
        }
        if self.dry_run {
            let mut requests = vec![PlannedRequest::with_body(
                "POST",
                "/webhooks".to_owned(),
                &wanted,
            )?];
            if self.enable {
                let path = "/webhooks/(the new id)".to_owned();
                let enable = PlannedRequest::with_body("PATCH", path, &WebhookChange::enabled(true))?;
                requests.push(enable);
            }
            return Ok(WebhooksReport::planned(requests, Vec::new()));
        }
        let mut webhook = client.create_webhook(&wanted).await?;
        if self.enable {
            let enabled = enable_new(client, &webhook.id).await;
            webhook = enabled.map_err(|error| WebhooksError::NotEnabled {
                id: webhook.id,
                source: Box::new(error),
            })?;
        }
        Ok(WebhooksReport::Created {
            result: "created",
            webhook: webhook.into(),
        })
    }
}

/// Enables a subscription that was created a moment ago, and so may not be there yet.
async fn enable_new(client: &Client, id: &ResourceId) -> Result<Webhook, upvest_api::Error> {
    let until = Instant::now() + LAG;
    loop {
        match client.update_webhook(id, &WebhookChange::enabled(true)).await {
            Err(error) if error.is_not_found() && Instant::now() < until => sleep(PAUSE).await,
            result => return result,
        }
    }
}

impl Switch {
    async fn run(&self, client: &Client, enabled: bool) -> Result<WebhooksReport, WebhooksError> {
        let switch = |existing: &Webhook| {
            let differs = existing.enabled != enabled;
            Ok(WebhookChange {
                enabled: differs.then_some(enabled),
                ..WebhookChange::default()
            })
        };
        change(client, &self.id, self.dry_run, switch).await
    }
}

/// Changes a subscription where it differs from what is wanted.
async fn change(
    client: &Client,
    id: &ResourceId,
    dry_run: bool,
    wanted: impl FnOnce(&Webhook) -> Result<WebhookChange, WebhooksError>,
) -> Result<WebhooksReport, WebhooksError> {
    let existing = client.webhook(id).await?;
    let change = wanted(&existing)?;
    let changes = differences(&existing, &change);
    if changes.is_empty() {
        return Ok(WebhooksReport::Changed(Changed {
            result: "as it was",
            changes,
            webhook: existing.into(),
        }));
    }
    change.validate(client.is_local())?;
    if dry_run {
        let request = PlannedRequest::with_body("PATCH", format!("/webhooks/{id}"), &change)?;
        return Ok(WebhooksReport::planned(vec![request], changes));
    }
    let webhook = client.update_webhook(id, &change).await?;
    Ok(WebhooksReport::Changed(Changed {
        result: "changed",
        changes,
        webhook: webhook.into(),
    }))
}

impl Delete {
    async fn run(self, client: &Client, ask: Ask<'_>) -> Result<WebhooksReport, WebhooksError> {
        if self.dry_run {
            let webhook = client.webhook(&self.id).await?;
            let request = PlannedRequest::new("DELETE", format!("/webhooks/{}", webhook.id));
            return Ok(WebhooksReport::planned(vec![request], Vec::new()));
        }
        if !self.yes {
            let webhook = client.webhook(&self.id).await?;
            let (id, title, url) = (&webhook.id, &webhook.title, &webhook.url);
            let question = format!("Delete subscription {id} ({title:?}, {url})?");
            match ask(&question)? {
                None => return Err(WebhooksError::NobodyToAsk { id: self.id }),
                Some(false) => {
                    return Ok(WebhooksReport::Deleted {
                        id: self.id,
                        result: "kept",
                    });
                }
                Some(true) => {}
            }
        }
        let result = match client.delete_webhook(&self.id).await? {
            Deletion::Deleted => "deleted",
            Deletion::AlreadyGone => "not there",
        };
        Ok(WebhooksReport::Deleted { id: self.id, result })
    }
}

async fn test(
    client: &Client,
    stacks: &StackFinder<'_>,
    search: Search,
    id: &ResourceId,
) -> Result<WebhooksReport, WebhooksError> {
    let webhook = client.webhook(id).await?;
    let outcome = client.test_webhook(id).await?;
    let arrival = match &outcome {
        TestOutcome::Answered(answer) => search.run(stacks, &webhook.url, answer).await,
        _ => Arrival::unknown("Upvest does not tell what it was answered"),
    };
    let tested = Tested::of(webhook, outcome, arrival);
    Ok(WebhooksReport::Tested(Box::new(tested)))
}
