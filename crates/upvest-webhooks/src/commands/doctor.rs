//! `doctor`: checks a deployed stack, and what Upvest has of it.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use operator::doctor::{Area, AreaFinding, Checkup, Verdict, check};
use operator::operator_key::OperatorKey;
use operator::{Result, StackFinder};

use crate::arguments::UpvestArgs;
use crate::exit::Exit;
use crate::output::{self, Report};

const EXAMPLES: &str = "\
Examples:
  Everything that can be seen without a key of ours:
    upvest-webhooks --stack webhooks-live doctor

  The whole way of a delivery too, signed with a key that `keys import --hmac-secret-file` made known:
    upvest-webhooks --stack webhooks-live doctor --probe-key smoke.key --probe-key-id smoke

A check that you lack the permission for fails, and names it; infra/examples/operator-look.json has them all.

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

impl Report for Checkup {
    fn text(&self) -> String {
        let mut table = output::table(["area", "result", "check", "found"]);
        let mut last = None;
        for AreaFinding { area, finding } in &self.findings {
            let title = if last.replace(*area) == Some(*area) {
                ""
            } else {
                title(*area)
            };
            let advice = finding.advice.iter().map(|advice| format!("\n→ {advice}"));
            let found = format!("{}{}", finding.found, advice.collect::<String>());
            table.add_row([title, mark(finding.result), &finding.check, &found]);
        }
        format!(
            "{table}\n\n{}: {} ok, {} warnings, {} failed, {} skipped",
            self.stack, self.ok, self.warnings, self.failed, self.skipped
        )
    }

    fn exit(&self) -> Exit {
        Exit::of_findings(self.failed == 0)
    }
}

fn title(area: Area) -> &'static str {
    match area {
        Area::Deployment => "Deployment",
        Area::Endpoint => "Endpoint",
        Area::Upvest => "Upvest",
        Area::Keys => "Keys",
        Area::Functions => "Functions",
        Area::Queues => "Queues",
        Area::Storage => "Storage",
        Area::Alarms => "Alarms",
    }
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "✓ ok",
        Verdict::Warning => "! warning",
        Verdict::Failed => "✗ failed",
        Verdict::Skipped => "- skipped",
    }
}
