//! Which events wait in dead-letter queues, entity by entity: state is not to be brought back over them, because what was
//! never told would then count as late.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use futures_util::{StreamExt, stream};
use pipeline::stores::archive::ReadError;
use upvest::delivery::events_of;
use upvest::{Domain, EntityKey};
use uuid::Uuid;

use super::message::Message;
use super::queue::DeadLetterQueue;
use super::sweep::look;
use crate::error::{Error, Result};
use crate::records::Records;
use crate::reporter::Reporter;
use crate::stack::{Queue, Stack};

/// Bounds how many queues are looked through at the same time: an empty one takes a second.
const AT_A_TIME: usize = 8;

/// Lists what waits in the dead-letter queues of some domains, and of the deliveries.
#[derive(Debug, Default)]
pub(crate) struct Waiting(BTreeMap<EntityKey, Vec<WaitingEvent>>);

/// Describes an event that waits in a dead-letter queue, by itself or in its delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WaitingEvent {
    pub(crate) event_id: String,
    /// Names the queue in whose dead-letter queue it waits.
    pub(crate) queue: Queue,
    /// Says what `dlq redrive` calls the message: the event's id, or that of its delivery.
    pub(crate) redriven_by: String,
}

impl Waiting {
    /// Looks through the dead-letter queues of these domains, of the catch-all and of the deliveries.
    ///
    /// # Errors
    ///
    /// [`Error`] when one of them cannot be read, or something of it is out of sight.
    pub(crate) async fn of(
        stack: &Stack,
        records: &Records,
        domains: &BTreeSet<Domain>,
        reporter: Reporter<'_>,
    ) -> Result<Self> {
        // The catch-all was sent the events of a category for as long as its version did not know it.
        let all = domains.iter().copied().chain([Domain::Unrecognised]);
        let queues: Vec<Queue> = all.map(Queue::Domain).chain([Queue::Deliveries]).collect();
        let queues = DeadLetterQueue::of(stack, &queues)?;
        let found = queues.iter().map(|queue| waiting_in(queue, records, reporter));
        // All to their end, whatever one of them fails with: each gives back what it has received.
        let found: Vec<Result<_>> = stream::iter(found).buffered(AT_A_TIME).collect().await;
        let mut waiting = Self::default();
        for events in found {
            for (entity, event) in events? {
                waiting.0.entry(entity).or_default().push(event);
            }
        }
        Ok(waiting)
    }

    /// Lists the events of an entity that wait.
    pub(crate) fn events_of(&self, entity: &EntityKey) -> &[WaitingEvent] {
        self.0.get(entity).map_or(&[], Vec::as_slice)
    }
}

/// Lists what waits in a dead-letter queue, whatever its counts say: these may be a minute old.
async fn waiting_in(
    queue: &DeadLetterQueue,
    records: &Records,
    reporter: Reporter<'_>,
) -> Result<Vec<(EntityKey, WaitingEvent)>> {
    let in_flight = queue.counts().await?.in_flight;
    if in_flight > 0 {
        return Err(Error::failed(format!(
            "{in_flight} messages of the dead-letter queue of {} are out of sight: another command looks at them, or one \
             that was killed did; they are back in 2 minutes",
            queue.queue
        )));
    }
    let (mut waiting, mut deliveries) = (Vec::new(), BTreeSet::new());
    let note = |message: &Message| {
        let about = &message.about;
        if let (Some(entity), Some(event_id)) = (&about.entity, &about.event_id) {
            let event = WaitingEvent {
                event_id: event_id.clone(),
                queue: queue.queue,
                redriven_by: event_id.clone(),
            };
            waiting.push((EntityKey::from_stored(entity.clone()), event));
        } else if queue.queue == Queue::Deliveries {
            deliveries.extend(about.delivery_id.clone());
        }
        ControlFlow::Continue(())
    };
    look(queue, reporter, note).await?;
    for delivery_id in deliveries {
        waiting.extend(waiting_of_delivery(&delivery_id, records).await?);
    }
    Ok(waiting)
}

/// Lists the events that the log has from a delivery, which may not have been dispatched. One that is not in the archive was
/// not proven, and nothing of it was logged.
async fn waiting_of_delivery(delivery_id: &str, records: &Records) -> Result<Vec<(EntityKey, WaitingEvent)>> {
    let Ok(id) = delivery_id.parse::<Uuid>() else {
        return Ok(Vec::new());
    };
    let found = match records.archive.verified(id).await {
        Ok(Some(found)) => found,
        Ok(None) | Err(ReadError::NotArchived(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let events: Vec<_> = events_of(&found.delivery.envelope.body).collect();
    let ids = BTreeSet::from_iter(events.iter().map(|(_, event)| event.id()));
    let owners = records.log.owners(&ids.into_iter().collect::<Vec<_>>()).await?;
    // Only the delivery that stored an event dispatches it: what another one stored does not wait here.
    let own = owners
        .into_iter()
        .filter(|(_, owner)| owner.delivery_id == delivery_id);
    let waiting = own.filter_map(|(event_id, owner)| {
        let event = WaitingEvent {
            event_id,
            queue: Queue::Deliveries,
            redriven_by: delivery_id.to_owned(),
        };
        Some((owner.aggregate?, event))
    });
    Ok(waiting.collect())
}
