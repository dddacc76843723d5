//! The policy of a stack: what it lets nobody replace or delete is found out before CloudFormation begins.
//!
//! CloudFormation itself finds it out at the resource, and takes back what it did until then. Nor can a change set be executed
//! under a policy of its own, as an update without one can: what the policy denies takes another one in its place. What is
//! changed and stays what it is (`Update:Modify`) is not looked at: a change set says of nested stacks that they are, where
//! nothing in them is.

use std::path::Path;

use pipeline::error::{AwsError, ErrorChain};
use serde_json::Value;

use super::Target;
use super::changes::{Change, ChangeKind, Plan};
use crate::error::{Error, Result};

/// Begins a resource of a statement, before the name that the template has for it.
const LOGICAL_ID: &str = "LogicalResourceId/";

/// Reads a policy that is to be set.
///
/// # Errors
///
/// [`Error`] where the file cannot be read; of the kind usage where it is not JSON.
pub(super) fn read(file: &Path) -> Result<String> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(Error::context(format!("cannot read the stack policy {shown}")))?;
    let parsed: Result<serde::de::IgnoredAny, _> = serde_json::from_str(&text);
    let unread =
        |error: serde_json::Error| Error::usage(format!("the stack policy {shown} is not JSON: {error}"));
    parsed.map_err(unread)?;
    Ok(text)
}

/// Refuses a change that the stack's policy denies, and tells of one that it may deny. A dry run is told of both.
///
/// # Errors
///
/// [`Error`] with what would be replaced or removed, and what lets it through. Whoever may not read the policy is told that
/// nobody looked.
pub(super) async fn check(target: &Target<'_>, plan: &Plan, is_dry_run: bool) -> Result<()> {
    let is_asked_for = plan
        .changes
        .iter()
        .any(|change| operation(change.change).is_some());
    if plan.is_new || !is_asked_for {
        return Ok(());
    }
    let Some(policy) = policy(target).await else {
        return Ok(());
    };
    let (perhaps, surely): (Vec<&Change>, Vec<&Change>) =
        denied(&policy, plan).partition(|change| change.change == ChangeKind::PerhapsReplaced);
    if !perhaps.is_empty() {
        let names = names(&perhaps);
        target.reporter.note(&format!(
            "the stack's policy lets nobody replace {names}: if the change comes to that, which only it shows itself, \
             CloudFormation takes it back"
        ));
    }
    if surely.is_empty() {
        return Ok(());
    }
    let refusal = refusal(target.stack, &surely);
    if is_dry_run {
        target.reporter.note(&refusal);
        return Ok(());
    }
    Err(Error::failed(refusal))
}

/// Asks CloudFormation for the stack's policy; `None` where it has none, and where nobody may read it.
async fn policy(target: &Target<'_>) -> Option<Value> {
    let read = target.cloudformation().get_stack_policy();
    let read = read.stack_name(target.stack).send().await;
    match read.map_err(AwsError::of("cloudformation:GetStackPolicy")) {
        // CloudFormation sets no policy that is not JSON.
        Ok(read) => serde_json::from_str(&read.stack_policy_body?).ok(),
        Err(error) => {
            target.reporter.note(&format!(
                "whether the stack has a policy that denies this was not checked ({}): CloudFormation finds it out, and takes \
                 the change back then",
                ErrorChain(&error)
            ));
            None
        }
    }
}

fn refusal(stack: &str, denied: &[&Change]) -> String {
    format!(
        "the policy of stack {stack} lets nobody replace or delete {}, so that CloudFormation would take the change back half \
         way: nothing was changed. Where it is meant, have whoever keeps the policy set one that allows it (aws cloudformation \
         set-stack-policy --stack-name {stack}), run this again, and have the policy set back (docs/platform.md)",
        names(denied)
    )
}

fn names(changes: &[&Change]) -> String {
    let names: Vec<&str> = changes.iter().map(|change| change.resource.as_str()).collect();
    names.join(", ")
}

/// Names what a policy has to allow for a change after which a resource is not what it was; `None` for any other.
fn operation(change: ChangeKind) -> Option<&'static str> {
    match change {
        ChangeKind::Replaced | ChangeKind::PerhapsReplaced => Some("Update:Replace"),
        ChangeKind::Removed => Some("Update:Delete"),
        ChangeKind::Changed | ChangeKind::New => None,
    }
}

/// Lists the changes that a policy denies: those that a statement denies, and those that none allows.
fn denied<'p>(policy: &'p Value, plan: &'p Plan) -> impl Iterator<Item = &'p Change> {
    let applies = move |effect: &str, change: &Change| {
        let mut statements = items(&policy["Statement"]).iter();
        statements.any(|statement| statement["Effect"] == effect && is_about(statement, effect, change))
    };
    plan.changes.iter().filter(move |change| {
        operation(change.change).is_some() && (applies("Deny", change) || !applies("Allow", change))
    })
}

