//! Reading the tables and the archive, and putting together what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use pipeline::error::AwsError;
use pipeline::runtime::clock::Clock;
use pipeline::stores::audit::AuditLog;
use pipeline::stores::entities::Entities;
use pipeline::stores::events::{LoggedEvent, conflicts_with, original_id};
use pipeline::stores::idempotency::Idempotency;
use tokio::sync::Mutex;
use upvest::EntityKey;

use super::evidence::{AT_A_TIME, Delivery, Evidence};
use super::explanation::{EntityAccount, EventAccount, Explanation};
use super::publication::Publication;
use super::{actions, contents, duplicates};
use crate::error::{Error, Result};
use crate::fold::Refold;
use crate::records::Records;
use crate::stack::Stack;

/// Names a replay in the audit table.
const REPLAY: &str = "replay";

/// Reads everything that an explanation needs.
pub(super) struct Reader {
    pub(super) records: Records,
    entities: Entities,
    idempotency: Idempotency,
    audit: AuditLog,
    evidence: Evidence,
    bus: Option<String>,
    now: Timestamp,
}

impl Reader {
    /// Opens the stores of a stack.
    pub(super) fn of(stack: &Stack, clock: &Clock) -> Result<Self> {
        Ok(Self {
            records: Records::of(stack)?,
            entities: stack.entities()?,
            idempotency: stack.idempotency(clock.clone())?,
            audit: stack.audit_log(clock.clone())?,
            evidence: Evidence {
                archive: stack.archive()?,
                keys: stack.verifying_keys(clock.clone())?,
                keys_table: stack.keys(clock.clone())?,
                histories: Mutex::default(),
            },
            bus: stack.optional("EventBusName").map(str::to_owned),
            now: clock.now(),
        })
    }

    /// Explains an entity: its state, and its newest events.
    pub(super) async fn entity(&self, entity: &str, limit: usize) -> Result<Explanation> {
        let key = EntityKey::from_stored(entity.to_owned());
        let refold = Refold::read(&self.records, &self.entities, key).await?;
        if refold.is_empty() {
            return Err(Error::not_found(format!(
                "no entity {entity}: neither a state nor events (entities are written TYPE#ID, like ORDER#9fc8c651-...)"
            )));
        }
        let earlier_events = refold.history.len().saturating_sub(limit);
        let shown: Vec<&LoggedEvent> = refold.history.iter().skip(earlier_events).collect();
        let mut explanation = Explanation {
            subject: entity.to_owned(),
            earlier_events,
            ..Explanation::default()
        };
        self.fill(&mut explanation, &shown, Some(&refold)).await?;
        Ok(explanation)
    }

    /// Explains an event of the log, with the one that it conflicts with, if it does.
    pub(super) async fn event(
        &self,
        event: LoggedEvent,
        duplicates_within: Option<Duration>,
    ) -> Result<Explanation> {
        let mut shown = Vec::new();
        let mut explanation = Explanation {
            subject: event.event_id.clone(),
            ..Explanation::default()
        };
        if let Some(other) = conflicts_with(&event.event_id) {
            match self.records.log.find(other).await? {
                Some(other) => shown.push(other),
                None => (explanation.findings).push(format!("event {other}: it is not in the log")),
            }
        }
        shown.push(event);
        let shown: Vec<&LoggedEvent> = shown.iter().collect();
        let entity = shown.iter().find_map(|event| event.aggregate.clone());
        let refold = match entity {
            Some(entity) => Some(Refold::read(&self.records, &self.entities, entity).await?),
            None => None,
        };
        self.fill(&mut explanation, &shown, refold.as_ref()).await?;
        if let (Some(within), Some(event)) = (duplicates_within, shown.first()) {
            let (others, findings) = duplicates::find(&self.records, &self.evidence, event, within).await?;
            explanation.duplicates = Some(others);
            explanation.findings.extend(findings);
        }
        Ok(explanation)
    }

    /// Looks at the deliveries of these events again.
    async fn deliveries(&self, shown: &[&LoggedEvent]) -> Result<BTreeMap<String, Delivery>, AwsError> {
        let wanted: BTreeSet<String> = shown
            .iter()
            .map(|event| original_id(&event.event_id).to_owned())
            .collect();
        let ids: BTreeSet<String> = shown.iter().map(|event| event.delivery_id.clone()).collect();
        let wanted = &wanted;
        let deliveries = stream::iter(ids)
            .map(async |id| Ok::<_, AwsError>((id.clone(), self.evidence.delivery(&id, Some(wanted)).await?)))
            .buffered(AT_A_TIME);
        deliveries.try_collect().await
    }

    /// Puts together what is known of an entity, the events to be shown and their deliveries.
    async fn fill(
        &self,
        explanation: &mut Explanation,
        shown: &[&LoggedEvent],
        refold: Option<&Refold>,
    ) -> Result<()> {
        let deliveries = self.deliveries(shown).await?;
        let replays = self.replays().await?;
        let mut records = actions::of_events(&self.idempotency, shown, &replays, self.now).await?;
        let ids = shown.iter().map(|event| event.event_id.as_str()).collect();
        let folded = refold.map(|refold| (refold, refold.explain(), refold.steps(&ids)));
        if let Some((refold, comparison, _)) = &folded {
            let fault = comparison.fault();
            let fault = fault.map(|fault| format!("entity {}: {fault}", refold.entity));
            explanation.findings.extend(fault);
            explanation.entity = Some(EntityAccount::of(refold, comparison.clone()));
        }
        for (id, delivery) in &deliveries {
            let faults = delivery.faults.iter();
            let faults = faults.map(|fault| format!("delivery {id}: {fault}"));
            explanation.findings.extend(faults);
        }
        explanation.deliveries = deliveries;
        for event in shown {
            let delivery = explanation.deliveries.get(&event.delivery_id);
            let mut account = EventAccount::of(event, delivery);
            account.actions = records.remove(&event.event_id).unwrap_or_default();
            if let Some((refold, comparison, steps)) = &folded {
                account.step = steps.get(&event.event_id).cloned();
                account.publication = account.step.as_ref().map(|step| {
                    let lacks = comparison.lacks(&event.event_id);
                    Publication::of(event, refold, lacks, step.effect, self.bus.as_deref())
                });
            }
            explanation.findings.extend(account.faults());
            explanation.events.push(account);
        }
        explanation.published_to.clone_from(&self.bus);
        Ok(())
    }

    /// Lists the ids of all replays, by which their actions have records of their own.
    async fn replays(&self) -> Result<Vec<String>> {
        let operations = self.audit.operations().await?;
        // Newest first, and told in the order in which they ran.
        let replays = operations.iter().rev().filter(|one| one.command == REPLAY);
        Ok(replays.map(|replay| replay.id.to_string()).collect())
    }

    /// Explains a delivery: what it held, and what became of it.
    pub(super) async fn delivery(&self, id: &str) -> Result<Explanation> {
        let (delivery, findings) = contents::read(&self.records, &self.evidence, id).await?;
        Ok(Explanation {
            subject: delivery.delivery_id.clone(),
            delivery: Some(delivery),
            findings,
            ..Explanation::default()
        })
    }
}
