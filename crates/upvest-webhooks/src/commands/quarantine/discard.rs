//! `quarantine discard`: removing deliveries from quarantine for good.

use clap::Args;
use operator::quarantine::discard::{Discarded, Record, discard};
use operator::{Error, Result};
use uuid::Uuid;

use super::selection::SelectionArgs;
use crate::arguments::{RepairArgs, Site, ids};
use crate::output::{Exit, Report, counted, missing, repair_text, rows_of};

#[derive(Debug, Args)]
pub(crate) struct DiscardArgs {
    /// Ids of deliveries; without any, all that the filters take
    #[arg(value_parser = ids::quarantined)]
    ids: Vec<Uuid>,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Discard all that is in quarantine
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    repair: RepairArgs,
}

impl DiscardArgs {
    /// Removes what is selected, after a question that counts it by reason.
    pub(super) async fn run(self, site: Site<'_>) -> Result<Discarded> {
        let selection = self.selection.of(self.ids);
        if selection.is_empty() && !self.all {
            return Err(Error::usage(
                "nothing is chosen: name deliveries, use filters, or say --all",
            ));
        }
        discard(&self.repair.of(site), &selection, |records| {
            self.repair.confirm(&question(records))
        })
        .await
    }
}

fn question(records: &[Record]) -> String {
    let reasons = records.iter().map(|record| record.reason.as_str());
    format!("Removed from quarantine for good: {}. Go on?", counted(reasons))
}

impl Report for Discarded {
    fn text(&self) -> String {
        repair_text(&self.ending, "discarded", || {
            let mut text = rows_of(&self.discarded)
                .column("delivery", |record| record.delivery_id)
                .column("reason", |record| &record.reason)
                .column("bytes", |record| record.bytes)
                .column("sha256 of the body", |record| &record.sha256)
                .or(format!("no deliveries in quarantine{}", self.selection));
            text.push_str(&missing(&self.missing, "not in quarantine"));
            if !self.ending.dry_run {
                text.push_str(
                    "\nthe bucket keeps what was discarded behind delete markers, for a day or as long as object lock says",
                );
            }
            text
        })
    }

    fn exit(&self) -> Exit {
        Exit::of_repair(&self.ending, self.missing.is_empty())
    }
}
