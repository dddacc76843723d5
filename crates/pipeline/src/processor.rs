//! What all domain processors have in common: fold the events of a batch into their entities and write each once; then
//! run the domain's actions, in order, and publish what changed.
//!
//! | Module | Does |
//! |---|---|
//! | `projecting` | reads, folds and writes the entities of a batch |
//! | `acting` | runs the action on an event, under its idempotency record |
//! | [`bus`] | publishes |
//! | `error` | says what becomes of a message that failed |
//!
//! What is to be done about an event is decided in [`upvest::effects`].

mod acting;
pub mod bus;
mod error;
mod projecting;
mod starting;

use std::collections::BTreeSet;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::future::join_all;
use upvest::Domain;
use upvest::batch::Outcome;
use upvest::effects::{Dispatch, Effect, Transition};

use crate::actions::DomainActions;
use crate::envelope::attribute;
use crate::envelope::attributes::DELIVERY_ID;
use crate::error::{AwsError, Failure, Panicked, caught, unwinding};
use crate::processor::bus::{EventBus, Publication};
use crate::queues::consumer::{Patience, Records, Settled, Share, SourceQueue, report_batch};
use crate::queues::domains::{DISPATCH, Dispatched, EventMessageError, TRANSITION, subject, transition_text};
use crate::runtime::clock::Clock;
use crate::runtime::invocation::Invocation;
use crate::runtime::metrics;
use crate::stores::entities::Entities;
use crate::stores::idempotency::Idempotency;
use crate::stores::idempotency::attempts::Attempts;

pub use error::ProcessError;
use projecting::{Incoming, Projected};
pub use starting::run;

/// Processes the events of one domain: what its function is made of, once per process.
#[derive(Debug, Clone)]
pub struct Processor {
    /// Names the domain whose events it takes; the catch-all takes what is of no other.
    pub domain: Domain,
    /// Settles the messages of its queue, from which Lambda polls.
    pub queue: SourceQueue,
    /// Reads and writes the table that it folds events into.
    pub entities: Entities,
    /// Keeps the records of the actions that ran, so that none runs twice for one event.
    pub idempotency: Idempotency,
    /// Says where changes are published; `None` publishes nothing.
    pub bus: Option<EventBus>,
    /// Holds the domain's own code, which runs after a change was applied.
    pub actions: DomainActions,
    /// Gives the time by which actions are given up and delays are measured.
    pub clock: Clock,
}

impl Processor {
    /// Handles a batch of the domain's queue, and reports the messages that SQS is to give again.
    ///
    /// All events that come for the first time are folded and written first, one write for each entity. Then each has its
    /// effects, in the order of its entity; last, all changes are published together. Those that were received before go the same
    /// way, one after another.
    pub async fn handle(&self, event: &SqsEvent, invocation: &Invocation) -> SqsBatchResponse {
        // Boxed, because the types of all that happens within are too deep for the compiler.
        let response = Box::pin(self.queue.consume(
            event,
            invocation,
            async |share: &Share<'_, '_>| Box::pin(self.process(share, invocation)).await,
            async |message: &SqsMessage| Box::pin(self.last_words(message)).await,
        ))
        .await;
        report_batch(event, &response, "processed a batch");
        metrics::flush();
        response
    }

    async fn process(&self, share: &Share<'_, '_>, invocation: &Invocation) -> Vec<Settled> {
        let messages = share.messages();
        let read: Vec<_> = messages
            .iter()
            .map(|message| caught(|| Dispatched::from_message(message)))
            .collect();
        let incoming = messages.iter().zip(&read).map(|(message, read)| {
            caught(|| self.incoming(message, read)).unwrap_or_else(|panic| Err(panic.into()))
        });
        let projected = Box::pin(self.project(incoming.collect())).await;
        let prepared = messages
            .iter()
            .zip(projected)
            .map(|(message, projected)| projected.map_err(|error| failure(message, &error, None)));
        Box::pin(share.in_order(
            prepared.collect(),
            async |round| Box::pin(self.act_on_round(round, invocation)).await,
            async |done| Box::pin(self.publish(done)).await,
        ))
        .await
    }

    /// Gives what the copy in the dead-letter queue has of a message that ended its process: what it changed, if that is written.
    async fn last_words(&self, message: &SqsMessage) -> Result<Vec<(&'static str, String)>, AwsError> {
        let Ok(dispatched) = Dispatched::from_message(message) else {
            return Ok(Vec::new());
        };
        let entity = &dispatched.aggregate;
        let loaded = self
            .entities
            .load_many(&BTreeSet::from([entity]))
            .await?
            .remove(entity);
        let stored = loaded.and_then(Result::ok).map(|loaded| loaded.stored);
        let transition = stored.iter().flat_map(|stored| &stored.transitions);
        let mut transition = transition.filter(|one| one.event_id == dispatched.occurred.event_id);
        Ok(told_again(message, transition.next()))
    }

