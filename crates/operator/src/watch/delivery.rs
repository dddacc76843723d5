//! Describes a delivery to whoever watches: where it went, and which of its events were asked for.

use jiff::Timestamp;
use pipeline::error::AwsError;
use pipeline::stores::archive::{ArchivedDelivery, DeliveryKey};
use pipeline::stores::entities::{Entities, EntityError};
use pipeline::stores::events::Owner;
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::delivery::events_of;
use upvest::signature::VerifyError;
use upvest::{EntityKey, Event, TimeSource};

/// Shows a delivery of the archive, or the part of one that is in quarantine.
#[derive(Debug, Clone, Serialize)]
pub struct WatchedDelivery {
    /// Gives the time of receipt, by the clock of the receiver.
    pub received_at: Timestamp,
    /// Names the delivery by the id that the receiver gave it.
    pub delivery_id: String,
    /// Tells whether the delivery went to the archive or to quarantine, or cannot be read.
    pub result: Outcome,
    /// Says why it, or a part of it, is in quarantine, or cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Gives the IP address that posted it; `None` when it is not known, or the object cannot be read.
    pub source_address: Option<String>,
    /// Names the key that its signature claims; `None` when it names none, or the object cannot be read.
    pub key_id: Option<String>,
    /// Explains how its signature was out of its time on receipt; `None` when it was in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_time: Option<String>,
    /// Says what the receiver remarked about it, like `foreign-subscription`; empty where it remarked nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Locates the object by its key in the archive's bucket.
    pub archived_at: String,
    /// Gives the size of its body in bytes; 0 when the object cannot be read.
    pub body_bytes: usize,
    /// Lists the events that were asked for, in the order of the batch; none of a delivery that is not proven.
    pub events: Vec<WatchedEvent>,
}

/// Tells what the archive has of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The delivery's signature held, and the archive has it.
    Verified,
    /// The delivery, or a part of it, is in quarantine.
    Quarantined,
    /// The archive has an object in its place that is not one that the receiver writes.
    Unreadable,
}

/// Describes an event of a delivery that passed the filter.
#[derive(Debug, Clone, Serialize)]
pub struct WatchedEvent {
    /// Counts the events before it in the delivery's batch, so that the first has position 0.
    pub position: usize,
    /// Names the event by Upvest's id, which is the same in every delivery of it.
    pub event_id: String,
    /// Names the type of the event, like `ORDER.FILLED`.
    pub r#type: String,
    /// Names the entity that it is about, where it names one.
    pub entity: Option<String>,
    /// Gives the time at which it was created at Upvest, as the event has it; `None` where it does not say.
    pub occurred_at: Option<String>,
    /// Says what its time is taken from, where it does not tell that itself or cannot be believed: `object-updated-at`,
    /// `object-created-at`, `receipt` or `future`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_flag: Option<&'static str>,
    /// Shows the state of that entity, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<EntityState>,
    /// Holds the object, verbatim, if that was asked for: it is personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<Box<RawValue>>,
}

/// Shows the state of an event's entity, when the event was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntityState {
    /// Gives the status of the entity; `None` when there is no entity yet, or it has no status.
    pub status: Option<String>,
    /// Tells whether the event, or a newer one, is in it.
    pub processed: bool,
}

impl Outcome {
    /// Names it in the word that the JSON has too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Quarantined => "quarantined",
            Self::Unreadable => "unreadable",
        }
    }
}

impl WatchedDelivery {
    /// Describes an archived delivery with those of its events that `shown` makes something of.
    pub(super) fn of(
        key: &DeliveryKey,
        delivery: &ArchivedDelivery,
        shown: impl Fn(usize, &Event<'_>) -> Option<WatchedEvent>,
    ) -> Self {
        let envelope = &delivery.envelope;
        let reason = delivery.reason.as_deref();
        // Nothing is looked into unless its signature held.
        let is_proven = !reason.is_some_and(|reason| VerifyError::ALL.contains(&reason));
        let events = is_proven.then(|| events_of(&envelope.body));
        let positions = &delivery.events;
        let is_meant = |position: &usize| positions.is_empty() || positions.contains(position);
        let events = events
            .into_iter()
            .flatten()
            .filter(|(position, _)| is_meant(position))
            .filter_map(|(position, event)| shown(position, &event));
        Self {
            received_at: envelope.received_at,
            delivery_id: key.delivery_id.to_string(),
            result: match reason {
                Some(_) => Outcome::Quarantined,
                None => Outcome::Verified,
            },
            reason: delivery.reason.clone(),
            source_address: envelope.request.source_address.clone(),
            key_id: delivery.key_id.clone(),
            out_of_time: delivery.out_of_time.clone(),
            flags: delivery.flags.clone(),
            archived_at: key.key.clone(),
            body_bytes: envelope.body.len(),
            events: events.collect(),
        }
    }

    /// Describes an object that stays unseen, with what is wrong with it.
    #[must_use]
    pub fn unreadable(key: &DeliveryKey, why: &str) -> Self {
        Self {
            received_at: key.received_at,
            delivery_id: key.delivery_id.to_string(),
            result: Outcome::Unreadable,
            reason: Some(why.to_owned()),
            source_address: None,
            key_id: None,
            out_of_time: None,
            flags: Vec::new(),
            archived_at: key.key.clone(),
            body_bytes: 0,
            events: Vec::new(),
        }
    }
}

impl WatchedEvent {
    pub(super) fn of(position: usize, event: &Event<'_>, received_at: Timestamp, with_object: bool) -> Self {
        Self {
            position,
            event_id: event.id().to_owned(),
            r#type: event.event_type().to_owned(),
            entity: event.entity_key().ok().map(|entity| entity.to_string()),
            occurred_at: event.created_at().map(|at| at.to_string()),
            time_flag: TimeSource::of(event, received_at.into()).flag(),
            state: None,
            object: with_object.then(|| event.object().to_owned()),
        }
    }

    /// Tells whether no later look at its entity can show more.
    pub(super) fn is_processed(&self) -> bool {
        self.entity.is_none() || self.state.as_ref().is_some_and(|state| state.processed)
    }

    /// Looks up the state of its entity, by what the log has of the event.
    pub(super) async fn look_up_state(
        &mut self,
        logged: Option<&Owner>,
        entities: &Entities,
    ) -> Result<(), AwsError> {
        let Some(entity) = &self.entity else {
            return Ok(());
        };
        let aggregate = logged.and_then(|logged| logged.aggregate.clone());
        let entity = aggregate.unwrap_or_else(|| EntityKey::from_stored(entity.clone()));
        self.state = match entities.load(&entity).await {
            Ok(stored) => {
                let last = stored.as_ref().and_then(|stored| stored.projection.last.as_ref());
                Some(EntityState {
                    // One that is not in the log yet is not in the state either.
                    processed: last
                        .zip(logged)
                        .is_some_and(|(last, logged)| last.occurred >= logged.occurred),
                    status: stored.and_then(|stored| stored.projection.status().map(str::to_owned)),
                })
            }
            Err(EntityError::Aws(error)) => return Err(error),
            // An item that cannot be read has no state to show; `explain` says what is wrong with it.
            Err(_) => None,
        };
        Ok(())
    }
}
