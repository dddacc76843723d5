//! Reading deliveries of the archive, as far as they are asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use pipeline::error::{AwsError, ErrorChain};
use pipeline::stores::archive::{Archive, DeliveryKey, ReadError};
use pipeline::stores::entities::Entities;
use pipeline::stores::events::EventLog;
use upvest::delivery::events_of;

use super::delivery::{WatchedDelivery, WatchedEvent};
use super::filter::Filter;
use crate::error::Result;
use crate::stack::Stack;

/// Limits the entities whose states are looked up at the same time.
const AT_A_TIME: usize = 8;
/// Says how often the state of an entity is looked at before the event is shown without it.
const STATE_ATTEMPTS: u32 = 3;
/// Says how long after its receipt an event may be expected not to be in the state yet.
const PROCESSED_WITHIN: Duration = Duration::from_secs(20);

/// Reads what there is to show of a delivery.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) archive: Archive,
    /// Says where states are looked up, and which of them an event belongs to; `None` looks none up.
    states: Option<(EventLog, Entities)>,
    filter: Filter,
    with_objects: bool,
}

impl Reader {
    /// Reads from a stack: the events that pass the filter, with the states of their entities, and with their objects,
    /// which are personal data, if that is asked for.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when the stack has no archive, no log or no entities.
    pub fn new(stack: &Stack, filter: Filter, with_states: bool, with_objects: bool) -> Result<Self> {
        Ok(Self {
            archive: stack.archive()?,
            states: match with_states {
                true => Some((stack.event_log()?, stack.entities()?)),
                false => None,
            },
            filter,
            with_objects,
        })
    }

    /// Reads a delivery; `None` when it has nothing to show, or is gone.
    pub(super) async fn delivery(
        &self,
        key: &DeliveryKey,
        now: Timestamp,
    ) -> Result<Option<WatchedDelivery>, AwsError> {
        let mut delivery = match self.archive.object(&key.key).await {
            Ok(Some(found)) => WatchedDelivery::of(key, &found.delivery, |position, event| {
                let received_at = found.delivery.envelope.received_at;
                let passes = self.filter.passes(event);
                passes.then(|| WatchedEvent::of(position, event, received_at, self.with_objects))
            }),
            Ok(None) => return Ok(None),
            Err(ReadError::NotArchived(error)) => {
                WatchedDelivery::unreadable(key, &ErrorChain(&error).to_string())
            }
            Err(ReadError::Aws(error)) => return Err(error),
        };
        // A delivery without events to look at is shown, unless events are asked for.
        if delivery.events.is_empty() && !self.filter.is_empty() {
            return Ok(None);
        }
        if let Some((log, entities)) = &self.states {
            let age = now.duration_since(key.received_at);
            let is_fresh = Duration::try_from(age).is_ok_and(|age| age < PROCESSED_WITHIN);
            let attempts = if is_fresh { STATE_ATTEMPTS } else { 1 };
            look_up_states(log, entities, &mut delivery.events, attempts).await?;
        }
        Ok(Some(delivery))
    }

    /// Reads the object of the event at a position of a delivery's batch, verbatim; `None` when it is not there any more.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it cannot be read now.
    pub async fn object(&self, key: &str, position: usize) -> Result<Option<String>, AwsError> {
        let found = match self.archive.object(key).await {
            Ok(Some(found)) => found,
            Ok(None) | Err(ReadError::NotArchived(_)) => return Ok(None),
            Err(ReadError::Aws(error)) => return Err(error),
        };
        let event = events_of(&found.delivery.envelope.body).find(|(at, _)| *at == position);
        Ok(event.map(|(_, event)| event.object().get().to_owned()))
    }
}

/// Looks up the states of the events' entities, a few times while events are not in them yet.
async fn look_up_states(
    log: &EventLog,
    entities: &Entities,
    events: &mut [WatchedEvent],
    attempts: u32,
) -> Result<(), AwsError> {
    for attempt in 1..=attempts {
        let ids = events.iter().filter(|event| !event.is_processed());
        let ids: BTreeSet<String> = ids.map(|event| event.event_id.clone()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let logged = log.owners(&ids).await?;
        let open = events.iter_mut().filter(|event| !event.is_processed());
        let open = open.map(|event| event.look_up_state(logged.get(&event.event_id), entities));
        stream::iter(open)
            .buffer_unordered(AT_A_TIME)
            .try_collect::<()>()
            .await?;
        if attempt == attempts || events.iter().all(WatchedEvent::is_processed) {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}
