//! What is seen: a delivery of the archive, and its events.

use std::time::Duration;

use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use pipeline::error::{AwsError, ErrorChain};
use pipeline::stores::archive::{Archive, ArchivedDelivery, DeliveryKey, ReadError};
use pipeline::stores::entities::{Entities, EntityError};
use serde::Serialize;
use serde_json::value::RawValue;
use upvest::signature::VerifyError;
use upvest::{EntityKey, Event};

/// How many entities are read at a time.
const AT_A_TIME: usize = 8;
/// How often the state of an entity is looked at before the event is shown without it.
const STATE_ATTEMPTS: u32 = 3;
/// How long after its receipt an event may be expected not to be in the state yet.
const PROCESSED_WITHIN: Duration = Duration::from_secs(20);

/// A delivery, or the part of one that is in quarantine.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Sighting {
    pub(super) received_at: Timestamp,
    pub(super) delivery_id: String,
    pub(super) result: Fate,
    /// Why it, or a part of it, is in quarantine, or cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    pub(super) source_address: Option<String>,
    pub(super) key_id: Option<String>,
    /// That its signature was out of its time on receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) out_of_time: Option<String>,
    pub(super) archived_at: String,
    pub(super) body_bytes: usize,
    /// Those that were asked for, in the order of the batch; none of a delivery that is not proven.
    pub(super) events: Vec<Seen>,
}

/// Where a delivery went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fate {
    Verified,
    Quarantined,
    /// The archive has an object in its place that is not one that the receiver writes.
    Unreadable,
}

/// An event of a delivery.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Seen {
    /// Its place in the batch.
    pub(super) place: usize,
    pub(super) event_id: String,
    pub(super) r#type: String,
    pub(super) entity: Option<String>,
    pub(super) occurred_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<State>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<Box<RawValue>>,
    #[serde(skip)]
    pub(super) occurred: String,
}

/// The state of an event's entity, when the event was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct State {
    pub(super) status: Option<String>,
    /// Whether the event, or a newer one, is in it.
    pub(super) processed: bool,
}

/// Which events are shown.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What to show")]
pub(crate) struct Filter {
    /// Show events of this type, like ORDER.FILLED; repeat it for more
    #[arg(long = "type", value_name = "TYPE")]
    pub(super) types: Vec<String>,
    /// Show events of this category, like ORDER; repeat it for more
    #[arg(long = "category", value_name = "CATEGORY")]
    pub(super) categories: Vec<String>,
    /// Show events of this entity, written TYPE#ID; repeat it for more
    #[arg(long = "entity", value_name = "ENTITY")]
    pub(super) entities: Vec<String>,
}

/// Reads what there is to see of a delivery.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) archive: Archive,
    /// Where states are looked up; `None` looks none up.
    pub(super) entities: Option<Entities>,
    pub(super) filter: Filter,
    /// Whether objects are shown, which are personal data.
    pub(super) objects: bool,
}

impl Fate {
    /// In a word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Quarantined => "quarantined",
            Self::Unreadable => "unreadable",
        }
    }
}

impl State {
    /// The status; until the event is in it, only that the event waits for that.
    pub(super) fn text(&self) -> String {
        let status = self.status.as_deref().unwrap_or("no status");
        match self.processed {
            true => status.to_owned(),
            false => "waiting".to_owned(),
        }
    }
}

impl Filter {
    fn is_empty(&self) -> bool {
        self.types.is_empty() && self.categories.is_empty() && self.entities.is_empty()
    }

    fn passes(&self, event: &Event<'_>) -> bool {
        let among = |list: &[String], own: &str| {
            list.is_empty() || list.iter().any(|wanted| wanted.eq_ignore_ascii_case(own))
        };
        let of_entity = || {
            let entity = event.entity_key().ok();
            entity.is_some_and(|entity| self.entities.iter().any(|wanted| wanted == entity.as_str()))
        };
        among(&self.types, event.event_type())
            && among(&self.categories, event.category_name())
            && (self.entities.is_empty() || of_entity())
    }

    /// Whether a delivery has anything to show. One without events to look at has, unless events are asked for.
    fn shows(&self, sighting: &Sighting) -> bool {
        self.is_empty() || !sighting.events.is_empty()
    }
}

impl Reader {
    /// Reads a delivery; `None` when it has nothing to show, or is gone.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it cannot be read now.
    pub(super) async fn sight(
        &self,
        key: &DeliveryKey,
        now: Timestamp,
    ) -> Result<Option<Sighting>, AwsError> {
        let mut sighting = match self.archive.object(&key.key).await {
            Ok(Some(found)) => Sighting::of(key, &found.delivery, self),
            Ok(None) => return Ok(None),
            Err(ReadError::NotArchived(error)) => Sighting::unreadable(key, &ErrorChain(&error).to_string()),
            Err(ReadError::Aws(error)) => return Err(error),
        };
        if !self.filter.shows(&sighting) {
            return Ok(None);
        }
        if let Some(entities) = &self.entities {
            let age = now.duration_since(key.received_at);
            let is_fresh = Duration::try_from(age).is_ok_and(|age| age < PROCESSED_WITHIN);
            let attempts = if is_fresh { STATE_ATTEMPTS } else { 1 };
            look_up_states(entities, &mut sighting, attempts).await?;
        }
        Ok(Some(sighting))
    }

