//! `quarantine list`: what is there, in the order of receipt.

use clap::Args;
use operator::Result;
use operator::quarantine::{List, Listed, list};

use super::selection::SelectionArgs;
use crate::arguments::Site;
use crate::output::{Report, rest, rows_of};
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
    pub(super) async fn run(self, site: Site<'_>) -> Result<List> {
        let selection = self.selection.of(Vec::new());
        list(site.stack, &selection, self.limit, site.clock.now()).await
    }
}

impl Report for List {
    fn text(&self) -> String {
        if self.quarantine.is_empty() {
            return format!("no deliveries in quarantine{}", self.selection);
        }
        let events = |listed: &Listed| match listed.events.len() {
            0 => "all".to_owned(),
            count => count.to_string(),
        };
        let table = rows_of(&self.quarantine)
            .column("delivery", |listed| listed.delivery_id)
            .column("reason", |listed| &listed.reason)
            .column("age", |listed| age_at(self.at, listed.received_at))
            .optional("from", |listed| listed.source_address.as_ref())
            .optional("key id", |listed| listed.key_id.as_ref())
            .column("events", events)
            .column("bytes", |listed| listed.bytes);
        format!("{table}{}", rest(self.more))
    }
}
