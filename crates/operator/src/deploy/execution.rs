//! A change set that is executed: its events, one after another, and the first that went wrong.

use std::time::Duration;

use aws_sdk_cloudformation::types::{ExecutionStatus, StackEvent};
use aws_smithy_types::DateTime;
use pipeline::error::{AwsError, ErrorChain};
use tokio::time::{Instant, sleep};

use super::Target;
use super::nested::NestedTemplates;
use super::present::Present;
use crate::error::{Error, ErrorKind, Result};
use crate::reporter::Work;

/// Is the pause between two looks at a stack that changes.
const PAUSE: Duration = Duration::from_secs(3);
/// Says for how long a stack is looked at again and again while AWS tells nothing of it.
const PATIENCE: Duration = Duration::from_mins(5);
/// Lists how AWS says that it is asked too often, or fails itself: a later look may succeed.
const PASSING: [&str; 6] = [
    "Throttling",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "InternalFailure",
    "InternalError",
    "timed out",
];
/// Names what is a stack of its own in a stack.
const NESTED: &str = "AWS::CloudFormation::Stack";
/// Says what CloudFormation says of what it gives up because of another one.
const GIVEN_UP: &str = "cancelled";

/// Keeps what is known of a change set that AWS executes.
#[derive(Debug, Default)]
pub(super) struct Execution {
    /// Names the newest event that was seen, at first the one before the execution.
    seen: Option<String>,
    /// Gives the time of the first event of this execution.
    began_at: Option<DateTime>,
    has_begun: bool,
    /// Tells whether the change is done, or taken back, so that what nobody needs any more is deleted.
    is_cleaning_up: bool,
    failed: Option<StackEvent>,
    left: Vec<String>,
}

/// Has AWS execute a change set, unless a nested template was changed since it was made. From then on it goes on by itself.
///
/// # Errors
///
/// [`Error`] when it was not executed.
pub(super) async fn execute(
    target: &Target<'_>,
    nested: &NestedTemplates<'_>,
    name: &str,
) -> Result<Execution> {
    nested.refuse_changed().await?;
    let client = target.cloudformation();
    // Before the execution: every event that is newer belongs to it.
    let newest = client
        .describe_stack_events()
        .stack_name(target.stack)
        .send()
        .await;
    let newest = newest.map_err(AwsError::of("cloudformation:DescribeStackEvents"))?;
    let seen = newest.stack_events().first().and_then(StackEvent::event_id);
    let execute = client.execute_change_set().stack_name(target.stack);
    // Where its answer is lost, the SDK asks again: by the token CloudFormation knows that it is the same request.
    let executed = execute.change_set_name(name).client_request_token(name);
    let executed = executed.send().await;
    if let Err(error) = executed.map_err(AwsError::of("cloudformation:ExecuteChangeSet")) {
        unless_begun(target, name, error).await?;
    }
    Ok(Execution {
        seen: seen.map(str::to_owned),
        ..Execution::default()
    })
}

/// Passes over the error of an execution that AWS has begun all the same, so that it was the answer that was lost.
async fn unless_begun(target: &Target<'_>, name: &str, error: AwsError) -> Result<()> {
    let stack = target.stack;
    let describe = target.cloudformation().describe_change_set();
    let described = describe.stack_name(stack).change_set_name(name).send().await;
    let words = match described {
        Ok(described) if described.execution_status().is_some_and(is_begun) => return Ok(()),
        Ok(_) => {
            "the change set was not executed: where somebody changed the stack meanwhile, run this again"
                .to_owned()
        }
        Err(_) => format!(
            "whether the change set is executed is not known: upvest-webhooks --stack {stack} doctor tells what the stack is \
             at; run this again once nothing is under way"
        ),
    };
    Err(Error::context(words)(error))
}

fn is_begun(status: &ExecutionStatus) -> bool {
    matches!(
        status,
        ExecutionStatus::ExecuteInProgress
            | ExecutionStatus::ExecuteComplete
            | ExecutionStatus::ExecuteFailed
    )
}

