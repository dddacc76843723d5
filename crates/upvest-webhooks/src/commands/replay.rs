//! `replay`: sends events of the log to the domain queues again.

#[cfg(test)]
mod tests;

use clap::{ArgGroup, Args};
use jiff::Timestamp;
use operator::Result;
use operator::names::warn_of_unknown_types;
use operator::replay::{Filter, Outcome, Replay, ReplayReport, Request, Selection, replay};
use operator::times::{When, period};
use upvest::{Domain, EntityKey};
use uuid::Uuid;

use crate::arguments::{RepairArgs, Site, candidates, domain, entity, event_type, ids};
use crate::output::{Exit, Report, note, rows_of, unnamed};

/// Says after how many messages the audit table is told how far it came. Tests do not wait for so many.
const NOTE_AFTER: u64 = if cfg!(test) { 2 } else { 500 };

const EXAMPLES: &str = "\
Examples:
  See what a replay of the orders received on a day would send:
    upvest-webhooks replay --domain orders --since 2026-01-05 --until 2026-01-06 --dry-run

  Bring back the state of an entity from its events:
    upvest-webhooks replay --entity ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4 \\
      --reason 'item was deleted'

  Bring back the state of all entities of a domain, gently:
    upvest-webhooks replay --domain orders --reason 'table was restored' --rate 20

Order: the events of an entity are sent by the time when they occurred. With --since, all are sent as they were received.

A replay brings state back: folding an event twice changes nothing. No action runs and nothing is published, unless an \
action asks for replays. Each replay has an id, that of its record in the audit table, which its events carry. \
(`entities rebuild` brings state back too, at once, and mends items that were edited by hand.)

It is refused while an event of the same entity waits in a dead-letter queue, or was received in the last 15 minutes and \
is not in the state yet: brought into the state by a replay, it would count as late, and nobody be told of it as the \
change that it is. First `dlq redrive`, or wait.

After an interruption: replay --resume ID. Up to 500 events, or one delivery if that has more, are then sent twice, \
without an effect. The id is on the screen, and in `audit list`.

Exit status: 0 when all was sent, 1 when something could not be had or sent, or you said no.";

// Without a docstring: it would replace the command's description.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    mut_arg("reason", |reason| reason.required_unless_present("resume")),
    group = ArgGroup::new("what")
        .args(["event", "entity", "event_type", "category", "domain", "since", "resume"])
        .required(true)
        .multiple(true),
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    what: What,
    /// Go on with a replay that was interrupted
    #[arg(
        long,
        value_name = "ID",
        value_parser = ids::operation,
        conflicts_with_all = ["event", "entity", "event_type", "category", "domain", "since"]
    )]
    resume: Option<Uuid>,
    #[command(flatten)]
    repair: RepairArgs,
}

/// Which events: of one kind, where --type, --category and --domain may be narrowed by a time.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which events")]
struct What {
    /// The events of these ids, as events list shows them
    #[arg(
        long,
        value_name = "ID",
        num_args = 1..,
        conflicts_with_all = ["entity", "event_type", "category", "domain", "since", "until"]
    )]
    event: Vec<String>,
    /// All events of these entities, written TYPE#ID
    #[arg(
        long,
        value_name = "ENTITY",
        num_args = 1..,
        value_parser = entity,
        conflicts_with_all = ["event_type", "category", "domain", "since", "until"]
    )]
    entity: Vec<EntityKey>,
    /// All events of these types, like ORDER.FILLED
    #[arg(long = "type", value_name = "TYPE", num_args = 1.., add = candidates::event_types(), value_parser = event_type, conflicts_with_all = ["category", "domain"])]
    event_type: Vec<String>,
    /// All events of these categories, like ORDER
    #[arg(long, value_name = "CATEGORY", num_args = 1.., add = candidates::categories(), value_parser = event_type, conflicts_with = "domain")]
    category: Vec<String>,
    /// All events of these domains, like orders
    #[arg(long, value_name = "DOMAIN", num_args = 1.., add = candidates::domains(), value_parser = domain)]
    domain: Vec<Domain>,
    /// Events received since then, which are read from the archive: a time, a day (UTC), or an age like 36h
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Events received before then [default: now]
    #[arg(long, value_name = "TIME", requires = "since")]
    until: Option<When>,
}

impl Arguments {
    /// Sends what is selected to its domains again, after a question that shows the counts.
    pub(crate) async fn run(self, site: Site<'_>) -> Result<ReplayReport> {
        self.repair.must_be_answerable()?;
        warn_of_unknown_types(
            self.what.event_type.iter().chain(&self.what.category),
            site.reporter,
        );
        let what = match self.resume {
            Some(id) => Replay::Resume(id),
            None => Replay::New(Request {
                selection: self.what.selection(site.clock.now())?,
            }),
        };
        let repair = self.repair.of(site);
        replay(&repair, what, NOTE_AFTER, |report| {
            if !self.repair.yes {
                note(&counts(report));
            }
            let question = format!("Send {} events to their domains again?", report.remaining());
            self.repair.confirm(&question)
        })
        .await
    }
}

impl What {
    fn selection(&self, now: Timestamp) -> Result<Selection> {
        if !self.event.is_empty() {
            return Ok(Selection::Events(self.event.clone()));
        }
        if !self.entity.is_empty() {
            let entities = self.entity.iter().map(ToString::to_string);
            return Ok(Selection::Entities(entities.collect()));
        }
        let domains: Vec<String> = self.domain.iter().map(ToString::to_string).collect();
        let filter = match (&*self.event_type, &*self.category, &*domains) {
            ([], [], []) => Filter::Any,
            ([], [], _) => Filter::Domains(domains),
            ([], categories, _) => Filter::Categories(categories.to_vec()),
            (types, _, _) => Filter::Types(types.to_vec()),
        };
        let Some(since) = self.since else {
            return Ok(Selection::Log(filter));
        };
        let received = period(since, self.until, now)?;
        Ok(Selection::Received {
            since: received.start,
            until: received.end,
            filter,
        })
    }
}

impl Report for ReplayReport {
    fn text(&self) -> String {
        let mut text = match (self.result, self.replay) {
            (Outcome::DryRun, _) => format!("{}nothing was sent: this was a dry run\n", counts(self)),
            (Outcome::Declined, _) => "nothing was sent\n".to_owned(),
            (Outcome::Done, None) => String::new(),
            (Outcome::Done, Some(id)) => format!("{}replay {id}: {} events sent\n", counts(self), self.sent),
        };
        if self.failed > 0 {
            let table = rows_of(&self.failures)
                .column("could not be sent", |failure| &failure.what)
                .column("because", |failure| &failure.reason);
            text.push_str(&format!("\n{table}\n"));
            text.push_str(&unnamed(self.failed, self.failures.len()));
        }
        text
    }

    fn exit(&self) -> Exit {
        Exit::of_work(self.failed == 0 && self.result != Outcome::Declined)
    }
}

/// Shows as a table what is selected, by domain and type.
fn counts(report: &ReplayReport) -> String {
    let table = rows_of(&report.selected)
        .column("domain", |row| row.domain)
        .column("type", |row| &row.r#type)
        .column("events", |row| row.events);
    format!("{table}\n{} events in all\n", report.remaining())
}
