//! Finding out: reads the tables and the archive, and puts together what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use pipeline::error::{AwsError, ErrorChain};
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::{Archive, Place};
use pipeline::stores::audit::{AuditError, AuditLog};
use pipeline::stores::entities::{Entities, EntityItem, Stored};
use pipeline::stores::events::{EventLog, LoggedEvent, conflict_key, conflicts_with, original_id};
use pipeline::stores::idempotency::Idempotency;
use pipeline::stores::keys::{Keys, KeysTable};
use serde_json::value::RawValue;
use tokio::sync::Mutex;
use upvest::EntityKey;
use uuid::Uuid;

use super::actions;
use super::evidence::{Bytes, Delivery, Evidence, Signed, Wanted};
use super::folding::{self, Comparison, FRESH, Foldable, Step};
use super::publication::Publication;
use super::{Contents, Entity, ExplainError, Explained, Explanation, Fate, Outcome, Quarantine, Repeat};
use crate::commands::replay;
use crate::stack::Stack;

/// How many deliveries are read at a time.
const AT_A_TIME: usize = 8;

/// What is asked, and where.
pub(super) struct Inquiry {
    pub(super) log: EventLog,
    entities: Entities,
    idempotency: Idempotency,
    audit: AuditLog,
    evidence: Evidence,
    bus: Option<String>,
    now: Timestamp,
}

/// An entity as it is kept, and all its events.
pub(super) struct Known {
    entity: EntityKey,
    item: Option<EntityItem>,
    stored: Option<Result<Stored, String>>,
    timeline: Vec<LoggedEvent>,
}

/// What the log gives for an entity.
struct Folded {
    steps: BTreeMap<String, Step>,
    comparison: Comparison,
}

impl Inquiry {
    pub(super) fn of(stack: &Stack, clock: &Clock) -> Result<Self, ExplainError> {
        let dynamodb = pipeline::runtime::aws::dynamodb(stack.config());
        let s3 = pipeline::runtime::aws::s3(stack.config());
        let secrets = aws_sdk_secretsmanager::Client::new(stack.config());
        let keys_table = stack.keys_table()?;
        Ok(Self {
            log: EventLog::new(dynamodb.clone(), stack.events_table()?),
            entities: Entities::new(dynamodb.clone(), stack.entities_table()?),
            idempotency: Idempotency::reader(dynamodb.clone(), stack.idempotency_table()?, clock.clone()),
            audit: AuditLog::new(dynamodb.clone(), stack.audit_table()?, clock.clone()),
            evidence: Evidence {
                archive: Archive::new(s3, stack.archive_bucket()?),
                keys: Keys::new(dynamodb.clone(), secrets, keys_table.clone(), clock.clone()),
                keys_table: KeysTable::new(dynamodb, keys_table, clock.clone()),
                histories: Mutex::default(),
            },
            bus: stack.event_bus().map(str::to_owned),
            now: clock.now(),
        })
    }

    /// Explains an entity: its state, and its newest events.
    pub(super) async fn entity(&self, entity: &str, limit: usize) -> Result<Explanation, ExplainError> {
        let known = self.know(EntityKey::from_stored(entity.to_owned())).await?;
        if known.item.is_none() && known.timeline.is_empty() {
            return Err(ExplainError::NoEntity(entity.to_owned()));
        }
        let earlier_events = known.timeline.len().saturating_sub(limit);
        let shown: Vec<&LoggedEvent> = known.timeline.iter().skip(earlier_events).collect();
        let deliveries = self.deliveries(&shown, Some(&known)).await?;
        let mut explanation = Explanation {
            subject: entity.to_owned(),
            earlier_events,
            ..Explanation::default()
        };
        self.fill(&mut explanation, &shown, Some(&known), deliveries)
            .await?;
        Ok(explanation)
    }

    /// Explains an event of the log, with the one that it contradicts, if it does.
    pub(super) async fn event(
        &self,
        event: LoggedEvent,
        repeats: Option<Duration>,
    ) -> Result<Explanation, ExplainError> {
        let mut shown = Vec::new();
        let mut explanation = Explanation {
            subject: event.event_id.clone(),
            ..Explanation::default()
        };
        if let Some(contradicted) = conflicts_with(&event.event_id) {
            match self.log.find(contradicted).await? {
                Some(contradicted) => shown.push(contradicted),
                None => explanation
                    .findings
                    .push(format!("event {contradicted}: it is not in the log")),
            }
        }
        shown.push(event);
        let shown: Vec<&LoggedEvent> = shown.iter().collect();
        let entity = shown.iter().find_map(|event| event.aggregate.clone());
        let known = match entity {
            Some(entity) => Some(self.know(entity).await?),
            None => None,
        };
        let deliveries = self.deliveries(&shown, known.as_ref()).await?;
        self.fill(&mut explanation, &shown, known.as_ref(), deliveries)
            .await?;
        if let Some(within) = repeats {
            self.look_for_repeats(&mut explanation, within).await?;
        }
        Ok(explanation)
    }

