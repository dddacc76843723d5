//! `replay`: sends events of the log to the domain queues again.

mod reading;
mod report;
mod selection;
mod sending;
#[cfg(test)]
mod tests;

use clap::{ArgGroup, Args};
use jiff::Timestamp;
use pipeline::error::AwsError;
use pipeline::queues::domains::RoutesError;
use pipeline::runtime::clock::Clock;
use pipeline::stores::audit::{AuditError, Operation};
use pipeline::stores::events::LogError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use upvest::{Domain, EntityKey};
use uuid::Uuid;

use crate::logged::{Logged, LoggedError};
use crate::operation::{Audit, OperationArgs};
use crate::output;
use crate::stack::{Stack, StackError};
use operator::times::{When, period};
use reading::Reached;
pub(crate) use report::ReplayReport;
use report::{Counts, Failures};
use selection::{Filter, Selection};
use sending::{Record, Sender};

/// The command, as the audit table has it.
pub(crate) const COMMAND: &str = "replay";

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
action asks for replays. Each replay has an id, that of its record in the audit table, which its events carry.

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
pub(crate) struct Replay {
    #[command(flatten)]
    what: What,
    /// Send to these domains only, of those that take an event: its own, and `unrecognised`, which takes all
    /// [default: its own]
    #[arg(long, value_name = "DOMAIN", num_args = 1.., conflicts_with = "resume", help_heading = "Replay")]
    to: Vec<Domain>,
    /// Go on with a replay that was interrupted
    #[arg(long, value_name = "ID", conflicts_with_all = ["event", "entity", "event_type", "category", "domain", "since"])]
    resume: Option<Uuid>,
    #[command(flatten)]
    operation: OperationArgs,
}

/// Which events: of one kind, where --type, --category and --domain may be narrowed by a time.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which events")]
struct What {
    /// The events of these ids
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
        conflicts_with_all = ["event_type", "category", "domain", "since", "until"]
    )]
    entity: Vec<String>,
    /// All events of these types, like ORDER.FILLED
    #[arg(long = "type", value_name = "TYPE", num_args = 1.., conflicts_with_all = ["category", "domain"])]
    event_type: Vec<String>,
    /// All events of these categories, like ORDER
    #[arg(long, value_name = "CATEGORY", num_args = 1.., conflicts_with = "domain")]
    category: Vec<String>,
    /// All events of these domains, like orders
    #[arg(long, value_name = "DOMAIN", num_args = 1..)]
    domain: Vec<Domain>,
    /// Events received since then, which are read from the archive: a time, a day (UTC), or an age like 36h
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Events received before then [default: now]
    #[arg(long, value_name = "TIME", requires = "since")]
    until: Option<When>,
}

/// What a replay is asked to do, as the audit table has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Request {
    selection: Selection,
    /// The names of the domains to send to; each event's own where there are none.
    to: Vec<String>,
}

/// How far a replay came, as the audit table has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// How many messages were sent.
    sent: u64,
    /// What is done.
    reached: Option<Reached>,
    /// What of that could not be had.
    #[serde(default, skip_serializing_if = "Failures::is_empty")]
    failures: Failures,
    /// Who went on with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resumed: Vec<Resumed>,
}

/// That somebody went on with a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Resumed {
    operator: String,
    at: Timestamp,
}

/// A replay to be done, or to be gone on with.
#[derive(Debug)]
struct Task {
    request: Request,
    progress: Progress,
    /// The operation that is gone on with.
    operation: Option<Uuid>,
}

/// Why a replay did not begin, or did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Logged(#[from] LoggedError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error("the queues of the domains are not known")]
    Routes(#[from] RoutesError),
    #[error("not in the event log: {}", .0.join(", "))]
    NoEvents(Vec<String>),
    #[error("{0} belongs to no entity, or contradicts another event of its id: no domain takes it")]
    NotForADomain(String),
    #[error("no events of {0} in the event log: entities are written TYPE#ID, like ORDER#9fc8c651-...")]
    NoEntity(EntityKey),
    #[error("nothing is selected: there is no event {0}")]
    NothingSelected(String),
    #[error(
        "nothing is selected: there are {count} events {selection}, but --to names no domain that takes them"
    )]
    NobodyTakesThem { selection: String, count: u64 },
    #[error("no operation {0} in the audit table")]
    NoOperation(Uuid),
    #[error("operation {id} is no replay, but `{command}`")]
    NotAReplay { id: Uuid, command: String },
    #[error("replay {id} ended at {at}: there is nothing to go on with")]
    Ended { id: Uuid, at: Timestamp },
    #[error("the record of replay {id} cannot be read")]
    Record { id: Uuid, source: serde_json::Error },
    #[error(
        "replay {id} was interrupted after {sent} events: go on with `upvest-webhooks replay --resume {id}`"
    )]
    Interrupted {
        id: Uuid,
        sent: u64,
        source: Box<ReplayError>,
    },
    #[error("an event could not be sent")]
    Send(#[source] AwsError),
    #[error("the audit table does not take how far this came")]
    Unrecorded(#[source] AwsError),
}

impl From<LogError> for ReplayError {
    fn from(error: LogError) -> Self {
        Self::Logged(error.into())
    }
}

impl From<AwsError> for ReplayError {
    fn from(error: AwsError) -> Self {
        Self::Logged(error.into())
    }
}

impl ReplayError {
    /// Whether another command line would have helped.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Stack(error) => error.is_usage(),
            _ => false,
        }
    }
}

