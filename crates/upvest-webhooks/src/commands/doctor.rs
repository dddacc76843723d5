//! `doctor`: checks a deployed stack, and what Upvest has of it.

mod alarms;
mod check;
mod deployment;
mod endpoint;
mod functions;
mod keys;
mod queues;
mod report;
mod storage;
mod subscription;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use futures_util::future::{LocalBoxFuture, join_all};
use pipeline::runtime::clock::Clock;
use upvest_api::Client;

use self::check::{Area, CheckError, Finding};
use self::deployment::{Parameters, Resources};
pub(crate) use self::report::DoctorReport;
use crate::arguments::UpvestArgs;
use crate::stack::{Stack, StackError, StackFinder};
use operator::operator_key::OperatorKey;

const EXAMPLES: &str = "\
Examples:
  Everything that can be seen without a key of ours:
    upvest-webhooks --stack webhooks-live doctor

  The whole way of a delivery too, signed with a key that `keys import --hmac-secret-file` made known:
    upvest-webhooks --stack webhooks-live doctor --probe-key smoke.key --probe-key-id smoke

A check that you lack the permission for fails, and names it; infra/examples/operator-look.json has them all.

Exit status: 0 when no check failed, whatever the warnings; 1 when one did, or no stack was found; 2 wrong usage.";

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

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DoctorError {
    #[error(transparent)]
    Stack(#[from] StackError),
}

impl DoctorError {
    /// Whether another command line would have helped.
    pub(crate) fn is_usage(&self) -> bool {
        let Self::Stack(error) = self;
        error.is_usage()
    }
}

/// What the checks look at.
struct Patient<'p> {
    stack: &'p Stack,
    upvest: Option<Client>,
    parameters: Parameters,
    /// `None` where CloudFormation does not tell.
    resources: Option<Resources>,
    clock: Clock,
    probe_key: Option<OperatorKey>,
    timeout: Duration,
}

type Results = Vec<(Area, Vec<Finding>)>;
type Check<'c> = LocalBoxFuture<'c, (Area, Vec<Finding>)>;

impl Arguments {
    /// Runs all checks.
    pub(crate) async fn run(self, stacks: &StackFinder<'_>) -> Result<DoctorReport, DoctorError> {
        let stack = stacks.stack().await?;
        let timeout = Duration::from_secs(self.timeout);
        let mut results = Vec::new();
        let upvest = match self.upvest.client(stacks).await {
            Ok(client) => Some(client),
            Err(error) => {
                let why = async { Err(CheckError::from(error)) };
                results.push(check::run(Area::Upvest, "API credentials", timeout, why).await);
                None
            }
        };
        let mut patient = Patient {
            stack,
            upvest,
            parameters: Parameters::new(),
            resources: None,
            clock: Clock::system(),
            probe_key: self.probe_key.zip(self.probe_key_id).map(OperatorKey::from),
            timeout,
        };
        // First, because other checks compare with the parameters, and go through the resources.
        let deployment = async {
            let described = deployment::describe(stack).await?;
            let findings = deployment::status(&described);
            patient.parameters = described.parameters;
            Ok(findings)
        };
        results.push(check::run(Area::Deployment, "stack", timeout, deployment).await);
        let resources = async {
            patient.resources = Some(deployment::resources(stack).await?);
            Ok(Vec::new())
        };
        results.push(check::run(Area::Functions, "functions", timeout, resources).await);
        results.extend(patient.examine().await);
        let name = stack.name().unwrap_or("the stack").to_owned();
        Ok(DoctorReport::of(name, results))
    }
}

impl Patient<'_> {
    /// Runs all checks beside each other.
    async fn examine(&self) -> Results {
        let Self { stack, timeout, .. } = *self;
        let mut checks: Vec<Check<'_>> = vec![
            self.check(Area::Deployment, "version", async {
                Ok(deployment::version(stack))
            }),
            self.check(
                Area::Deployment,
                "clock",
                deployment::clocks(stack, &self.clock, self.upvest.as_ref()),
            ),
            self.check(Area::Endpoint, "reachable", endpoint::check(stack, timeout)),
            self.check(
                Area::Endpoint,
                "signed POST is answered 200",
                endpoint::probe(stack, self.probe_key.as_ref(), timeout),
            ),
            self.check(Area::Queues, "queues", queues::check(stack)),
            self.check(Area::Storage, "tables", storage::tables(stack)),
            self.check(Area::Storage, "archive", storage::archive(stack)),
            self.check(Area::Storage, "quarantine", storage::quarantine(stack)),
            self.check(Area::Storage, "event bus", storage::event_bus(stack)),
            self.check(Area::Alarms, "alarms", alarms::check(stack, &self.parameters)),
        ];
        checks.extend(self.function_checks());
        checks.extend(self.upvest_checks());
        join_all(checks).await
    }

    fn function_checks(&self) -> Vec<Check<'_>> {
        let (stack, Some(resources)) = (self.stack, &self.resources) else {
            return Vec::new();
        };
        vec![
            self.check(
                Area::Functions,
                "functions",
                functions::functions(stack, resources),
            ),
            self.check(
                Area::Functions,
                "event sources",
                functions::sources(stack, resources),
            ),
            self.check(
                Area::Functions,
                "schedules",
                functions::schedules(stack, resources),
            ),
        ]
    }

    fn upvest_checks(&self) -> Vec<Check<'_>> {
        let Self {
            stack, parameters, ..
        } = self;
        let Some(upvest) = &self.upvest else {
            let skipped = |name: &'static str| async move {
                Ok(vec![Finding::skipped(
                    name,
                    "needs credentials for Upvest that can be used",
                )])
            };
            return vec![
                self.check(Area::Upvest, "subscription", skipped("subscription")),
                self.check(Area::Keys, "verification keys", skipped("verification keys")),
            ];
        };
        vec![
            self.check(
                Area::Upvest,
                "API credentials",
                subscription::credentials(stack, upvest),
            ),
            self.check(
                Area::Upvest,
                "subscription",
                subscription::check(stack, upvest, parameters),
            ),
            self.check(
                Area::Keys,
                "verification keys",
                keys::check(stack, upvest, parameters, &self.clock),
            ),
        ]
    }

    fn check<'c>(
        &self,
        area: Area,
        name: &'static str,
        check: impl Future<Output = Result<Vec<Finding>, CheckError>> + 'c,
    ) -> Check<'c> {
        Box::pin(check::run(area, name, self.timeout, check))
    }
}
