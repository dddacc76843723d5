//! `deploy`: has a release become a stack, or replace what a stack runs.

mod destination;
mod plan;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::Args;
use operator::deploy::{Deployed, Deployment, Plan, Settings, Target, deploy, tags};
use operator::{Result, StackFinder};

use crate::arguments::ConsentArgs;
use crate::output::{Exit, Report, facts, laid_out, paragraph, terminal_width};

pub(crate) use destination::Destination;
pub(crate) use plan::{plan_text, question};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder of the release, as `make release` makes it, or the URL of its archive
    #[arg(long, value_name = "FOLDER|URL")]
    release: String,
    /// SHA-256 of the archive behind a URL, in hex, as whoever released it tells
    #[arg(long, value_name = "SHA256")]
    checksum: Option<String>,
    /// File with parameters, in JSON: {"Name": "Value"}, or CloudFormation's list of `ParameterKey` and `ParameterValue`
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
    /// Set a parameter, whatever the file says; those that are not given keep their values
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// File with the stack's tags, in JSON: {"Key": "Value"}, or a list of `Key` and `Value`
    #[arg(long, value_name = "FILE")]
    tags: Option<PathBuf>,
    /// Give the stack a tag, and with it all that is in it; it keeps the tags that it has
    #[arg(long, value_name = "KEY=VALUE")]
    tag: Vec<String>,
    /// Bucket of this region for the release's files [default: the stack's, or one of the account that is made]
    #[arg(long, value_name = "NAME")]
    artifacts_bucket: Option<String>,
    /// Account that the bucket for the release's files is of [default: yours]
    #[arg(long, value_name = "ACCOUNT")]
    artifacts_bucket_owner: Option<String>,
    /// Role that CloudFormation makes the resources as [default: the stack's, or you]
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// Set this stack policy after the deployment
    #[arg(long, value_name = "FILE")]
    stack_policy: Option<PathBuf>,
    /// Have nobody delete the stack by a single call from then on
    #[arg(long)]
    termination_protection: bool,
    /// Let tables, buckets and queues be replaced or removed, with what is in them
    #[arg(long)]
    allow_replacement: bool,
    #[command(flatten)]
    consent: ConsentArgs,
}

impl Arguments {
    /// Deploys after a question that counts what would change.
    pub(crate) async fn run(self, stacks: &StackFinder<'_>) -> Result<Deployed> {
        self.consent.must_be_answerable()?;
        // Files and options first, which need no AWS: what is wrong with them is told at once.
        let settings = Settings::read(self.parameters.as_deref(), &self.set)?;
        let tags = tags(self.tags.as_deref(), &self.tag)?;
        let destination = Destination::find(stacks).await?;
        let (target, consent) = (destination.target(), &self.consent);
        let deployment = Deployment {
            release: self.release,
            checksum: self.checksum,
            settings,
            tags,
            artifacts_bucket: self.artifacts_bucket,
            artifacts_bucket_owner: self.artifacts_bucket_owner,
            role_arn: self.role_arn,
            stack_policy: self.stack_policy,
            termination_protection: self.termination_protection,
            allow_replacement: self.allow_replacement,
            dry_run: consent.dry_run,
        };
        let confirm = async |plan: &Plan| ask(consent, &target, plan).await;
        deploy(&target, &deployment, confirm).await
    }
}

/// Shows what would change, and asks, unless nobody is to be asked.
pub(crate) async fn ask(consent: &ConsentArgs, target: &Target<'_>, plan: &Plan) -> Result<bool> {
    let show = || {
        let text = laid_out(terminal_width(), || plan_text(plan));
        target.reporter.note(&text);
    };
    consent.confirm(show, question(plan, target.stack)).await
}

impl Report for Deployed {
    fn text(&self) -> String {
        if self.ending.declined {
            return "nothing was changed".to_owned();
        }
        let mut text = String::new();
        if self.ending.dry_run {
            // Otherwise it was shown before it was agreed to.
            text = plan_text(&self.plan);
            if self.plan.changes.is_empty() {
                text.push_str("\nnothing would change");
            }
            text.push_str("\ndry run: nothing of the stack was changed");
            if self.plan.is_new {
                text.push_str(", but for an empty one of its name, which the deployment takes");
            }
            return text;
        }
        for left in &self.left {
            text.push_str(&format!("\n! left behind, and of no stack any more: {left}"));
        }
        match (&self.ending.failure, &self.status) {
            (Some(failure), _) => text.push_str(&failed(failure)),
            (None, None) => {
                text.push_str(&format!(
                    "nothing changes: stack {} is as it is to be",
                    self.stack
                ));
            }
            (None, Some(status)) => {
                let version = self.version.as_ref().map(|version| format!(" {version}"));
                text.push_str(&format!(
                    "\n✓ stack {} is deployed{} ({status})\n",
                    self.stack,
                    version.unwrap_or_default()
                ));
                text.push_str(&facts([
                    ("URL for Upvest", self.outputs.get("WebhookUrl").cloned()),
                    (
                        "next",
                        Some(format!("upvest-webhooks --stack {} doctor", self.stack)),
                    ),
                ]));
            }
        }
        text
    }

    fn exit(&self) -> Exit {
        Exit::of_repair(&self.ending, true)
    }
}

/// Tells what went wrong, and in the lines below it what to do.
fn failed(failure: &str) -> String {
    let mut lines = failure.lines();
    let first = lines.next().unwrap_or_default();
    let rest: Vec<String> = lines.map(|line| format!("\n{}", paragraph("  ", line))).collect();
    format!("\n{}{}", paragraph("✗ ", first), rest.concat())
}
