//! Verifies again what is in quarantine, and tells what would become of it if it were sent.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pipeline::policy::Policy;
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::{Archive, ArchivedDelivery, Quarantined};
use pipeline::stores::entities::Entities;
use pipeline::stores::events::EventLog;
use pipeline::stores::keys::{Keys, KeysError};
use pipeline::verification::{Verdict, verify};
use serde::Serialize;
use upvest::delivery::{Element, NO_ENTITY_KEY, events_of, split};
use upvest::projection::Parts;
use upvest::signature::{Origin, Verified, VerifyError};
use upvest::synthetic::Scope;
use upvest::{Event, Projection};

use crate::error::Result;
use crate::event_refusals::Refusals;
use crate::names::joined;
use crate::stack::{Output, Stack};

/// Verifies again what is in quarantine, by what a stack verifies by, and looks where the stack keeps what was verified.
pub(crate) struct Reverifier {
    pub(crate) keys: Keys,
    pub(crate) archive: Archive,
    log: EventLog,
    entities: Entities,
    policy: Policy,
    refusals: Refusals,
    /// Gives the URL that the sender should have called, where the stack tells it.
    pub(crate) origin: Option<Origin>,
    clock: Clock,
}

/// Tells what would happen if an object of the quarantine were sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outlook", rename_all = "kebab-case")]
pub enum Outlook {
    /// The stack has the delivery as verified by now: it needs no place in quarantine.
    Verified,
    /// The delivery holds: sent again, it is taken.
    Holds {
        /// Tells when it was sent, if it may still be on its way: it is not sent again then.
        #[serde(skip_serializing_if = "Option::is_none")]
        sent_at: Option<Timestamp>,
    },
    /// The delivery would be refused again, so that sending it is of no use.
    Fails {
        /// Gives the reason, as in quarantine keys.
        reason: String,
        /// Explains the reason in a sentence for people, with the key or the counts of events.
        why: String,
    },
}

impl Reverifier {
    /// Opens what a stack verifies by.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when the stack does not name a part.
    pub(crate) fn of(stack: &Stack, clock: Clock) -> Result<Self> {
        Ok(Self {
            keys: (stack.verifying_keys(clock.clone())?)
                .in_environment(stack.environment())
                .held_against(stack.pinned_keys()?),
            archive: stack.archive()?,
            log: stack.event_log()?,
            entities: stack.entities()?,
            refusals: Refusals::of(stack, clock.clone())?,
            clock,
            policy: stack.policy("FreshnessPolicy")?,
            origin: stack
                .output(Output::WebhookUrl)
                .ok()
                .and_then(|url| url.parse().ok()),
        })
    }

    /// Verifies a delivery as verify-and-store does, as of the time of its receipt, and looks into the events that are
    /// in quarantine.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when the stack cannot be read.
    pub(crate) async fn outlook(
        &self,
        quarantined: &Quarantined,
        delivery: &ArchivedDelivery,
    ) -> Result<Outlook> {
        // A delivery that is here for one of its events was verified: the archive has it in any case.
        let for_its_signature = VerifyError::ALL.contains(&quarantined.reason());
        let is_archived = for_its_signature && self.archive.is_verified(&delivery.envelope).await?;
        // An attempt that archived it may have died before it stored its events, and a later one have refused it.
        let events: Vec<Event<'_>> = events_of(&delivery.envelope.body)
            .map(|(_, event)| event)
            .collect();
        if is_archived && self.log_holds(&events.iter().collect::<Vec<_>>()).await? {
            return Ok(Outlook::Verified);
        }
        match self.verify(delivery).await? {
            Verdict::Rejected { rejection, .. } => {
                Ok(Outlook::fails(rejection.reason(), rejection.to_string()))
            }
            Verdict::UnknownKey { key_id, .. } => {
                let why = format!("key {key_id} is not in the keys table");
                Ok(Outlook::fails("unknown-key", why))
            }
            Verdict::Holds(verified) if is_archived && !self.lacks_any(&verified).await? => {
                Ok(Outlook::Verified)
            }
            Verdict::Holds(_) if for_its_signature => Ok(self.holds(delivery)),
            Verdict::Holds(verified) => self.events(quarantined, delivery, &verified).await,
        }
    }

    /// Verifies a delivery as verify-and-store does.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when a key cannot be had that might have proven it.
    pub(crate) async fn verify<'d>(&'d self, delivery: &'d ArchivedDelivery) -> Result<Verdict<'d>> {
        let verdict = verify(&self.keys, self.policy, self.origin.as_ref(), &delivery.envelope).await;
        match verdict {
            // Anybody can name such an id, which must not end the work on the others.
            Err(KeysError::Canary { key_id }) => Ok(Verdict::UnknownKey {
                key_id,
                others: Vec::new(),
            }),
            verdict => Ok(verdict?),
        }
    }

