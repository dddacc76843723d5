//! What differs, for people.

use operator::reconcile::{CategoryReport, Reconciliation, RepairReport};

use crate::exit::Exit;
use crate::output::{self, Report};

/// Bounds the differences that are listed for people.
const MOST_LISTED: usize = 100;

impl Report for Reconciliation {
    fn text(&self) -> String {
        let mut table = output::table([
            "category", "compared", "missing", "stale", "diverged", "extra", "recent", "note",
        ]);
        for report in &self.categories {
            let counts = [
                report.compared,
                report.missing,
                report.stale,
                report.diverged,
                report.extra,
                report.recent,
            ];
            let counts = counts.map(|count| {
                if report.unreadable.is_none() {
                    count.to_string()
                } else {
                    String::new()
                }
            });
            let [compared, missing, stale, diverged, extra, recent] = counts;
            let note = note(report);
            let category = report.category.to_owned();
            table.add_row([category, compared, missing, stale, diverged, extra, recent, note]);
        }
        let mut text = format!("{table}\n");
        if !self.differences.is_empty() {
            text.push_str(&format!("\n{}\n", listed(self)));
        }
        let more = self.differences.len().saturating_sub(MOST_LISTED);
        if more > 0 {
            text.push_str(&format!("and {more} more: --json shows all\n"));
        }
        text.push_str(&match &self.repair {
            Some(RepairReport {
                operation,
                told,
                accepted,
                answers,
            }) => {
                let answers = answers.iter().map(|(answer, count)| format!("{count} × {answer}"));
                format!(
                    "\n{accepted} of {told} events accepted (operation {operation}); answers: {}; run it again, once they are \
                     processed, to see that nothing differs",
                    answers.collect::<Vec<_>>().join(", ")
                )
            }
            None if self.repairable() > 0 => {
                format!("\n{} of them could be told with --repair; nothing was", self.repairable())
            }
            None => String::new(),
        });
        text
    }

    fn exit(&self) -> Exit {
        let is_complete = self.categories.iter().all(|report| report.error.is_none());
        let accepted = self.repair.as_ref().map_or(0, |repair| repair.accepted);
        Exit::of_work(is_complete).or(|| Exit::of_findings(self.differences.len() == accepted))
    }
}

/// Says what is to be known beside the counts.
fn note(report: &CategoryReport) -> String {
    match (&report.error, report.unreadable, report.unusable) {
        (Some(error), ..) => error.clone(),
        (None, Some(why), _) => format!("not readable at Upvest: {why}"),
        (None, None, 0) => String::new(),
        (None, None, unusable) => format!("{unusable} could not be compared"),
    }
}

fn listed(report: &Reconciliation) -> String {
    let mut table = output::table(["entity", "object", "kind", "here", "at Upvest", "fields", "event"]);
    for difference in report.differences.iter().take(MOST_LISTED) {
        let object = format!("{} {}", difference.category, difference.id);
        let object = object.trim_end();
        let event = difference
            .repair
            .as_ref()
            .map(|(event_type, _)| event_type.as_str());
        table.add_row([
            difference.entity.as_str(),
            object,
            difference.kind.name(),
            difference.ours.as_deref().unwrap_or_default(),
            difference.theirs.as_deref().unwrap_or_default(),
            &difference.fields.join(", "),
            event.unwrap_or_default(),
        ]);
    }
    table.to_string()
}