impl Execution {
    /// Follows the stack until it is at rest; gives the state that it is in then. `count` says how many resources change. A
    /// connection that is lost, and throttling, are waited out for a while.
    ///
    /// # Errors
    ///
    /// [`Error`] when AWS does not tell how far it is. It goes on all the same.
    pub(super) async fn follow(&mut self, target: &Target<'_>, count: u64) -> Result<String> {
        let work = target.reporter.begin(count, "resources");
        let mut silent_since: Option<Instant> = None;
        loop {
            match self.look(target, &work).await {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => silent_since = None,
                Err(error) => {
                    let since = *silent_since.get_or_insert_with(Instant::now);
                    if !is_passing(&error) || since.elapsed() > PATIENCE {
                        return Err(error);
                    }
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// Looks at the stack once; gives the state that it is in where it is at rest.
    async fn look(&mut self, target: &Target<'_>, work: &Work<'_>) -> Result<Option<String>> {
        // Only a state that was read after the first event is one of this execution, and not the one before it.
        let had_begun = self.has_begun;
        // The state first: what happened before it is among the events then.
        let present = Present::look_up(target).await?;
        for event in self.new_events(target).await? {
            if self.take(&event, target) {
                work.done(1);
            }
        }
        // By its name, CloudFormation does not find a stack that is deleted.
        let status = present.status().unwrap_or("DELETE_COMPLETE");
        let is_at_rest = had_begun && !status.ends_with("_IN_PROGRESS");
        Ok(is_at_rest.then(|| status.to_owned()))
    }

    /// Lists what is retained, or could not be deleted after the change, and belongs to no stack any more.
    pub(super) fn left(&self) -> &[String] {
        &self.left
    }

    /// Tells what went wrong first: all else follows from it.
    pub(super) async fn first_cause(&self, target: &Target<'_>) -> String {
        let Some(failed) = &self.failed else {
            return "CloudFormation gives no reason".to_owned();
        };
        if failed.resource_type() == Some(NESTED)
            && let Some(nested) = failed.physical_resource_id().filter(|id| !id.is_empty())
            && let Some(inner) = self.cause_within(target, nested).await
        {
            let outer = failed.logical_resource_id().unwrap_or_default();
            return format!("{}, in the nested stack {outer}", words(&inner));
        }
        words(failed)
    }

    /// Finds what went wrong first in a nested stack, which remembers earlier deployments too. Whoever may not look into it is
    /// told of the nested stack itself.
    async fn cause_within(&self, target: &Target<'_>, nested: &str) -> Option<StackEvent> {
        let events = target.cloudformation().describe_stack_events();
        let mut pages = events.stack_name(nested).into_paginator().send();
        let mut cause = None;
        // The newest come first.
        while let Some(Ok(page)) = pages.next().await {
            for event in page.stack_events() {
                if self.began_at.as_ref() > event.timestamp() {
                    return cause;
                }
                if is_cause(event) {
                    cause = Some(event.clone());
                }
            }
        }
        cause
    }

    /// Reads the events that are newer than the newest that was seen, the oldest first.
    async fn new_events(&mut self, target: &Target<'_>) -> Result<Vec<StackEvent>> {
        let events = target
            .cloudformation()
            .describe_stack_events()
            .stack_name(target.stack);
        let mut pages = events.into_paginator().send();
        let mut new = Vec::new();
        'pages: while let Some(page) = pages.next().await {
            let page = page.map_err(AwsError::of("cloudformation:DescribeStackEvents"))?;
            for event in page.stack_events() {
                // A stack without earlier events has no `seen`, which an event without an id would equal.
                if self.seen.is_some() && event.event_id() == self.seen.as_deref() {
                    break 'pages;
                }
                new.push(event.clone());
            }
        }
        if let Some(newest) = new.first().and_then(StackEvent::event_id) {
            self.seen = Some(newest.to_owned());
        }
        new.reverse();
        Ok(new)
    }

    /// Notes what an event tells; gives whether a resource is done.
    fn take(&mut self, event: &StackEvent, target: &Target<'_>) -> bool {
        self.began_at = self.began_at.or_else(|| event.timestamp().copied());
        if is_of_stack(event) {
            self.has_begun = true;
            self.is_cleaning_up |= status(event).ends_with("_CLEANUP_IN_PROGRESS");
            return false;
        }
        if is_cause(event) && self.failed.is_none() {
            target.reporter.note(&format!("failed: {}", words(event)));
            self.failed = Some(event.clone());
        }
        self.take_deletion(event);
        status(event).ends_with("_COMPLETE")
    }

    /// Notes whether what an event is about is left behind. CloudFormation tries more than once to delete something.
    fn take_deletion(&mut self, event: &StackEvent) {
        let name = event.logical_resource_id().unwrap_or_default();
        let physical = event.physical_resource_id().unwrap_or_default();
        let resource = format!("{name} ({physical})");
        let is_left = match status(event) {
            "DELETE_SKIPPED" => true,
            // Before that it is one of the stack's still, whose own state tells.
            "DELETE_FAILED" => self.is_cleaning_up,
            "DELETE_COMPLETE" => {
                self.left.retain(|left| *left != resource);
                false
            }
            _ => false,
        };
        // A custom resource is what a function does: nothing is left of it.
        let is_custom = event
            .resource_type()
            .is_some_and(|kind| kind.starts_with("Custom::"));
        if is_left && !is_custom && !self.left.contains(&resource) {
            self.left.push(resource);
        }
    }
}

fn status(event: &StackEvent) -> &str {
    let status = event.resource_status();
    status
        .map(aws_sdk_cloudformation::types::ResourceStatus::as_str)
        .unwrap_or_default()
}

/// Tells whether an event is about the stack itself.
fn is_of_stack(event: &StackEvent) -> bool {
    event.stack_id().is_some() && event.physical_resource_id() == event.stack_id()
}

/// Tells whether something went wrong by itself, and not because something else did.
fn is_cause(event: &StackEvent) -> bool {
    let reason = event.resource_status_reason().unwrap_or_default();
    !is_of_stack(event) && status(event).ends_with("_FAILED") && !reason.contains(GIVEN_UP)
}

/// Tells whether a later look may succeed where this one did not.
fn is_passing(error: &Error) -> bool {
    let chain = ErrorChain(error).to_string();
    error.kind() == ErrorKind::Unreachable || PASSING.iter().any(|text| chain.contains(text))
}

fn words(event: &StackEvent) -> String {
    format!(
        "{} ({}): {}",
        event.logical_resource_id().unwrap_or_default(),
        event.resource_type().unwrap_or_default(),
        event
            .resource_status_reason()
            .unwrap_or("CloudFormation gives no reason")
    )
}
