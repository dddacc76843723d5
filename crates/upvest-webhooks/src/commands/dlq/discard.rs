//! `dlq discard`: events that nobody is told of.

use operator::dlq::{Discard, DiscardResult, Discarded, discard};
use operator::{Error, Result};

use super::selection::{MessagesArgs, messages_behind};
use crate::arguments::Site;
use crate::output::{Exit, Report, counted, missing, repair_text, rows_of};

/// Discards what is selected, after a question that names how many events of which types.
pub(super) async fn run(messages: MessagesArgs, site: Site<'_>) -> Result<Discarded> {
    let (selection, arguments) = messages.into_parts();
    if selection.is_everything() {
        return Err(Error::usage("nothing is chosen: name events, or use filters"));
    }
    let confirm = |chosen: &[Discard]| arguments.confirm(&question(chosen));
    discard(&arguments.of(site), &selection, confirm).await
}

fn question(chosen: &[Discard]) -> String {
    let types = chosen.iter().map(|message| message.r#type.as_deref());
    format!(
        "Discarded, so that nobody is told and no action runs: {}. Go on?",
        counted(types.map(|event_type| event_type.unwrap_or("no event")))
    )
}

impl Report for Discarded {
    fn text(&self) -> String {
        repair_text(&self.ending, "discarded", || {
            let mut text = rows_of(&self.messages)
                .column("queue", |message| message.queue.as_str())
                .column("event", |message| {
                    message.event_id.as_ref().unwrap_or(&message.message_id)
                })
                .optional("entity", |message| message.entity.as_ref())
                .column("result", |message| result_text(&message.result))
                .or(format!("no messages in dead-letter queues{}", self.selection));
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

fn result_text(result: &DiscardResult) -> String {
    match result {
        DiscardResult::Planned => "would be discarded".to_owned(),
        DiscardResult::Folded { version } => format!("in the state, version {version}; gone"),
        DiscardResult::InState => "was in the state; gone".to_owned(),
        DiscardResult::NotFolded { why } => format!("not in the state: {why}; gone"),
        DiscardResult::Kept { why } => format!("stays: {why}"),
    }
}
