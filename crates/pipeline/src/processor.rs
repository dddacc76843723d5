//! What all domain processors have in common: fold each event into its entity, in order, once.

use aws_config::SdkConfig;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use upvest::entity_key::NoEntityKey;
use upvest::projection::Applied;
use upvest::{Domain, Event, Projection};

use crate::batch::SourceQueue;
use crate::config::{ConfigError, Lookup, environment};
use crate::entities::{Entities, EntityError};
use crate::error::{Disposition, ErrorChain, RETRY};
use crate::metric;
use crate::routing::{Dispatched, NoEvent};

/// How often a write is repeated at once when somebody else changed the entity in between.
const ATTEMPTS: usize = 5;

/// The processor of one domain.
#[derive(Debug, Clone)]
pub struct Processor {
    /// The domain.
    pub domain: Domain,
    /// Its queue, from which Lambda polls.
    pub queue: SourceQueue,
    /// The entities table.
    pub entities: Entities,
}

/// Runs the processor of `domain` as a Lambda function.
///
/// # Errors
///
/// When its configuration is not complete, or the Lambda runtime fails.
pub async fn run(domain: Domain) -> Result<(), Error> {
    crate::aws::start();
    let processor = Processor::new(domain, &crate::aws::config().await, &Lookup::new(&environment))?;
    let processor = &processor;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(processor.handle(&event.payload).await)
    }))
    .await
}

/// Why an event was not folded into its entity.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The message holds no event.
    #[error(transparent)]
    NoEvent(#[from] NoEvent),
    /// The event belongs to another domain.
    #[error("event {event_id} is of the domain {actual}, not {expected}")]
    WrongDomain {
        /// The event's id.
        event_id: String,
        /// The event's domain.
        actual: Domain,
        /// The processor's domain.
        expected: Domain,
    },
    /// The event names no entity.
    #[error("event {event_id} names no entity")]
    NoEntityKey {
        /// The event's id.
        event_id: String,
        /// What is missing.
        #[source]
        source: NoEntityKey,
    },
    /// The entity could not be read or written.
    #[error(transparent)]
    Entity(#[from] EntityError),
}

impl ProcessError {
    /// What becomes of the message.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Entity(EntityError::Aws(_) | EntityError::Changed(_)) => RETRY,
            Self::NoEvent(_)
            | Self::WrongDomain { .. }
            | Self::NoEntityKey { .. }
            | Self::Entity(EntityError::Unusable { .. } | EntityError::TooLarge(_)) => {
                Disposition::DeadLetter
            }
        }
    }
}

impl Processor {
    /// The processor of `domain`, from `QUEUE_URL` and `ENTITIES_TABLE`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable.
    pub fn new(domain: Domain, aws: &SdkConfig, lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let queue = SourceQueue::new(aws_sdk_sqs::Client::new(aws), lookup.required("QUEUE_URL")?);
        let entities = Entities::new(
            aws_sdk_dynamodb::Client::new(aws),
            lookup.required("ENTITIES_TABLE")?,
        );
        Ok(Self {
            domain,
            queue,
            entities,
        })
    }

    /// Handles a batch of the domain's queue.
    pub async fn handle(&self, event: &SqsEvent) -> SqsBatchResponse {
        let response = self
            .queue
            .in_order(event, async |message| self.settle(message).await)
            .await;
        tracing::info!(
            batch.messages = event.records.len(),
            batch.failures = response.batch_item_failures.len(),
            "processed a batch"
        );
        metric::flush();
        response
    }

    async fn settle(&self, message: &SqsMessage) -> Disposition {
        match self.process(message).await {
            Ok(()) => Disposition::Acknowledge,
            Err(error) => {
                let disposition = error.disposition();
                tracing::error!(
                    sqs.message_id = message.message_id,
                    disposition = ?disposition,
                    error = %ErrorChain(&error),
                    "event was not processed"
                );
                disposition
            }
        }
    }

    async fn process(&self, message: &SqsMessage) -> Result<(), ProcessError> {
        let dispatched = Dispatched::from_message(message)?;
        let event = dispatched.event()?;
        let actual = event.category().domain;
        // The catch-all also gets the events of domains that have no processor of their own.
        if self.domain != Domain::Unrecognised && actual != self.domain {
            let event_id = event.id().to_owned();
            return Err(ProcessError::WrongDomain {
                event_id,
                actual,
                expected: self.domain,
            });
        }
        let applied = self.project(&event).await?;
        let result = match applied {
            Applied::Newest => "newest",
            Applied::Superseded => "superseded",
            Applied::Repeated => "repeated",
        };
        metric::projected(self.domain.name(), result);
        Ok(())
    }

    /// Folds the event into its entity; reads and folds again when the entity changed in between.
    async fn project(&self, event: &Event<'_>) -> Result<Applied, ProcessError> {
        let no_key = |source| ProcessError::NoEntityKey {
            event_id: event.id().to_owned(),
            source,
        };
        let entity = event.entity_key().map_err(no_key)?;
        let mut attempt = 1;
        loop {
            let stored = self.entities.load(&entity).await?;
            let version = stored.as_ref().map(|stored| stored.version);
            let before = stored.map(|stored| stored.projection);
            let was_back = before
                .as_ref()
                .is_some_and(|state| state.moved_back_from().is_some());
            let (state, applied) = Projection::fold(before.clone(), event);
            if before.as_ref() == Some(&state) {
                return Ok(applied);
            }
            match self.entities.save(&entity, &state, version).await {
                Err(EntityError::Changed(_)) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    if let Some(left) = state.moved_back_from().filter(|_| !was_back) {
                        metric::moved_back(self.domain.name());
                        tracing::warn!(event.id = event.id(), left, "entity's state moved backwards");
                    }
                    return Ok(applied);
                }
            }
        }
    }
}
