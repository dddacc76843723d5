//! `quarantine reverify`: sending what holds by now on its way again.

use std::time::Duration;

use clap::Args;
use operator::Result;
use operator::quarantine::{Outlook, Request, Reverified, ReverifyReport, ReverifyResult, reverify};
use uuid::Uuid;

use super::selection::SelectionArgs;
use super::show::outlook_text;
use crate::arguments::{RepairArgs, Site, ids};
use crate::output::{Exit, Report, missing, repair_text, rows_of};
use crate::times::{age_at, local};

#[derive(Debug, Args)]
pub(crate) struct ReverifyArgs {
    /// Ids of deliveries; without any, all that the filters take
    #[arg(value_parser = ids::quarantined)]
    ids: Vec<Uuid>,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Reverify at most so many, the oldest first
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Give up after so many seconds in which the stack verified nothing of what was sent
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
    #[command(flatten)]
    repair: RepairArgs,
}

impl ReverifyArgs {
    /// Sends on what holds by now, after a question that counts it.
    pub(super) async fn run(self, site: Site<'_>) -> Result<ReverifyReport> {
        let request = Request {
            selection: self.selection.of(self.ids),
            limit: self.limit,
            patience: Duration::from_secs(self.wait),
        };
        reverify(&self.repair.of(site), &request, |deliveries| {
            self.repair.confirm(&question(deliveries))
        })
        .await
    }
}

fn question(deliveries: &[Reverified]) -> String {
    let count = |takes: fn(&Outlook) -> bool| deliveries.iter().filter(|one| takes(&one.outlook)).count();
    let (holds, on_their_way, fails, verified) = (
        count(|outlook| matches!(outlook, Outlook::Holds { sent_at: None })),
        count(|outlook| matches!(outlook, Outlook::Holds { sent_at: Some(_) })),
        count(|outlook| matches!(outlook, Outlook::Fails { .. })),
        count(|outlook| matches!(outlook, Outlook::Verified)),
    );
    format!(
        "In quarantine: {holds} that hold now and are sent on their way, {on_their_way} that were sent in the last hour \
         and are waited for, {verified} that are verified already and are taken out, {fails} that still fail and stay. \
         Go on?"
    )
}

impl Report for ReverifyReport {
    fn text(&self) -> String {
        repair_text(&self.ending, "sent", || {
            let mut text = rows_of(&self.deliveries)
                .column("delivery", |delivery| delivery.delivery_id)
                .column("reason", |delivery| &delivery.reason)
                .column("age", |delivery| age_at(self.at, delivery.received_at))
                .column("result", result_text)
                .or(format!("no deliveries in quarantine{}", self.selection));
            text.push_str(&missing(&self.missing, "neither in quarantine nor verified"));
            if self.more {
                text.push_str("\nthere is more: run the command again, or use --limit");
            }
            for result in self.counts().into_keys() {
                text.push_str(hint(result));
            }
            text
        })
    }

    fn exit(&self) -> Exit {
        let is_done = |delivery: &Reverified| match delivery.result {
            Some(result) => matches!(result, ReverifyResult::Verified | ReverifyResult::Sent),
            None => self.ending.dry_run,
        };
        Exit::of_repair(&self.ending, self.missing.is_empty())
            .or(|| Exit::of_findings(self.deliveries.iter().all(is_done)))
    }
}

/// Tells what to do about what became of a delivery.
fn hint(result: ReverifyResult) -> &'static str {
    match result {
        ReverifyResult::Verified | ReverifyResult::Fails => "",
        ReverifyResult::Waits => {
            "\nnot verified by the stack in time: look into `dlq list` and the log of verify-and-store; run the \
             command again to see whether it is done (what was sent in the last hour is not sent again)"
        }
        ReverifyResult::Refused => {
            "\nrefused by the stack again: by a key as it was two seconds ago, or it is of an older version than this \
             command; run the command again"
        }
        ReverifyResult::Sent => {
            "\nsent, and its entity does not show it: run the command again to see whether it does; where a newer \
             event came before it, it never will: discard it"
        }
    }
}

fn result_text(delivery: &Reverified) -> String {
    match delivery.result {
        Some(ReverifyResult::Verified) => "verified, and out of quarantine".to_owned(),
        Some(ReverifyResult::Sent) => "sent, and its entity does not show it".to_owned(),
        Some(ReverifyResult::Waits) => "sent, and not verified yet".to_owned(),
        Some(ReverifyResult::Refused) => "sent, and refused by the stack again".to_owned(),
        Some(ReverifyResult::Fails) => outlook_text(&delivery.outlook),
        None => match &delivery.outlook {
            Outlook::Verified => "verified already: would be taken out of quarantine".to_owned(),
            Outlook::Holds { sent_at: None } => "holds: would be sent".to_owned(),
            Outlook::Holds { sent_at: Some(at) } => {
                format!("holds, and was sent at {}: would be waited for", local(*at))
            }
            Outlook::Fails { .. } => outlook_text(&delivery.outlook),
        },
    }
}
