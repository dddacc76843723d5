//! `keys refresh`: the keys that Upvest serves.

use clap::Args;
use operator::keys::{RefreshResult, RefreshedKeys, refresh};
use operator::{Result, StackFinder};

use crate::arguments::UpvestArgs;
use crate::output::{self, Report};

const EXAMPLES: &str = "\
Examples:
  With the credentials of the stack's own secret:
    upvest-webhooks --stack webhooks-live keys refresh

  See what it would do, with credentials from a file:
    upvest-webhooks --stack webhooks-live keys refresh --upvest-credentials upvest.json --dry-run";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RefreshArgs {
    #[command(flatten)]
    pub(super) upvest: UpvestArgs,
    /// Show what would change, and change nothing
    #[arg(long, help_heading = "Options")]
    pub(super) dry_run: bool,
}

impl RefreshArgs {
    /// Runs the command.
    pub(super) async fn run(self, stacks: &StackFinder<'_>) -> Result<RefreshedKeys> {
        let stack = stacks.stack().await?;
        refresh(stack, &self.upvest.client(stacks).await?, self.dry_run).await
    }
}

impl Report for RefreshedKeys {
    fn text(&self) -> String {
        let mut table = output::table(["key id", "result"]);
        for key in &self.keys {
            table.add_row([key.key_id.as_str(), explain(key.result)]);
        }
        let mut text = format!("{table}\n");
        for unusable in &self.unusable {
            text.push_str(&format!("\n{unusable}"));
        }
        if self.dry_run {
            text.push_str("\ndry run: nothing was changed");
        }
        text
    }

    fn succeeded(&self) -> bool {
        !(self.keys.iter()).any(|key| key.result == RefreshResult::Conflicting)
    }
}

fn explain(result: RefreshResult) -> &'static str {
    match result {
        RefreshResult::New => "new",
        RefreshResult::Known => "known",
        RefreshResult::Returned => "returned: served again",
        RefreshResult::Retired => "retired: served no longer, and kept",
        RefreshResult::Conflicting => "conflicting: the table has another key under this id, which was kept",
    }
}
