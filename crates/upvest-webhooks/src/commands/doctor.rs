//! `doctor`: checks a deployed stack, and what Upvest has of it.

#[cfg(test)]
mod tests;
mod text;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use operator::doctor::{Checkup, check};
use operator::operator_key::OperatorKey;
use operator::{Result, StackFinder};

use crate::arguments::UpvestArgs;
const EXAMPLES: &str = "\
Examples:
  Everything that can be seen without a key of ours:
    upvest-webhooks --stack webhooks-live doctor

  The whole way of a delivery too, signed with a key that `keys import --hmac-secret-file` made known:
    upvest-webhooks --stack webhooks-live doctor --probe-key smoke.key --probe-key-id smoke

A check that you lack the permission for fails, and names it; `policy look` has them all.

Exit status: 0 when no check failed, whatever the warnings; 4 when one did.";

// Without a docstring: it would replace the command's description.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    upvest: UpvestArgs,
    /// Post a signed delivery too, with this shared secret; its event is always the same, and so stored once
    #[arg(long, value_name = "FILE", requires = "probe_key_id")]
    probe_key: Option<PathBuf>,
    /// The id under which the secret was imported
    #[arg(long, value_name = "ID", requires = "probe_key")]
    probe_key_id: Option<String>,
    /// How long each check may take
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

impl Arguments {
    /// Runs all checks at once; gives what they found, in the order of the help.
    pub(crate) async fn run(self, stacks: &StackFinder<'_>) -> Result<Checkup> {
        let key = self.probe_key.zip(self.probe_key_id).map(OperatorKey::from);
        let timeout = Duration::from_secs(self.timeout);
        check(stacks, &self.upvest.account(), key.as_ref(), timeout).await
    }
}
