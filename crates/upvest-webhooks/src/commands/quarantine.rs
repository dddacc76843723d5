//! `quarantine`: what could not be proven or understood, and trying again.

mod discard;
mod judge;
mod report;
mod reverify;
mod selection;
mod shown;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Args, Subcommand};
use pipeline::error::{AwsError, ErrorChain};
use pipeline::queues::deliveries::DeliveriesQueue;
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::{Archive, ArchivedDelivery, Quarantined, ReadError};
use pipeline::stores::keys::KeysError;
use serde_json::json;
use uuid::Uuid;

use discard::DiscardArgs;
use judge::{Judge, JudgeError, Outlook};
use operator::Reporter;
use operator::quarantine::selection::{Selection, read};
pub(crate) use report::QuarantineReport;
use report::{Listed, ReverifyReport};
use reverify::{Judged, Reverification, ReverifyError};
use selection::SelectionArgs;
pub(crate) use shown::harmless_request;
use shown::{Part, Shown, Signature};

use crate::operation::{Audit, OperationArgs, Throttle, progress_bar};
use crate::output;
use crate::stack::{Queue, Stack, StackError};

/// The name in the audit table.
const REVERIFY: &str = "quarantine reverify";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what is in quarantine, in the order of receipt
    ///
    /// A delivery is listed once for each reason. Where only some of its events are in quarantine, the others are in
    /// the event log, and the delivery is in the archive.
    ///
    /// Example: upvest-webhooks quarantine list --because bad-signature --since 2026-01-05
    List(ListArgs),
    /// Show a delivery: why it is in quarantine, what its signature covers, and whether it would hold now
    ///
    /// Until its signature holds, all that it shows is what the sender claims.
    ///
    /// Example: upvest-webhooks quarantine show 019b76da-a87b-7def-8123-456789abcdef
    Show(ShowArgs),
    /// Verify again, and send what holds by now on its way
    ///
    /// Mend the cause first: import a key, or deploy a version that understands an event. The signature is verified by
    /// the keys and the policy of the stack, as of the time of receipt. What holds is sent to the deliveries queue, under
    /// its delivery id, and leaves the quarantine once the stack has verified it; what still fails stays, with its reason.
    ///
    /// Without ids and filters it takes everything. Interrupt it when you like, and run it again: nothing is lost, and what
    /// was sent in the last hour is waited for, not sent again. The stack remembers a key for five minutes, and refuses until
    /// then what holds by a corrected one. Exit status 0: everything chosen holds and is on its way; 1: something still
    /// fails, or the stack has not verified it yet.
    ///
    /// Example: upvest-webhooks quarantine reverify --key-id 9ed77463-c18e-4794-ab5c-17423f9b801a --reason "INC-42"
    Reverify(Box<ReverifyArgs>),
    /// Remove deliveries from quarantine for good
    ///
    /// For what Upvest did not send: its own events that are discarded are not in the log, and do not come again. The
    /// audit table keeps the ids, the reasons and the SHA-256 of the bodies. The bucket keeps versions: the bytes
    /// stay behind a delete marker for a day, or longer where object lock says so, and can be brought back until then.
    ///
    /// Example: upvest-webhooks quarantine discard --because missing-digest --until 7d --reason "scanner, INC-7"
    Discard(Box<DiscardArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    /// List at most so many
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The delivery's id
    delivery_id: Uuid,
    /// Print the body too, which may hold personal data
    #[arg(long)]
    body: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReverifyArgs {
    /// Ids of deliveries; without any, all that the filters take
    ids: Vec<Uuid>,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Reverify at most so many, the oldest first
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Give up after so many seconds in which the stack verified nothing of what was sent
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
    #[command(flatten)]
    operation: OperationArgs,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QuarantineError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Judge(#[from] JudgeError),
    #[error(transparent)]
    Reverify(#[from] ReverifyError),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("nothing of delivery {0} is in quarantine")]
    NotThere(Uuid),
}

impl QuarantineError {
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
    pub(crate) async fn run(self, stack: &Stack, clock: Clock) -> Result<QuarantineReport, QuarantineError> {
        match self {
            Self::List(list) => list.run(stack, &clock).await,
            Self::Show(show) => {
                let shown = show.run(stack, clock).await?;
                Ok(QuarantineReport::Shown(Box::new(shown)))
            }
            Self::Reverify(reverify) => {
                let report = reverify.run(stack, clock).await?;
                Ok(QuarantineReport::Reverified(report))
            }
            Self::Discard(discard) => {
                let repair = discard.repair.of(stack, clock, Reporter::silent());
                Ok(QuarantineReport::Discarded(discard.run(&repair).await?))
            }
        }
    }
}

fn archive_of(stack: &Stack) -> Result<Archive, StackError> {
    let s3 = aws_sdk_s3::Client::new(stack.config());
    Ok(Archive::new(s3, stack.archive_bucket()?))
}

impl ListArgs {
    async fn run(self, stack: &Stack, clock: &Clock) -> Result<QuarantineReport, QuarantineError> {
        let (mut listed, mut more) = (Vec::new(), false);
        let visit = async |quarantined: Quarantined, delivery: ArchivedDelivery| {
            if listed.len() == usize::from(self.limit) {
                more = true;
                return Ok(false);
            }
            listed.push(Listed::of(&quarantined, &delivery));
            Ok(true)
        };
        let at = clock.now();
        let selection = self.selection.of(Vec::new());
        selection.each(&archive_of(stack)?, at, visit).await?;
        Ok(QuarantineReport::List {
            at,
            quarantine: listed,
            more,
        })
    }
}

impl ShowArgs {
    async fn run(self, stack: &Stack, clock: Clock) -> Result<Shown, QuarantineError> {
        let judge = Judge::of(stack, clock.clone())?;
        let mut parts = Vec::new();
        let mut whole = None;
        for quarantined in judge.archive.quarantined_parts(self.delivery_id).await? {
            let Some(delivery) = read(&judge.archive, &quarantined).await? else {
                continue;
            };
            parts.push(Part {
                reason: quarantined.reason().to_owned(),
                object: format!("s3://{}/{}", stack.archive_bucket()?, quarantined.key()),
                events: delivery.events.clone(),
                now: judge.outlook(&quarantined, &delivery).await?,
            });
            whole = Some(delivery);
        }
        let delivery = whole.ok_or(QuarantineError::NotThere(self.delivery_id))?;
        let signature = Signature::of(&judge, &delivery).await?;
        let envelope = delivery.envelope;
        let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
        Ok(Shown {
            delivery_id: self.delivery_id,
            at: clock.now(),
            received_at: envelope.received_at,
            bytes: envelope.body.len(),
            body: self.body.then(|| text(&envelope.body)),
            request: harmless_request(envelope.request),
            signature,
            parts,
        })
    }
}

impl ReverifyArgs {
    async fn run(self, stack: &Stack, clock: Clock) -> Result<ReverifyReport, QuarantineError> {
        let selection = self.selection.clone().of(self.ids.clone());
        let judge = Judge::of(stack, clock.clone())?;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let now = clock.now();
        let (mut judged, more) = reverify::judge(&judge, &selection, now, limit).await?;
        let mut report = ReverifyReport::new(now, self.operation.dry_run, more);
        report.missing = self.missing(&judge.archive, &judged).await?;
        report.tell(&judged);
        let is_to_do = |one: &Judged| !matches!(one.outlook, Outlook::Fails { .. });
        if self.operation.dry_run || !judged.iter().any(is_to_do) {
            return Ok(report);
        }
        if !self.operation.confirm(&question(&judged))? {
            report.declined = true;
            return Ok(report);
        }
        let queue = stack.queue_url(Queue::Deliveries)?;
        let queue = DeliveriesQueue::new(aws_sdk_sqs::Client::new(stack.config()), queue);
        let audit = Audit::of(stack, clock).await?;
        let operation = audit
            .begin(REVERIFY, self.operation.reason(), self.request(&selection))
            .await?;
        report.operation = Some(operation.id);
        let bar = progress_bar(judged.len(), "deliveries");
        let run = Reverification {
            judge: &judge,
            queue: &queue,
            patience: Duration::from_secs(self.wait),
            bar: &bar,
        };
        let ran = run
            .run(&mut judged, &mut Throttle::new(self.operation.rate))
            .await;
        bar.finish_and_clear();
        report.failure = ran.err().map(|error| ErrorChain(&error).to_string());
        report.tell(&judged);
        let result = json!({ "became": report.counts(), "failure": report.failure });
        report.failure = ended(&audit, operation.id, &result, report.failure).await;
        Ok(report)
    }

    /// The deliveries that were named and are neither in quarantine nor verified.
    async fn missing(&self, archive: &Archive, judged: &[Judged]) -> Result<Vec<Uuid>, QuarantineError> {
        let found: BTreeSet<Uuid> = judged.iter().map(|one| one.quarantined.delivery_id()).collect();
        let mut missing = Vec::new();
        for id in self.ids.iter().filter(|id| !found.contains(id)) {
            // The same command again, once its work is done.
            if archive.verified(*id).await?.is_none() {
                missing.push(*id);
            }
        }
        Ok(missing)
    }

    fn request(&self, selection: &Selection) -> serde_json::Value {
        json!({
            "ids": selection.ids,
            "selection": selection,
            "limit": self.limit,
            "rate": self.operation.rate,
        })
    }
}

fn question(judged: &[Judged]) -> String {
    let count = |takes: fn(&Outlook) -> bool| judged.iter().filter(|one| takes(&one.outlook)).count();
    let (holds, on_their_way, fails, verified) = (
        count(|outlook| matches!(outlook, Outlook::Holds { sent_at: None })),
        count(|outlook| matches!(outlook, Outlook::Holds { sent_at: Some(_) })),
        count(|outlook| matches!(outlook, Outlook::Fails { .. })),
        count(|outlook| matches!(outlook, Outlook::Verified)),
    );
    format!(
        "In quarantine: {holds} that hold now and are sent on their way, {on_their_way} that were sent in the last hour \
         and are waited for, {verified} that are verified already and are taken out, {fails} that still fail and stay. \
         Go on?"
    )
}

/// Records what came of an operation; gives what went wrong, be it this.
async fn ended(
    audit: &Audit,
    operation: Uuid,
    result: &serde_json::Value,
    failure: Option<String>,
) -> Option<String> {
    let error = audit.log().end(operation, result).await.err();
    failure.or_else(|| {
        let error = error.as_ref().map(|error| ErrorChain(error).to_string())?;
        output::note("the audit table does not say what came of this");
        Some(error)
    })
}
