//! Running a domain's actions under their idempotency records.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsMessage;
use futures_util::FutureExt;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{ProcessError, Processor};
use crate::actions::{ActionError, Actions, Change};
use crate::error::ErrorChain;
use crate::queues::consumer::receive_count;
use crate::runtime::metrics;
use crate::stores::idempotency::{Claim, Invocation};

/// Says what is left of an invocation when an action is given up: time to release the record and to answer Lambda.
const MARGIN: Duration = Duration::from_secs(2);

/// Bounds an attempt at the event of a message: by the invocation, and by whether it is the first.
pub(super) struct Attempt<'a> {
    invocation: &'a Invocation,
    is_first: bool,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(invocation: &'a Invocation, message: &SqsMessage) -> Self {
        Self {
            invocation,
            is_first: receive_count(message) <= 1,
        }
    }

    /// Tells whether the message was not received before, as far as SQS counts.
    pub(super) fn is_first(&self) -> bool {
        self.is_first
    }
}

impl Processor {
    /// Runs the action on a change, if the domain wants it.
    pub(super) async fn act(&self, change: &Change<'_>, attempt: &Attempt<'_>) -> Result<(), ProcessError> {
        if self.skips(change) || !self.actions.wants(change) {
            return Ok(());
        }
        self.run_once("change", change, attempt, self.actions.on_change(change))
            .await
    }

    /// Runs the action on a late event, if the domain wants it.
    pub(super) async fn act_on_late(
        &self,
        change: &Change<'_>,
        attempt: &Attempt<'_>,
    ) -> Result<(), ProcessError> {
        if self.skips(change) || !self.actions.wants_late(change) {
            return Ok(());
        }
        let action = self.actions.on_late(change);
        self.run_once("late", change, attempt, action).await
    }

    /// Leaves a replay to the state alone, unless the domain's code asks for it.
    fn skips(&self, change: &Change<'_>) -> bool {
        change.replay.is_some() && !self.actions.wants_replays()
    }

    /// Runs an action under the record `<domain>/<name>#<event id>`.
    async fn run_once(
        &self,
        name: &str,
        change: &Change<'_>,
        attempt: &Attempt<'_>,
        action: impl Future<Output = Result<Value, ActionError>>,
    ) -> Result<(), ProcessError> {
        let event_id = || change.event.id().to_owned();
        let id = format!("{}/{name}#{}", self.domain, change.idempotency_key());
        // The exact bytes: another content under the same id is another event.
        let payload = hex::encode(Sha256::digest(change.event.json()));
        let claim = self.idempotency.claim(&id, &payload, attempt.invocation).await;
        let lease = match claim.map_err(ProcessError::Claim)? {
            Claim::Acquired(lease) => lease,
            Claim::Completed(_) => return Ok(()),
            Claim::InProgress => return Err(ProcessError::InProgress { event_id: event_id() }),
            Claim::OtherPayload => return Err(ProcessError::OtherPayload { event_id: event_id() }),
        };
        let outcome = self.limited(attempt.invocation, action).await;
        if !attempt.is_first {
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
        let left = invocation.deadline.duration_since(self.clock.now());
        let left = Duration::try_from(left)
            .unwrap_or_default()
            .saturating_sub(MARGIN);
        // Nothing of the action is looked at after a panic, so that nothing half changed is seen.
        let action = AssertUnwindSafe(action).catch_unwind();
        match tokio::time::timeout(left, action).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(ActionError::temporary("the action panicked")),
            Err(_) => Err(ActionError::temporary(
                "the action did not end before the invocation's time was up",
            )),
        }
    }
}
