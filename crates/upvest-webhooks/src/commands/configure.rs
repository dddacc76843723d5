//! `configure`: gives parameters of a stack that runs other values, or lists those that it has.

use std::path::PathBuf;

use clap::Args;
use operator::deploy::{Configuration, Plan, Settings, StackParameters, configure, parameters};
use operator::{Result, StackFinder};

use super::deploy::{Destination, ask};
use crate::arguments::ConsentArgs;
use crate::output::{Report, rows_of, told};

/// Lists the options that say something of a change.
const CHANGING: [&str; 7] = [
    "set",
    "parameters",
    "artifacts_bucket_owner",
    "role_arn",
    "allow_replacement",
    "dry_run",
    "yes",
];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// List the parameters that the stack has, and change none
    #[arg(long, conflicts_with_all = CHANGING)]
    show: bool,
    /// File with the parameters that change, in JSON, as `deploy` takes it
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
    /// Set a parameter, whatever the file says; all others keep their values
    #[arg(long, value_name = "NAME=VALUE", required_unless_present_any = ["show", "parameters"])]
    set: Vec<String>,
    /// Account that the bucket for the release's files is of [default: yours]
    #[arg(long, value_name = "ACCOUNT")]
    artifacts_bucket_owner: Option<String>,
    /// Role that CloudFormation changes the resources as [default: the stack's, or you]
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// Let tables, buckets and queues be replaced or removed, with what is in them
    #[arg(long)]
    allow_replacement: bool,
    #[command(flatten)]
    consent: ConsentArgs,
}

impl Arguments {
    /// Changes parameters after a question that counts what would change, or lists them.
    pub(crate) async fn run(self, stacks: &StackFinder<'_>) -> Result<Box<dyn Report>> {
        if !self.show {
            self.consent.must_be_answerable()?;
        }
        let settings = Settings::read(self.parameters.as_deref(), &self.set)?;
        let destination = Destination::find(stacks).await?;
        let (target, consent) = (destination.target(), &self.consent);
        if self.show {
            return told(parameters(&target).await);
        }
        let configuration = Configuration {
            settings,
            artifacts_bucket_owner: self.artifacts_bucket_owner,
            role_arn: self.role_arn,
            allow_replacement: self.allow_replacement,
            dry_run: consent.dry_run,
        };
        let confirm = async |plan: &Plan| ask(consent, &target, plan).await;
        told(configure(&target, &configuration, confirm).await)
    }
}

impl Report for StackParameters {
    fn text(&self) -> String {
        rows_of(&self.parameters)
            .column("parameter", |parameter| &parameter.name)
            .column("value", |parameter| &parameter.value)
            .optional("default", |parameter| parameter.is_default.then_some("✓"))
            .to_string()
    }
}
