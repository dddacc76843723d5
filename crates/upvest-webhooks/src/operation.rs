//! What every command that repairs something has in common: a reason, a rate, a rehearsal, and a record of it.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use pipeline::error::AwsError;
use pipeline::runtime::clock::Clock;
use pipeline::stores::audit::{AuditLog, Operation};
use serde_json::Value;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::output::harmless;
use crate::stack::{Stack, StackError};

/// How a repair is done.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Repair")]
pub(crate) struct OperationArgs {
    /// Why, for the audit table: a ticket, say, and nothing personal
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    pub(crate) reason: Option<String>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask; needed where there is no terminal
    #[arg(long)]
    pub(crate) yes: bool,
    /// Send back at most so many messages, events or deliveries a second
    #[arg(long, value_name = "PER_SECOND", default_value_t = 50.0, value_parser = rate)]
    pub(crate) rate: f64,
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate| (0.01..=10_000.0).contains(rate));
    rate.ok_or("expected a number from 0.01 to 10000")
}

/// Why a repair did not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperationError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error("who you are cannot be found out, and the audit table must say")]
    Operator(#[source] AwsError),
    #[error("the audit table does not take the record of this, so that nothing was done")]
    Unrecorded(#[source] AwsError),
    #[error("nobody can be asked, without a terminal: use --yes, or --dry-run to see what would be done")]
    NobodyToAsk,
    #[error("the answer cannot be read")]
    Question(#[from] io::Error),
}

impl OperationError {
    /// Whether another command line would have helped.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Stack(error) => error.is_usage(),
            Self::NobodyToAsk => true,
            _ => false,
        }
    }
}

/// The audit table of a stack, and who works on it.
pub(crate) struct Audit {
    log: AuditLog,
    operator: String,
}

impl Audit {
    /// Finds out who works on the stack.
    ///
    /// # Errors
    ///
    /// [`OperationError`].
    pub(crate) async fn of(stack: &Stack, clock: Clock) -> Result<Self, OperationError> {
        let table = stack.audit_table()?;
        let sts = aws_sdk_sts::Client::new(stack.config());
        let caller = sts.get_caller_identity().send().await;
        let caller = caller
            .map_err(AwsError::of("GetCallerIdentity"))
            .map_err(OperationError::Operator)?;
        let client = aws_sdk_dynamodb::Client::new(stack.config());
        Ok(Self {
            log: AuditLog::new(client, table, clock),
            operator: caller.arn.unwrap_or_default(),
        })
    }

    /// Who works on the stack, as an AWS principal.
    pub(crate) fn operator(&self) -> &str {
        &self.operator
    }

    /// The audit table.
    pub(crate) fn log(&self) -> &AuditLog {
        &self.log
    }

    /// Records that a repair begins.
    ///
    /// # Errors
    ///
    /// [`OperationError::Unrecorded`]; the repair is then not to begin.
    pub(crate) async fn begin(
        &self,
        command: &str,
        reason: &str,
        request: Value,
    ) -> Result<Operation, OperationError> {
        let begun = self.log.begin(&self.operator, command, reason, request).await;
        begun.map_err(OperationError::Unrecorded)
    }
}

/// Keeps to a rate.
pub(crate) struct Throttle(Interval);

impl Throttle {
    /// So many a second.
    pub(crate) fn new(per_second: f64) -> Self {
        let mut interval = interval_at(Instant::now(), Duration::from_secs_f64(1.0 / per_second));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(interval)
    }

    /// Waits until the next one is due.
    pub(crate) async fn due(&mut self) {
        self.0.tick().await;
    }
}

/// A bar on standard error, if that is a terminal and there is something to wait for. `what` is counted, in the plural.
pub(crate) fn progress_bar(count: usize, what: &str) -> ProgressBar {
    if count < 2 || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(count as u64);
    let template = format!("{{bar:40}} {{pos}}/{{len}} {what}, {{per_sec}}, {{eta}} left");
    let style = ProgressStyle::with_template(&template);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Counts on standard error what there is no end known of, if that is a terminal. `what` is counted, in the plural.
pub(crate) fn counter(what: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(&format!("{{spinner}} {{pos}} {what}, {{per_sec}}"));
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Puts a question that is answered with yes or no; `None` when there is nobody to answer.
///
/// # Errors
///
/// What reading the answer failed with.
pub(crate) fn ask_on_terminal(question: &str) -> io::Result<Option<bool>> {
    if !somebody_is_there() {
        return Ok(None);
    }
    let (input, mut output) = (io::stdin(), io::stderr());
    write!(output, "{} [y/N] ", harmless(question))?;
    output.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    let answer = answer.trim().to_lowercase();
    Ok(Some(matches!(answer.as_str(), "y" | "yes")))
}

impl OperationArgs {
    /// Asks whether to go on, unless that was said already.
    ///
    /// # Errors
    ///
    /// [`OperationError::NobodyToAsk`] without a terminal.
    pub(crate) fn confirm(&self, question: &str) -> Result<bool, OperationError> {
        if self.yes {
            return Ok(true);
        }
        ask_on_terminal(question)?.ok_or(OperationError::NobodyToAsk)
    }

    /// Makes sure that somebody can be asked later, where much is read before the question.
    ///
    /// # Errors
    ///
    /// [`OperationError::NobodyToAsk`] without a terminal.
    pub(crate) fn must_be_answerable(&self) -> Result<(), OperationError> {
        if self.yes || self.dry_run || somebody_is_there() {
            return Ok(());
        }
        Err(OperationError::NobodyToAsk)
    }

    /// The operator's reason. The grammar sees to it that there is one unless nothing is done.
    pub(crate) fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }
}
