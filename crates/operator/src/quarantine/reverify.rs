//! Sending what holds by now on its way again, once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use pipeline::stores::archive::{ArchivedDelivery, Quarantined};
use pipeline::stores::audit::Operation;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::outlook::{Outlook, Reverifier};
use super::selection::Selection;
use super::sending::{Reverified, ReverifyResult, Run};
use crate::error::Result;
use crate::repair::{Decision, Ending, Repair};

/// Names the operation in the audit table.
const COMMAND: &str = "quarantine reverify";
/// Says what is to be verified again, and how patiently.
#[derive(Debug, Clone)]
pub struct Request {
    /// Chooses the objects of the quarantine that are verified again.
    pub selection: Selection,
    /// Limits how many objects are verified again, from the oldest on.
    pub limit: u32,
    /// Says how long to wait while the stack verifies nothing of what was sent.
    pub patience: Duration,
}

/// Reports what was verified again, or would be.
#[derive(Debug, Serialize)]
pub struct ReverifyReport {
    /// Gives the instant from which relative times of the selection are counted.
    pub at: Timestamp,
    /// Says whether it was a dry run, was declined, or failed half way.
    #[serde(flatten)]
    pub ending: Ending,
    /// Lists what was selected, and what became of it.
    pub deliveries: Vec<Reverified>,
    /// Lists deliveries that were named and are neither in quarantine nor verified.
    pub missing: Vec<Uuid>,
    /// Tells whether the limit left objects out, so that another run has work to do.
    pub more: bool,
    /// Repeats which quarantined deliveries were asked for.
    pub selection: Selection,
}

/// Verifies what is selected again, and, once `confirm` has seen that, sends what holds and is not on its way already,
/// waits for the stack to verify it, and then takes it out of quarantine.
///
/// Nothing leaves the quarantine before the stack is seen to have it. After an interruption at any step the delivery is
/// still in quarantine, with a note if it was sent or about to be. The next run goes by that, and by whether the stack
/// has verified it meanwhile: either way it is not sent again.
///
/// # Errors
///
/// [`Error`](crate::Error) when nothing was sent. What ended a run early is in [`Ending::failure`].
pub async fn reverify(
    repair: &Repair<'_>,
    request: &Request,
    confirm: impl FnOnce(&[Reverified]) -> Result<bool>,
) -> Result<ReverifyReport> {
    let reverifier = Reverifier::of(repair.stack, repair.clock.clone())?;
    let at = repair.clock.now();
    let (deliveries, more) = select(&reverifier, request, at).await?;
    let mut report = ReverifyReport {
        at,
        ending: repair.ending(),
        missing: missing(&reverifier, &request.selection.ids, &deliveries).await?,
        deliveries,
        more,
        selection: request.selection.clone(),
    };
    let fails = |delivery: &Reverified| matches!(delivery.outlook, Outlook::Fails { .. });
    // What the stack has verified meanwhile is work too: it is taken out of quarantine.
    let has_work = !report.deliveries.iter().all(fails);
    match repair.decide(has_work, || confirm(&report.deliveries))? {
        Decision::Preview => {}
        Decision::Declined => report.ending.declined = true,
        Decision::GoOn => {
            let run = Run {
                reverifier: &reverifier,
                queue: repair.stack.deliveries_queue()?,
                patience: request.patience,
                reporter: repair.reporter,
                work: (repair.reporter).begin(report.deliveries.len() as u64, "deliveries"),
            };
            let document = json!({
                "ids": request.selection.ids,
                "selection": request.selection,
                "limit": request.limit,
                "rate": repair.options.per_second,
            });
            let send = async |_: &Operation| {
                let ended = run.run(&mut report.deliveries, &mut repair.throttle()).await;
                (json!({ "became": report.counts() }), ended)
            };
            report.ending = repair.carry_out(COMMAND, document, send).await?;
        }
    }
    Ok(report)
}

/// Verifies what is selected again, at most so many objects; says whether there are more.
async fn select(
    reverifier: &Reverifier,
    request: &Request,
    now: Timestamp,
) -> Result<(Vec<Reverified>, bool)> {
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let (mut deliveries, mut more) = (Vec::new(), false);
    let visit = async |quarantined: Quarantined, delivery: ArchivedDelivery| {
        if deliveries.len() == limit {
            more = true;
            return Ok(false);
        }
        let outlook = reverifier.outlook(&quarantined, &delivery).await?;
        deliveries.push(Reverified {
            delivery_id: quarantined.delivery_id(),
            reason: quarantined.reason().to_owned(),
            received_at: quarantined.received_at(),
            quarantined,
            is_noted: matches!(outlook, Outlook::Holds { sent_at: Some(_) }),
            outlook,
            result: None,
        });
        Ok(true)
    };
    request.selection.each(&reverifier.archive, now, visit).await?;
    Ok((deliveries, more))
}

/// Finds the deliveries that were named and are neither in quarantine nor verified.
async fn missing(reverifier: &Reverifier, ids: &[Uuid], deliveries: &[Reverified]) -> Result<Vec<Uuid>> {
    let found: BTreeSet<Uuid> = deliveries.iter().map(|delivery| delivery.delivery_id).collect();
    let mut missing = Vec::new();
    for id in ids.iter().filter(|id| !found.contains(id)) {
        // The same command again, once its work is done.
        if reverifier.archive.verified(*id).await?.is_none() {
            missing.push(*id);
        }
    }
    Ok(missing)
}

impl ReverifyReport {
    /// Counts what became of how many.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<ReverifyResult, usize> {
        let mut counts = BTreeMap::new();
        for result in self.deliveries.iter().filter_map(|delivery| delivery.result) {
            *counts.entry(result).or_default() += 1;
        }
        counts
    }
}
