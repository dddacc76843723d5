//! `audit show`: one operation.

use pipeline::stores::audit::Operation;
use serde_json::Value;

use crate::output::{Report, facts, pretty};
use crate::times::local;

/// Writes when an operation ended, if it did.
pub(super) fn ended(operation: &Operation) -> String {
    let ended = operation.ended_at.map(local);
    ended.unwrap_or_else(|| "not".to_owned())
}

impl Report for Operation {
    fn text(&self) -> String {
        let some = |text: &str| Some(text.to_owned());
        let mut text = facts([
            ("operation", Some(self.id.to_string())),
            ("command", some(&self.command)),
            ("operator", some(&self.operator)),
            ("reason", some(&self.reason)),
            ("began", Some(local(self.began_at))),
            ("ended", Some(ended(self))),
        ]);
        let parts: [(&str, Option<&Value>); 3] = [
            ("request", Some(&self.request)),
            ("progress", self.progress.as_ref()),
            ("result", self.result.as_ref()),
        ];
        for (name, part) in parts {
            if let Some(part) = part {
                text.push_str(&format!("\n{name}\n{}\n", pretty(&part.to_string())));
            }
        }
        text
    }
}
