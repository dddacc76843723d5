//! `keys distrust`, `keys trust`: a key that others may have.

use clap::Args;
use jiff::Timestamp;
use operator::Result;
use operator::keys::{AboutKey, DistrustedKey, TrustedKey, distrust, trust};
use operator::times::When;

use super::sent_on::sent_on;
use crate::arguments::{RepairArgs, Site};
use crate::output::{Exit, Report, facts, missing, repair_text, rows_of};
use crate::times::{local, local_text};

/// Bounds the deliveries that the text names; the JSON document has all.
const NAMED: usize = 50;

const EXAMPLES: &str = "\
Examples:
  At once, from now on:
    upvest-webhooks --stack webhooks-live keys distrust 9ed77463-c18e-4794-ab5c-17423f9b801a \\
      --reason INC-42

  See what it proved in the last week, and change nothing:
    upvest-webhooks --stack webhooks-live keys distrust 9ed77463-c18e-4794-ab5c-17423f9b801a \\
      --since 7d --dry-run";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DistrustArgs {
    /// The key's id, as `keys list` shows it; 'ID!THUMBPRINT' for a key that had the id before
    #[arg(value_name = "ID")]
    key_id: String,
    /// What was received since then is not proven: a time, a day (UTC), or an age like 36h [default: now]
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    #[command(flatten)]
    repair: RepairArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    /// The key's id, as `keys list` shows it
    #[arg(value_name = "ID")]
    key_id: String,
    #[command(flatten)]
    repair: RepairArgs,
}

impl DistrustArgs {
    /// Distrusts the key, after a question that names it; gives what it had proved.
    pub(super) async fn run(self, site: Site<'_>) -> Result<DistrustedKey> {
        let now = site.clock.now();
        let since = self.since.map_or(now, |since| since.instant(now));
        let repair = self.repair.of(site);
        let confirm = |key: &AboutKey, since: Timestamp| {
            let key = described(key);
            let question = format!("The key {key} proves nothing that was received since {since}. Go on?");
            self.repair.confirm(&question)
        };
        distrust(&repair, &self.key_id, since, confirm).await
    }
}

impl TrustArgs {
    /// Trusts the key again, after a question that names it; gives what was sent on.
    pub(super) async fn run(self, site: Site<'_>) -> Result<TrustedKey> {
        let repair = self.repair.of(site);
        let confirm = |key: &AboutKey| {
            let question = format!("The key {} is trusted again. Go on?", described(key));
            self.repair.confirm(&question)
        };
        trust(&repair, &self.key_id, confirm).await
    }
}

fn described(key: &AboutKey) -> String {
    let thumbprint = key.thumbprint.as_ref();
    let thumbprint = thumbprint.map_or(String::new(), |thumbprint| format!(" ({thumbprint})"));
    format!("{}{thumbprint}", key.key_id)
}

fn about(key: &AboutKey) -> [(&'static str, Option<String>); 3] {
    [
        ("key", Some(key.key_id.clone())),
        ("thumbprint", key.thumbprint.clone()),
        ("source", key.source.clone()),
    ]
}

impl Report for DistrustedKey {
    fn text(&self) -> String {
        repair_text(&self.ending, "changed", || {
            let deliveries = &self.proved.deliveries;
            let events: usize = deliveries.iter().map(|delivery| delivery.event_ids.len()).sum();
            let proved = format!("{} deliveries", deliveries.len());
            let counts = [
                ("proves nothing since", Some(local(self.since))),
                ("had proved since then", Some(proved)),
                ("with", Some(format!("{events} events"))),
            ];
            let mut text = facts(about(&self.key).into_iter().chain(counts));
            let table = rows_of(deliveries.iter().take(NAMED))
                .column("received", |delivery| local(delivery.received_at))
                .column("delivery", |delivery| &delivery.key)
                .column("events", |delivery| delivery.event_ids.join(", "));
            text.push_str(&table.below(""));
            if let more @ 1.. = deliveries.len().saturating_sub(NAMED) {
                text.push_str(&format!("and {more} more: --json lists all\n"));
            }
            let unreadable = &self.proved.unreadable;
            text.push_str(&missing(unreadable, "cannot be read as a delivery"));
            if !self.earlier_keys.is_empty() {
                text.push_str(
                    "\nkeys that had this id before may prove what was received since then; `keys distrust` takes each of these ids \
                     too, in single quotes:\n",
                );
                let earlier = self.earlier_keys.iter();
                text.extend(earlier.map(|key_id| format!("  '{key_id}'\n")));
            }
            if self.ending.operation.is_some() {
                text.push_str(
                    "\nthe functions remember a key for five minutes: look again after that, with --dry-run",
                );
            }
            text
        })
    }

    fn exit(&self) -> Exit {
        Exit::of_repair(&self.ending, true).or(|| Exit::of_findings(self.proved.unreadable.is_empty()))
    }
}

impl Report for TrustedKey {
    fn text(&self) -> String {
        repair_text(&self.ending, "changed", || {
            let since = self.was_distrusted_since.as_deref().map(local_text);
            let was = since.unwrap_or_else(|| "never: it is trusted".to_owned());
            let was = [("was distrusted since", Some(was))];
            let facts = facts(about(&self.key).into_iter().chain(was));
            format!("{facts}{}", sent_on(self.sent_on))
        })
    }

    fn exit(&self) -> Exit {
        Exit::of_repair(&self.ending, true)
    }
}

#[cfg(test)]
mod tests;
