//! The frame of every repair: preview, question, audit, throttle, progress, end.
//!
//! A repair first finds out what it would do. That is its preview, and of a dry run the end. Else it asks whoever called it
//! ([`Repair::decide`]), records in the audit table who does what and why before it touches anything
//! ([`Repair::audited`]), goes no faster than it was told ([`Repair::throttle`]), and records what came of it. What was
//! done stays done, and is told, even when the record of its end cannot be written.

use std::time::Duration;

use pipeline::error::{AwsError, ErrorChain};
use pipeline::runtime::clock::Clock;
use pipeline::stores::audit::{AuditLog, Operation};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::reporter::Reporter;
use crate::stack::Stack;

/// Bounds what one operation changes that its item in the audit table names one by one: the item takes 400 KB.
pub(crate) const OF_ONE_OPERATION: usize = 500;

/// Says how a repair is to be done.
#[derive(Debug, Clone)]
pub struct RepairOptions {
    /// Says why, for the audit table. A dry run needs none.
    pub reason: String,
    /// Tells whether to find out what would be done, and to do nothing.
    pub dry_run: bool,
    /// Says how many messages, events or deliveries to send back a second, at most.
    pub per_second: f64,
}

/// Leads a repair of a stack, whatever it is that is repaired.
#[derive(Debug)]
pub struct Repair<'r> {
    /// Gives access to the stack, which has the audit table that records the repair.
    pub stack: &'r Stack,
    /// Sets the reason, the rate, and whether it is a dry run.
    pub options: RepairOptions,
    /// Dates the records in the audit table, and the times that a selection counts from.
    pub clock: Clock,
    /// Hears how far it is, and what a person should know besides the result.
    pub reporter: Reporter<'r>,
}

/// Decides what is to become of a repair after its preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The preview is the result: it is a dry run, or there is nothing to do.
    Preview,
    /// The operator was shown the preview and said no, so that nothing is touched.
    Declined,
    /// The operator agreed, so that the work begins, with its record in the audit table.
    GoOn,
}

/// Tells how a repair ended, as the JSON of every repair has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// Tells whether nothing was to be done but to look.
    pub dry_run: bool,
    /// Explains what ended it early; what was done before that stays done. `None` when nothing did.
    pub failure: Option<String>,
    /// Tells whether the operator saw the preview and said no; nothing was touched then.
    pub declined: bool,
    /// Names the operation in the audit table; `None` where none was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Uuid>,
}

/// Says who works on a stack, and the table that remembers it.
#[derive(Debug)]
pub struct Audit {
    log: AuditLog,
    operator: String,
}

/// Holds messages back so that a repair does not outrun its rate per second.
#[derive(Debug)]
pub struct Throttle(Interval);

