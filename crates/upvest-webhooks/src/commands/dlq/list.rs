//! `dlq list`: what waits, counted or listed.

use clap::Args;
use operator::Result;
use operator::dlq::{List, list};

use super::selection::{FilterArgs, QueueArgs, messages_behind, selection};
use crate::arguments::Site;
use crate::output::{Report, rows_of};
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
    pub(super) async fn run(self, site: Site<'_>) -> Result<List> {
        let limit = self.messages.then_some(self.limit);
        let selection = selection(self.queues, Vec::new(), self.filter);
        list(site.stack, &selection, limit, site.clock.now(), site.reporter).await
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
        let moved = "moved by SQS: crash, timeout or function error";
        let table = rows_of(messages)
            .column("queue", |about| about.queue.as_str())
            .optional("age", |about| about.sent_at.map(|sent| age_at(self.at, sent)))
            .optional("event or delivery", |about| {
                about.event_id.as_ref().or(about.delivery_id.as_ref())
            })
            .optional("type", |about| about.r#type.as_ref())
            .optional("entity", |about| about.entity.as_ref())
            .column("receives", |about| about.receive_count)
            .column("message id", |about| &about.message_id)
            .column("reason", |about| {
                shortened(about.reason.as_deref().unwrap_or(moved))
            });
        let more = if self.more {
            "\nthere is more: use --limit"
        } else {
            ""
        };
        format!("{table}\n{}{more}", messages_behind(&self.cut_off))
    }
}

fn counts(list: &List) -> String {
    rows_of(&list.queues)
        .column("queue", |of| of.queue.as_str())
        .column("messages", |of| of.waiting)
        .column("in flight", |of| of.in_flight)
        .to_string()
}

fn shortened(reason: &str) -> String {
    match reason.char_indices().nth(REASON_WIDTH) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason.to_owned(),
    }
}
