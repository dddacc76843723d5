//! Running a domain's actions under their idempotency records.

use std::time::Duration;

use serde_json::Value;
use upvest::effects::Effect;

use super::projecting::Projected;
use super::{ProcessError, Processor};
use crate::actions::{ActionError, Actions, Change};
use crate::error::{ErrorChain, Panicked, unwinding};
use crate::processor::bus::Publication;
use crate::queues::consumer::receive_count;
use crate::runtime::invocation::Invocation;
use crate::runtime::metrics;
use crate::stores::idempotency::{Claim, record_id};

/// Says what is left of an invocation when an action is given up: time to release the record and to answer Lambda.
const MARGIN: Duration = Duration::from_secs(2);
/// Says how much time an action gets at least: with less left of the invocation it is not begun.
const LEAST: Duration = Duration::from_secs(1);

impl Processor {
    /// Does what the event's effect asks for, and gives what is to be published of it.
    pub(super) async fn act(
        &self,
        projected: &Projected<'_>,
        invocation: &Invocation,
    ) -> Result<Option<Publication>, ProcessError> {
        let Projected {
            incoming,
            outcome,
            state,
        } = projected;
        // What the receiver sends to itself has no effects, whoever signed it.
        if incoming.event.is_synthetic() {
            return Ok(None);
        }
        let change = Change {
            domain: self.domain,
            entity: &incoming.dispatched.aggregate,
            event: &incoming.event,
            occurred: &incoming.dispatched.occurred,
            delivery_id: incoming.dispatched.delivery_id.as_deref(),
            previous: outcome.transition.previous.as_ref(),
            current: &outcome.transition.current,
            state,
            related: &outcome.related,
            moved_back_from: outcome.moved_back_from.as_deref(),
            late: outcome.effect.is_late(),
            possible_duplicate: outcome.effect.is_possible_duplicate(),
            replay: incoming.dispatched.replay.as_deref(),
        };
        let run = Run {
            invocation,
            receive_count: receive_count(incoming.message),
            identity: &incoming.dispatched.sha256,
        };
        match outcome.effect {
            Effect::Late | Effect::Duplicate if self.actions.wants_late(&change) => {
                self.run_once(&change, &run, self.actions.on_late(&change))
                    .await?;
            }
            Effect::Fresh | Effect::Resume if self.actions.wants(&change) => {
                self.run_once(&change, &run, self.actions.on_change(&change))
                    .await?;
            }
            Effect::Replay if self.actions.wants_replays() && self.actions.wants(&change) => {
                self.run_once(&change, &run, self.actions.on_change(&change))
                    .await?;
            }
            _ => {}
        }
        // A replay brings state back, and nobody is to hear of a change for the second time.
        let is_published = self.bus.is_some() && outcome.effect != Effect::Replay;
        Ok(is_published.then(|| Publication::of(&change)))
    }

    /// Runs an action under the event's record: one for each event, whichever of the two actions it is.
    async fn run_once(
        &self,
        change: &Change<'_>,
        run: &Run<'_>,
        action: impl Future<Output = Result<Value, ActionError>>,
    ) -> Result<(), ProcessError> {
        let event_id = || change.event.id().to_owned();
        // Before the record is claimed: an action that is begun and cut off at once may have had its effect.
        if self.time_left(run.invocation) < LEAST {
            return Err(ProcessError::NoTime { event_id: event_id() });
        }
        let id = record_id(self.domain, change.event.id(), change.replay);
        let claim = self.idempotency.claim(&id, run.identity, run.invocation).await;
        let lease = match claim.map_err(ProcessError::Claim)? {
            Claim::Acquired(lease) => lease,
            Claim::Completed(_) => return Ok(()),
            Claim::InProgress => return Err(ProcessError::InProgress { event_id: event_id() }),
            Claim::OtherPayload => return Err(ProcessError::OtherPayload { event_id: event_id() }),
        };
        let outcome = self.limited(run.invocation, action).await;
        if run.receive_count > 1 {
            metrics::action_retried(self.domain.name());
        }
        metrics::action(
            self.domain.name(),
            if outcome.is_ok() { "completed" } else { "failed" },
        );
        match outcome {
            Ok(result) => {
                let completed = self.idempotency.complete(&lease, &result.to_string()).await;
                completed.map_err(|source| ProcessError::Complete {
                    event_id: event_id(),
                    source,
                })
            }
            Err(error) => {
                // A record that is not released only delays the next attempt until the lease ends.
                if let Err(error) = self.idempotency.release(&lease).await {
                    tracing::warn!(event.id = change.event.id(), error = %ErrorChain(&error), "could not release a record");
                }
                Err(ProcessError::Action {
                    event_id: event_id(),
                    permanent: error.is_permanent(),
                    source: error.into_source(),
                })
            }
        }
    }

    /// Runs an action until shortly before Lambda ends the invocation. A panic in it is a failure like any other.
    async fn limited(
        &self,
        invocation: &Invocation,
        action: impl Future<Output = Result<Value, ActionError>>,
    ) -> Result<Value, ActionError> {
        match tokio::time::timeout(self.time_left(invocation), unwinding(action)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(Panicked)) => Err(ActionError::temporary("the action panicked")),
            Err(_) => Err(ActionError::temporary(
                "the action did not end before the invocation's time was up",
            )),
        }
    }

    /// Measures how long an action may run.
    fn time_left(&self, invocation: &Invocation) -> Duration {
        let left = invocation.deadline.duration_since(self.clock.now());
        Duration::try_from(left)
            .unwrap_or_default()
            .saturating_sub(MARGIN)
    }
}

/// Describes a run of an action.
struct Run<'r> {
    invocation: &'r Invocation,
    receive_count: u32,
    /// Gives the event's identity in the log: another content under the same id is another event.
    identity: &'r str,
}