impl Repair<'_> {
    /// Decides whether to go on after the preview. `confirm` is asked last, and only where there is something to do.
    ///
    /// # Errors
    ///
    /// What `confirm` failed with, such as that nobody can be asked.
    pub fn decide(&self, has_work: bool, confirm: impl FnOnce() -> Result<bool>) -> Result<Decision> {
        if self.options.dry_run || !has_work {
            return Ok(Decision::Preview);
        }
        Ok(match confirm()? {
            true => Decision::GoOn,
            false => Decision::Declined,
        })
    }

    /// Begins the account of how the repair ended: nothing went wrong so far.
    #[must_use]
    pub fn ending(&self) -> Ending {
        Ending {
            dry_run: self.options.dry_run,
            ..Ending::default()
        }
    }

    /// Starts to keep to the rate of the repair.
    #[must_use]
    pub fn throttle(&self) -> Throttle {
        Throttle::new(self.options.per_second)
    }

    /// Finds out who works on the stack.
    ///
    /// # Errors
    ///
    /// As [`Audit::of`].
    pub async fn audit(&self) -> Result<Audit> {
        Audit::of(self.stack, self.clock.clone()).await
    }

    /// Does the `work` of a repair that was agreed to, on record as [`Repair::audited`] has it, and tells how it ended.
    /// `work` gives the result for the audit table, an object to which `failure` is added.
    ///
    /// # Errors
    ///
    /// [`Error`] when the beginning is not recorded: nothing was done then.
    pub async fn carry_out(
        &self,
        command: &str,
        request: Value,
        work: impl AsyncFnOnce(&Operation) -> (Value, Result<()>),
    ) -> Result<Ending> {
        let work = async |operation: &Operation| {
            let (mut result, ended) = work(operation).await;
            let failure = ended.err().map(|error| ErrorChain(&error).to_string());
            result["failure"] = json!(failure);
            (result, failure)
        };
        let audit = self.audit().await?;
        let (operation, failure) = self.audited(&audit, command, request, work).await?;
        Ok(Ending {
            failure,
            operation: Some(operation),
            ..self.ending()
        })
    }

    /// Records that the repair begins, does `work`, and records what came of it. `work` gives the result for the audit
    /// table, and what ended it early; what ended the whole early is given back, be it that the end is not recorded.
    ///
    /// # Errors
    ///
    /// [`Error`] when the beginning is not recorded: nothing was done then.
    pub async fn audited(
        &self,
        audit: &Audit,
        command: &str,
        request: Value,
        work: impl AsyncFnOnce(&Operation) -> (Value, Option<String>),
    ) -> Result<(Uuid, Option<String>)> {
        let operation = audit.begin(command, &self.options.reason, request).await?;
        let (result, failure) = work(&operation).await;
        let unrecorded = audit.log.end(operation.id, &result).await.err();
        let unrecorded = unrecorded.map(|error| {
            let error = ErrorChain(&error).to_string();
            self.reporter.note(&format!(
                "the audit table does not say what came of this: {error}"
            ));
            error
        });
        Ok((operation.id, failure.or(unrecorded)))
    }
}

impl Ending {
    /// Tells whether it was done, or was a dry run, without a failure.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failure.is_none() && !self.declined
    }
}

impl Audit {
    /// Finds out who works on a stack.
    ///
    /// # Errors
    ///
    /// [`Error`] when AWS does not tell, or the stack has no audit table.
    pub async fn of(stack: &Stack, clock: Clock) -> Result<Self> {
        let log = stack.audit_log(clock)?;
        let caller = stack.sts().get_caller_identity().send().await;
        let caller = caller
            .map_err(AwsError::of("GetCallerIdentity"))
            .map_err(Error::context(
                "who you are cannot be found out, and the audit table must say",
            ))?;
        let operator = caller.arn.unwrap_or_default();
        Ok(Self { log, operator })
    }

    /// Names who works on the stack, as an AWS principal.
    #[must_use]
    pub fn operator(&self) -> &str {
        &self.operator
    }

    /// Gives the audit table, to read operations and to note their progress.
    #[must_use]
    pub fn log(&self) -> &AuditLog {
        &self.log
    }

    /// Records that a repair begins, with who does it, why, and what was asked for.
    ///
    /// # Errors
    ///
    /// [`Error`] when that is not recorded; the repair is then not to begin.
    pub async fn begin(&self, command: &str, reason: &str, request: Value) -> Result<Operation> {
        let begun = self.log.begin(&self.operator, command, reason, request).await;
        begun.map_err(Error::context(
            "the audit table does not take the record of this, so that nothing was done",
        ))
    }
}

impl Throttle {
    /// Starts to let so many pass a second.
    #[must_use]
    pub fn new(per_second: f64) -> Self {
        let mut interval = interval_at(Instant::now(), Duration::from_secs_f64(1.0 / per_second));
        // Time lost by slow sending is not made up for: a burst would be faster than the rate.
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(interval)
    }

    /// Waits until the next one is due.
    pub async fn due(&mut self) {
        self.0.tick().await;
    }
}
