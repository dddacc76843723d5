//! `dlq redrive`: sending messages back.

use std::collections::BTreeMap;

use operator::dlq::{RedriveReport, Selection, redrive};
use operator::{Queue, Result};

use super::selection::{MessagesArgs, messages_behind};
use crate::arguments::Site;
use crate::output::{Exit, Report, joined, missing, repair_text, rows_of};

/// Sends back what is selected, after a question that names the queues.
pub(super) async fn run(messages: MessagesArgs, site: Site<'_>) -> Result<RedriveReport> {
    let (selection, arguments) = messages.into_parts();
    let confirm = |waiting: &_| arguments.confirm(&question(&selection, waiting));
    redrive(&arguments.of(site), &selection, confirm).await
}

fn question(selection: &Selection, waiting: &BTreeMap<Queue, usize>) -> String {
    let queues = waiting.iter();
    let queues = joined(queues.map(|(name, count)| format!("{} (about {count})", name.as_str())));
    let what = match selection.is_everything() {
        true => "All messages",
        false => "The messages that you chose",
    };
    format!("{what} of these dead-letter queues are sent back: {queues}. Go on?")
}

impl Report for RedriveReport {
    fn text(&self) -> String {
        repair_text(&self.ending, "sent back", || {
            let would = if self.ending.dry_run { "would be " } else { "" };
            let mut text = rows_of(&self.queues)
                .column("queue", |of| of.queue.as_str())
                .column(&format!("{would}sent back"), |of| of.done.redriven)
                .column("others", |of| of.done.other)
                .column("came since", |of| of.done.came_since)
                .or(format!("no messages in dead-letter queues{}", self.selection));
            let cut_off = self.queues.iter().flat_map(|of| &of.done.cut_off);
            text.push_str(&messages_behind(cut_off));
            text.push_str(&missing(&self.missing, "no message of this id can be seen"));
            if self.out_of_sight > 0 {
                text.push_str(&format!(
                    "\n{} out of sight: another command looks at them, or one that was killed did; they are back in 2 minutes",
                    self.out_of_sight
                ));
            }
            if self.queues.iter().any(|queue| queue.done.came_since > 0) {
                text.push_str("\nwhat came since then failed again, or is new: see `dlq list --messages`");
            }
            text
        })
    }

    fn exit(&self) -> Exit {
        Exit::of_repair(&self.ending, self.missing.is_empty())
    }
}
