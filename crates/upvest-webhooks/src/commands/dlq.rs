//! `dlq`: what could not be processed, and sending it back.

mod letter;
mod queue;
mod report;
mod sweep;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use clap::{Args, Subcommand};
use pipeline::error::{AwsError, ErrorChain};
use pipeline::runtime::clock::Clock;
use serde_json::json;

use letter::{Filter, Letter};
use queue::{DeadLetterQueue, QueueName};
pub(crate) use report::DlqReport;
use report::{List, QueueCounts, RedriveReport, Shown};
use sweep::{Redrive, Redriven};

use crate::operation::{Audit, OperationArgs, Throttle, progress_bar};
use crate::output;
use crate::stack::{Stack, StackError};

/// The name of the redrive in the audit table.
const REDRIVE: &str = "dlq redrive";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Count the messages of each dead-letter queue, or list them
    ///
    /// To list messages they are received and given back at once. That raises their receive counts, which has no
    /// consequence in a dead-letter queue; while one command looks, another sees less.
    ///
    /// Example: upvest-webhooks dlq list --messages --queue orders --because "timed out"
    List(ListArgs),
    /// Show a message: why it is there, what it is about, and its attributes
    ///
    /// Example: upvest-webhooks dlq show 1a9eca6b-4294-4260-a20c-2a23e852f2a2 --body
    Show(ShowArgs),
    /// Send messages back to the queue that they came from, to be processed again
    ///
    /// Mend the cause first. Each message is sent as it was, without its reason, and then deleted from the dead-letter
    /// queue, those of one entity in their order. Interrupt it when you like: nothing is lost, and the same command goes
    /// on. A message that fails again meanwhile is not sent a second time by the same command.
    ///
    /// Of an entity SQS shows no more than ten messages at a time. A rehearsal (--dry-run) counts no more than these; what
    /// a filter leaves hides what is behind it; and the command says of which entities.
    ///
    /// Exit status: 0 when nothing failed and every ID was found, else 1.
    ///
    /// Example: upvest-webhooks dlq redrive --queue orders --because "timed out" --reason "bank API is back, INC-42"
    Redrive(Box<RedriveArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    queues: QueueArgs,
    /// List the messages themselves
    #[arg(long)]
    messages: bool,
    #[command(flatten)]
    filter: Filter,
    /// List at most so many messages of each queue
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The id of the message, or of the event or delivery that it is about
    id: String,
    #[command(flatten)]
    queues: QueueArgs,
    /// Print the body too, which may hold personal data
    #[arg(long)]
    body: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RedriveArgs {
    /// Ids of messages, or of the events or deliveries that they are about; without any, all that the filters take
    ids: Vec<String>,
    #[command(flatten)]
    queues: QueueArgs,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    operation: OperationArgs,
}

/// Which dead-letter queues.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct QueueArgs {
    /// Only this queue: deliveries, key-requests or a domain; may be repeated
    #[arg(long = "queue", value_name = "QUEUE")]
    names: Vec<QueueName>,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DlqError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(
        "no message {0} can be seen in the dead-letter queues; one that another command looks at is back in 2 minutes"
    )]
    NotThere(String),
}

impl DlqError {
    /// Whether another command line would have helped.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Stack(error) => error.is_usage(),
            _ => false,
        }
    }
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(self, stack: &Stack, clock: Clock) -> Result<DlqReport, DlqError> {
        match self {
            Self::List(list) => list.run(stack, &clock).await.map(DlqReport::List),
            Self::Show(show) => {
                let shown = show.run(stack, &clock).await?;
                Ok(DlqReport::Shown(Box::new(shown)))
            }
            Self::Redrive(redrive) => redrive.run(stack, clock).await.map(DlqReport::Redriven),
        }
    }
}

impl ListArgs {
    async fn run(self, stack: &Stack, clock: &Clock) -> Result<List, DlqError> {
        let mut list = List {
            at: clock.now(),
            queues: Vec::new(),
            messages: self.messages.then(Vec::new),
            more: false,
            cut_off: BTreeSet::new(),
        };
        for queue in DeadLetterQueue::of(stack, &self.queues.names)? {
            let (name, counts) = (queue.name(), queue.counts().await?);
            list.queues.push(QueueCounts { queue: name, counts });
            let Some(messages) = &mut list.messages else {
                continue;
            };
            let full = messages.len() + usize::from(self.limit);
            let cut_off = sweep::look(&queue, |letter| {
                if !self.filter.takes(&letter.about) {
                    return ControlFlow::Continue(());
                }
                if messages.len() == full {
                    list.more = true;
                    return ControlFlow::Break(());
                }
                messages.push(letter.about.clone());
                ControlFlow::Continue(())
            });
            list.cut_off.extend(cut_off.await?);
        }
        Ok(list)
    }
}

