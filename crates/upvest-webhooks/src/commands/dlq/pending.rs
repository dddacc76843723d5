//! `dlq pending` and `dlq resend`: what was answered and is not settled, and sending it again.

use clap::Args;
use operator::dlq::{PendingList, Resent, pending, resend};
use operator::{Repair, Result, Stack};
use pipeline::runtime::clock::Clock;

use crate::arguments::RepairArgs;
use crate::exit::Exit;
use crate::output::{self, Report, missing, repair_text, rest};
use crate::times::{age_at, local};

#[derive(Debug, Args)]
pub(crate) struct PendingArgs {
    /// List at most so many deliveries, the oldest ones
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
}

#[derive(Debug, Args)]
pub(crate) struct ResendArgs {
    /// Ids of deliveries, as `dlq pending` lists them; without any, all
    ids: Vec<String>,
    #[command(flatten)]
    pub(super) repair: RepairArgs,
}

impl PendingArgs {
    /// Lists the oldest deliveries that were answered and are not settled.
    pub(super) async fn run(self, stack: &Stack, clock: &Clock) -> Result<PendingList> {
        pending(stack, self.limit, clock.now()).await
    }
}

impl ResendArgs {
    /// Sends again what is chosen, after a question that counts it.
    pub(super) async fn run(self, repair: &Repair<'_>) -> Result<Resent> {
        resend(repair, &self.ids, |count| {
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
        let mut table = output::table(["delivery", "pending for", "since", "bytes"]);
        for item in &self.pending {
            table.add_row([
                item.id.clone(),
                age_at(self.at, item.since),
                local(item.since),
                item.bytes.to_string(),
            ]);
        }
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
