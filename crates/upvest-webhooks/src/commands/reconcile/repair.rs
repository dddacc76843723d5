//! Telling the stack what no event did, through its front door.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use upvest::signature::SigningKey;

use super::arguments::Arguments;
use super::report::{ReconcileReport, RepairReport};
use super::{ReconcileError, event};
use crate::operation::Audit;
use operator::send::{Load, Pace, Target};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How many deliveries wait for their answer at the same time.
const CONCURRENCY: usize = 8;

/// What it takes to deliver.
pub(super) struct Repair {
    pub(super) target: Target,
    pub(super) key: SigningKey,
    pub(super) audit: Audit,
}

impl Repair {
    /// Delivers an event for each difference that one can end, and records that. An interrupted repair is continued by
    /// comparing again: what arrived differs no longer.
    pub(super) async fn run(
        self,
        arguments: &Arguments,
        report: &mut ReconcileReport,
    ) -> Result<(), ReconcileError> {
        let domains: Vec<&str> = arguments.domains.iter().map(|domain| domain.name()).collect();
        let entities: Vec<String> = arguments.entities().map(|entity| entity.to_string()).collect();
        let request = json!({
            "domains": domains, "entities": entities, "key_id": self.key.key_id(), "found": report.counts(),
        });
        let options = arguments.operation();
        let audit = &self.audit;
        let operation = audit.begin("reconcile", options.reason(), request).await?;
        let events = report.repairs();
        let events: Vec<String> = events
            .map(|(event_type, fetched)| event::told(operation.id, event_type, fetched))
            .collect();
        let told = events.len();
        let load = Arc::new(Load::of_events(events, self.key, &self.target, TIMEOUT)?);
        let pace = Pace {
            rate: Some(options.rate),
            concurrency: CONCURRENCY,
        };
        let (outcomes, _) = load.run(pace, operator::Reporter::silent()).await?;
        let accepted = outcomes
            .iter()
            .filter(|outcome| outcome.answer.is_success())
            .count();
        let mut answers = BTreeMap::new();
        for outcome in &outcomes {
            *answers.entry(outcome.answer.name()).or_default() += 1;
        }
        let result = json!({ "told": told, "accepted": accepted, "answers": answers });
        // What was done is done, whether or not it is recorded that it ended.
        if let Err(error) = audit.log().end(operation.id, &result).await {
            crate::output::note(&format!(
                "the end of the operation is not in the audit table: {error}"
            ));
        }
        report.repair = Some(RepairReport {
            operation: operation.id,
            told,
            accepted,
            answers,
        });
        Ok(())
    }
}
