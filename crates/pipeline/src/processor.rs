//! What all domain processors have in common: fold each event into its entity, in order, once; then run the domain's
//! actions, and publish what changed.

mod acting;
pub mod bus;
mod error;
mod projecting;

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::future::join_all;
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use upvest::projection::Applied;
use upvest::{Domain, EntityKey, Event};

use crate::actions::{Actions, Change, DomainActions, Setup};
use crate::error::{AwsError, Failure};
use crate::processor::bus::{EventBus, Publication};
use crate::queues::consumer::SourceQueue;
use crate::queues::domains::Dispatched;
use crate::queues::envelope::attribute;
use crate::runtime::clock::Clock;
use crate::runtime::config::{ConfigError, Lookup, environment};
use crate::runtime::metrics;
use crate::stores::archive::received_at;
use crate::stores::entities::{Entities, Transition};
use crate::stores::idempotency::{Idempotency, Invocation};

use acting::Attempt;
pub use error::ProcessError;

/// Says how long idempotency records are kept where nothing else is configured. SQS keeps a message for 14 days in a
/// queue and for 14 more in its dead-letter queue.
const RECORD_DAYS: u32 = 90;
const SECONDS_OF_A_DAY: u64 = 24 * 3600;

/// Processes the events of one domain: what its function is made of, once per process.
#[derive(Debug, Clone)]
pub struct Processor {
    /// Names the domain whose events it takes; the catch-all takes all.
    pub domain: Domain,
    /// Settles the messages of its queue, from which Lambda polls.
    pub queue: SourceQueue,
    /// Reads and writes the table that it folds events into.
    pub entities: Entities,
    /// Keeps the records of the actions that ran, so that none runs twice for one event.
    pub idempotency: Idempotency,
    /// Says where changes are published; `None` publishes nothing.
    pub bus: Option<EventBus>,
    /// Tells whether late events, which change nothing, are published too.
    pub publishes_late: bool,
    /// The domain's own code, which runs after a change was applied.
    pub actions: DomainActions,
    /// Gives the time by which actions are given up and delays are measured.
    pub clock: Clock,
}

/// Runs the processor of `domain` as a Lambda function, with the actions that `make_actions` makes once per process.
///
/// # Errors
///
/// When the configuration of the processor or its actions is not complete, or the Lambda runtime fails.
pub async fn run<A: Actions + 'static>(
    domain: Domain,
    make_actions: impl FnOnce(&Setup<'_>) -> Result<A, ConfigError>,
) -> Result<(), Error> {
    crate::runtime::aws::start();
    let environment = Lookup::new(&environment);
    let aws = crate::runtime::aws::config().await;
    let actions = DomainActions::new(make_actions(&Setup::new(&aws, &environment))?);
    serve(&Processor::new(domain, actions, &aws, &environment)?).await
}

async fn serve(processor: &Processor) -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let invocation = Invocation {
            request_id: event.context.request_id,
            deadline: Timestamp::from_millisecond(deadline).unwrap_or(Timestamp::MAX),
        };
        Ok::<_, Error>(processor.handle(&event.payload, &invocation).await)
    }))
    .await
}

/// Keeps what is left to do for an event whose change is applied and whose actions ran: publish it, and settle its note.
struct Done {
    event_id: String,
    entity: EntityKey,
    /// The change, with whether it is noted in the entity as unfinished.
    change: Option<(Transition, bool)>,
    publication: Option<Publication>,
}

impl Done {
    /// Ends the way of what the receiver sends to itself, whoever signed it: no action hears of it, and nothing is published.
    fn without_effects(event: &Event<'_>, entity: EntityKey) -> Self {
        metrics::synthetic("project", 1);
        Self {
            event_id: event.id().to_owned(),
            entity,
            change: None,
            publication: None,
        }
    }
}

