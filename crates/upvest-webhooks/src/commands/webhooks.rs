//! `webhooks`: the subscriptions at Upvest.

mod arguments;
mod outcome;
mod show;
mod test;
#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use clap::{Args, Subcommand};
use operator::{Error, Output, Result, StackFinder, webhooks};
use upvest_api::{ResourceId, Url, Webhook};

use self::arguments::{CreateArgs, UpdateArgs};
use self::show::{Listed, Shown};
use crate::arguments::UpvestArgs;
use crate::output::{Report, told};
use crate::terminal;

/// Says how long a test delivery is looked for; the help of `test` says so too.
const TEST_AT_MOST: Duration = Duration::from_secs(20);

const EXAMPLES: &str = "\
Examples:
  All subscriptions, with the credentials of the stack's own secret:
    upvest-webhooks --stack webhooks-live webhooks list

  A subscription to all categories but one, that delivers to the stack:
    upvest-webhooks --stack webhooks-live webhooks create --exclude INSTRUMENT --enable

  What a change would be, with credentials from a file:
    upvest-webhooks webhooks update a8eb3540-5a84-40f9-b2bb-7f99f282fc5a --delay 5s --dry-run \\
      --upvest-credentials upvest.json --environment sandbox";

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
        /// Id of the subscription, as webhooks list shows it
        id: ResourceId,
    },
    /// Create a subscription, which is disabled at first
    ///
    /// Example: upvest-webhooks --stack webhooks-live webhooks create --title "All events" --enable
    Create(CreateArgs),
    /// Change a subscription; what is not given stays
    ///
    /// Example: upvest-webhooks --stack webhooks-live webhooks update a8eb3540-5a84-40f9-b2bb-7f99f282fc5a --delay 5s
    Update(UpdateArgs),
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
    Delete {
        #[command(flatten)]
        switch: Switch,
        /// Do not ask before it is deleted
        #[arg(long, help_heading = "Options")]
        yes: bool,
    },
    /// Have Upvest send a test, and see what became of it
    ///
    /// Shows what Upvest was answered, and looks for the delivery in the stack for up to 20 seconds. It fails when the
    /// answer was not 200, or the delivery is in quarantine or nowhere.
    ///
    /// Example: upvest-webhooks --stack webhooks-live webhooks test a8eb3540-5a84-40f9-b2bb-7f99f282fc5a
    Test {
        /// Id of the subscription, as webhooks list shows it
        id: ResourceId,
    },
}

#[derive(Debug, Args)]
struct Switch {
    /// Id of the subscription, as webhooks list shows it
    id: ResourceId,
    /// Show the request, and do not send it
    #[arg(long, help_heading = "Options")]
    dry_run: bool,
}

/// Puts a question that is answered with yes or no; `None` when there is nobody to answer.
type Ask<'a> = &'a mut dyn FnMut(&str) -> io::Result<Option<bool>>;

impl Webhooks {
    /// Runs the command in the name of the account; gives what came of it.
    pub(crate) async fn run(self, stacks: &StackFinder<'_>) -> Result<Box<dyn Report>> {
        self.run_with(stacks, &mut terminal::ask, TEST_AT_MOST).await
    }

    async fn run_with(
        self,
        stacks: &StackFinder<'_>,
        ask: Ask<'_>,
        test_at_most: Duration,
    ) -> Result<Box<dyn Report>> {
        let upvest = self.upvest.client(stacks).await?;
        match self.command {
            Command::List => {
                let webhooks = upvest.list_webhooks().await?;
                told(Ok(Listed { webhooks }))
            }
            Command::Get { id } => {
                let webhook = upvest.webhook(&id).await?;
                told(Ok(Shown { webhook }))
            }
            Command::Test { id } => told(webhooks::test(&upvest, stacks, &id, test_at_most).await),
            Command::Create(create) => {
                let url = match &create.url {
                    Some(url) => url.clone(),
                    None => own_url(stacks).await?,
                };
                told(webhooks::create(&upvest, &create.wanted(url), create.options()).await)
            }
            Command::Update(update) => {
                let (id, dry_run) = (update.id.clone(), update.dry_run);
                told(webhooks::update(&upvest, &id, update.wanted(), dry_run).await)
            }
            Command::Enable(Switch { id, dry_run }) => {
                told(webhooks::switch(&upvest, &id, true, dry_run).await)
            }
            Command::Disable(Switch { id, dry_run }) => {
                told(webhooks::switch(&upvest, &id, false, dry_run).await)
            }
            Command::Delete { switch, yes } => {
                let Switch { id, dry_run } = switch;
                let mut confirm = |webhook: &Webhook| confirm_deletion(webhook, ask);
                let confirm = (!yes).then_some(&mut confirm as webhooks::Confirm<'_>);
                told(webhooks::delete(&upvest, id, dry_run, confirm).await)
            }
        }
    }
}

async fn own_url(stacks: &StackFinder<'_>) -> Result<Url> {
    let url = stacks.stack().await?.output(Output::WebhookUrl)?;
    let parsed = url.parse();
    parsed.map_err(|_| Error::failed(format!("the stack's WebhookUrl {url} is not a URL: use --url")))
}

fn confirm_deletion(webhook: &Webhook, ask: Ask<'_>) -> Result<bool> {
    let (id, title, url) = (&webhook.id, &webhook.title, &webhook.url);
    ask(&format!("Delete subscription {id} ({title:?}, {url})?"))
        .map_err(Error::context("the answer cannot be read"))?
        .ok_or_else(|| {
            Error::usage(format!(
                "nobody can be asked whether to delete subscription {id}, without a terminal: use --yes"
            ))
        })
}
