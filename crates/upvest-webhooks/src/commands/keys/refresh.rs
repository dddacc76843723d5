//! `keys refresh`: the keys that Upvest serves.

use clap::Args;
use operator::keys::{RefreshResult, RefreshedKeys, refresh};
use operator::{Result, StackFinder};

use super::sent_on::sent_on;
use crate::arguments::{RepairArgs, Site, UpvestArgs};
use crate::output::{Exit, Report, rows_of};

const EXAMPLES: &str = "\
Examples:
  With the credentials of the stack's own secret:
    upvest-webhooks --stack webhooks-live keys refresh --reason INC-42

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
    /// Why, for the audit table: a ticket, say, and nothing personal
    #[arg(
        long,
        value_name = "TEXT",
        required_unless_present = "dry_run",
        help_heading = "Options"
    )]
    pub(super) reason: Option<String>,
}

impl RefreshArgs {
    /// Fetches the keys that Upvest serves; gives what changed, or would.
    pub(super) async fn run(self, site: Site<'_>, stacks: &StackFinder<'_>) -> Result<RefreshedKeys> {
        let repair = RepairArgs::unasked(self.reason, self.dry_run).of(site);
        refresh(&repair, &self.upvest.client(stacks).await?).await
    }
}

impl Report for RefreshedKeys {
    fn text(&self) -> String {
        let table = rows_of(&self.keys)
            .column("key id", |key| &key.key_id)
            .column("result", |key| explain(key.result));
        let mut text = format!("{table}\n");
        for unusable in &self.unusable {
            text.push_str(&format!("\n{unusable}"));
        }
        text.push_str(&sent_on(self.sent_on));
        if self.dry_run {
            text.push_str("\ndry run: nothing was changed");
        }
        text
    }

    fn exit(&self) -> Exit {
        // In both, the table and Upvest say different things of a key, and the table's was kept.
        let is_finding = |result| matches!(result, RefreshResult::Conflicting | RefreshResult::Spared);
        Exit::of_findings(!self.keys.iter().any(|key| is_finding(key.result)))
    }
}

fn explain(result: RefreshResult) -> &'static str {
    match result {
        RefreshResult::New => "new",
        RefreshResult::Known => "known",
        RefreshResult::Returned => "returned: served again",
        RefreshResult::Retired => "retired: served no longer, and kept",
        RefreshResult::Spared => {
            "spared: not retired, because Upvest serves none of the keys that it served; the next fetch retires it"
        }
        RefreshResult::Changed => {
            "changed under this id; the earlier key was kept, and proves for seven days more"
        }
        RefreshResult::Unpinned => "not one of the stack's PinnedKeys: it proves nothing until that lists it",
        RefreshResult::Conflicting => "conflicting: the table has another key under this id, which was kept",
    }
}
