//! Removing deliveries from quarantine for good.

use pipeline::stores::archive::{Archive, ArchivedDelivery, Quarantined};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::selection::Selection;
use crate::error::{Error, Result};
use crate::repair::{Decision, Ending, OF_ONE_OPERATION, Repair};

/// Names the operation in the audit table.
const COMMAND: &str = "quarantine discard";

/// Reports what a removal took out of quarantine, or in a dry run would.
#[derive(Debug, Serialize)]
pub struct Discarded {
    /// Says whether it was a dry run, was declined, or failed half way.
    #[serde(flatten)]
    pub ending: Ending,
    /// Names the operations in the audit table, one for up to 500 deliveries; empty when nothing was removed.
    pub operations: Vec<Uuid>,
    /// Lists what was removed, or in a dry run would be, as the audit table keeps it.
    pub discarded: Vec<Record>,
    /// Lists deliveries that were named and are not in quarantine.
    pub missing: Vec<Uuid>,
    /// Repeats which quarantined deliveries were asked for.
    pub selection: Selection,
}

/// Holds what the audit table keeps of a delivery that was discarded.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    /// Names the delivery by the id that the receiver gave it.
    pub delivery_id: Uuid,
    /// Names the reason as quarantine keys do. A delivery has a record for each of its reasons.
    pub reason: String,
    /// Proves later which body was removed: its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Gives the size of the whole body in bytes, also when only some of its events were in quarantine.
    pub bytes: usize,
    /// Refers to the object in the bucket, which is deleted.
    #[serde(skip)]
    quarantined: Quarantined,
}

/// Removes what is selected, after `confirm` has seen it.
///
/// The audit table names every delivery before the first of its operation is gone.
///
/// # Errors
///
/// [`Error`] when nothing was removed. What ended a removal early is in [`Ending::failure`].
pub async fn discard(
    repair: &Repair<'_>,
    selection: &Selection,
    confirm: impl FnOnce(&[Record]) -> Result<bool>,
) -> Result<Discarded> {
    let archive = repair.stack.archive()?;
    let mut records = Vec::new();
    let visit = async |quarantined: Quarantined, delivery: ArchivedDelivery| {
        let body = &delivery.envelope.body;
        records.push(Record {
            delivery_id: quarantined.delivery_id(),
            reason: quarantined.reason().to_owned(),
            sha256: hex::encode(Sha256::digest(body)),
            bytes: body.len(),
            quarantined,
        });
        Ok(true)
    };
    selection.each(&archive, repair.clock.now(), visit).await?;
    let is_found = |id: &&Uuid| records.iter().any(|record| record.delivery_id == **id);
    let mut report = Discarded {
        ending: repair.ending(),
        operations: Vec::new(),
        discarded: Vec::new(),
        missing: selection.ids.iter().filter(|id| !is_found(id)).copied().collect(),
        selection: selection.clone(),
    };
    match repair.decide(!records.is_empty(), || confirm(&records))? {
        Decision::Preview => report.discarded = records,
        Decision::Declined => report.ending.declined = true,
        Decision::GoOn => remove(repair, &archive, &records, &mut report).await?,
    }
    Ok(report)
}

async fn remove(
    repair: &Repair<'_>,
    archive: &Archive,
    records: &[Record],
    report: &mut Discarded,
) -> Result<()> {
    let mut throttle = repair.throttle();
    let work = repair.reporter.begin(records.len() as u64, "deliveries");
    // An operation fills one item of the audit table, so that a long list becomes several operations.
    for records in records.chunks(OF_ONE_OPERATION) {
        let selection = &report.selection;
        let request = json!({ "ids": selection.ids, "selection": selection, "discard": records });
        let gone = &mut report.discarded;
        let remove = async |_: &_| {
            let before = gone.len();
            let mut ended = Ok(());
            for record in records {
                throttle.due().await;
                ended = archive.remove(&record.quarantined).await.map_err(Error::from);
                if ended.is_err() {
                    break;
                }
                gone.push(record.clone());
                work.done(1);
            }
            (json!({ "discarded": gone.len() - before }), ended)
        };
        report.ending = repair.carry_out(COMMAND, request, remove).await?;
        report.operations.extend(report.ending.operation.take());
        if report.ending.failure.is_some() {
            break;
        }
    }
    Ok(())
}
