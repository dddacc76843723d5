//! `archive`: whether the signed deliveries are all there, and say what the log says; sending again what it lacks.

mod resend;
#[cfg(test)]
mod tests;

use clap::{Args, Subcommand};
use operator::Result;
use operator::archive::{VerifyReport, verify};
use operator::times::{When, period};

use self::resend::Resend;
use crate::arguments::Site;
use crate::output::{Exit, Report, facts, joined, rows_of, told, unnamed};

const EXAMPLES: &str = "\
Example: the deliveries of a day
  upvest-webhooks archive verify --since 2026-01-05 --until 2026-01-06

What it finds:
  missing       an event of an archived delivery is not in the log
  extra         an event in the log whose bytes the archive does not have
  changed       an event that the log has otherwise than it was delivered
  unverifiable  a delivery whose signature does not hold, or whose key is not known
  bad-object    an object that is no delivery, or another one than its key says

A delivery of the last minutes may be in the archive before its events are in the log. The whole log is read, whatever \
the range, because it has no index by time.

The signatures of deliveries of your own are checked where you may read their secret; the others are counted.

Exit status: 0 when nothing was found, 4 when something was.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify archived deliveries once more, and compare them with the event log both ways
    ///
    /// Each signature is checked with the key that it names, be it retired, as of the time of receipt. Nothing is asked of
    /// Upvest.
    Verify(Verify),
    /// Send archived deliveries of which the log lacks an event to the stack once more
    ///
    /// After a restore of the events table, for what was received since the time of the copy, or where rows of it were lost.
    /// What is in the log is not sent. The events are stored and dispatched as sent again: your code does not run twice where
    /// the records of its actions are there. Bring the keys table back first, by which deliveries are verified.
    ///
    /// Example: upvest-webhooks archive resend --since 2026-01-05T09:30:00Z --reason INC-42
    Resend(Resend),
}

// Without a docstring: it would replace the command's description.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// Deliveries received since then: a time, a day (UTC), or an age like 36h
    #[arg(long, value_name = "TIME")]
    since: When,
    /// Deliveries received before then [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
}

impl Command {
    /// Runs the command that was chosen; gives its report.
    pub(crate) async fn run(self, site: Site<'_>) -> Result<Box<dyn Report>> {
        match self {
            Self::Verify(arguments) => told(arguments.run(site).await),
            Self::Resend(arguments) => told(arguments.run(site).await),
        }
    }
}

impl Verify {
    /// Verifies the archive; gives what does not hold.
    async fn run(self, site: Site<'_>) -> Result<VerifyReport> {
        let received = period(self.since, self.until, site.clock.now())?;
        verify(site.stack, received, site.reporter).await
    }
}

impl Report for VerifyReport {
    fn text(&self) -> String {
        let not_checked = || {
            let (count, keys) = (self.not_checked, joined(&self.not_checked_keys));
            format!("{count}, because the secret of {keys} cannot be read")
        };
        let mut text = facts([
            ("received", Some(format!("{} to {}", self.since, self.until))),
            ("deliveries", Some(self.deliveries.to_string())),
            ("events in them", Some(self.delivered_events.to_string())),
            ("events in the log", Some(self.logged_events.to_string())),
            ("not checked", (self.not_checked > 0).then(not_checked)),
        ]);
        if self.succeeded() {
            text.push_str(match self.deliveries + self.logged_events {
                0 => "\nnothing was received then\n",
                _ => "\nnothing is wrong: what was verified holds, and archive and log say the same\n",
            });
            return text;
        }
        let found = self.found.iter();
        let counts = found.map(|(problem, count)| format!("{count} {problem}"));
        let counts = joined(counts);
        let table = rows_of(&self.findings)
            .column("problem", |finding| finding.problem)
            .optional("event", |finding| finding.event_id.as_ref())
            .optional("delivery", |finding| finding.key.as_ref())
            .column("because", |finding| &finding.reason);
        text.push_str(&format!("\nfound: {counts}\n\n{table}\n"));
        text.push_str(&unnamed(self.found.values().sum(), self.findings.len()));
        text
    }

    fn exit(&self) -> Exit {
        Exit::of_findings(self.found.is_empty())
    }
}