impl Replay {
    /// Runs the command.
    pub(crate) async fn run(self, stack: &Stack) -> Result<ReplayReport, ReplayError> {
        self.operation.must_be_answerable()?;
        let clock = Clock::system();
        let logged = Logged::of(stack)?;
        let audit = match (self.operation.dry_run, self.resume) {
            (true, None) => None,
            _ => Some(Audit::of(stack, clock.clone()).await?),
        };
        let mut task = match (self.resume, &audit) {
            (Some(id), Some(audit)) => Task::interrupted(audit, id).await?,
            _ => self.task(clock.now())?,
        };
        let counts = reading::count(&logged, &task).await?;
        task.check(&counts)?;
        let mut report = ReplayReport::of(&task, counts);
        let Some(audit) = audit.filter(|_| !self.operation.dry_run) else {
            return Ok(report);
        };
        if !self.operation.yes {
            output::note(&report.counts());
        }
        if !self.operation.confirm(&report.question())? {
            report.decline();
            return Ok(report);
        }
        let queues = sending::queues(stack)?;
        let id = match task.operation {
            Some(id) => {
                task.resume(&audit, id, clock.now()).await?;
                id
            }
            None => {
                let operation = audit.begin(COMMAND, self.operation.reason(), task.record());
                operation.await?.id
            }
        };
        output::note(&format!(
            "replay {id}; after an interruption: upvest-webhooks replay --resume {id}"
        ));
        let record = Record {
            id,
            audit: audit.log(),
        };
        let sender = Sender::new(&logged, &task, queues, record, self.operation.rate);
        let (sent, failures) = sender.run(report.remaining()).await?;
        report.end(id, sent, failures);
        Ok(report)
    }

    fn task(&self, now: Timestamp) -> Result<Task, ReplayError> {
        let request = Request {
            selection: self.what.selection(now)?,
            to: self.to.iter().map(ToString::to_string).collect(),
        };
        Ok(Task {
            request,
            progress: Progress::default(),
            operation: None,
        })
    }
}

impl What {
    fn selection(&self, now: Timestamp) -> Result<Selection, StackError> {
        if !self.event.is_empty() {
            return Ok(Selection::Events(self.event.clone()));
        }
        if !self.entity.is_empty() {
            return Ok(Selection::Entities(self.entity.clone()));
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

impl Task {
    /// The rest of a replay that was interrupted.
    async fn interrupted(audit: &Audit, id: Uuid) -> Result<Self, ReplayError> {
        let operation = audit.log().operation(id).await?;
        let operation = operation.ok_or(ReplayError::NoOperation(id))?;
        if operation.command != COMMAND {
            let command = operation.command;
            return Err(ReplayError::NotAReplay { id, command });
        }
        if let Some(at) = operation.ended_at {
            return Err(ReplayError::Ended { id, at });
        }
        let record = |source| ReplayError::Record { id, source };
        let Operation {
            request, progress, ..
        } = operation;
        Ok(Self {
            request: serde_json::from_value(request).map_err(record)?,
            progress: match progress {
                Some(progress) => serde_json::from_value(progress).map_err(record)?,
                None => Progress::default(),
            },
            operation: Some(id),
        })
    }

    /// Records who goes on, before anything is sent.
    async fn resume(&mut self, audit: &Audit, id: Uuid, at: Timestamp) -> Result<(), ReplayError> {
        let operator = audit.operator().to_owned();
        self.progress.resumed.push(Resumed { operator, at });
        let noted = audit.log().note_progress(id, &json!(self.progress)).await;
        noted.map_err(ReplayError::Unrecorded)
    }

    fn record(&self) -> Value {
        json!(self.request)
    }

    /// To which domains an event of a type goes.
    fn targets(&self, event_type: &str) -> Vec<Domain> {
        let own = upvest::category::of(event_type).domain;
        let names = |domain: Domain| self.request.to.iter().any(|name| name == domain.name());
        match &*self.request.to {
            [] => vec![own],
            _ => Domain::ALL
                .into_iter()
                .filter(|domain| *domain == own || *domain == Domain::Unrecognised)
                .filter(|domain| names(*domain))
                .collect(),
        }
    }

    /// Makes sure that there is something to do. Of an interrupted replay, all may be done.
    fn check(&self, counts: &Counts) -> Result<(), ReplayError> {
        let selection = || self.request.selection.to_string();
        match (self.operation, counts.messages(), counts.events()) {
            (Some(_), _, _) | (None, 1.., _) => Ok(()),
            (None, 0, 0) => Err(ReplayError::NothingSelected(selection())),
            (None, 0, count) => Err(ReplayError::NobodyTakesThem {
                selection: selection(),
                count,
            }),
        }
    }
}
