//! What a test says of change sets, and what is kept of them.

use std::collections::{BTreeMap, BTreeSet};

/// Says what CloudFormation makes of change sets, and keeps what it was asked for.
#[derive(Clone, Debug, Default)]
pub struct ChangeSets {
    /// Lists what a change set would change. One that would change nothing fails, as in AWS.
    pub changes: Vec<PlannedChange>,
    /// Says why no change set can be made; `None` where one can.
    pub failure: Option<String>,
    /// Lists what happens to resources while one is executed, in that order.
    pub events: Vec<ResourceEvent>,
    /// Gives the state in which an execution leaves the stack, such as `UPDATE_COMPLETE`.
    pub ends_as: &'static str,
    /// Names the change sets of others that wait.
    pub of_others: BTreeSet<String>,
    /// Holds the template that the stack was made of.
    pub template: String,
    /// Gives the policy of the stack; `None` where it has none.
    pub policy: Option<String>,
    /// Lists the requests to make a change set: the members of each by their names.
    pub requests: Vec<BTreeMap<String, String>>,
    /// Names those of the caller that were neither executed nor deleted.
    pub waiting: BTreeSet<String>,
    /// Tells that the answer to a request to make one is lost, and that to the next try refuses it.
    pub loses_creation: bool,
    /// Counts the tries to delete one that are refused, because it is still being made.
    pub undeletable: u32,
    /// Tells that the answer to an execution is lost, and that to the next try refuses it.
    pub loses_execution: bool,
    /// Counts the looks at the stack after an execution that show it as it was before.
    pub shown_late: u32,
    /// Counts the looks at events after an execution that are throttled.
    pub throttles: u32,
    /// Maps nested stacks by their ids to what happened in them, in that order.
    pub nested: BTreeMap<&'static str, Vec<ResourceEvent>>,
    /// Lists what happened in the stack, in that order.
    pub(super) happened: Vec<ResourceEvent>,
    /// Names the change sets that were executed, as `DescribeChangeSet` tells of each.
    pub(super) executed: BTreeSet<String>,
    /// Counts the looks at the stack that are still to show it as it was.
    pub(super) late: u32,
    /// Counts the looks at events that are still to be throttled.
    pub(super) throttled: u32,
    /// Gives the state of the stack before the last execution.
    pub(super) before: String,
}

impl ChangeSets {
    /// Gives the state of the stack as a look at it shows it, which may be late.
    pub(crate) fn shown(&mut self, status: &str) -> String {
        match self.late.checked_sub(1) {
            Some(left) => {
                self.late = left;
                self.before.clone()
            }
            None => status.to_owned(),
        }
    }
}

/// Describes a change of a change set.
#[derive(Clone, Debug, Default)]
pub struct PlannedChange {
    /// Gives the action: `Add`, `Modify` or `Remove`.
    pub action: &'static str,
    /// Tells whether a resource that is modified is replaced: `True`, `False` or `Conditional`.
    pub replacement: &'static str,
    /// Names the resource as the template does.
    pub resource: &'static str,
    /// Gives the type of the resource as CloudFormation names it, like `AWS::S3::Bucket`.
    pub resource_type: &'static str,
    /// Names the property of the resource that changes; empty where a test names none.
    pub property: &'static str,
}

/// Describes an event of a resource.
#[derive(Clone, Debug, Default)]
pub struct ResourceEvent {
    /// Names the resource as the template does.
    pub resource: &'static str,
    /// Gives the type of the resource as CloudFormation names it, like `AWS::S3::Bucket`.
    pub resource_type: &'static str,
    /// Gives the state that it is in, such as `CREATE_FAILED`.
    pub status: &'static str,
    /// Says why the resource is in this state; empty where CloudFormation gives no reason.
    pub reason: &'static str,
    /// Gives its time, where that is another than that of the other events.
    pub at: &'static str,
}
