//! The text of what came of a change.

use operator::webhooks::{Difference, Outcome, PlannedRequest};

use super::show;
use crate::output::{Exit, Report, pretty, rows_of};

impl Report for Outcome {
    fn text(&self) -> String {
        match self {
            Self::Created { result, webhook } => {
                let mut text = format!("{result}\n\n{}", show::text(webhook));
                if !webhook.enabled {
                    text.push_str(&format!(
                        "\nit delivers once enabled: upvest-webhooks webhooks enable {}",
                        webhook.id
                    ));
                }
                text
            }
            Self::Changed {
                result,
                changes,
                webhook,
            } => {
                let compared = match changes.is_empty() {
                    true => String::new(),
                    false => format!("\n{}", compare(changes)),
                };
                format!("{result}{compared}\n\n{}", show::text(webhook))
            }
            Self::Deleted { id, result } => format!("{id}: {result}"),
            Self::Planned {
                requests, changes, ..
            } => planned(requests, changes),
        }
    }

    fn exit(&self) -> Exit {
        Exit::of_work(!matches!(self, Self::Deleted { result: "kept", .. }))
    }
}

fn compare(changes: &[Difference]) -> String {
    rows_of(changes)
        .column("changed", |change| change.member)
        .column("before", |change| &change.before)
        .column("after", |change| &change.after)
        .to_string()
}

fn planned(requests: &[PlannedRequest], changes: &[Difference]) -> String {
    let mut text = String::new();
    for PlannedRequest { method, path, body } in requests {
        text.push_str(&format!("{method} {path}\n"));
        if let Some(body) = body {
            text.push_str(&format!("{}\n", pretty(body.get())));
        }
        text.push('\n');
    }
    if !changes.is_empty() {
        text.push_str(&format!("{}\n\n", compare(changes)));
    }
    text.push_str("dry run: nothing was changed");
    text
}
