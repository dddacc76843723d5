//! The stack as CloudFormation knows it, who looks at it, and what time it is on all sides.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::check::{CheckError, Checked};
use super::finding::Finding;
use crate::error::ErrorKind;
use crate::stack::{Resource, Stack, parameters};
use crate::versions::compare;

const CLOCK: &str = "clock";
const STATUS: &str = "stack";
const VERSION: &str = "version";
/// Tells what to do about a stack that is not there any more.
const GONE: &str = "deploy it again, or name the one that is meant (--stack)";
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");
/// Bounds the difference of two clocks that is not warned of, in seconds: answers carry whole seconds and are
/// under way a while.
const NOTABLE_SECONDS: i64 = 3;
/// Bounds how far our clock may be off, in seconds: the functions' signatures are valid for ten seconds at Upvest.
const FATAL_SECONDS: i64 = 9;

/// Maps the names of the stack's CloudFormation parameters to their values.
pub(super) type Parameters = BTreeMap<String, String>;

/// Finds resources of the stack by their type, as CloudFormation lists them.
#[derive(Debug)]
pub(super) struct Resources(Vec<Resource>);

impl Resources {
    /// Lists the resources of a type, with the name in the template and the one that AWS gave.
    pub(super) fn of(&self, resource_type: &str) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.iter();
        let of_type = all.filter(move |resource| resource.resource_type == resource_type);
        of_type.map(|resource| (resource.logical.as_str(), resource.physical.as_str()))
    }
}

/// Tells what CloudFormation says about the stack.
pub(super) struct Described {
    pub(super) status: String,
    pub(super) parameters: Parameters,
}

/// Asks CloudFormation for the state and the parameters of the stack.
///
/// # Errors
///
/// [`CheckError`].
pub(super) async fn describe(stack: &Stack) -> Result<Described, CheckError> {
    let found = stack.describe().await.map_err(|error| match error.kind() {
        // It was there when it was looked for.
        ErrorKind::NotFound => CheckError::Found(Finding::failed(STATUS, error.to_string(), GONE)),
        _ => CheckError::of_error("cloudformation:DescribeStacks")(error),
    })?;
    let status = found.stack_status();
    Ok(Described {
        status: status
            .map(|status| status.as_str().to_owned())
            .unwrap_or_default(),
        parameters: parameters(&found),
    })
}

/// Asks CloudFormation what the stack is made of.
///
/// # Errors
///
/// [`CheckError`].
pub(super) async fn resources(stack: &Stack) -> Result<Resources, CheckError> {
    let listed = stack.resources().await;
    let listed = listed.map_err(CheckError::of_error("cloudformation:ListStackResources"))?;
    Ok(Resources(listed))
}

/// Tells whether the last deployment went well.
pub(super) fn status(described: &Described) -> Vec<Finding> {
    let status = described.status.as_str();
    vec![match status {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => Finding::ok(STATUS, status),
        _ if status.ends_with("_IN_PROGRESS") => Finding::warning(
            STATUS,
            status,
            "wait for the end of the deployment, and look again",
        ),
        "UPDATE_ROLLBACK_COMPLETE" => Finding::warning(
            STATUS,
            status,
            "the last deployment was taken back: see the stack's events, and deploy again",
        ),
        _ => Finding::failed(STATUS, status, "see the stack's events, and deploy again"),
    }]
}

/// Tells whether this command and the stack are of one version.
pub(super) fn version(stack: &Stack) -> Vec<Finding> {
    let Some(deployed) = stack.optional("Version") else {
        let advice = "deploy it: versions before this one had no output Version";
        return vec![Finding::warning(
            VERSION,
            "the stack does not tell its version",
            advice,
        )];
    };
    vec![match compare(deployed, OWN_VERSION) {
        _ if deployed == OWN_VERSION => Finding::ok(VERSION, format!("{OWN_VERSION}, as this command")),
        Some(Ordering::Less) => Finding::warning(
            VERSION,
            format!("the stack is {deployed}, and older than this command, which is {OWN_VERSION}"),
            "deploy this version (docs/upgrading.md), or use the command of the stack's",
        ),
        Some(Ordering::Equal | Ordering::Greater) => Finding::warning(
            VERSION,
            format!("the stack is {deployed}, and newer than this command, which is {OWN_VERSION}"),
            "use the command of the stack's version, which knows all that is in it",
        ),
        None => Finding::warning(
            VERSION,
            format!(
                "the stack is {deployed}, which is no version to compare with {OWN_VERSION}, that of this command"
            ),
            "deploy this version (docs/upgrading.md), or use the command of the stack's",
        ),
    }]
}

/// Finds out who asks, and how far the clocks of this machine, AWS and Upvest are apart.
pub(super) async fn clocks(stack: &Stack, upvest: Option<&upvest_api::Client>) -> Checked {
    let date = Dates::default();
    let client = stack.sts();
    // The SDK gives no header of an answer away, so that its date is noted on the way.
    let request = client.get_caller_identity().customize().interceptor(date.clone());
    let caller = request
        .send()
        .await
        .map_err(CheckError::of("sts:GetCallerIdentity"))?;
    let own = stack.clock().now().as_second();
    let own_ahead_of_aws = date.last().map(|date| own - date.as_second());
    if let Some(upvest) = upvest {
        // Only for its date: whether it is allowed, another check tells.
        let _ = upvest.authorize(upvest_api::Scope::WebhooksRead).await;
    }
    let own_ahead_of_upvest = upvest.and_then(upvest_api::Client::clock_ahead_seconds);
    let mut findings = vec![Finding::ok("you", caller.arn().unwrap_or("unknown").to_owned())];
    findings.extend(own_ahead_of_aws.map(|seconds| {
        let advice = "set the clock of this machine";
        difference("clock of this machine", "AWS", seconds, advice)
    }));
    findings.push(match (own_ahead_of_aws, own_ahead_of_upvest) {
        (Some(aws), Some(upvest)) => {
            let advice =
                "nothing of yours: ask Upvest, because the functions' signatures carry the time of AWS";
            // Both were measured against this machine's clock, which so has no part in the difference.
            difference("clock of AWS", "Upvest", upvest - aws, advice)
        }
        (None, _) => Finding::skipped(CLOCK, "AWS told no time"),
        (_, None) => Finding::skipped(CLOCK, "Upvest told no time"),
    });
    Ok(findings)
}

fn difference(whose: &str, than: &str, ahead_seconds: i64, advice: &str) -> Finding {
    let direction = if ahead_seconds < 0 { "behind" } else { "ahead of" };
    let found = format!("{} s {direction} {than}'s", ahead_seconds.abs());
    match ahead_seconds.abs() {
        seconds if seconds <= NOTABLE_SECONDS => Finding::ok(whose, found),
        seconds if seconds <= FATAL_SECONDS => Finding::warning(whose, found, advice),
        _ => Finding::failed(whose, found, advice),
    }
}

/// Notes the `date` header of the last answer, to compare AWS's clock with this one.
#[derive(Debug, Clone, Default)]
struct Dates(Arc<Mutex<Option<Timestamp>>>);

impl Dates {
    fn last(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Dates {
    fn name(&self) -> &'static str {
        "Dates"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}