/// Tells whether a statement is about a change. A condition that is not known here is taken for what refuses less: CloudFormation
/// has the last word.
fn is_about(statement: &Value, effect: &str, change: &Change) -> bool {
    let resource = format!("{LOGICAL_ID}{}", change.resource);
    let fits = |name: &str, value: &str| {
        let mut patterns = items(&statement[name]).iter().filter_map(Value::as_str);
        patterns.any(|pattern| matches(pattern, value))
    };
    let either = |name: &str, inverse: &str, value: &str| match statement.get(inverse) {
        Some(_) => !fits(inverse, value),
        None => fits(name, value),
    };
    let holds = |(operator, keys): (&String, &Value)| {
        let mut types = items(&keys["ResourceType"]).iter().filter_map(Value::as_str);
        let is_of_types_alone = keys
            .as_object()
            .is_some_and(|keys| keys.keys().eq(["ResourceType"]));
        match operator.as_str() {
            "StringEquals" if is_of_types_alone => types.any(|wanted| wanted == change.resource_type),
            "StringLike" if is_of_types_alone => types.any(|wanted| matches(wanted, &change.resource_type)),
            _ => effect == "Allow",
        }
    };
    let conditions = statement["Condition"].as_object();
    either(
        "Action",
        "NotAction",
        operation(change.change).unwrap_or_default(),
    ) && either("Resource", "NotResource", &resource)
        && conditions.into_iter().flatten().all(holds)
}

/// Gives the values of a member that takes one or a list.
fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}

/// Tells whether a pattern with `*` for anything is that of a text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            let mut ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.any(|at| matches(after, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &str = "AWS::DynamoDB::Table";

    fn change(change: ChangeKind, resource: &str, resource_type: &str) -> Change {
        Change {
            change,
            resource: resource.to_owned(),
            resource_type: resource_type.to_owned(),
            changed_properties: Vec::new(),
            may_lose_data: false,
        }
    }

    /// Names what these statements deny, beside one that allows everything.
    fn denied_by(mut statements: Vec<Value>, changes: Vec<Change>) -> Vec<String> {
        statements
            .push(json!({ "Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*" }));
        let plan = Plan {
            changes,
            ..Plan::default()
        };
        let policy = json!({ "Statement": statements });
        denied(&policy, &plan)
            .map(|change| change.resource.clone())
            .collect()
    }

    #[test]
    fn what_is_replaced_or_removed_is_denied_by_its_type_and_by_its_name() {
        let changes = || {
            vec![
                change(ChangeKind::Replaced, "EventsTable", TABLE),
                change(ChangeKind::PerhapsReplaced, "KeysTable", TABLE),
                change(ChangeKind::Removed, "AuditTable", TABLE),
                change(ChangeKind::Changed, "EntitiesTable", TABLE),
                change(ChangeKind::New, "OtherTable", TABLE),
                change(ChangeKind::Removed, "DeliveriesQueue", "AWS::SQS::Queue"),
            ]
        };
        let of_types = json!({
            "Effect": "Deny", "Action": ["Update:Replace", "Update:Delete"], "Resource": "*",
            "Condition": { "StringEquals": { "ResourceType": [TABLE] } },
        });
        assert_eq!(
            denied_by(vec![of_types], changes()),
            ["EventsTable", "KeysTable", "AuditTable"]
        );
        let of_names = json!({ "Effect": "Deny", "Action": "Update:Delete", "Resource": "LogicalResourceId/Deliveries*" });
        assert_eq!(denied_by(vec![of_names], changes()), ["DeliveriesQueue"]);
        let of_others = json!({ "Effect": "Deny", "NotAction": "Update:Modify", "NotResource": "LogicalResourceId/*Table" });
        assert_eq!(denied_by(vec![of_others], changes()), ["DeliveriesQueue"]);
        let like = json!({
            "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": { "StringLike": { "ResourceType": "AWS::SQS::*" } },
        });
        assert_eq!(denied_by(vec![like], changes()), ["DeliveriesQueue"]);
        assert!(denied_by(Vec::new(), changes()).is_empty());
    }

    #[test]
    fn what_no_statement_allows_is_denied_and_an_unknown_condition_refuses_nothing() {
        let plan = Plan {
            changes: vec![change(ChangeKind::Removed, "EventsTable", TABLE)],
            ..Plan::default()
        };
        let count = |policy: Value| denied(&policy, &plan).count();
        assert_eq!(count(json!({ "Statement": [] })), 1);
        for condition in [
            json!({ "StringNotLike": { "ResourceType": "AWS::S3::*" } }),
            json!({ "StringEquals": { "ResourceName": "EventsTable" } }),
        ] {
            let statement = |effect: &str| json!({ "Effect": effect, "Action": "Update:*", "Resource": "*", "Condition": condition });
            assert_eq!(count(json!({ "Statement": statement("Allow") })), 0);
            assert!(denied_by(vec![statement("Deny")], plan.changes.clone()).is_empty());
        }
    }
}
