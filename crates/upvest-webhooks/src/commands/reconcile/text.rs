//! Writes for people what differs between the stack and Upvest.

use operator::reconcile::{CategoryReport, Reconciliation, RepairReport};

use crate::output::{Exit, Report, joined, rows_of};

/// Bounds the differences that are listed for people.
const MOST_LISTED: usize = 100;

impl Report for Reconciliation {
    fn text(&self) -> String {
        let read = |report: &CategoryReport, count| report.unreadable.is_none().then_some(count);
        let table = rows_of(&self.categories)
            .column("category", |report| report.category)
            .optional("compared", |report| read(report, report.compared))
            .optional("missing", |report| read(report, report.missing))
            .optional("stale", |report| read(report, report.stale))
            .optional("diverged", |report| read(report, report.diverged))
            .optional("extra", |report| read(report, report.extra))
            .optional("recent", |report| read(report, report.recent))
            .column("note", note);
        let mut text = format!("{table}\n");
        text.push_str(&listed(self));
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
                let answers = joined(answers);
                format!(
                    "\n{accepted} of {told} events accepted (operation {operation}); answers: {answers}; run it again, once \
                     they are processed, to see that nothing differs"
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
        // What is extra is never told, because no event ends it: it still differs after a repair.
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
    rows_of(report.differences.iter().take(MOST_LISTED))
        .column("entity", |difference| &difference.entity)
        .column("object", |difference| {
            let object = format!("{} {}", difference.category, difference.id);
            object.trim_end().to_owned()
        })
        .column("kind", |difference| difference.kind)
        .optional("here", |difference| difference.ours.as_ref())
        .optional("at Upvest", |difference| difference.theirs.as_ref())
        .column("fields", |difference| difference.fields.join(", "))
        .optional("event", |difference| Some(&difference.repair.as_ref()?.0))
        .below("")
}
