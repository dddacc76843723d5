//! Emptying a stack before it is deleted or changed: deliveries are stopped in front of it, and what is in it runs out.
//!
//! They are stopped by a reserved concurrency of 0 of ingest, AWS's own way to stop a function: the gateway then answers
//! anything but 200, on which Upvest keeps the delivery and all behind it, and sends them again. A switched-off subscription
//! would lose what happens meanwhile, and a route that is gone would be missed by the next deployment.

use std::time::Duration;

use pipeline::error::AwsError;
use serde::Serialize;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::dlq::{List, Selection, list};
use crate::error::{Error, Result};
use crate::repair::{Decision, Ending, Repair};
use crate::stack::{Queue, Stack, parameters, queue_depth};

/// Names the operations in the audit table.
const DRAIN: &str = "drain";
const RESUME: &str = "drain --resume";
/// Names the function in the template.
pub(crate) const INGEST: &str = "IngestFunction";
/// Names the parameter with the function's reserved concurrency, of which 0 is none.
const RESERVED: &str = "IngestReservedConcurrency";
/// Is the pause between two looks at the queues.
const PAUSE: Duration = Duration::from_secs(10);
/// Says for how long all queues must look empty: SQS's counts may be a minute old.
const QUIET: Duration = Duration::from_secs(60);

/// Tells what is left in a stack in front of which deliveries were stopped.
#[derive(Debug, Default, Serialize)]
pub struct Drained {
    /// Says whether it was a dry run, was declined, or failed half way.
    #[serde(flatten)]
    pub ending: Ending,
    /// Names the function that is stopped.
    pub ingest: String,
    /// Gives the reserved concurrency that it had; `None` where it had none, and `--resume` is to give none back.
    pub concurrency: Option<i32>,
    /// Lists the queues in which something waits or is worked on.
    pub queues: Vec<QueueRemains>,
    /// Lists the queues in whose dead-letter queue something is.
    pub dead_letters: Vec<QueueRemains>,
    /// Counts the deliveries that were answered and are not settled.
    pub pending: usize,
}

/// Counts what is left in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueRemains {
    /// Names the queue by what it carries: deliveries, requests for keys, or the events of a domain.
    pub queue: Queue,
    /// Counts its messages, those included that are being worked on.
    pub messages: u64,
}

/// Tells that deliveries are taken again.
#[derive(Debug, Serialize)]
pub struct Resumed {
    /// Says whether it was a dry run, was declined, or failed half way.
    #[serde(flatten)]
    pub ending: Ending,
    /// Names the function that is not stopped any more.
    pub ingest: String,
    /// Gives its reserved concurrency from now on; `None` for a share of the account's.
    pub concurrency: Option<i32>,
}

impl Drained {
    /// Says that deliveries are stopped, and the command that has them taken again as they were.
    #[must_use]
    pub fn resumption(&self) -> String {
        let concurrency = self.concurrency.map(|count| format!(" --concurrency {count}"));
        format!(
            "{} is stopped, and Upvest sends again what it was not answered; to give it back: upvest-webhooks drain --resume{} \
             --reason WHY",
            self.ingest,
            concurrency.unwrap_or_default()
        )
    }

    /// Tells whether nothing is left, in no queue, dead-letter queue or bucket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.dead_letters.is_empty() && self.pending == 0
    }
}

/// Stops deliveries, and waits until all queues are empty, for as long as `patience` lasts. They stay stopped either way.
///
/// # Errors
///
/// [`Error`] when nothing was stopped. What ended it early is in [`Ending::failure`].
pub async fn drain(
    repair: &Repair<'_>,
    patience: Duration,
    confirm: impl FnOnce(&str) -> Result<bool>,
) -> Result<Drained> {
    let ingest = function_name(repair.stack).await?;
    let function = repair.stack.lambda().get_function().function_name(&ingest);
    let function = function.send().await.map_err(AwsError::of("GetFunction"))?;
    let reserved = function
        .concurrency()
        .and_then(|it| it.reserved_concurrent_executions());
    let mut report = Drained {
        ending: repair.ending(),
        concurrency: match reserved {
            // What an earlier drain set, and nothing that --resume is to give back.
            Some(0) => deployed_concurrency(repair.stack).await?,
            reserved => reserved,
        },
        ingest,
        ..Drained::default()
    };
    match repair.decide(true, || confirm(&report.ingest))? {
        Decision::Declined => report.ending.declined = true,
        Decision::Preview => look(repair, &mut report).await?,
        Decision::GoOn => {
            let request = json!({ "function": report.ingest, "concurrency": report.concurrency });
            let drain = async |_: &_| {
                let ended = stop(repair, patience, &mut report).await;
                (json!({ "empty": report.is_empty() }), ended)
            };
            report.ending = repair.carry_out(DRAIN, request, drain).await?;
        }
    }
    Ok(report)
}

