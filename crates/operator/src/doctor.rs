//! Checking a deployed stack, and what Upvest has of it.

mod alarms;
mod check;
mod concurrency;
mod contents;
mod deployment;
mod endpoint;
mod finding;
mod functions;
mod keys;
mod network;
mod queues;
mod storage;
mod subscription;

use std::time::Duration;

use futures_util::future::{LocalBoxFuture, join_all};
use serde::Serialize;
use upvest_api::Client;

use self::check::{CheckError, Checked};
pub(crate) use self::concurrency::{HIGHER_QUOTA, RESERVED, room_for_ingest};
use self::deployment::{Parameters, Resources};
use self::finding::Area::{Alarms, Deployment, Endpoint, Functions, Keys, Queues, Storage, Upvest};
pub use self::finding::{Area, AreaFinding, Finding, Verdict};
use crate::error::Result;
use crate::operator_key::OperatorKey;
use crate::stack::{Stack, StackFinder};
use crate::upvest_account::UpvestAccount;

/// Sums up all checks of a stack, counted by how they ended.
#[derive(Debug, Serialize)]
pub struct Checkup {
    /// Names the CloudFormation stack that was checked.
    pub stack: String,
    /// Tells how many checks found nothing wrong.
    pub ok: usize,
    /// Tells how many found something that is not as it should be.
    pub warnings: usize,
    /// Tells how many found something that is wrong, or could not be made.
    pub failed: usize,
    /// Tells how many had nothing to look at.
    pub skipped: usize,
    /// Lists every finding, those of one area together.
    pub findings: Vec<AreaFinding>,
}

/// Holds what several checks share, so that it is read only once.
struct Checks<'c> {
    stack: &'c Stack,
    upvest: Option<Client>,
    parameters: Parameters,
    /// Lists what the stack consists of; `None` where CloudFormation does not tell.
    resources: Option<Resources>,
    probe_key: Option<&'c OperatorKey>,
    timeout: Duration,
}

type Check<'c> = LocalBoxFuture<'c, Vec<AreaFinding>>;

/// Makes all checks of a stack, each for at most `timeout`. With a key it posts a signed delivery too, whose event is
/// always the same.
///
/// # Errors
///
/// [`Error`](crate::Error) when there is no stack to check. What is wrong with it is in the findings.
pub async fn check(
    stacks: &StackFinder<'_>,
    account: &UpvestAccount,
    probe_key: Option<&OperatorKey>,
    timeout: Duration,
) -> Result<Checkup> {
    let stack = stacks.stack().await?;
    let mut findings = Vec::new();
    let upvest = match account.client(stacks).await {
        Ok(client) => Some(client),
        Err(error) => {
            let why = async { Err(CheckError::from(error)) };
            findings.extend(check::run(Upvest, "API credentials", timeout, why).await);
            None
        }
    };
    let mut checks = Checks {
        stack,
        upvest,
        parameters: Parameters::new(),
        resources: None,
        probe_key,
        timeout,
    };
    // First, because other checks compare with the parameters, and go through the resources.
    let deployment = async {
        let described = deployment::describe(stack).await?;
        let findings = deployment::status(&described);
        checks.parameters = described.parameters;
        Ok(findings)
    };
    findings.extend(check::run(Deployment, "stack", timeout, deployment).await);
    let resources = async {
        checks.resources = Some(deployment::resources(stack).await?);
        Ok(Vec::new())
    };
    findings.extend(check::run(Functions, "functions", timeout, resources).await);
    findings.extend(checks.run().await);
    // Last, because it goes by what all other checks found.
    network::relate(&mut findings);
    Ok(Checkup::of(stack.name().unwrap_or("the stack"), findings))
}

impl Checkup {
    /// Collects the findings, and keeps their order within an area.
    fn of(stack: &str, mut findings: Vec<AreaFinding>) -> Self {
        findings.sort_by_key(|finding| finding.area);
        let count = |verdict| {
            let of_verdict = |found: &&AreaFinding| found.finding.result == verdict;
            findings.iter().filter(of_verdict).count()
        };
        Self {
            stack: stack.to_owned(),
            ok: count(Verdict::Ok),
            warnings: count(Verdict::Warning),
            failed: count(Verdict::Failed),
            skipped: count(Verdict::Skipped),
            findings,
        }
    }
}

impl Checks<'_> {
    /// Runs all checks beside each other.
    async fn run(&self) -> Vec<AreaFinding> {
        let Self { stack, timeout, .. } = *self;
        let clocks = deployment::clocks(stack, self.upvest.as_ref());
        let probe = endpoint::probe(stack, self.probe_key, timeout);
        let alarms = alarms::check(stack, &self.parameters, self.resources.as_ref());
        let mut checks: Vec<Check<'_>> = vec![
            self.check(Deployment, "version", async { Ok(deployment::version(stack)) }),
            self.check(Deployment, "clock", clocks),
            self.check(Endpoint, "reachable", endpoint::check(stack, timeout)),
            self.check(Endpoint, "signed POST is answered 200", probe),
            self.check(Queues, "queues", queues::check(stack)),
            self.check(Storage, "tables", storage::tables(stack)),
            self.check(Storage, "archive", storage::archive(stack)),
            self.check(Storage, "quarantine", storage::quarantine(stack)),
            self.check(Storage, "pending", storage::pending(stack)),
            self.check(Storage, "event types", contents::unknown_types(stack)),
            self.check(Storage, "event times", contents::event_times(stack)),
            self.check(Storage, "event bus", storage::event_bus(stack)),
            self.check(Alarms, "alarms", alarms),
        ];
        checks.extend(self.function_checks());
        let room = concurrency::check(stack, &self.parameters);
        checks.push(self.check(Functions, "concurrency", room));
        checks.extend(self.upvest_checks());
        join_all(checks).await.into_iter().flatten().collect()
    }

    fn function_checks(&self) -> Vec<Check<'_>> {
        let (stack, Some(resources)) = (self.stack, &self.resources) else {
            return Vec::new();
        };
        vec![
            self.check(Functions, "functions", functions::functions(stack, resources)),
            self.check(Functions, "event sources", functions::sources(stack, resources)),
            self.check(Functions, "schedules", functions::schedules(stack, resources)),
        ]
    }

    fn upvest_checks(&self) -> Vec<Check<'_>> {
        let Self {
            stack, parameters, ..
        } = self;
        let Some(upvest) = &self.upvest else {
            let skip = |area, name| {
                let why = "needs credentials for Upvest that can be used";
                self.check(area, name, async move { Ok(vec![Finding::skipped(name, why)]) })
            };
            return vec![skip(Upvest, "subscription"), skip(Keys, "verification keys")];
        };
        let credentials = subscription::credentials(stack, upvest);
        let subscription = subscription::check(stack, upvest, parameters);
        let keys = keys::check(stack, upvest, parameters);
        vec![
            self.check(Upvest, "API credentials", credentials),
            self.check(Upvest, "subscription", subscription),
            self.check(Keys, "verification keys", keys),
        ]
    }

    fn check<'c>(
        &self,
        area: Area,
        name: &'static str,
        check: impl Future<Output = Checked> + 'c,
    ) -> Check<'c> {
        Box::pin(check::run(area, name, self.timeout, check))
    }
}