    /// Tells the time by the clock that the reverifier was opened with.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Tells whether the log lacks an event of a delivery that verify-and-store would take.
    async fn lacks_any(&self, verified: &Verified<'_>) -> Result<bool> {
        let parts = split(verified.body()).unwrap_or_default();
        let mut taken = Vec::new();
        for part in &parts {
            if let (None, Ok(event)) = (self.refusal(part, verified.scope()).await?, &part.event) {
                taken.push(event);
            }
        }
        Ok(!self.log_holds(&taken).await?)
    }

    fn holds(&self, delivery: &ArchivedDelivery) -> Outlook {
        Outlook::Holds {
            sent_at: delivery.on_its_way_since(self.now()),
        }
    }

    /// Checks the same for a delivery that was verified, and some or all events of which are in quarantine.
    async fn events(
        &self,
        quarantined: &Quarantined,
        delivery: &ArchivedDelivery,
        verified: &Verified<'_>,
    ) -> Result<Outlook> {
        let parts = match split(verified.body()) {
            Ok(parts) => parts,
            Err(malformed) => return Ok(Outlook::fails(malformed.reason(), malformed.to_string())),
        };
        let is_whole = delivery.events.is_empty();
        let (mut understood, mut standing) = (Vec::new(), BTreeMap::<&str, usize>::new());
        let meant = |position: &usize| is_whole || delivery.events.contains(position);
        for (_, part) in parts.iter().enumerate().filter(|(position, _)| meant(position)) {
            match (self.refusal(part, verified.scope()).await?, &part.event) {
                (None, Ok(event)) => understood.push(event),
                (reason, _) => *standing.entry(reason.unwrap_or_default()).or_default() += 1,
            }
        }
        let fails = || {
            let counts = standing
                .iter()
                .map(|(reason, count)| format!("{count} × {reason}"));
            let reason = standing.keys().next().copied().unwrap_or_default();
            let others = if understood.is_empty() {
                ""
            } else {
                "; its other events are in the log"
            };
            Outlook::fails(reason, format!("{}{others}", joined(counts)))
        };
        if understood.is_empty() {
            return Ok(fails());
        }
        // An event without an entity is in the log from the first time on: its entity tells whether it was processed.
        let is_taken = match quarantined.reason() {
            NO_ENTITY_KEY => self.entities_show(&understood, delivery).await?,
            _ => self.log_holds(&understood).await?,
        };
        if !is_taken {
            return Ok(self.holds(delivery));
        }
        // The events of a whole body that still fail went to quarantine for reasons of their own.
        Ok(match is_whole || standing.is_empty() {
            true => Outlook::Verified,
            false => fails(),
        })
    }

    /// Gives the reason for which verify-and-store would put an event into quarantine; `None` when it would take it.
    async fn refusal(&self, part: &Element<'_>, scope: Scope) -> Result<Option<&'static str>> {
        let Ok(event) = &part.event else {
            return Ok(part.quarantine_reason());
        };
        let refused = self.refusals.reason(event, scope).await?;
        Ok(refused.or_else(|| part.quarantine_reason()))
    }

    async fn log_holds(&self, events: &[&Event<'_>]) -> Result<bool> {
        let hash = |event: &&Event<'_>| event.identity().to_hex();
        let hashes: Vec<String> = events.iter().map(hash).collect();
        let events = events.iter().map(|event| event.id());
        let events: Vec<(&str, &str)> = events.zip(hashes.iter().map(String::as_str)).collect();
        Ok(self.log.lacks(&events).await?.is_empty())
    }

    /// Tells whether each event's entity keeps its change, or has a trace of it since the delivery was sent. A replay
    /// leaves a trace too.
    async fn entities_show(&self, events: &[&Event<'_>], delivery: &ArchivedDelivery) -> Result<bool> {
        for event in events {
            let Ok(entity) = event.entity_key() else {
                return Ok(false);
            };
            let Some(stored) = self.entities.load(&entity).await? else {
                return Ok(false);
            };
            let keeps = stored
                .transitions
                .iter()
                .any(|transition| transition.event_id == event.id());
            let has_trace = delivery.sent_at.is_some() && shows(&stored.projection, event.id());
            if !keeps && !has_trace {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Tells whether a state has a trace of an event.
fn shows(state: &Projection, event_id: &str) -> bool {
    let last = state.last.iter().map(|last| &last.occurred);
    let newest = state.newest.iter().map(|newest| &newest.occurred);
    let parts = state.parts.values().flat_map(Parts::iter);
    last.chain(newest)
        .chain(state.history.values())
        .chain(state.unknown_types.values())
        .chain(parts.map(|(_, part)| &part.occurred))
        .any(|occurred| occurred.event_id == event_id)
}

impl Outlook {
    fn fails(reason: &str, why: String) -> Self {
        Self::Fails {
            reason: reason.to_owned(),
            why,
        }
    }
}