    /// Reads an event off its message, and refuses that of another domain.
    fn incoming<'m>(
        &self,
        message: &'m SqsMessage,
        read: &'m Result<Result<Dispatched, EventMessageError>, Panicked>,
    ) -> Result<Incoming<'m>, ProcessError> {
        let read = read.as_ref().map_err(|panicked| *panicked)?;
        let dispatched = read
            .as_ref()
            .map_err(|error| ProcessError::NoEvent(error.to_string()))?;
        let event = dispatched
            .event()
            .map_err(|error| ProcessError::NoEvent(error.to_string()))?;
        let actual = event.category().domain;
        // An event in the wrong queue would be folded by a role that may not write its entity.
        if actual != self.domain {
            return Err(ProcessError::WrongDomain {
                event_id: event.id().to_owned(),
                actual,
                expected: self.domain,
            });
        }
        Ok(Incoming {
            message,
            dispatched,
            event,
        })
    }

    /// Runs the actions on events of different entities, each by itself.
    async fn act_on_round<'m>(
        &self,
        round: Vec<Projected<'m>>,
        invocation: &Invocation,
    ) -> Vec<Result<Done<'m>, Failure>> {
        join_all(
            round
                .into_iter()
                .map(|projected| Box::pin(self.act_on(projected, invocation))),
        )
        .await
    }

    async fn act_on<'m>(
        &self,
        projected: Projected<'m>,
        invocation: &Invocation,
    ) -> Result<Done<'m>, Failure> {
        let acted = unwinding(self.act(&projected, invocation)).await;
        let acted = acted.unwrap_or_else(|source| {
            Err(ProcessError::Panicked {
                event_id: projected.incoming.event.id().to_owned(),
                step: error::ACTION,
                source,
            })
        });
        let publication = match acted {
            Ok(publication) => publication,
            Err(error) => {
                return Err(failure(
                    projected.incoming.message,
                    &error,
                    taken_along(&projected.outcome),
                ));
            }
        };
        Ok(Done {
            projected,
            publication,
        })
    }

    /// Publishes what a batch changed, in as few requests as EventBridge takes.
    async fn publish(&self, done: Vec<Done<'_>>) -> Vec<Result<(), Failure>> {
        let publications: Vec<&Publication> =
            done.iter().filter_map(|done| done.publication.as_ref()).collect();
        let published = match &self.bus {
            Some(bus) => bus.publish(&publications).await,
            None => Vec::new(),
        };
        let taken = published.iter().filter(|result| result.is_ok()).count();
        metrics::published(self.domain.name(), taken);
        let mut published = published.into_iter();
        let results = done.iter().map(|done| {
            let result = done.publication.as_ref().and_then(|_| published.next());
            result.unwrap_or(Ok(())).map_err(|source| {
                let error = ProcessError::Publish {
                    event_id: done.projected.incoming.event.id().to_owned(),
                    source,
                };
                failure(
                    done.projected.incoming.message,
                    &error,
                    taken_along(&done.projected.outcome),
                )
            })
        });
        results.collect()
    }
}

/// Holds an event whose actions ran, and what is to be published of it.
struct Done<'m> {
    projected: Projected<'m>,
    publication: Option<Publication>,
}

/// Logs why a message was not processed. Its copy in the dead-letter queue, should it go there, says that it was sent
/// before, and takes the event's transition along, which its entity will have forgotten when it is redriven.
fn failure(message: &SqsMessage, error: &ProcessError, transition: Option<&Transition>) -> Failure {
    let (kind, step) = error.kind_and_step();
    let mut failure = Failure::new(kind, step, error);
    tracing::error!(
        sqs.message_id = message.message_id,
        delivery.id = attribute(message, DELIVERY_ID),
        kind = kind.name(),
        step,
        error = failure.reason,
        "event was not processed"
    );
    failure.attributes = told_again(message, transition);
    failure
}

/// Gives what an event's copy in the dead-letter queue takes along: its change, where it made one. One that changed nothing, or of
/// which nobody knows whether it was told, would be told as a change of its own when it is redriven.
fn taken_along(outcome: &Outcome) -> Option<&Transition> {
    let is_change = matches!(outcome.effect, Effect::Fresh | Effect::Resume);
    is_change.then_some(&outcome.transition)
}

/// Makes the attributes of an event's copy in the dead-letter queue: that it was sent before, and what it changed.
fn told_again(message: &SqsMessage, transition: Option<&Transition>) -> Vec<(&'static str, String)> {
    // A replay stays one: it has no effects, whatever is kept of the event.
    if attribute(message, DISPATCH) == Some(Dispatch::Replay.name()) {
        return Vec::new();
    }
    let transition = transition.map(|transition| (TRANSITION, transition_text(transition)));
    std::iter::once((DISPATCH, Dispatch::Again.name().to_owned()))
        .chain(transition)
        .collect()
}

/// Says how long a domain's events are tried: as the kind of their failure says, under records of their attempts.
#[must_use]
pub fn patience(attempts: Attempts) -> Patience {
    Patience::Records(Records {
        attempts,
        subject,
        counted_as: metrics::Subject::Event,
    })
}