    async fn know(&self, entity: EntityKey) -> Result<Known, ExplainError> {
        // The state first: what is logged in between shows as not yet in it, and not the other way round.
        let item = self.entities.item(&entity).await?;
        let stored = item.as_ref().map(|item| {
            let stored = item.read(&entity);
            stored.map_err(|error| ErrorChain(&error).to_string())
        });
        Ok(Known {
            timeline: self.log.history(&entity).await?,
            entity,
            item,
            stored,
        })
    }

    /// Looks at the deliveries of the events to be shown, and at those that have what was too large for the log.
    async fn deliveries(
        &self,
        shown: &[&LoggedEvent],
        known: Option<&Known>,
    ) -> Result<BTreeMap<String, Delivery>, AwsError> {
        let timeline = known.iter().flat_map(|known| &known.timeline);
        let elsewhere = timeline.filter(|event| event.object.is_none());
        let events = || shown.iter().copied().chain(elsewhere.clone());
        let wanted: BTreeSet<String> = events()
            .map(|event| original_id(&event.event_id).to_owned())
            .collect();
        let ids: BTreeSet<String> = events().map(|event| event.delivery_id.clone()).collect();
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
        known: Option<&Known>,
        deliveries: BTreeMap<String, Delivery>,
    ) -> Result<(), ExplainError> {
        let folded = known.map(|known| known.fold(&deliveries));
        let replays = self.replays().await?;
        let mut records = actions::of_events(&self.idempotency, shown, &replays, self.now).await?;
        if let (Some(known), Some(folded)) = (known, &folded) {
            explanation.add_entity(known.entity(folded.comparison.clone()));
        }
        explanation.add_deliveries(shown, deliveries);
        for event in shown {
            let mut explained = Explained::of(event, explanation.deliveries.get(&event.delivery_id));
            explained.step = folded.as_ref().and_then(|folded| folded.step(event, known?));
            explained.actions = records.remove(&event.event_id).unwrap_or_default();
            explained.unfinished = known.is_some_and(|known| known.is_unfinished(&event.event_id));
            if let (Some(known), Some(folded), Some(step)) = (known, &folded, &explained.step) {
                let lacks = folded.comparison.lacks(&event.event_id);
                let bus = self.bus.as_deref();
                let publication = Publication::of(event, known, lacks, step.effect, bus);
                explained.publication = Some(publication);
            }
            explanation.findings.extend(explained.faults());
            explanation.events.push(explained);
        }
        explanation.published_to.clone_from(&self.bus);
        Ok(())
    }

    /// The ids of all replays, by which their actions have records of their own.
    async fn replays(&self) -> Result<Vec<String>, AuditError> {
        let mut operations = self.audit.operations().await?;
        operations.retain(|operation| operation.command == replay::COMMAND);
        // Newest first, and told in the order in which they ran.
        operations.reverse();
        Ok(operations
            .iter()
            .map(|operation| operation.id.to_string())
            .collect())
    }

    /// Looks for the events shown in deliveries that came later.
    async fn look_for_repeats(
        &self,
        explanation: &mut Explanation,
        within: Duration,
    ) -> Result<(), ExplainError> {
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
        let keys = self.evidence.archive.received(Place::Verified, &range).await?;
        let ids = keys.into_iter().map(|key| key.delivery_id.to_string());
        let wanted = BTreeSet::from([id.clone()]);
        let wanted = &Wanted::Only(&wanted);
        let mut deliveries = stream::iter(ids.filter(|id| *id != owner))
            .map(async |id| self.evidence.delivery(&id, wanted).await)
            .buffered(AT_A_TIME);
        let mut repeats = Vec::new();
        while let Some(delivery) = deliveries.try_next().await? {
            let versions = delivery.events.iter();
            repeats.extend(versions.map(|version| Repeat::of(&delivery, version, &known_hash)));
        }
        let others: BTreeSet<String> = repeats
            .iter()
            .filter(|repeat| !repeat.same)
            .map(|repeat| conflict_key(&id, &repeat.sha256))
            .collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let logged = self.log.load(&others).await?;
        for repeat in repeats.iter_mut().filter(|repeat| !repeat.same) {
            let key = conflict_key(&id, &repeat.sha256);
            let finding = format!(
                "event {id}: delivery {} brought it with other content",
                repeat.delivery_id
            );
            explanation.findings.push(finding);
            repeat.logged_as = Some(key).filter(|key| logged.contains_key(key));
        }
        explanation.repeats = Some(repeats);
        Ok(())
    }

