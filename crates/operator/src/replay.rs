//! Sending events of the log to the domain queues again, to bring state back.
//!
//! | Module | Knows |
//! |---|---|
//! | `selection` | which events are meant |
//! | `task` | what is to be done and how far it came, as the audit table has it |
//! | `guard` | what must not be made late |
//! | `read`, `archive`, `page` | reading what is selected, a page at a time |
//! | `send` | addressing it and sending it at a rate |

mod archive;
mod counts;
mod guard;
mod page;
mod read;
mod selection;
mod send;
mod task;

use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

pub(crate) use self::archive::read_delivery;
pub use self::counts::{Failure, Row};
pub(crate) use self::page::{Page, Selected};
pub use self::selection::{Filter, Selection};
pub use self::task::Request;

use self::guard::Guard;
use self::read::Reader;
use self::send::Sender;
use self::task::{COMMAND, Task};
use crate::error::{Error, Result};
use crate::records::Records;
use crate::repair::{Audit, Decision, Repair};

/// Says whether a replay is begun, or which one is gone on with.
#[derive(Debug, Clone)]
pub enum Replay {
    /// Begins a replay, with a record of its own in the audit table.
    New(Request),
    /// Sends the rest of the replay of this id in the audit table, which was interrupted.
    Resume(Uuid),
}

/// Reports what was sent again, or would be.
#[derive(Debug, Serialize)]
pub struct ReplayReport {
    /// Tells whether the events were sent, or only counted, or the operator declined.
    pub result: Outcome,
    /// Gives the operation's id in the audit table, which marks the messages.
    pub replay: Option<Uuid>,
    /// Counts the events that the replay selected, by domain and type; of a resumed one, those that were left.
    pub selected: Vec<Row>,
    /// Counts the messages that were sent, those before an interruption included.
    pub sent: u64,
    /// Counts the events or deliveries that could not be had, those before an interruption included.
    pub failed: u64,
    /// Names the first 100 of the failures; the others are only counted.
    pub failures: Vec<Failure>,
}

/// Tells whether a replay sent anything, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The events were counted, and nothing was sent or recorded.
    DryRun,
    /// The operator saw the counts and said no, so that nothing was sent.
    Declined,
    /// All that is selected was sent, but for what is among the failures.
    Done,
}

/// Sends what is selected to its domains again, once `confirm` has seen how much it is. It is refused while events of its
/// entities wait in a dead-letter queue, or are on their way into the state. Every `note_after` messages it notes
/// in the audit table how far it came, so that it can be gone on with after an interruption.
///
/// # Errors
///
/// [`Error`] when nothing is selected, something waits, or it was interrupted, with how to go on.
pub async fn replay(
    repair: &Repair<'_>,
    replay: Replay,
    note_after: u64,
    confirm: impl FnOnce(&ReplayReport) -> Result<bool>,
) -> Result<ReplayReport> {
    let records = Records::of(repair.stack)?;
    let (mut task, audit) = prepare(repair, replay).await?;
    let mut report = preview(repair, &records, &task).await?;
    // A replay that is gone on with may have nothing left, and its end is still to be recorded.
    let decision = repair.decide(true, || confirm(&report))?;
    if decision == Decision::Declined {
        report.result = Outcome::Declined;
    }
    let (Decision::GoOn, Some(audit)) = (decision, audit) else {
        return Ok(report);
    };
    let queues = repair.stack.domain_queues()?;
    // Recorded before the first message, so that an interruption leaves an id to go on from.
    let id = record(repair, &audit, &mut task).await?;
    repair.reporter.note(&format!(
        "replay {id}; after an interruption: upvest-webhooks replay --resume {id}"
    ));
    let sender = Sender {
        reader: Reader {
            records: &records,
            task: &task,
        },
        queues,
        audit: audit.log(),
        id,
        at: repair.clock.now(),
        throttle: repair.throttle(),
        progress: task.progress.clone(),
        noted: task.progress.sent,
        note_after,
    };
    let work = repair.reporter.begin(report.remaining(), "events");
    let (sent, failures) = sender.run(&work).await?;
    Ok(ReplayReport {
        result: Outcome::Done,
        replay: Some(id),
        sent,
        failed: failures.count,
        failures: failures.named,
        ..report
    })
}

/// Counts what is to be sent. Refuses a replay of nothing, and one that would make events late that wait.
async fn preview(repair: &Repair<'_>, records: &Records, task: &Task) -> Result<ReplayReport> {
    let mut guard = Guard::of(repair, records).await?;
    let reader = Reader { records, task };
    let counts = reader.count(&mut guard, repair.reporter).await?;
    // Of an interrupted replay, all may be done.
    if task.operation.is_none() && counts.events() == 0 {
        let selection = &task.request.selection;
        return Err(Error::not_found(format!(
            "nothing is selected: there is no event {selection}"
        )));
    }
    guard.check(records).await?;
    Ok(ReplayReport {
        result: Outcome::DryRun,
        replay: task.operation,
        selected: counts.into_rows(),
        sent: task.progress.sent,
        failed: 0,
        failures: Vec::new(),
    })
}

/// Finds what is to be done, and who does it where that is to be recorded, or is needed to find the rest of a replay.
async fn prepare(repair: &Repair<'_>, replay: Replay) -> Result<(Task, Option<Audit>)> {
    Ok(match replay {
        Replay::New(request) if repair.options.dry_run => (Task::new(request), None),
        Replay::New(request) => (Task::new(request), Some(repair.audit().await?)),
        Replay::Resume(id) => {
            let audit = repair.audit().await?;
            (Task::interrupted(&audit, id).await?, Some(audit))
        }
    })
}

/// Records that the replay begins or goes on, before anything is sent. Gives its id.
async fn record(repair: &Repair<'_>, audit: &Audit, task: &mut Task) -> Result<Uuid> {
    if let Some(id) = task.operation {
        task.resume(audit, id, repair.clock.now()).await?;
        return Ok(id);
    }
    let request = json!(task.request);
    Ok(audit.begin(COMMAND, &repair.options.reason, request).await?.id)
}

impl ReplayReport {
    /// Tells how many messages are to be sent.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.selected.iter().map(|row| row.events).sum()
    }
}