    /// The object of the event at a place of a delivery's batch, verbatim; `None` when it is not there any more.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it cannot be read now.
    pub(super) async fn object(&self, key: &str, place: usize) -> Result<Option<String>, AwsError> {
        let found = match self.archive.object(key).await {
            Ok(Some(found)) => found,
            Ok(None) | Err(ReadError::NotArchived(_)) => return Ok(None),
            Err(ReadError::Aws(error)) => return Err(error),
        };
        let parts = upvest::split(&found.delivery.envelope.body).unwrap_or_default();
        let event = parts.get(place).and_then(|part| part.event.as_ref().ok());
        Ok(event.map(|event| event.object().get().to_owned()))
    }
}

impl Sighting {
    fn of(key: &DeliveryKey, delivery: &ArchivedDelivery, reader: &Reader) -> Self {
        let envelope = &delivery.envelope;
        let result = match delivery.reason {
            Some(_) => Fate::Quarantined,
            None => Fate::Verified,
        };
        let mut sighting = Self {
            received_at: envelope.received_at,
            delivery_id: key.delivery_id.to_string(),
            result,
            reason: delivery.reason.clone(),
            source_address: envelope.request.source_address.clone(),
            key_id: delivery.key_id.clone(),
            out_of_time: delivery.out_of_time.clone(),
            archived_at: key.key.clone(),
            body_bytes: envelope.body.len(),
            events: Vec::new(),
        };
        if sighting.is_proven() {
            sighting.take_events(delivery, reader);
        }
        sighting
    }

    /// An object that stays unseen, with what is wrong with it.
    pub(super) fn unreadable(key: &DeliveryKey, why: &str) -> Self {
        Self {
            received_at: key.received_at,
            delivery_id: key.delivery_id.to_string(),
            result: Fate::Unreadable,
            reason: Some(why.to_owned()),
            source_address: None,
            key_id: None,
            out_of_time: None,
            archived_at: key.key.clone(),
            body_bytes: 0,
            events: Vec::new(),
        }
    }

    /// Whether its signature held: nothing else is looked into.
    fn is_proven(&self) -> bool {
        !self
            .reason
            .as_deref()
            .is_some_and(|reason| VerifyError::ALL.contains(&reason))
    }

    fn take_events(&mut self, delivery: &ArchivedDelivery, reader: &Reader) {
        let parts = upvest::split(&delivery.envelope.body).unwrap_or_default();
        let places = &delivery.events;
        let events = parts.iter().enumerate().filter_map(|(place, part)| {
            let event = part.event.as_ref().ok()?;
            let is_meant = places.is_empty() || places.contains(&place);
            (is_meant && reader.filter.passes(event)).then(|| Seen::of(place, event, reader.objects))
        });
        self.events = events.collect();
    }
}

impl Seen {
    fn of(place: usize, event: &Event<'_>, with_object: bool) -> Self {
        Self {
            place,
            event_id: event.id().to_owned(),
            r#type: event.event_type().to_owned(),
            entity: event.entity_key().ok().map(|entity| entity.to_string()),
            occurred_at: event.occurred().instant().to_owned(),
            state: None,
            object: with_object.then(|| event.object().to_owned()),
            occurred: event.occurred().to_string(),
        }
    }
}

/// Looks up the states of the events' entities, a few times while events are not in them yet.
async fn look_up_states(entities: &Entities, sighting: &mut Sighting, attempts: u32) -> Result<(), AwsError> {
    for attempt in 1..=attempts {
        let open = sighting.events.iter_mut().filter(|event| !event.is_processed());
        let states = stream::iter(open.map(async |event| {
            event.state = event.state_in(entities).await?;
            Ok::<_, AwsError>(())
        }));
        states.buffer_unordered(AT_A_TIME).try_collect::<()>().await?;
        let is_done = sighting.events.iter().all(Seen::is_processed);
        if is_done || attempt == attempts {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

impl Seen {
    fn is_processed(&self) -> bool {
        self.entity.is_none() || self.state.as_ref().is_some_and(|state| state.processed)
    }

    async fn state_in(&self, entities: &Entities) -> Result<Option<State>, AwsError> {
        let Some(entity) = &self.entity else {
            return Ok(None);
        };
        let entity = EntityKey::from_stored(entity.clone());
        match entities.load(&entity).await {
            Ok(stored) => Ok(Some(State {
                processed: stored
                    .as_ref()
                    .is_some_and(|stored| stored.projection.last.occurred.as_str() >= self.occurred.as_str()),
                status: stored.and_then(|stored| stored.projection.status().map(str::to_owned)),
            })),
            Err(EntityError::Aws(error)) => Err(error),
            // An item that cannot be read has no state to show; `explain` says what is wrong with it.
            Err(_) => Ok(None),
        }
    }
}
