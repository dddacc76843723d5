//! Following events through a stack: into its log, and into the states of their entities.

use std::collections::BTreeSet;
use std::time::Duration;

use pipeline::stores::entities::Entities;
use pipeline::stores::events::EventLog;
use tokio::time::{Instant, sleep};
use upvest::EntityKey;

use super::TriggeredEvent;
use crate::error::Result;
use crate::stack::Stack;

/// Says how long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Looks for events until the states of their entities have all of them, or time is over.
pub(super) struct Follower {
    log: EventLog,
    entities: Entities,
    begun: Instant,
}

impl Follower {
    /// Begins to count the time of events that are about to be posted.
    pub(super) fn of(stack: &Stack) -> Result<Self> {
        Ok(Self {
            log: stack.event_log()?,
            entities: stack.entities()?,
            begun: Instant::now(),
        })
    }

    /// Notes how far the events come in that time.
    pub(super) async fn follow(&self, events: &mut [TriggeredEvent], patience: Duration) -> Result<()> {
        loop {
            self.look(events).await?;
            let is_done = events.iter().all(|event| event.in_state_after_ms.is_some());
            if is_done || self.begun.elapsed() + PAUSE > patience {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }

    async fn look(&self, events: &mut [TriggeredEvent]) -> Result<()> {
        let open = events.iter().filter(|event| event.in_state_after_ms.is_none());
        let ids: BTreeSet<&str> = open.map(|event| event.event_id.as_str()).collect();
        let owners = self.log.owners(&ids.into_iter().collect::<Vec<_>>()).await?;
        let after = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let keys: BTreeSet<&EntityKey> = (owners.values())
            .filter_map(|owner| owner.aggregate.as_ref())
            .collect();
        let states = match keys.is_empty() {
            true => Default::default(),
            false => self.entities.load_many(&keys).await?,
        };
        for event in events {
            let Some(owner) = owners.get(&event.event_id) else {
                continue;
            };
            event.stored_after_ms.get_or_insert(after);
            // An item that cannot be read has no state to show: `explain` says what is wrong with it.
            let loaded = owner
                .aggregate
                .as_ref()
                .and_then(|entity| states.get(entity)?.as_ref().ok());
            let Some(projection) = loaded.map(|loaded| &loaded.stored.projection) else {
                continue;
            };
            if (projection.last.as_ref()).is_some_and(|last| last.occurred >= owner.occurred) {
                event.in_state_after_ms.get_or_insert(after);
                event.status = projection.status().map(str::to_owned);
            }
        }
        Ok(())
    }
}
