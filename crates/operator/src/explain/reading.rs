//! Reading the tables and the archive, and putting together what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use pipeline::error::AwsError;
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::Place;
use pipeline::stores::audit::AuditLog;
use pipeline::stores::entities::Entities;
use pipeline::stores::events::{LoggedEvent, conflict_key, conflicts_with, original_id};
use pipeline::stores::idempotency::Idempotency;
use tokio::sync::Mutex;
use upvest::EntityKey;
use uuid::Uuid;

use super::actions;
use super::evidence::{Delivery, Evidence, Signed, Wanted};
use super::explanation::{
    DeliveredEvent, DeliveryContents, EntityAccount, EventAccount, Explanation, OtherDelivery, Outcome,
    Quarantine,
};
use super::publication::Publication;
use crate::error::{Error, Result};
use crate::fold::Refold;
use crate::records::Records;
use crate::stack::Stack;

/// Limits how many deliveries are read at a time.
const AT_A_TIME: usize = 8;
/// Names a replay in the audit table.
const REPLAY: &str = "replay";

/// Reads everything that an explanation needs.
pub(super) struct Reader {
    records: Records,
    entities: Entities,
    idempotency: Idempotency,
    audit: AuditLog,
    evidence: Evidence,
    bus: Option<String>,
    now: Timestamp,
}

