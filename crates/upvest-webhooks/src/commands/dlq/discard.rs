//! `dlq discard`: giving events up.

use operator::dlq::{About, DiscardResult, Discarded, Selection, discard};
use operator::{Error, Repair, Result};

use super::selection::messages_behind;
use crate::arguments::RepairArgs;
use crate::exit::Exit;
use crate::output::{self, Report, counted, missing, repair_text};

/// Gives up what is selected, after a question that names how many events of which types.
pub(super) async fn run(
    repair: &Repair<'_>,
    selection: &Selection,
    arguments: &RepairArgs,
) -> Result<Discarded> {
    if selection.is_everything() {
        return Err(Error::usage("nothing is chosen: name events, or use filters"));
    }
    let confirm = |chosen: &[About]| arguments.confirm(&question(chosen));
    discard(repair, selection, confirm).await
}

fn question(chosen: &[About]) -> String {
    let types = chosen.iter().map(|about| about.r#type.as_deref());
    format!(
        "Given up, so that nobody is told and no action runs: {}. Go on?",
        counted(types.map(|event_type| event_type.unwrap_or("no event")))
    )
}

impl Report for Discarded {
    fn text(&self) -> String {
        repair_text(&self.ending, "given up", || {
            let mut text = match self.messages.is_empty() {
                true => format!("no messages in dead-letter queues{}\n", self.selection),
                false => table(self),
            };
            text.push_str(&messages_behind(&self.cut_off));
            text.push_str(&missing(&self.missing, "no message of this id can be seen"));
            if self.more {
                text.push_str("\nthere is more: run the command again");
            }
            text
        })
    }

    fn exit(&self) -> Exit {
        let stays = |result: &DiscardResult| matches!(result, DiscardResult::Kept { .. });
        let all_gone = !self.messages.iter().any(|message| stays(&message.result));
        Exit::of_repair(&self.ending, self.missing.is_empty()).or(|| Exit::of_work(all_gone))
    }
}

fn table(report: &Discarded) -> String {
    let mut table = output::table(["queue", "event", "entity", "result"]);
    for message in &report.messages {
        let event = message.event_id.as_deref().unwrap_or(&message.message_id);
        let entity = message.entity.as_deref().unwrap_or_default();
        table.add_row([
            message.queue.as_str(),
            event,
            entity,
            &result_text(&message.result),
        ]);
    }
    format!("{table}\n")
}

fn result_text(result: &DiscardResult) -> String {
    match result {
        DiscardResult::Planned => "would be given up".to_owned(),
        DiscardResult::Folded { version } => format!("in the state, version {version}; gone"),
        DiscardResult::InState => "was in the state; gone".to_owned(),
        DiscardResult::NotFolded { why } => format!("not in the state: {why}; gone"),
        DiscardResult::Kept { why } => format!("stays: {why}"),
    }
}
