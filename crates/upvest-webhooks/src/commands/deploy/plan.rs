//! What a change set would change, in words.

use operator::deploy::{Change, ChangeKind, Plan};

use crate::output::{paragraph, table};

/// Writes what would change: what may lose data first, then parameters and tags, then each resource.
pub(crate) fn plan_text(plan: &Plan) -> String {
    let mut text = String::new();
    for loss in plan.losses() {
        text.push_str(&paragraph("! ", &warning(loss)));
        text.push('\n');
    }
    for (what, absent, values) in [
        ("parameter", "(default)", &plan.parameters),
        ("tag", "(none)", &plan.tags),
    ] {
        if values.is_empty() {
            continue;
        }
        let mut rows = table([what, "before", "after"]);
        for change in values {
            let before = change.before.as_deref().map_or(absent, empty);
            rows.add_row([change.name.as_str(), before, empty(&change.after)]);
        }
        text.push_str(&format!("{rows}\n"));
    }
    if !plan.changes.is_empty() {
        let mut rows = table(["what", "resource", "type", "properties"]);
        for change in &plan.changes {
            rows.add_row([
                word(change.change),
                &change.resource,
                &change.resource_type,
                &change.changed_properties.join(", "),
            ]);
        }
        text.push_str(&format!("{rows}\n"));
    }
    text
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
    let counted: Vec<String> = counted.collect();
    let stack = match plan.is_new {
        true => format!("the new stack {stack}"),
        false => format!("stack {stack}"),
    };
    format!("Resources of {stack}: {}. Go on?", counted.join(", "))
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
