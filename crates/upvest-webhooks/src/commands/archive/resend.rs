//! `archive resend`: sending archived deliveries once more, of which the log lacks an event.

use clap::Args;
use operator::Result;
use operator::archive::{ResendReport, resend};
use operator::times::{When, period};

use crate::arguments::{RepairArgs, Site};
use crate::output::{Exit, Report, facts, repair_text, unnamed};

#[derive(Debug, Args)]
pub(crate) struct Resend {
    /// Deliveries received since then: a time, a day (UTC), or an age like 36h
    #[arg(long, value_name = "TIME")]
    since: When,
    /// Deliveries received before then [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    #[command(flatten)]
    repair: RepairArgs,
}

impl Resend {
    /// Sends what the log lacks, after a question that counts it.
    pub(super) async fn run(self, site: Site<'_>) -> Result<ResendReport> {
        self.repair.must_be_answerable()?;
        let received = period(self.since, self.until, site.clock.now())?;
        let repair = self.repair.of(site);
        resend(&repair, received, |report| {
            let count = report.incomplete;
            let question = format!("{count} deliveries are sent to the stack again. Go on?");
            self.repair.confirm(&question)
        })
        .await
    }
}

impl Report for ResendReport {
    fn text(&self) -> String {
        repair_text(&self.ending, "sent again", || {
            let incomplete = self.incomplete.to_string();
            let sent = (!self.ending.dry_run).then(|| self.sent.to_string());
            let mut text = facts([
                ("received", Some(format!("{} to {}", self.since, self.until))),
                ("deliveries", Some(self.deliveries.to_string())),
                ("with events that the log lacks", Some(incomplete)),
                ("sent again", sent),
            ]);
            if !self.named.is_empty() {
                text.push_str(&format!("\n{}\n", self.named.join("\n")));
            }
            text.push_str(&unnamed(self.incomplete, self.named.len()));
            for unreadable in &self.unreadable {
                text.push_str(&format!("\n{}: {}", unreadable.key, unreadable.reason));
            }
            text
        })
    }

    fn exit(&self) -> Exit {
        Exit::of_repair(&self.ending, true).or(|| Exit::of_findings(self.unreadable.is_empty()))
    }
}