impl Processor {
    /// Makes the processor of `domain` from the environment: `QUEUE_URL`, `DEAD_LETTER_QUEUE_URL`,
    /// `MAX_RECEIVE_COUNT`, `ENTITIES_TABLE`, `IDEMPOTENCY_TABLE`, `ACTION_RECORD_DAYS` (90), `EVENT_BUS_NAME` (nothing
    /// is published without it) and `PUBLISH_LATE_EVENTS` (false).
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable.
    pub fn new(
        domain: Domain,
        actions: DomainActions,
        aws: &SdkConfig,
        lookup: &Lookup<'_>,
    ) -> Result<Self, ConfigError> {
        let dynamodb = crate::runtime::aws::dynamodb(aws);
        let clock = Clock::system();
        let days: u32 = lookup.parsed("ACTION_RECORD_DAYS", RECORD_DAYS)?;
        let bus = lookup.optional("EVENT_BUS_NAME");
        Ok(Self {
            domain,
            queue: SourceQueue::from_config(crate::runtime::aws::sqs(aws), lookup, "QUEUE_URL")?,
            entities: Entities::new(dynamodb.clone(), lookup.required("ENTITIES_TABLE")?),
            idempotency: Idempotency::new(
                dynamodb,
                lookup.required("IDEMPOTENCY_TABLE")?,
                clock.clone(),
                std::time::Duration::from_secs(u64::from(days) * SECONDS_OF_A_DAY),
            ),
            bus: bus.map(|name| EventBus::new(crate::runtime::aws::event_bridge(aws), name)),
            publishes_late: lookup.parsed("PUBLISH_LATE_EVENTS", false)?,
            actions,
            clock,
        })
    }

    /// Handles a batch of the domain's queue, and reports the messages that SQS is to give again.
    pub async fn handle(&self, event: &SqsEvent, invocation: &Invocation) -> SqsBatchResponse {
        let response = self
            .queue
            // Boxed, because the type of all that happens within is too deep for the compiler.
            .in_order(event, async |round| {
                Box::pin(self.process_round(round, invocation)).await
            })
            .await;
        tracing::info!(
            domain = self.domain.name(),
            batch.messages = event.records.len(),
            batch.failures = response.batch_item_failures.len(),
            batch.deliveries = ?deliveries_of(event),
            "processed a batch"
        );
        metrics::flush();
        response
    }

    /// Processes messages of different entities: each by itself, except that their changes are published together.
    async fn process_round(
        &self,
        round: &[&SqsMessage],
        invocation: &Invocation,
    ) -> Vec<Result<(), Failure>> {
        let done = join_all(
            round
                .iter()
                .map(|message| Box::pin(self.process(message, invocation))),
        )
        .await;
        let publications: Vec<&Publication> = done
            .iter()
            .filter_map(|done| done.as_ref().ok()?.publication.as_ref())
            .collect();
        let mut published = match &self.bus {
            Some(bus) => bus.publish(&publications).await,
            None => Vec::new(),
        }
        .into_iter();
        metrics::published(
            self.domain.name(),
            published
                .as_slice()
                .iter()
                .filter(|result| result.is_ok())
                .count(),
        );
        let finished = done.into_iter().map(|done| {
            let publication = match &done {
                Ok(Done {
                    publication: Some(_), ..
                }) => published.next(),
                _ => None,
            };
            async move { self.finish(done?, publication.unwrap_or(Ok(()))).await }
        });
        let results = join_all(finished).await;
        round
            .iter()
            .zip(results)
            .map(|(message, result)| settle(message, result))
            .collect()
    }

