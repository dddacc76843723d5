//! Listening to a stack: each verified event as the change that was published of it, or each verified delivery as Upvest made it, to
//! be posted to a program on the operator's machine.
//!
//! The archive tells what came, and the log what it was: no port is opened, and no queue, bus or function is touched, so that
//! the policy to look is enough.

mod poster;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use pipeline::error::AwsError;
use pipeline::stores::archive::ReadError;
use pipeline::stores::entities::Entities;
use serde::Serialize;
use tokio::time::sleep;
use upvest::EntityKey;
use upvest::category::is_synthetic;

pub use self::poster::{Post, Poster};

use crate::error::{Error, Result};
use crate::fold::Refold;
use crate::records::Records;
use crate::stack::Stack;
use crate::watch::{WatchedDelivery, WatchedEvent};

/// Says how often the log is looked into before an event of the archive is told as missing there: within four
/// and a half seconds.
const ATTEMPTS: usize = 10;
/// Says how long to wait between two looks: an event is logged a moment after its delivery is archived.
const PAUSE: Duration = Duration::from_millis(500);

/// Says what is made of what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Each event becomes the change that was published of it.
    Changes,
    /// Each delivery stays as Upvest made it, byte for byte.
    Deliveries,
}

/// Makes what can be posted out of deliveries.
#[derive(Debug)]
pub struct Listener {
    records: Records,
    entities: Entities,
    form: Form,
}

/// Holds what is to be posted: a change, or a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heard {
    /// Gives the time at which the stack received the delivery.
    pub received_at: Timestamp,
    /// Names the delivery that it is, or that brought it.
    pub delivery_id: String,
    /// Names the event of the change, or the events of the delivery that were asked for.
    pub events: Vec<HeardEvent>,
    /// Lists the headers to post it with.
    #[serde(skip)]
    pub headers: Vec<(String, String)>,
    /// Holds the body, which is JSON and has personal data.
    #[serde(skip)]
    pub body: String,
}

/// Describes an event of what is to be posted, without its object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeardEvent {
    /// Gives the event's id from Upvest, the same in every delivery of it.
    pub event_id: String,
    /// Names the type of the event, like `ORDER.FILLED`.
    pub r#type: String,
    /// Names the entity that it is about, where it names one.
    pub entity: Option<String>,
}

/// Holds what came of a delivery.
#[derive(Debug, Default)]
pub struct HeardDelivery {
    /// Lists what there is to be posted, in the order of the batch.
    pub heard: Vec<Heard>,
    /// Names the events that were verified and are not in the log, or in no entity's time line there.
    pub missing: Vec<String>,
}

impl Listener {
    /// Listens to a stack.
    ///
    /// # Errors
    ///
    /// [`Error`] when the stack has no archive, no log or no entities.
    pub fn new(stack: &Stack, form: Form) -> Result<Self> {
        Ok(Self {
            records: Records::of(stack)?,
            entities: stack.entities()?,
            form,
        })
    }

    /// Makes what can be posted of a delivery and the events of it that are shown. Of events that came before, in another
    /// delivery, there is no change; nor of what the canary sends.
    ///
    /// # Errors
    ///
    /// [`Error`] when the log or the archive cannot be read; asked again, it makes the same.
    pub async fn hear(&self, delivery: &WatchedDelivery) -> Result<HeardDelivery> {
        let events: Vec<&WatchedEvent> = (delivery.events.iter())
            .filter(|event| !is_synthetic(&event.r#type))
            .collect();
        match self.form {
            _ if events.is_empty() => Ok(HeardDelivery::default()),
            Form::Changes => self.changes(delivery, &events).await,
            Form::Deliveries => self.delivery(delivery, &events).await,
        }
    }

    async fn delivery(&self, delivery: &WatchedDelivery, events: &[&WatchedEvent]) -> Result<HeardDelivery> {
        let found = self.records.archive.object(&delivery.archived_at).await;
        let found = found.map_err(Error::context::<ReadError>("the archive cannot be read"))?;
        let heard = found.and_then(|found| {
            let envelope = found.delivery.envelope;
            // Events were found in it, so that it is JSON.
            let body = String::from_utf8(envelope.body).ok()?;
            let headers = envelope.request.headers.iter();
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Some(Heard {
                events: events.iter().copied().map(HeardEvent::from).collect(),
                headers: headers.collect(),
                ..Heard::of(delivery, body)
            })
        });
        Ok(HeardDelivery {
            heard: heard.into_iter().collect(),
            missing: Vec::new(),
        })
    }

    async fn changes(&self, delivery: &WatchedDelivery, events: &[&WatchedEvent]) -> Result<HeardDelivery> {
        let mut open: BTreeSet<&str> = events.iter().map(|event| event.event_id.as_str()).collect();
        let mut changes = BTreeMap::new();
        for attempt in 1..=ATTEMPTS {
            for (id, change) in self.published(delivery, &mut open).await? {
                open.remove(id.as_str());
                changes.insert(id, change);
            }
            if open.is_empty() || attempt == ATTEMPTS {
                break;
            }
            sleep(PAUSE).await;
        }
        let heard = events.iter().filter_map(|event| {
            // An event that is in its delivery twice is one.
            let change = changes.remove(&event.event_id)?;
            Some(Heard {
                events: vec![HeardEvent::from(*event)],
                ..Heard::of(delivery, change)
            })
        });
        Ok(HeardDelivery {
            heard: heard.collect(),
            missing: open.into_iter().map(str::to_owned).collect(),
        })
    }

    /// Writes the changes of those open events that the log has, and strikes those out that it has of another delivery.
    async fn published(
        &self,
        delivery: &WatchedDelivery,
        open: &mut BTreeSet<&str>,
    ) -> Result<BTreeMap<String, String>> {
        let ids: Vec<&str> = open.iter().copied().collect();
        let owners = self.records.log.owners(&ids).await;
        let owners = owners.map_err(Error::context::<AwsError>("the event log cannot be read"))?;
        open.retain(|id| (owners.get(*id)).is_none_or(|owner| owner.delivery_id == delivery.delivery_id));
        let mut by_entity: BTreeMap<&EntityKey, BTreeSet<&str>> = BTreeMap::new();
        for id in open.iter() {
            if let Some(entity) = owners.get(*id).and_then(|owner| owner.aggregate.as_ref()) {
                by_entity.entry(entity).or_default().insert(id);
            }
        }
        let mut published = BTreeMap::new();
        for (entity, ids) in by_entity {
            let refold = Refold::read(&self.records, &self.entities, entity.clone()).await?;
            published.extend(refold.published(&ids));
        }
        Ok(published)
    }
}

impl Heard {
    fn of(delivery: &WatchedDelivery, body: String) -> Self {
        Self {
            received_at: delivery.received_at,
            delivery_id: delivery.delivery_id.clone(),
            events: Vec::new(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body,
        }
    }
}

impl From<&WatchedEvent> for HeardEvent {
    fn from(event: &WatchedEvent) -> Self {
        Self {
            event_id: event.event_id.clone(),
            r#type: event.r#type.clone(),
            entity: event.entity.clone(),
        }
    }
}