impl Reader {
    /// Finds an event in the log.
    pub(super) async fn find(&self, event_id: &str) -> Result<Option<LoggedEvent>> {
        Ok(self.records.log.find(event_id).await?)
    }

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
            bus: stack.event_bus().map(str::to_owned),
            now: clock.now(),
        })
    }

    /// Explains an entity: its state, and its newest events.
    pub(super) async fn entity(&self, entity: &str, limit: usize) -> Result<Explanation> {
        let refold = self.refold(EntityKey::from_stored(entity.to_owned())).await?;
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
                None => explanation
                    .findings
                    .push(format!("event {other}: it is not in the log")),
            }
        }
        shown.push(event);
        let shown: Vec<&LoggedEvent> = shown.iter().collect();
        let entity = shown.iter().find_map(|event| event.aggregate.clone());
        let refold = match entity {
            Some(entity) => Some(self.refold(entity).await?),
            None => None,
        };
        self.fill(&mut explanation, &shown, refold.as_ref()).await?;
        if let Some(within) = duplicates_within {
            self.look_for_duplicates(&mut explanation, within).await?;
        }
        Ok(explanation)
    }

    async fn refold(&self, entity: EntityKey) -> Result<Refold> {
        Refold::read(&self.records, &self.entities, entity).await
    }

    /// Looks at the deliveries of these events again.
    async fn deliveries(&self, shown: &[&LoggedEvent]) -> Result<BTreeMap<String, Delivery>, AwsError> {
        let wanted: BTreeSet<String> = shown
            .iter()
            .map(|event| original_id(&event.event_id).to_owned())
            .collect();
        let ids: BTreeSet<String> = shown.iter().map(|event| event.delivery_id.clone()).collect();
        let wanted = &Wanted::Only(&wanted);
        let deliveries = stream::iter(ids)
            .map(async |id| Ok::<_, AwsError>((id.clone(), self.evidence.delivery(&id, wanted).await?)))
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
            explanation.add_entity(EntityAccount::of(refold, comparison.clone()));
        }
        explanation.add_deliveries(deliveries);
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
        let mut operations = self.audit.operations().await?;
        operations.retain(|operation| operation.command == REPLAY);
        // Newest first, and told in the order in which they ran.
        operations.reverse();
        Ok(operations
            .iter()
            .map(|operation| operation.id.to_string())
            .collect())
    }

    /// Looks for the events shown in deliveries that came later.
    async fn look_for_duplicates(&self, explanation: &mut Explanation, within: Duration) -> Result<()> {
        let Some(event) = explanation.events.first() else {
            return Ok(());
        };
        let id = original_id(&event.event_id).to_owned();
        let owner = event.delivery_id.clone();
        let Ok(from) = event.received_at.parse::<Timestamp>() else {
            return Ok(());
        };
        let range = from..=from + within;
        let known_hash = event.sha256.clone();
        let keys = self.records.archive.received(Place::Verified, &range).await?;
        let ids = keys.into_iter().map(|key| key.delivery_id.to_string());
        let wanted = BTreeSet::from([id.clone()]);
        let wanted = &Wanted::Only(&wanted);
        let mut deliveries = stream::iter(ids.filter(|id| *id != owner))
            .map(async |id| self.evidence.delivery(&id, wanted).await)
            .buffered(AT_A_TIME);
        let mut found = Vec::new();
        while let Some(delivery) = deliveries.try_next().await? {
            let versions = delivery.events.iter();
            found.extend(versions.map(|version| OtherDelivery::of(&delivery, version, &known_hash)));
        }
        let others: BTreeSet<String> = found
            .iter()
            .filter(|other| !other.same)
            .map(|other| conflict_key(&id, &other.sha256))
            .collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let logged = self.records.log.load(&others).await?;
        for other in found.iter_mut().filter(|other| !other.same) {
            let key = conflict_key(&id, &other.sha256);
            let finding = format!(
                "event {id}: delivery {} brought it with other content",
                other.delivery_id
            );
            explanation.findings.push(finding);
            other.logged_as = Some(key).filter(|key| logged.contains_key(key));
        }
        explanation.duplicates = Some(found);
        Ok(())
    }

    /// Explains a delivery: what it held, and what became of it.
    pub(super) async fn delivery(&self, id: &str) -> Result<Explanation> {
        let nothing = || {
            Error::not_found(format!(
                "no event or delivery {id}: neither in the event log nor in the archive (entities are written TYPE#ID, \
                 like ORDER#9fc8c651-...)"
            ))
        };
        let uuid: Uuid = id.parse().map_err(|_| nothing())?;
        let id = uuid.to_string();
        let quarantined = self.records.archive.quarantined(uuid).await?;
        let verified = self.records.archive.verified(uuid).await?;
        let found = verified.as_ref().or(quarantined.as_ref()).ok_or_else(nothing)?;
        let delivery = self.evidence.check(&id, found, &Wanted::All).await;
        let is_verified = verified.is_some();
        let mut explanation = Explanation {
            subject: id.clone(),
            ..Explanation::default()
        };
        let faults = delivery.faults.iter();
        explanation
            .findings
            .extend(faults.map(|fault| format!("delivery {id}: {fault}")));
        let quarantine = quarantined.as_ref().map(|found| Quarantine {
            reason: found.delivery.reason.clone().unwrap_or_default(),
            archived_at: found.key.clone(),
            places: found.delivery.events.clone(),
        });
        if let Some(quarantine) = &quarantine {
            let finding = quarantine.fault(is_verified, delivery.is_proven());
            explanation.findings.push(format!("delivery {id}: {finding}"));
        }
        let events = match is_verified {
            true => self.delivered(&delivery).await?,
            // Nothing of it was taken, whatever holds today.
            false => Vec::new(),
        };
        let lost = events
            .iter()
            .filter(|event| matches!(event.outcome, Outcome::NotLogged));
        explanation.findings.extend(lost.map(|event| {
            format!(
                "event {}: it was delivered, and is not in the log",
                event.event_id
            )
        }));
        explanation.delivery = Some(DeliveryContents {
            verified: is_verified,
            received_at: delivery.received_at,
            source_address: delivery.source_address,
            archived_at: delivery.archived_at,
            signature: delivery.signature,
            delivery_id: id,
            quarantine,
            events,
        });
        Ok(explanation)
    }

    /// Tells what became of each event of a verified delivery.
    async fn delivered(&self, delivery: &Delivery) -> Result<Vec<DeliveredEvent>> {
        let own = |signed: &Signed| {
            let conflict = conflict_key(&signed.event_id, &signed.sha256);
            [signed.event_id.clone(), conflict]
        };
        let ids: BTreeSet<String> = delivery.events.iter().flat_map(own).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let logged = self.records.log.load(&ids).await?;
        let events = delivery.events.iter().map(|signed| {
            let [id, conflict] = own(signed);
            let outcome = match logged.get(&id) {
                Some(event) if event.sha256 == signed.sha256 => match event.delivery_id {
                    ref owner if *owner == delivery.delivery_id => Outcome::Stored,
                    ref owner => Outcome::Duplicate {
                        of_delivery: owner.clone(),
                    },
                },
                Some(_) if logged.contains_key(&conflict) => Outcome::Conflict { logged_as: conflict },
                _ => Outcome::NotLogged,
            };
            DeliveredEvent {
                event_id: id,
                r#type: signed.event_type.clone(),
                entity: signed.entity.clone(),
                outcome,
            }
        });
        Ok(events.collect())
    }
}
