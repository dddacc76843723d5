//! A change set that is executed: its events, one after another, and the first that went wrong.

use std::time::Duration;

use aws_sdk_cloudformation::types::StackEvent;
use pipeline::error::AwsError;
use tokio::time::sleep;

use super::Target;
use super::present::Present;
use crate::error::{Error, Result};

/// Is the pause between two looks at a stack that changes.
const PAUSE: Duration = Duration::from_secs(3);
/// Names what is a stack of its own in a stack.
const NESTED: &str = "AWS::CloudFormation::Stack";
/// Says what CloudFormation says of what it gives up because of another one.
const GIVEN_UP: &str = "cancelled";

/// Keeps what is known of a change set that AWS executes.
#[derive(Debug, Default)]
pub(super) struct Execution {
    /// Names the newest event that was seen, at first the one before the execution.
    seen: Option<String>,
    has_begun: bool,
    failed: Option<StackEvent>,
    left: Vec<String>,
}

/// Has AWS execute a change set. From then on it goes on by itself.
///
/// # Errors
///
/// [`Error`] when it was not executed.
pub(super) async fn execute(target: &Target<'_>, name: &str) -> Result<Execution> {
    let client = target.cloudformation();
    let newest = client
        .describe_stack_events()
        .stack_name(target.stack)
        .send()
        .await;
    let newest = newest.map_err(AwsError::of("cloudformation:DescribeStackEvents"))?;
    let seen = newest.stack_events().first().and_then(StackEvent::event_id);
    let execute = client.execute_change_set().stack_name(target.stack);
    let executed = execute.change_set_name(name).send().await;
    executed
        .map_err(AwsError::of("cloudformation:ExecuteChangeSet"))
        .map_err(Error::context(
            "the change set was not executed: where somebody changed the stack meanwhile, run this again",
        ))?;
    Ok(Execution {
        seen: seen.map(str::to_owned),
        ..Execution::default()
    })
}

impl Execution {
    /// Follows the stack until it is at rest; gives the state that it is in then. `count` says how many resources change.
    ///
    /// # Errors
    ///
    /// [`Error`] when AWS does not tell how far it is. It goes on all the same.
    pub(super) async fn follow(&mut self, target: &Target<'_>, count: u64) -> Result<String> {
        let work = target.reporter.begin(count, "resources");
        loop {
            // The state first: what happened before it is among the events then.
            let present = Present::look_up(target).await?;
            for event in self.new_events(target).await? {
                if self.take(&event, target) {
                    work.done(1);
                }
            }
            let status = present.status().unwrap_or("DELETE_COMPLETE");
            if self.has_begun && !status.ends_with("_IN_PROGRESS") {
                return Ok(status.to_owned());
            }
            sleep(PAUSE).await;
        }
    }

    /// Lists what is retained, and belongs to no stack any more.
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
        {
            let events = target
                .cloudformation()
                .describe_stack_events()
                .stack_name(nested)
                .send()
                .await;
            // Whoever may not look into it is told of the nested stack itself.
            if let Ok(events) = events
                && let Some(inner) = events.stack_events().iter().rev().find(|event| is_cause(event))
            {
                let outer = failed.logical_resource_id().unwrap_or_default();
                return format!("{}, in the nested stack {outer}", words(inner));
            }
        }
        words(failed)
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
        if is_of_stack(event) {
            self.has_begun = true;
            return false;
        }
        if is_cause(event) && self.failed.is_none() {
            target.reporter.note(&format!("failed: {}", words(event)));
            self.failed = Some(event.clone());
        }
        if status(event) == "DELETE_SKIPPED" {
            let name = event.logical_resource_id().unwrap_or_default();
            let physical = event.physical_resource_id().unwrap_or_default();
            self.left.push(format!("{name} ({physical})"));
        }
        status(event).ends_with("_COMPLETE")
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
