//! `quarantine list`: what is there, in the order of receipt.

use clap::Args;
use operator::quarantine::{List, list};
use operator::{Result, Stack};
use pipeline::runtime::clock::Clock;

use super::selection::SelectionArgs;
use crate::output::{self, Report, rest};
use crate::times::age_at;

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    /// List at most so many deliveries, the oldest ones
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
}

impl ListArgs {
    /// Lists what is in quarantine and selected, in the order of receipt.
    pub(super) async fn run(self, stack: &Stack, clock: &Clock) -> Result<List> {
        list(stack, &self.selection.of(Vec::new()), self.limit, clock.now()).await
    }
}

impl Report for List {
    fn text(&self) -> String {
        if self.quarantine.is_empty() {
            return format!("no deliveries in quarantine{}", self.selection);
        }
        let header = ["delivery", "reason", "age", "from", "key id", "events", "bytes"];
        let mut table = output::table(header);
        for listed in &self.quarantine {
            let events = match listed.events.as_slice() {
                [] => "all".to_owned(),
                events => events.len().to_string(),
            };
            table.add_row([
                listed.delivery_id.to_string(),
                listed.reason.clone(),
                age_at(self.at, listed.received_at),
                listed.source_address.clone().unwrap_or_default(),
                listed.key_id.clone().unwrap_or_default(),
                events,
                listed.bytes.to_string(),
            ]);
        }
        format!("{table}{}", rest(self.more))
    }
}
