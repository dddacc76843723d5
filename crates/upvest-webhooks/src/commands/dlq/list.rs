//! `dlq list`: what waits, counted or listed.

use clap::Args;
use operator::dlq::{List, QueueCounts, list};
use operator::{Reporter, Result, Stack};
use pipeline::runtime::clock::Clock;

use super::selection::{FilterArgs, QueueArgs, messages_behind, selection};
use crate::output::{self, Report};
use crate::times::age_at;

/// Bounds what a table shows of a reason, in characters.
const REASON_WIDTH: usize = 80;

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    queues: QueueArgs,
    /// List the messages themselves, not only how many there are
    #[arg(long)]
    messages: bool,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// List at most so many messages of each queue
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
}

impl ListArgs {
    /// Counts what waits in dead-letter queues, or lists it.
    pub(super) async fn run(self, stack: &Stack, clock: &Clock, reporter: Reporter<'_>) -> Result<List> {
        let limit = self.messages.then_some(self.limit);
        let selection = selection(self.queues, Vec::new(), self.filter);
        list(stack, &selection, limit, clock.now(), reporter).await
    }
}

impl Report for List {
    fn text(&self) -> String {
        let Some(messages) = &self.messages else {
            return counts(self);
        };
        if messages.is_empty() {
            return format!(
                "no messages in dead-letter queues{}\n{}",
                self.selection,
                messages_behind(&self.cut_off)
            );
        }
        let header = [
            "queue",
            "age",
            "event or delivery",
            "type",
            "entity",
            "receives",
            "message id",
            "reason",
        ];
        let mut table = output::table(header);
        for about in messages {
            let subject = about.event_id.as_ref().or(about.delivery_id.as_ref());
            let cell = |text: &Option<String>| text.clone().unwrap_or_default();
            table.add_row([
                about.queue.as_str().to_owned(),
                about
                    .sent_at
                    .map(|sent| age_at(self.at, sent))
                    .unwrap_or_default(),
                subject.cloned().unwrap_or_default(),
                cell(&about.r#type),
                cell(&about.entity),
                about.receive_count.to_string(),
                about.message_id.clone(),
                shortened(
                    about
                        .reason
                        .as_deref()
                        .unwrap_or("moved by SQS: crash, timeout or function error"),
                ),
            ]);
        }
        let more = if self.more {
            "\nthere is more: use --limit"
        } else {
            ""
        };
        format!("{table}\n{}{more}", messages_behind(&self.cut_off))
    }
}

fn counts(list: &List) -> String {
    let mut table = output::table(["queue", "messages", "in flight"]);
    for QueueCounts { queue, counts } in &list.queues {
        table.add_row([
            queue.as_str().to_owned(),
            counts.waiting.to_string(),
            counts.in_flight.to_string(),
        ]);
    }
    table.to_string()
}

fn shortened(reason: &str) -> String {
    if reason.chars().count() <= REASON_WIDTH {
        return reason.to_owned();
    }
    let start: String = reason.chars().take(REASON_WIDTH).collect();
    format!("{start}…")
}
