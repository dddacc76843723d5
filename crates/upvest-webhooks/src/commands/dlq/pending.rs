//! `dlq pending` and `dlq resend`: what was answered and is not settled, and sending it again.

use clap::Args;
use operator::Result;
use operator::dlq::{PendingList, Resent, resend};

use crate::arguments::{RepairArgs, Site};
use crate::output::{Exit, Report, missing, repair_text, rest, rows_of};
use crate::times::{age_at, local};

#[derive(Debug, Args)]
pub(crate) struct ResendArgs {
    /// Ids of deliveries, as `dlq pending` lists them; without any, all
    ids: Vec<String>,
    #[command(flatten)]
    repair: RepairArgs,
}

impl ResendArgs {
    /// Sends again what is chosen, after a question that counts it.
    pub(super) async fn run(self, site: Site<'_>) -> Result<Resent> {
        resend(&self.repair.of(site), &self.ids, |count| {
            let question = format!("{count} deliveries are sent to the deliveries queue again. Go on?");
            self.repair.confirm(&question)
        })
        .await
    }
}

impl Report for PendingList {
    fn text(&self) -> String {
        if self.pending.is_empty() {
            return "nothing is pending".to_owned();
        }
        let table = rows_of(&self.pending)
            .column("delivery", |item| &item.id)
            .column("pending for", |item| age_at(self.at, item.since))
            .column("since", |item| local(item.since))
            .column("bytes", |item| item.bytes);
        format!("{table}{}", rest(self.more))
    }
}

impl Report for Resent {
    fn text(&self) -> String {
        repair_text(&self.ending, "sent again", || {
            let mut text = match self.resent.is_empty() {
                true => "nothing to send again\n".to_owned(),
                false => format!("{}\n", self.resent.join("\n")),
            };
            text.push_str(&missing(&self.missing, "not pending"));
            if self.more {
                text.push_str("\nthere is more: run the command again");
            }
            text
        })
    }

    fn exit(&self) -> Exit {
        Exit::of_repair(&self.ending, self.missing.is_empty())
    }
}
