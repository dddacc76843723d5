//! How a processor is made of its environment, once for each process, and served.

use std::process::ExitCode;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_lambda_events::event::sqs::SqsEvent;
use futures_util::future::LocalBoxFuture;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use upvest::Domain;

use super::bus::EventBus;
use super::{Processor, patience};
use crate::actions::{Actions, DomainActions, Setup};
use crate::queues::consumer::SourceQueue;
use crate::runtime::clock::Clock;
use crate::runtime::config::{ConfigError, Lookup, environment};
use crate::runtime::invocation::Invocation;
use crate::stores::entities::Entities;
use crate::stores::idempotency::Idempotency;
use crate::stores::idempotency::attempts::Attempts;

/// Says how long idempotency records are kept where nothing else is configured. SQS keeps a message for 14 days in a
/// queue and for 14 more in its dead-letter queue.
const RECORD_DAYS: u32 = 90;
const SECONDS_OF_A_DAY: u64 = 24 * 3600;

/// Runs the processor of `domain` as a Lambda function, with the actions that `make_actions` makes once per process.
/// Logs why it cannot: the configuration of the processor or its actions is not complete, or the Lambda runtime fails.
pub async fn run<A: Actions + 'static>(
    domain: Domain,
    make_actions: impl FnOnce(&Setup<'_>) -> Result<A, ConfigError>,
) -> ExitCode {
    let serve = async {
        let environment = Lookup::new(&environment);
        let aws = crate::runtime::aws::config().await;
        let actions = DomainActions::new(make_actions(&Setup::new(&aws, &environment))?);
        serve(&Processor::new(domain, actions, &aws, &environment)?).await
    };
    crate::runtime::process::run(Box::pin(serve)).await
}

/// Serves the function. Behind a pointer, so that all of it is compiled here once, and not in the program of each domain.
fn serve(processor: &Processor) -> LocalBoxFuture<'_, Result<(), Error>> {
    let handle = move |event: LambdaEvent<SqsEvent>| async move {
        let invocation = Invocation::of(event.context);
        Ok::<_, Error>(processor.handle(&event.payload, &invocation).await)
    };
    Box::pin(lambda_runtime::run(service_fn(handle)))
}

impl Processor {
    /// Makes the processor of `domain` from the environment: `QUEUE_URL`, `DEAD_LETTER_QUEUE_URL`, `ENTITIES_TABLE`, `IDEMPOTENCY_TABLE`, `ACTION_RECORD_DAYS` (90) and `EVENT_BUS_NAME` (nothing
    /// is published without it).
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
        let records = lookup.required("IDEMPOTENCY_TABLE")?;
        let sqs = crate::runtime::aws::sqs(aws);
        let patience = patience(Attempts::new(
            dynamodb.clone(),
            records.clone(),
            clock.clone(),
            domain.name(),
        ));
        Ok(Self {
            domain,
            queue: SourceQueue::from_config(sqs, lookup, "QUEUE_URL", patience, clock.clone())?,
            entities: Entities::new(dynamodb.clone(), lookup.required("ENTITIES_TABLE")?),
            idempotency: Idempotency::new(
                dynamodb,
                records,
                clock.clone(),
                Duration::from_secs(u64::from(days) * SECONDS_OF_A_DAY),
            ),
            bus: bus.map(|name| EventBus::new(crate::runtime::aws::event_bridge(aws), name)),
            actions,
            clock,
        })
    }
}