    /// Explains a delivery: what it held, and what became of it.
    pub(super) async fn delivery(&self, id: &str) -> Result<Explanation, ExplainError> {
        let nothing = || ExplainError::Nothing(id.to_owned());
        let uuid: Uuid = id.parse().map_err(|_| nothing())?;
        let id = uuid.to_string();
        let quarantined = self.evidence.archive.quarantined(uuid).await?;
        let verified = self.evidence.archive.verified(uuid).await?;
        let found = verified.as_ref().or(quarantined.as_ref()).ok_or_else(nothing)?;
        let delivery = self.evidence.examine(&id, found, &Wanted::All).await;
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
        let fates = match is_verified {
            true => self.fates(&delivery).await?,
            // Nothing of it was taken, whatever holds today.
            false => Vec::new(),
        };
        let lost = fates
            .iter()
            .filter(|fate| matches!(fate.outcome, Outcome::NotLogged));
        explanation.findings.extend(
            lost.map(|fate| format!("event {}: it was delivered, and is not in the log", fate.event_id)),
        );
        explanation.delivery = Some(Contents {
            verified: is_verified,
            received_at: delivery.received_at,
            source_address: delivery.source_address,
            archived_at: delivery.archived_at,
            signature: delivery.signature,
            delivery_id: id,
            quarantine,
            events: fates,
        });
        Ok(explanation)
    }

    async fn fates(&self, delivery: &Delivery) -> Result<Vec<Fate>, ExplainError> {
        let own = |signed: &Signed| {
            let contradiction = conflict_key(&signed.event_id, &signed.sha256);
            [signed.event_id.clone(), contradiction]
        };
        let ids: BTreeSet<String> = delivery.events.iter().flat_map(own).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let logged = self.log.load(&ids).await?;
        let fates = delivery.events.iter().map(|signed| {
            let [id, contradiction] = own(signed);
            let outcome = match logged.get(&id) {
                Some(event) if event.sha256 == signed.sha256 => match event.delivery_id {
                    ref owner if *owner == delivery.delivery_id => Outcome::Stored,
                    ref owner => Outcome::Repeat {
                        of_delivery: owner.clone(),
                    },
                },
                Some(_) if logged.contains_key(&contradiction) => Outcome::Contradiction {
                    logged_as: contradiction,
                },
                _ => Outcome::NotLogged,
            };
            Fate {
                event_id: id,
                r#type: signed.event_type.clone(),
                entity: signed.entity.clone(),
                outcome,
            }
        });
        Ok(fates.collect())
    }
}

impl Folded {
    /// What an event did: by the entity's own note, or else by the order of receipt.
    fn step(&self, event: &LoggedEvent, known: &Known) -> Option<Step> {
        let mut step = self.steps.get(&event.event_id)?.clone();
        if known.is_applied(&event.event_id) {
            step.effect = FRESH;
        }
        Some(step)
    }
}

impl Known {
    pub(super) fn stored(&self) -> Option<&Stored> {
        self.stored.as_ref()?.as_ref().ok()
    }

    pub(super) fn is_unfinished(&self, event_id: &str) -> bool {
        self.stored()
            .is_some_and(|stored| stored.unfinished.contains_key(event_id))
    }

    /// Whether the entity notes that the event was applied as its newest.
    pub(super) fn is_applied(&self, event_id: &str) -> bool {
        self.stored()
            .is_some_and(|stored| stored.applied.contains(event_id))
    }

    fn fold(&self, deliveries: &BTreeMap<String, Delivery>) -> Folded {
        let mut events = Vec::with_capacity(self.timeline.len());
        for event in &self.timeline {
            let archived = deliveries.get(&event.delivery_id);
            let object = archived.and_then(|delivery| delivery.object_of(event));
            match Foldable::of(event, object) {
                Ok(event) => events.push(event),
                Err(why) => {
                    let why = format!("event {}: {why}", event.event_id);
                    return Folded {
                        steps: BTreeMap::new(),
                        comparison: Comparison::Unknown { why },
                    };
                }
            }
        }
        let comparison = match &self.stored {
            Some(Err(why)) => Comparison::Unknown { why: why.clone() },
            _ => folding::compare(&self.entity, self.item.as_ref().zip(self.stored()), &events),
        };
        Folded {
            steps: folding::steps(&events),
            comparison,
        }
    }

