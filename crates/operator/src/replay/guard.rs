//! Holding a replay back while events of its entities wait: brought into the state by a replay, they would count as late,
//! and never be told as what they are.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use pipeline::stores::entities::Entities;
use upvest::{Domain, EntityKey, Occurred};

use crate::dlq::{Waiting, WaitingEvent};
use crate::error::{Error, Result};
use crate::fold::Refold;
use crate::records::Records;
use crate::repair::Repair;

/// Says how long after its receipt an event that is not in its entity's state may be on its way there. A failed attempt
/// comes back within this time; what takes longer is in the log and the archive, and most likely lost its message.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(15);
/// Says how many entities a refusal names.
const NAMED: usize = 5;

/// Looks at what is selected, and refuses it where something would be made late.
pub(crate) struct Guard {
    waiting: Waiting,
    entities: Entities,
    now: Timestamp,
    /// Says why an entity holds the replay back.
    reasons: BTreeMap<EntityKey, String>,
    /// Names the entities with an event that may be on its way.
    young: BTreeSet<EntityKey>,
}

impl Guard {
    /// Begins to guard a replay: looks through the dead-letter queues of all domains.
    ///
    /// # Errors
    ///
    /// [`Error`] when one of them cannot be read, or something of it is out of sight.
    pub(crate) async fn of(repair: &Repair<'_>, records: &Records) -> Result<Self> {
        let domains = BTreeSet::from(Domain::ALL);
        Ok(Self {
            waiting: Waiting::of(repair.stack, records, &domains, repair.reporter).await?,
            entities: repair.stack.entities()?,
            now: repair.clock.now(),
            reasons: BTreeMap::new(),
            young: BTreeSet::new(),
        })
    }

    /// Looks at an event that is to be sent.
    pub(crate) fn look_at(&mut self, entity: &EntityKey, occurred: &Occurred) {
        if self.is_young(occurred) {
            self.young.insert(entity.clone());
        }
        if let Some(first) = self.waiting.events_of(entity).first()
            && !self.reasons.contains_key(entity)
        {
            self.reasons.insert(entity.clone(), in_dead_letter_queue(first));
        }
    }

    fn is_young(&self, occurred: &Occurred) -> bool {
        self.now.duration_since(occurred.received_at.timestamp()) < ON_ITS_WAY
    }

    /// Makes sure that nothing waits of what was looked at.
    ///
    /// # Errors
    ///
    /// [`Error`] that says what waits where, and the way out.
    pub(crate) async fn check(mut self, records: &Records) -> Result<()> {
        for entity in std::mem::take(&mut self.young) {
            if self.reasons.contains_key(&entity) {
                continue;
            }
            let refold = Refold::read(records, &self.entities, entity.clone()).await?;
            let mut events = refold.history.iter();
            let on_its_way =
                events.find(|event| self.is_young(&event.occurred) && refold.lacks(&event.event_id));
            if let Some(event) = on_its_way {
                let reason = format!(
                    "event {} was received at {} and is not in the state yet: it is on its way; try again after {}",
                    event.event_id,
                    event.received_at,
                    event.received_at + ON_ITS_WAY
                );
                self.reasons.insert(entity, reason);
            }
        }
        match self.reasons.is_empty() {
            true => Ok(()),
            false => Err(refusal(&self.reasons)),
        }
    }
}

fn in_dead_letter_queue(event: &WaitingEvent) -> String {
    let (queue, id) = (event.queue.as_str(), &event.redriven_by);
    format!(
        "event {} waits in the dead-letter queue of {queue}: send it back first, or discard it (`dlq discard`): \
         `upvest-webhooks dlq redrive {id} --queue {queue} --reason TEXT`",
        event.event_id
    )
}

fn refusal(reasons: &BTreeMap<EntityKey, String>) -> Error {
    let named = reasons.iter().take(NAMED);
    let mut named: Vec<String> = named.map(|(entity, why)| format!("{entity}: {why}")).collect();
    if reasons.len() > NAMED {
        named.push(format!("and {} more entities", reasons.len() - NAMED));
    }
    Error::failed(format!(
        "nothing was sent, because events would count as late that were never told: {}",
        named.join("; ")
    ))
}