    /// Applies the message's event, runs the domain's actions, and writes down what is to be published.
    async fn process(&self, message: &SqsMessage, invocation: &Invocation) -> Result<Done, ProcessError> {
        let dispatched = Dispatched::from_message(message)?;
        let event = dispatched.event()?;
        self.check_domain(&event)?;
        let entity = event.entity_key().map_err(|source| ProcessError::NoEntityKey {
            event_id: event.id().to_owned(),
            source,
        })?;
        let is_replay = dispatched.replay.is_some();
        let attempt = &Attempt::new(invocation, message);
        let projected = self.project(&entity, &event, is_replay, attempt).await?;
        if event.is_synthetic() {
            return Ok(Done::without_effects(&event, entity));
        }
        self.count(projected.applied);
        self.measure(&dispatched, &event, projected.applied);
        let transition = projected.transition(&event, is_replay);
        let current = projected
            .stored
            .projection
            .summary(entity.entity_type(), projected.stored.version);
        let change = Change {
            domain: self.domain,
            entity: &entity,
            event: &event,
            delivery_id: dispatched.delivery_id.as_deref(),
            previous: transition.as_ref().and_then(|change| change.previous.as_ref()),
            current: &current,
            state: &projected.stored.projection,
            late: transition.is_none() && projected.applied == Applied::Late,
            replay: dispatched.replay.as_deref(),
        };
        // A replay brings state back, and nobody is to hear of a change for the second time.
        let is_published = self.bus.is_some() && change.replay.is_none();
        // An event without a change changed nothing, as a duplicate or a late event. Only the late one is of interest.
        let Some(transition) = &transition else {
            if change.late {
                self.act_on_late(&change, attempt).await?;
            }
            let is_published = is_published && change.late && self.publishes_late;
            return Ok(Done {
                event_id: event.id().to_owned(),
                entity: entity.clone(),
                change: None,
                publication: is_published.then(|| Publication::of(&change)),
            });
        };
        // Before the action: should this attempt end with the process, the change is still known when its event comes
        // back.
        let noted = self.note_before(&entity, &projected, transition, &change).await?;
        if let Err(error) = self.act(&change, attempt).await {
            return Err(match noted || change.replay.is_some() {
                true => error,
                false => self.note_failed_action(&entity, transition, error).await,
            });
        }
        Ok(Done {
            event_id: event.id().to_owned(),
            publication: is_published.then(|| Publication::of(&change)),
            change: Some((transition.clone(), noted)),
            entity: entity.clone(),
        })
    }

    /// Measures how long an event took to get here. A replay or a duplicate says nothing about that.
    fn measure(&self, dispatched: &Dispatched, event: &Event<'_>, applied: Applied) {
        if dispatched.replay.is_some() || applied == Applied::Duplicate {
            return;
        }
        let now = self.clock.now();
        let delivery_id = dispatched.delivery_id.as_deref().unwrap_or_default();
        if let Some(received_at) = delivery_id.parse().ok().and_then(received_at) {
            metrics::projected_after(self.domain.name(), now.duration_since(received_at));
        }
        let created_at = event.occurred().instant().parse::<Timestamp>();
        if let Ok(created_at) = created_at
            && applied == Applied::Fresh
        {
            metrics::event_age(self.domain.name(), now.duration_since(created_at));
        }
    }

    /// Refuses the event of another domain. The catch-all also gets the events of domains that have no processor of their own.
    fn check_domain(&self, event: &Event<'_>) -> Result<(), ProcessError> {
        let actual = event.category().domain;
        // An event in the wrong queue would be folded by a role that may not write its entity.
        if self.domain == Domain::Unrecognised || actual == self.domain {
            return Ok(());
        }
        Err(ProcessError::WrongDomain {
            event_id: event.id().to_owned(),
            actual,
            expected: self.domain,
        })
    }

    /// Notes a change as unfinished when it was not published, and forgets the note when all was done.
    async fn finish(&self, done: Done, published: Result<(), AwsError>) -> Result<(), ProcessError> {
        if let Err(source) = published {
            // A change that is noted already is found again by its note.
            if let Some((transition, false)) = &done.change {
                self.note_failure(&done.entity, transition).await;
            }
            return Err(ProcessError::Publish {
                event_id: done.event_id,
                source,
            });
        }
        if let Some((_, true)) = done.change {
            self.forget_unfinished(&done.entity, &done.event_id).await?;
        }
        Ok(())
    }
}

/// Collects the deliveries that brought the messages of a batch, each once, for the log.
fn deliveries_of(event: &SqsEvent) -> BTreeSet<&str> {
    let messages = event.records.iter();
    messages
        .filter_map(|message| attribute(message, "delivery_id"))
        .collect()
}

fn settle(message: &SqsMessage, result: Result<(), ProcessError>) -> Result<(), Failure> {
    result.map_err(|error| {
        let failure = Failure::new(error.disposition(), &error);
        tracing::error!(
            sqs.message_id = message.message_id,
            delivery.id = attribute(message, "delivery_id"),
            disposition = ?failure.disposition,
            error = failure.reason,
            "event was not processed"
        );
        failure
    })
}
