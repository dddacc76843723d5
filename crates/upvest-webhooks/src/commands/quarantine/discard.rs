//! Removing deliveries from quarantine for good.

use std::collections::BTreeMap;

use pipeline::error::{AwsError, ErrorChain};
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::{Archive, ArchivedDelivery, Quarantined};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::report::DiscardReport;
use super::{DISCARD, DiscardArgs, QuarantineError, archive_of, ended};
use crate::operation::{Audit, Throttle, progress_bar};
use crate::stack::Stack;

/// The most deliveries of one operation: its item in the audit table names them all, and takes 400 KB.
const OF_ONE_OPERATION: usize = 500;

/// Something in quarantine that is to go.
#[derive(Debug)]
struct Doomed {
    quarantined: Quarantined,
    record: Record,
}

/// What is left of it in the audit table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Record {
    pub(crate) delivery_id: Uuid,
    pub(crate) reason: String,
    /// Of the body, in hexadecimal.
    pub(crate) sha256: String,
    pub(crate) bytes: usize,
}

impl DiscardArgs {
    pub(super) async fn run(self, stack: &Stack, clock: Clock) -> Result<DiscardReport, QuarantineError> {
        if self.ids.is_empty() && self.selection.is_empty() && !self.all {
            return Err(QuarantineError::NothingChosen);
        }
        let archive = archive_of(stack)?;
        let doomed = self.doomed(&archive, &clock).await?;
        let mut report = DiscardReport::new(self.operation.dry_run);
        let is_found = |id: &&Uuid| doomed.iter().any(|one| one.record.delivery_id == **id);
        let missing = self.ids.iter().filter(|id| !is_found(id));
        report.missing = missing.copied().collect();
        if self.operation.dry_run || doomed.is_empty() {
            report.discarded = doomed.into_iter().map(|one| one.record).collect();
            return Ok(report);
        }
        if !self.operation.confirm(&question(&doomed))? {
            report.declined = true;
            return Ok(report);
        }
        let audit = Audit::of(stack, clock).await?;
        let mut throttle = Throttle::new(self.operation.rate);
        let bar = progress_bar(doomed.len(), "deliveries");
        for some in doomed.chunks(OF_ONE_OPERATION) {
            // The record is there before the first of them is gone.
            let records: Vec<&Record> = some.iter().map(|one| &one.record).collect();
            let request = json!({ "ids": self.ids, "selection": self.selection, "discard": records });
            let operation = audit.begin(DISCARD, self.operation.reason(), request).await?;
            report.operations.push(operation.id);
            let mut gone = 0;
            for one in some {
                throttle.due().await;
                if let Err(error) = archive.remove(&one.quarantined).await {
                    report.failure = Some(failure(&error));
                    break;
                }
                gone += 1;
                report.discarded.push(one.record.clone());
                bar.inc(1);
            }
            let result = json!({ "discarded": gone, "failure": report.failure });
            report.failure = ended(&audit, operation.id, &result, report.failure).await;
            if report.failure.is_some() {
                break;
            }
        }
        bar.finish_and_clear();
        Ok(report)
    }

    async fn doomed(&self, archive: &Archive, clock: &Clock) -> Result<Vec<Doomed>, QuarantineError> {
        let mut doomed = Vec::new();
        let visit = async |quarantined: Quarantined, delivery: ArchivedDelivery| {
            let body = &delivery.envelope.body;
            let record = Record {
                delivery_id: quarantined.delivery_id(),
                reason: quarantined.reason().to_owned(),
                sha256: hex::encode(Sha256::digest(body)),
                bytes: body.len(),
            };
            doomed.push(Doomed { quarantined, record });
            Ok(true)
        };
        self.selection
            .each(archive, &self.ids, clock.now(), visit)
            .await?;
        Ok(doomed)
    }
}

fn failure(error: &AwsError) -> String {
    ErrorChain(error).to_string()
}

fn question(doomed: &[Doomed]) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for one in doomed {
        *counts.entry(one.record.reason.as_str()).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(reason, count)| format!("{count} × {reason}"))
        .collect();
    format!("Removed from quarantine for good: {}. Go on?", counts.join(", "))
}
