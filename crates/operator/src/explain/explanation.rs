//! Holds an explanation: an entity, its events, their deliveries, and every fault that was found in them.

use std::collections::BTreeMap;

use pipeline::stores::events::{LoggedEvent, conflicts_with};
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::EntityKey;

use super::actions::Action;
use super::contents::DeliveryContents;
use super::duplicates::OtherDelivery;
use super::evidence::Delivery;
use super::publication::Publication;
use super::signed::Bytes;
use crate::fold::{Comparison, Refold, Step};

/// Gathers what the stores tell about one entity, event or delivery.
#[derive(Debug, Default, Serialize)]
pub struct Explanation {
    /// Repeats the entity, event or delivery that was asked about.
    pub subject: String,
    /// Tells of the entity that was asked for, or that the event is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<EntityAccount>,
    /// Tells what is in the delivery that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryContents>,
    /// Tells how many older events are not shown.
    #[serde(skip_serializing_if = "is_zero")]
    pub earlier_events: usize,
    /// Lists the events that the subject is about, oldest first.
    pub events: Vec<EventAccount>,
    /// Lists the deliveries that brought the events, by id.
    pub deliveries: BTreeMap<String, Delivery>,
    /// Lists other deliveries of the event, if they were looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicates: Option<Vec<OtherDelivery>>,
    /// Names the event bus that changes are published to; `None` where the stack has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_to: Option<String>,
    /// Lists every fault that was found, as sentences for people; empty when all is well.
    pub findings: Vec<String>,
}

/// Describes an entity's state, and whether it is what the log says.
#[derive(Debug, Serialize)]
pub struct EntityAccount {
    /// Names the entity by its key, `TYPE#ID`.
    pub entity: String,
    /// Repeats the status that is kept; `None` without a state, or where it has no status.
    pub status: Option<String>,
    /// Counts the writes of the state; `None` where no state is kept.
    pub version: Option<u64>,
    /// Names the newest event that the state has; `None` where no state is kept.
    pub last_event_id: Option<String>,
    /// Names the type of that newest event.
    pub last_event_type: Option<String>,
    /// Gives the time at which Upvest says that this newest event occurred.
    pub last_occurred_at: Option<String>,
    /// Lists the events of its last write, whose changes it keeps: if an attempt at their effects failed, the next one
    /// resumes.
    pub transitions: Vec<String>,
    /// Tells how the state compares with the log.
    pub log: Comparison,
    /// Holds the object, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<Box<RawValue>>,
}

/// Describes an event, where it came from and what it led to.
#[derive(Debug, Serialize)]
pub struct EventAccount {
    /// Names the event in the log; a conflicting version has a key of its own.
    pub event_id: String,
    /// Repeats the event type that Upvest sent.
    pub r#type: String,
    /// Names the entity as `TYPE#ID`; `None` for an event that belongs to none.
    pub entity: Option<String>,
    /// Gives the time at which it occurred, by Upvest's word where it says so.
    pub occurred_at: String,
    /// Tells what that time is taken from, where the event itself does not say or is not believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_flag: Option<String>,
    /// Gives the time at which the receiver got the delivery that the log names.
    pub received_at: String,
    /// Names the delivery that the log has the event from.
    pub delivery_id: String,
    /// Gives its identity: a SHA-256 of what it says, in hexadecimal.
    pub sha256: String,
    /// Names the event that this one conflicts with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflicts_with: Option<String>,
    /// Tells whether the log has what was signed.
    pub bytes: Bytes,
    /// Names the attributes in which the log differs from the delivery; empty where they agree.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<&'static str>,
    /// Tells what it did to its entity; absent where it belongs to none, or the entity cannot be folded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// Lists the idempotency records of the actions that ran for it, replays included.
    pub actions: Vec<Action>,
    /// Says what follows about its publication; absent where it belongs to no entity, or the entity cannot be folded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publication: Option<Publication>,
    /// Holds the object, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<Box<RawValue>>,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl EntityAccount {
    pub(super) fn of(refold: &Refold, log: Comparison) -> Self {
        let stored = refold.stored();
        let last = stored.and_then(|stored| stored.projection.last.as_ref());
        let transitions = stored.into_iter().flat_map(|stored| &stored.transitions);
        Self {
            entity: refold.entity.to_string(),
            status: stored.and_then(|stored| stored.projection.status().map(str::to_owned)),
            version: stored.map(|stored| stored.version),
            last_event_id: last.map(|last| last.occurred.event_id.clone()),
            last_event_type: last.map(|last| last.event_type.clone()),
            last_occurred_at: last.map(|last| last.occurred.created_at.to_string()),
            transitions: transitions.map(|kept| kept.event_id.clone()).collect(),
            log,
            object: refold.object(),
        }
    }
}

impl Explanation {
    pub(super) fn leave_objects_out(&mut self) {
        if let Some(entity) = &mut self.entity {
            entity.object = None;
        }
        for event in &mut self.events {
            event.object = None;
        }
    }
}

impl EventAccount {
    pub(super) fn of(event: &LoggedEvent, delivery: Option<&Delivery>) -> Self {
        let compared = delivery.map(|delivery| delivery.compare(event));
        let (bytes, differs) = compared.unwrap_or((Bytes::Unproven, Vec::new()));
        let object = event.object.clone();
        Self {
            event_id: event.event_id.clone(),
            r#type: event.event_type.clone(),
            entity: event.aggregate.as_ref().map(EntityKey::to_string),
            occurred_at: event.occurred.created_at.to_string(),
            time_flag: event.time_flag.clone(),
            received_at: event.received_at.to_string(),
            delivery_id: event.delivery_id.clone(),
            sha256: event.sha256.clone(),
            conflicts_with: conflicts_with(&event.event_id).map(str::to_owned),
            bytes,
            differs,
            step: None,
            actions: Vec::new(),
            publication: None,
            object: object.and_then(|object| RawValue::from_string(object).ok()),
        }
    }

    /// Describes conflicts, changed bytes and failed actions, one sentence each with the event's id.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(other) = &self.conflicts_with {
            faults.push(format!(
                "it conflicts with event {other}: a person has to decide which is true"
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
        faults.extend(self.actions.iter().filter_map(Action::fault));
        let own = |fault| format!("event {}: {fault}", self.event_id);
        faults.into_iter().map(own).collect()
    }
}