/// Has deliveries taken again, with this reserved concurrency of ingest, or that which the stack was deployed with.
///
/// # Errors
///
/// [`Error`] when nothing was changed. What ended it early is in [`Ending::failure`].
pub async fn resume(
    repair: &Repair<'_>,
    concurrency: Option<i32>,
    confirm: impl FnOnce(&str) -> Result<bool>,
) -> Result<Resumed> {
    let concurrency = match concurrency {
        None => deployed_concurrency(repair.stack).await?,
        given => given,
    };
    let mut report = Resumed {
        ending: repair.ending(),
        ingest: function_name(repair.stack).await?,
        concurrency,
    };
    match repair.decide(true, || confirm(&report.ingest))? {
        Decision::Declined => report.ending.declined = true,
        Decision::Preview => {}
        Decision::GoOn => {
            let request = json!({ "function": report.ingest, "concurrency": concurrency });
            let give_back = async |_: &_| {
                let given = reserve(repair.stack, &report.ingest, concurrency).await;
                (json!({}), given.map_err(Error::from))
            };
            report.ending = repair.carry_out(RESUME, request, give_back).await?;
        }
    }
    Ok(report)
}

/// Gives a function this reserved concurrency, or none.
async fn reserve(stack: &Stack, function: &str, concurrency: Option<i32>) -> Result<(), AwsError> {
    let lambda = stack.lambda();
    let Some(reserved) = concurrency else {
        let delete = lambda.delete_function_concurrency().function_name(function);
        let deleted = delete.send().await.map(drop);
        return deleted.map_err(AwsError::of("DeleteFunctionConcurrency"));
    };
    let put = lambda.put_function_concurrency().function_name(function);
    let put = put.reserved_concurrent_executions(reserved).send().await;
    put.map(drop).map_err(AwsError::of("PutFunctionConcurrency"))
}

/// Reads which reserved concurrency of ingest the stack was deployed with, if any. No later deployment brings back what is not
/// given back: `CloudFormation` changes only what the parameters change.
async fn deployed_concurrency(stack: &Stack) -> Result<Option<i32>> {
    let parameters = parameters(&stack.describe().await?);
    let reserved = parameters
        .get(RESERVED)
        .and_then(|reserved| reserved.parse().ok());
    Ok(reserved.filter(|reserved| *reserved > 0))
}

/// Finds the name that AWS gave ingest.
async fn function_name(stack: &Stack) -> Result<String> {
    let mut resources = stack.resources().await?.into_iter();
    let ingest = resources.find(|resource| resource.logical == INGEST);
    let missing = || {
        Error::not_found(format!(
            "the stack has no {INGEST}: name one of this receiver that is completely deployed (--stack)"
        ))
    };
    ingest.map(|ingest| ingest.physical).ok_or_else(missing)
}

/// Stops ingest, and waits until all queues have looked empty for a while, or time is over.
async fn stop(repair: &Repair<'_>, patience: Duration, report: &mut Drained) -> Result<()> {
    reserve(repair.stack, &report.ingest, Some(0)).await?;
    // Before the wait: whoever interrupts it sees no report, and Upvest is stopped still.
    repair.reporter.note(&report.resumption());
    let end = Instant::now() + patience;
    let work = repair.reporter.count("looks at the queues");
    let mut empty_since: Option<Instant> = None;
    loop {
        look(repair, report).await?;
        work.done(1);
        let now = Instant::now();
        // The queues alone: dead letters and what is pending run out by no waiting, and are told at the end.
        empty_since = report.queues.is_empty().then(|| empty_since.unwrap_or(now));
        let is_quiet = empty_since.is_some_and(|since| now.duration_since(since) >= QUIET);
        if is_quiet || now >= end {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}

/// Counts what is left in every queue and in the pending bucket.
async fn look(repair: &Repair<'_>, report: &mut Drained) -> Result<()> {
    let stack = repair.stack;
    report.queues.clear();
    for queue in stack.queues() {
        let depth = queue_depth(&stack.sqs(), &stack.queue_url(queue)?).await?;
        if depth.total() > 0 {
            let messages = depth.total() as u64;
            report.queues.push(QueueRemains { queue, messages });
        }
    }
    let selection = Selection::default();
    let List { queues, .. } = list(stack, &selection, None, repair.clock.now(), repair.reporter).await?;
    let remains = queues.into_iter().map(|counts| QueueRemains {
        queue: counts.queue,
        messages: (counts.waiting + counts.in_flight) as u64,
    });
    let remains = remains.filter(|remains| remains.messages > 0);
    report.dead_letters = remains.collect();
    report.pending = stack.pending()?.list().await?.len();
    Ok(())
}