impl ShowArgs {
    async fn run(self, stack: &Stack, clock: &Clock) -> Result<Shown, DlqError> {
        for queue in DeadLetterQueue::of(stack, &self.queues.names)? {
            let mut found = None;
            let find = |letter: &Letter| {
                if letter.is(&self.id) {
                    found = Some(Shown::of(letter, self.body, clock.now()));
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            };
            sweep::look(&queue, find).await?;
            if let Some(found) = found {
                return Ok(found);
            }
        }
        Err(DlqError::NotThere(self.id))
    }
}

impl RedriveArgs {
    fn means(&self, letter: &Letter) -> bool {
        let named = self.ids.is_empty() || self.ids.iter().any(|id| letter.is(id));
        named && self.filter.takes(&letter.about)
    }

    async fn run(self, stack: &Stack, clock: Clock) -> Result<RedriveReport, DlqError> {
        let queues = DeadLetterQueue::of(stack, &self.queues.names)?;
        let mut report = RedriveReport::new(self.operation.dry_run);
        let mut waiting = BTreeMap::new();
        for queue in &queues {
            let counts = queue.counts().await?;
            report.out_of_sight += counts.in_flight;
            if counts.waiting > 0 {
                waiting.insert(queue.name(), counts.waiting);
            }
        }
        if self.operation.dry_run {
            self.rehearse(&queues, &mut report).await?;
            return Ok(report);
        }
        let question = self.question(&waiting);
        if waiting.is_empty() || !self.operation.confirm(&question)? {
            report.declined = !waiting.is_empty();
            report.missing = self.missing(&BTreeSet::new(), waiting.is_empty());
            return Ok(report);
        }
        let audit = Audit::of(stack, clock.clone()).await?;
        let operation = audit
            .begin(REDRIVE, self.operation.reason(), self.request())
            .await?;
        report.operation = Some(operation.id);
        let bar = progress_bar(waiting.values().sum(), "messages");
        // Before the first receive, and by the clock that the record shows too.
        self.redrive(&queues, operation.began_at, &bar, &mut report).await;
        bar.finish_and_clear();
        let result = json!({ "queues": report.queues, "failure": report.failure, "missing": report.missing });
        if let Err(error) = audit.log().end(operation.id, &result).await {
            let error = ErrorChain(&error);
            output::note(&format!(
                "the audit table does not say what came of this: {error}"
            ));
            report.failure.get_or_insert_with(|| error.to_string());
        }
        Ok(report)
    }

    async fn rehearse(&self, queues: &[DeadLetterQueue], report: &mut RedriveReport) -> Result<(), AwsError> {
        let mut found = BTreeSet::new();
        for queue in queues {
            let mut done = Redriven::default();
            let count = |letter: &Letter| {
                if self.means(letter) {
                    done.redriven += 1;
                    found.extend(self.ids.iter().filter(|id| letter.is(id)).cloned());
                } else {
                    done.other += 1;
                }
                ControlFlow::Continue(())
            };
            done.cut_off = sweep::look(queue, count).await?;
            report.add(queue.name(), done);
        }
        report.missing = self.missing(&found, true);
        Ok(())
    }

    async fn redrive(
        &self,
        queues: &[DeadLetterQueue],
        began: jiff::Timestamp,
        bar: &indicatif::ProgressBar,
        report: &mut RedriveReport,
    ) {
        let found = std::cell::RefCell::new(BTreeSet::new());
        let meant = |letter: &Letter| {
            let named = self.ids.iter().filter(|id| letter.is(id)).cloned();
            found.borrow_mut().extend(named);
            self.means(letter)
        };
        let order = Redrive {
            meant: &meant,
            began,
            rate: self.operation.rate,
            bar,
        };
        let mut throttle = Throttle::new(self.operation.rate);
        for queue in queues {
            let (done, failure) = sweep::redrive(queue, &order, &mut throttle).await;
            report.add(queue.name(), done);
            if let Some(error) = failure {
                report.failure = Some(ErrorChain(&error).to_string());
                break;
            }
        }
        report.missing = self.missing(&found.borrow(), report.failure.is_none());
    }

    /// The ids that were given and not found, if all queues were looked through.
    fn missing(&self, found: &BTreeSet<String>, looked_through: bool) -> Vec<String> {
        let missing = self
            .ids
            .iter()
            .filter(|id| looked_through && !found.contains(*id));
        missing.cloned().collect()
    }

    fn question(&self, waiting: &BTreeMap<QueueName, usize>) -> String {
        let queues = waiting
            .iter()
            .map(|(name, count)| format!("{} (about {count})", name.as_str()));
        let queues: Vec<String> = queues.collect();
        let all = self.ids.is_empty() && self.filter.is_empty();
        let what = if all {
            "All messages"
        } else {
            "The messages that you chose"
        };
        format!(
            "{what} of these dead-letter queues are sent back: {}. Go on?",
            queues.join(", ")
        )
    }

    fn request(&self) -> serde_json::Value {
        json!({
            "queues": self.queues.names,
            "ids": self.ids,
            "filter": self.filter,
            "rate": self.operation.rate,
        })
    }
}
