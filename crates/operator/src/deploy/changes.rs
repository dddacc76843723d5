//! Turns a change set of CloudFormation into plain values, which a person can agree to.

use aws_sdk_cloudformation::types::{
    Change as AwsChange, ChangeAction, PolicyAction, Replacement, ResourceChange,
};
use serde::Serialize;

/// Lists the types of what holds data that is nowhere else.
const HOLD_DATA: [&str; 3] = ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue"];

/// Tells what a stack would change, to whoever is to agree to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Tells whether there is no stack of that name yet.
    pub is_new: bool,
    /// Lists the parameters that are given and get another value than they have.
    pub parameters: Vec<ParameterChange>,
    /// Lists the tags of the stack that are given and get another value than they have. It keeps all others.
    pub tags: Vec<ParameterChange>,
    /// Lists the resources that change, those first by which data may be lost.
    pub changes: Vec<Change>,
}

/// Tells that a parameter or a tag gets another value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParameterChange {
    /// Names the parameter, or gives the key of the tag.
    pub name: String,
    /// Gives the value that it has; `None` where the stack does not have it yet.
    pub before: Option<String>,
    /// Gives the value that it gets.
    pub after: String,
}

/// Tells what becomes of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Says in one word what becomes of it.
    pub change: ChangeKind,
    /// Names it as the template does.
    pub resource: String,
    /// Gives its type, as CloudFormation names it.
    pub resource_type: String,
    /// Lists what changes of the resource, sorted: properties, or whole attributes like `Tags`.
    pub changed_properties: Vec<String>,
    /// Tells whether it holds data that the change may put out of reach.
    pub may_lose_data: bool,
}

/// Says what becomes of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    // In the order in which a plan lists them, which puts first what may lose data.
    /// Another one takes its place, which is empty.
    Replaced,
    /// Another one may take its place: only the change itself shows whether it does.
    PerhapsReplaced,
    /// It is not of the stack any more.
    Removed,
    /// It stays the same resource, with other properties.
    Changed,
    /// The stack gets it: it is made, or imported.
    New,
}

impl Plan {
    /// Lists what holds data that may be lost.
    pub fn losses(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.may_lose_data)
    }

    /// Takes over what a change set says, in the order in which a person is to see it.
    pub(super) fn take(&mut self, changes: &[AwsChange]) {
        let changes = changes.iter().filter_map(AwsChange::resource_change);
        self.changes = changes.map(Change::of).collect();
        self.changes
            .sort_by(|one, other| (one.change, &one.resource).cmp(&(other.change, &other.resource)));
    }
}

impl Change {
    fn of(change: &ResourceChange) -> Self {
        let kind = match (change.action(), change.replacement()) {
            (Some(ChangeAction::Add | ChangeAction::Import), _) => ChangeKind::New,
            (Some(ChangeAction::Remove), _) => ChangeKind::Removed,
            (Some(ChangeAction::Dynamic), _) | (_, Some(Replacement::Conditional)) => {
                ChangeKind::PerhapsReplaced
            }
            (_, Some(Replacement::True)) => ChangeKind::Replaced,
            _ => ChangeKind::Changed,
        };
        let details = change.details().iter();
        let mut properties: Vec<String> = details
            .filter_map(|detail| {
                let target = detail.target()?;
                let whole = || {
                    target
                        .attribute()
                        .map(aws_sdk_cloudformation::types::ResourceAttribute::as_str)
                };
                Some(target.name().or_else(whole)?.to_owned())
            })
            .collect();
        properties.sort_unstable();
        properties.dedup();
        let resource_type = change.resource_type().unwrap_or_default();
        let is_emptied = matches!(
            kind,
            ChangeKind::Replaced | ChangeKind::PerhapsReplaced | ChangeKind::Removed
        );
        // What is removed and retained is of no stack any more, and there with all that is in it.
        let is_kept_for_later =
            kind == ChangeKind::Removed && change.policy_action() == Some(&PolicyAction::Retain);
        Self {
            change: kind,
            resource: change.logical_resource_id().unwrap_or_default().to_owned(),
            resource_type: resource_type.to_owned(),
            changed_properties: properties,
            may_lose_data: is_emptied && !is_kept_for_later && HOLD_DATA.contains(&resource_type),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(action: ChangeAction, replacement: Option<Replacement>, resource_type: &str) -> ResourceChange {
        ResourceChange::builder()
            .action(action)
            .set_replacement(replacement)
            .logical_resource_id("It")
            .resource_type(resource_type)
            .build()
    }

    fn of(action: ChangeAction, replacement: Option<Replacement>) -> (ChangeKind, bool) {
        let change = Change::of(&change(action, replacement, "AWS::DynamoDB::Table"));
        (change.change, change.may_lose_data)
    }

    #[test]
    fn a_table_that_is_or_may_be_replaced_or_removed_may_lose_data() {
        assert_eq!(of(ChangeAction::Add, None), (ChangeKind::New, false));
        let modified = |replacement| of(ChangeAction::Modify, Some(replacement));
        assert_eq!(modified(Replacement::False), (ChangeKind::Changed, false));
        assert_eq!(modified(Replacement::True), (ChangeKind::Replaced, true));
        assert_eq!(
            modified(Replacement::Conditional),
            (ChangeKind::PerhapsReplaced, true)
        );
        assert_eq!(of(ChangeAction::Remove, None), (ChangeKind::Removed, true));
        let function = change(
            ChangeAction::Modify,
            Some(Replacement::True),
            "AWS::Lambda::Function",
        );
        assert!(!Change::of(&function).may_lose_data);
    }

    #[test]
    fn what_the_template_retains_is_not_lost_when_it_is_removed() {
        let removed = ResourceChange::builder()
            .action(ChangeAction::Remove)
            .policy_action(PolicyAction::Retain)
            .resource_type("AWS::S3::Bucket")
            .build();
        assert!(!Change::of(&removed).may_lose_data);
    }
}
