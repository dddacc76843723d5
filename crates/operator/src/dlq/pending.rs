//! What was answered and is not settled: listed, and sent again.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pipeline::stores::pending::{Listed, Pending};
use serde::Serialize;
use serde_json::json;

use crate::error::Result;
use crate::repair::{Decision, Ending, OF_ONE_OPERATION, Repair};
use crate::stack::Stack;

/// Names the operation in the audit table.
const COMMAND: &str = "dlq resend";

/// Lists deliveries that lie in the pending bucket, because they were answered and are not settled.
#[derive(Debug, Serialize)]
pub struct PendingList {
    /// Gives the time at which it was looked at.
    pub at: Timestamp,
    /// Lists what was found, in the order of receipt.
    pub pending: Vec<Listed>,
    /// Tells whether the limit cut the list short.
    pub more: bool,
}

/// Reports what was sent again, or would be.
#[derive(Debug, Serialize)]
pub struct Resent {
    /// Says whether it was a dry run, was declined, or failed half way.
    #[serde(flatten)]
    pub ending: Ending,
    /// Lists the ids of what was sent again, or in a dry run would be.
    pub resent: Vec<String>,
    /// Tells whether more is pending than one operation takes: run the command again.
    pub more: bool,
    /// Lists ids that were given and are not pending.
    pub missing: Vec<String>,
}

/// Lists up to `limit` deliveries that are pending.
///
/// # Errors
///
/// [`Error`](crate::Error) when the bucket cannot be listed.
pub async fn pending(stack: &Stack, limit: u16, at: Timestamp) -> Result<PendingList> {
    let mut pending = stack.pending()?.list().await?;
    let more = pending.len() > usize::from(limit);
    pending.truncate(limit.into());
    Ok(PendingList { at, pending, more })
}

/// Sends what is pending to the deliveries queue again, these ids or all, once `confirm` has seen how many.
///
/// What is sent stays pending until verify-and-store has handled it. Sent twice, or while the delivery is in a queue still, it
/// changes nothing: its events are in the log once.
///
/// # Errors
///
/// [`Error`](crate::Error) when nothing was sent. What ended it early is in [`Ending::failure`].
pub async fn resend(
    repair: &Repair<'_>,
    ids: &[String],
    confirm: impl FnOnce(usize) -> Result<bool>,
) -> Result<Resent> {
    let pending = repair.stack.pending()?;
    let listed = pending.list().await?.into_iter().map(|listed| listed.id);
    let mut chosen: Vec<String> = listed.filter(|id| ids.is_empty() || ids.contains(id)).collect();
    let known: BTreeSet<&String> = chosen.iter().collect();
    let missing = ids.iter().filter(|id| !known.contains(id)).cloned().collect();
    let more = chosen.len() > OF_ONE_OPERATION;
    chosen.truncate(OF_ONE_OPERATION);
    let mut report = Resent {
        ending: repair.ending(),
        resent: Vec::new(),
        more,
        missing,
    };
    match repair.decide(!chosen.is_empty(), || confirm(chosen.len()))? {
        Decision::Preview => report.resent = chosen,
        Decision::Declined => report.ending.declined = true,
        Decision::GoOn => {
            let send = async |_: &_| {
                let ended = send_all(repair, &pending, &chosen, &mut report.resent).await;
                (json!({ "resent": report.resent }), ended)
            };
            report.ending = repair.carry_out(COMMAND, json!({ "ids": chosen }), send).await?;
        }
    }
    Ok(report)
}

/// Sends one after another, and notes which were. What was handled meanwhile is not there any more.
async fn send_all(
    repair: &Repair<'_>,
    pending: &Pending,
    chosen: &[String],
    sent: &mut Vec<String>,
) -> Result<()> {
    let queue = repair.stack.deliveries_queue()?;
    let mut throttle = repair.throttle();
    let work = repair.reporter.begin(chosen.len() as u64, "deliveries");
    for id in chosen {
        throttle.due().await;
        if let Some(message) = pending.read(id).await? {
            queue.send_pending(&message).await?;
            sent.push(id.clone());
        }
        work.done(1);
    }
    Ok(())
}
