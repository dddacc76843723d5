//! `dlq discard`: giving events up.

use std::collections::BTreeMap;

use clap::Args;
use operator::dlq::{About, Discarded, Fate, discard};
use operator::{Error, Repair, Result};

use super::selection::{FilterArgs, QueueArgs, messages_behind, selection};
use crate::arguments::RepairArgs;
use crate::output::{self, Report, missing, repair_text};

#[derive(Debug, Args)]
pub(crate) struct DiscardArgs {
    /// Ids of messages, or of the events that they are about; without any, all that the filters take
    ids: Vec<String>,
    #[command(flatten)]
    queues: QueueArgs,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    pub(super) repair: RepairArgs,
}

impl DiscardArgs {
    /// Runs the command.
    pub(super) async fn run(self, repair: &Repair<'_>) -> Result<Discarded> {
        let selection = selection(self.queues, self.ids, self.filter);
        if selection.is_everything() {
            return Err(Error::usage("nothing is chosen: name events, or use filters"));
        }
        discard(repair, &selection, |chosen| {
            self.repair.confirm(&question(chosen))
        })
        .await
    }
}

fn question(chosen: &[About]) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for about in chosen {
        *counts
            .entry(about.r#type.as_deref().unwrap_or("no event"))
            .or_default() += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(event_type, count)| format!("{count} × {event_type}"))
        .collect();
    format!(
        "Given up, so that nobody is told and no action runs: {}. Go on?",
        counts.join(", ")
    )
}

impl Report for Discarded {
    fn text(&self) -> String {
        repair_text(&self.ending, "given up", || {
            let mut text = match self.messages.is_empty() {
                true => "no messages to give up\n".to_owned(),
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

    fn succeeded(&self) -> bool {
        let stays = |fate: &Fate| matches!(fate, Fate::Kept { .. });
        let all_gone = !self.messages.iter().any(|message| stays(&message.fate));
        self.ending.is_good() && self.missing.is_empty() && all_gone
    }
}

fn table(report: &Discarded) -> String {
    let mut table = output::table(["queue", "event", "entity", "result"]);
    for message in &report.messages {
        let event = message.event_id.as_deref().unwrap_or(&message.message_id);
        let entity = message.entity.as_deref().unwrap_or_default();
        table.add_row([message.queue.as_str(), event, entity, &result_text(&message.fate)]);
    }
    format!("{table}\n")
}

fn result_text(fate: &Fate) -> String {
    match fate {
        Fate::Planned => "would be given up".to_owned(),
        Fate::Folded { version } => format!("in the state, version {version}; gone"),
        Fate::InState => "was in the state; gone".to_owned(),
        Fate::NotFolded { why } => format!("not in the state: {why}; gone"),
        Fate::Kept { why } => format!("stays: {why}"),
    }
}
