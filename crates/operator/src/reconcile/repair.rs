//! Telling the stack what no event did, through its front door.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pipeline::error::ErrorChain;
use pipeline::stores::audit::Operation;
use serde_json::json;
use upvest::EntityKey;
use upvest::signature::SigningKey;
use upvest_api::Client;
use uuid::Uuid;

use super::compare::{Scope, compare};
use super::event;
use super::report::{Reconciliation, RepairReport};
use crate::error::{Error, Result};
use crate::repair::{Audit, Decision, Repair};
use crate::send::{Load, Pace, Target};
use crate::stack::Output;

/// Names the operation in the audit table.
const COMMAND: &str = "reconcile";
/// Limits how long the receiver may take to answer one delivery.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Says how many deliveries wait for their answer at the same time.
const CONCURRENCY: usize = 8;

/// Compares, and delivers an event for each difference that one can end, once `confirm` has seen how many these are.
///
/// It writes no state: the stack receives the events as it does Upvest's, signed with `key`. An interrupted repair is
/// continued by comparing again: what arrived differs no longer.
///
/// # Errors
///
/// [`Error`] when the comparison fails, as that of [`compare`], or the events cannot be signed.
pub async fn repair(
    repair: &Repair<'_>,
    client: &Client,
    scope: &Scope,
    key: SigningKey,
    confirm: impl FnOnce(usize) -> Result<bool>,
) -> Result<Reconciliation> {
    // Before all the reading, which takes a while: what is missing for the repair should not show after it.
    let target = Target::new(&repair.stack.output(Output::WebhookUrl)?, false)?;
    let audit = repair.audit().await?;
    let mut report = compare(repair.stack, client, scope, repair.options.per_second).await?;
    report.dry_run = repair.options.dry_run;
    let repairable = report.repairable();
    if repair.decide(repairable > 0, || confirm(repairable))? == Decision::GoOn {
        report.repair = Some(tell(repair, &audit, scope, (&target, key), &report).await?);
    }
    Ok(report)
}

async fn tell(
    repair: &Repair<'_>,
    audit: &Audit,
    scope: &Scope,
    (target, key): (&Target, SigningKey),
    found: &Reconciliation,
) -> Result<RepairReport> {
    let request = json!({
        "domains": scope.domains.iter().map(|domain| domain.name()).collect::<Vec<_>>(),
        "entities": scope.entities.iter().map(EntityKey::as_str).collect::<Vec<_>>(),
        "key_id": key.key_id(),
        "found": found.counts(),
    });
    let mut report = Err(Error::failed("nothing was delivered"));
    let work = async |operation: &Operation| {
        let events = found.repairs();
        let events = events.map(|(event_type, fetched)| event::to_json(operation.id, event_type, fetched));
        report = deliver(repair, events.collect(), key, target, operation.id).await;
        let record = match &report {
            Ok(report) => {
                json!({ "told": report.told, "accepted": report.accepted, "answers": report.answers })
            }
            Err(error) => json!({ "failure": ErrorChain(error).to_string() }),
        };
        (record, None)
    };
    // What was done is done, whether or not it is recorded that it ended.
    repair.audited(audit, COMMAND, request, work).await?;
    report
}

async fn deliver(
    repair: &Repair<'_>,
    events: Vec<String>,
    key: SigningKey,
    target: &Target,
    operation: Uuid,
) -> Result<RepairReport> {
    let told = events.len();
    let load = Arc::new(Load::of_events(events, key, target, TIMEOUT, &repair.clock)?);
    let pace = Pace {
        rate: Some(repair.options.per_second),
        concurrency: CONCURRENCY,
    };
    let (outcomes, _) = load.run(pace, repair.reporter).await?;
    let mut answers = BTreeMap::new();
    for outcome in &outcomes {
        *answers.entry(outcome.answer.name()).or_default() += 1;
    }
    Ok(RepairReport {
        operation,
        told,
        accepted: outcomes
            .iter()
            .filter(|outcome| outcome.answer.is_success())
            .count(),
        answers,
    })
}