    fn entity(&self, log: Comparison) -> Entity {
        let stored = self.stored();
        let last = stored.map(|stored| &stored.projection.last);
        let object = stored.and_then(|stored| stored.projection.snapshot.as_ref());
        let object = object.and_then(|snapshot| RawValue::from_string(snapshot.object.clone()).ok());
        Entity {
            entity: self.entity.to_string(),
            status: stored.and_then(|stored| stored.projection.status().map(str::to_owned)),
            version: stored.map(|stored| stored.version),
            last_event_id: last.map(|last| last.occurred.event_id().to_owned()),
            last_event_type: last.map(|last| last.event_type.clone()),
            last_occurred_at: last.map(|last| last.occurred.instant().to_owned()),
            unfinished: stored
                .map(|stored| stored.unfinished.keys().cloned().collect())
                .unwrap_or_default(),
            log,
            object,
        }
    }
}

impl Explanation {
    fn add_entity(&mut self, entity: Entity) {
        let unfinished = entity.unfinished.iter().map(|event_id| {
            format!(
                "an action for event {event_id}, or its publication, failed: it runs again when the event comes back \
                 from its queue or dead-letter queue"
            )
        });
        let faults = entity.log.fault().into_iter().chain(unfinished);
        self.findings
            .extend(faults.map(|fault| format!("entity {}: {fault}", entity.entity)));
        self.entity = Some(entity);
    }

    /// Keeps the deliveries of the events that are shown.
    fn add_deliveries(&mut self, shown: &[&LoggedEvent], mut deliveries: BTreeMap<String, Delivery>) {
        deliveries.retain(|id, _| shown.iter().any(|event| event.delivery_id == *id));
        for (id, delivery) in &deliveries {
            let faults = delivery.faults.iter();
            self.findings
                .extend(faults.map(|fault| format!("delivery {id}: {fault}")));
        }
        self.deliveries = deliveries;
    }
}

impl Explained {
    fn of(event: &LoggedEvent, delivery: Option<&Delivery>) -> Self {
        let compared = delivery.map(|delivery| delivery.compare(event));
        let (bytes, differs) = compared.unwrap_or((Bytes::Unproven, Vec::new()));
        Self {
            event_id: event.event_id.clone(),
            r#type: event.event_type.clone(),
            entity: event.aggregate.as_ref().map(EntityKey::to_string),
            occurred_at: event.occurred.instant().to_owned(),
            received_at: event.received_at.to_string(),
            delivery_id: event.delivery_id.clone(),
            sha256: event.sha256.clone(),
            contradicts: conflicts_with(&event.event_id).map(str::to_owned),
            bytes,
            differs,
            step: None,
            actions: Vec::new(),
            unfinished: false,
            publication: None,
            object: event
                .object
                .clone()
                .and_then(|object| RawValue::from_string(object).ok()),
        }
    }

    /// What is wrong with it.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(other) = &self.contradicts {
            faults.push(format!(
                "it contradicts event {other}: a person has to decide which is true"
            ));
        }
        match self.bytes {
            Bytes::AsSigned | Bytes::Unproven => {}
            Bytes::Changed => faults.push(format!(
                "the log does not have what was signed: {}",
                self.differs.join(", ")
            )),
            Bytes::NotInDelivery => faults.push(format!("delivery {} does not have it", self.delivery_id)),
        }
        faults.extend(self.actions.iter().filter_map(actions::Action::fault));
        let own = |fault| format!("event {}: {fault}", self.event_id);
        faults.into_iter().map(own).collect()
    }
}

impl Repeat {
    fn of(delivery: &Delivery, version: &Signed, known_hash: &str) -> Self {
        Self {
            delivery_id: delivery.delivery_id.clone(),
            received_at: delivery.received_at.clone(),
            archived_at: delivery.archived_at.clone(),
            sha256: version.sha256.clone(),
            same: version.sha256 == known_hash,
            logged_as: None,
        }
    }
}

impl Quarantine {
    fn fault(&self, in_part: bool, proven: bool) -> String {
        let Self { reason, .. } = self;
        match (in_part, proven) {
            (true, _) => format!("a part of it is in quarantine: {reason}"),
            (false, false) => format!("it is in quarantine: {reason}"),
            (false, true) => {
                format!(
                    "it is in quarantine: {reason}; today its signature holds, so that it can be re-verified"
                )
            }
        }
    }
}
