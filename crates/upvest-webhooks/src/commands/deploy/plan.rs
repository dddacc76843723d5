//! Writes in words what a change set would change, and asks whether that is wanted.

use std::collections::BTreeMap;

use operator::deploy::{Change, ChangeKind, Plan};

use crate::output::{joined, paragraph, rows_of};

/// Writes what would change: what may lose data first, then parameters and tags, then the
/// resources.
pub(crate) fn plan_text(plan: &Plan) -> String {
    let mut text = String::new();
    for loss in plan.losses() {
        text.push_str(&paragraph("! ", &warning(loss)));
        text.push('\n');
    }
    let not_given = if plan.is_new { "(none)" } else { "(default)" };
    for (what, absent, values) in [
        ("parameter", not_given, &plan.parameters),
        ("tag", "(none)", &plan.tags),
    ] {
        if values.is_empty() {
            continue;
        }
        let rows = rows_of(values)
            .column(what, |change| &change.name)
            .column("before", |change| change.before.as_deref().map_or(absent, empty))
            .column("after", |change| empty(&change.after));
        text.push_str(&format!("{rows}\n"));
    }
    if !plan.changes.is_empty() {
        let rows = if plan.is_new { kinds(plan) } else { resources(plan) };
        text.push_str(&format!("{rows}\n"));
    }
    text
}

/// Counts the resources of a new stack by type: some two hundred lines that all say "new" are read by nobody.
fn kinds(plan: &Plan) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for change in &plan.changes {
        *counts.entry(&change.resource_type).or_default() += 1;
    }
    rows_of(&counts)
        .column("what", |_| word(ChangeKind::New))
        .column("type", |(resource_type, _)| resource_type)
        .column("number", |(_, count)| count)
        .to_string()
}

/// Lists each resource of a stack that is there, with what would change of it.
fn resources(plan: &Plan) -> String {
    rows_of(&plan.changes)
        .column("what", |change| word(change.change))
        .column("resource", |change| &change.resource)
        .column("type", |change| &change.resource_type)
        .column("properties", |change| joined(&change.changed_properties))
        .to_string()
}

/// Asks whether all of this is wanted.
pub(crate) fn question(plan: &Plan, stack: &str) -> String {
    let kinds = [
        ChangeKind::New,
        ChangeKind::Changed,
        ChangeKind::Replaced,
        ChangeKind::PerhapsReplaced,
        ChangeKind::Removed,
    ];
    let counted = kinds.into_iter().filter_map(|kind| {
        let count = plan.changes.iter().filter(|change| change.change == kind).count();
        (count > 0).then(|| format!("{count} {}", word(kind)))
    });
    let stack = match plan.is_new {
        true => format!("the new stack {stack}"),
        false => format!("stack {stack}"),
    };
    format!("Resources of {stack}: {}. Go on?", joined(counted))
}

fn word(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::New => "new",
        ChangeKind::Changed => "changed in place",
        ChangeKind::Replaced => "REPLACED",
        ChangeKind::PerhapsReplaced => "perhaps REPLACED",
        ChangeKind::Removed => "removed",
    }
}

fn warning(loss: &Change) -> String {
    let Change {
        resource,
        resource_type,
        ..
    } = loss;
    match loss.change {
        ChangeKind::Removed => format!("{resource} ({resource_type}) would be removed, with what is in it"),
        ChangeKind::PerhapsReplaced => {
            format!(
                "{resource} ({resource_type}) may be replaced by an empty one: what is in it would not be in the stack any more"
            )
        }
        _ => {
            format!(
                "{resource} ({resource_type}) would be replaced by an empty one: what is in it is not in the stack any more"
            )
        }
    }
}

fn empty(value: &str) -> &str {
    match value.is_empty() {
        true => "(empty)",
        false => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(resource: &str, resource_type: &str) -> Change {
        Change {
            resource: resource.to_owned(),
            resource_type: resource_type.to_owned(),
            change: ChangeKind::New,
            changed_properties: Vec::new(),
            may_lose_data: false,
        }
    }

    #[test]
    fn a_new_stack_is_shown_by_the_types_of_its_resources_and_one_that_is_there_by_each() {
        let mut plan = Plan {
            is_new: true,
            changes: vec![
                new("OrdersQueue", "AWS::SQS::Queue"),
                new("UsersQueue", "AWS::SQS::Queue"),
                new("EventsTable", "AWS::DynamoDB::Table"),
            ],
            ..Plan::default()
        };
        let shown = plan_text(&plan);
        let queues = shown.lines().find(|line| line.contains("AWS::SQS::Queue"));
        assert!(queues.unwrap().trim_end().ends_with('2'), "{shown}");
        assert!(!shown.contains("OrdersQueue"), "{shown}");

        plan.is_new = false;
        let shown = plan_text(&plan);
        for name in ["OrdersQueue", "UsersQueue", "EventsTable"] {
            assert!(shown.contains(name), "{shown}");
        }
    }
}
