//! Choosing from what is in dead-letter queues.

use std::collections::BTreeSet;

use clap::Args;
use operator::Queue;
use operator::dlq::{Filter, Selection};
use upvest::EntityKey;

use crate::arguments::{RepairArgs, candidates, entity, event_type};
use crate::output::joined;

/// Says which dead-letter queues are looked through.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct QueueArgs {
    /// Only this queue: deliveries, key-requests or a domain; may be repeated
    #[arg(long = "queue", value_name = "QUEUE", add = candidates::queues())]
    pub(super) names: Vec<Queue>,
}

/// Says which messages are meant, by what they are about.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct FilterArgs {
    /// Only messages whose reason contains this text, in whatever case
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
    /// Only events of this entity, written TYPE#ID
    #[arg(long, value_parser = entity)]
    entity: Option<EntityKey>,
    /// Only events of this type (ORDER.FILLED) or category (ORDER)
    #[arg(long = "type", value_name = "TYPE", add = candidates::event_types(), value_parser = event_type)]
    pub(super) event_type: Option<String>,
}

/// Says which messages are sent back or discarded, and how.
#[derive(Debug, Args)]
pub(crate) struct MessagesArgs {
    /// Ids of messages, or of the events or deliveries that they are about; without any, all that the filters take
    ids: Vec<String>,
    #[command(flatten)]
    queues: QueueArgs,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    #[command(flatten)]
    repair: RepairArgs,
}

impl MessagesArgs {
    /// Tells which messages are meant, and how to repair.
    pub(super) fn into_parts(self) -> (Selection, RepairArgs) {
        (selection(self.queues, self.ids, self.filter), self.repair)
    }
}

/// Chooses these messages, or all where none is named, of these queues, as far as the filter takes them.
pub(super) fn selection(queues: QueueArgs, ids: Vec<String>, filter: FilterArgs) -> Selection {
    Selection {
        queues: queues.names,
        ids,
        filter: Filter {
            because: filter.because,
            entity: filter.entity.map(|entity| entity.to_string()),
            event_type: filter.event_type,
        },
    }
}

/// Tells of messages of these groups that cannot be seen.
pub(super) fn messages_behind<'g>(groups: impl IntoIterator<Item = &'g String>) -> String {
    let groups: BTreeSet<&String> = groups.into_iter().collect();
    if groups.is_empty() {
        return String::new();
    }
    let groups = joined(groups);
    format!(
        "\nSQS shows of an entity no more than the first messages; there may be others behind them of: {groups}\n"
    )
}
