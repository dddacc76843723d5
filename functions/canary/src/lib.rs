//! Sends a synthetic event through the public URL, and follows it to the entities table.
//!
//! The event takes the way of Upvest's events, station by station. What is synthetic about it is decided in
//! [`upvest::synthetic`] (which keys may report it) and in the processor (no action, nothing published).

use std::time::Duration;

use aws_config::SdkConfig;
use pipeline::error::ErrorChain;
use pipeline::runtime::clock::Clock;
use pipeline::runtime::config::{ConfigError, Lookup};
use pipeline::runtime::metrics;
use pipeline::stores::entities::Entities;
use pipeline::stores::events::EventLog;
use tokio::time::Instant;
use upvest::synthetic::{canary_delivery, canary_entity};
use uuid::Uuid;

mod endpoint;
mod error;
mod key;
mod report;

pub use endpoint::Endpoint;
pub use error::{CanaryError, Stage, StartError};
pub use key::{CanaryKey, KeyError};
pub use report::Report;

/// Says how long the event may take from the request to the entities table. Several times what a cold start of every
/// function takes; what is slower has been retried somewhere.
const PATIENCE: Duration = Duration::from_secs(60);
/// Sets the first pause between two looks into a table, and so how exact a time is that is short. Each is longer by
/// half.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Limits the pause between two looks: a run that takes its full time makes some dozens of them.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Holds the canary's key, the public URL and the tables that it looks into, made once per process.
#[derive(Debug)]
pub struct Deps {
    /// Gives the key that signs, limited to synthetic events.
    pub key: CanaryKey,
    /// Reaches the public URL, through which Upvest delivers as well.
    pub endpoint: Endpoint,
    /// Reads the event log, where the event is looked for first.
    pub log: EventLog,
    /// Reads the entities table, where the event's way ends.
    pub entities: Entities,
    /// Gives the time that the event and its signature name.
    pub clock: Clock,
    /// Limits how long the event may take from the request to the entities table.
    pub patience: Duration,
}

impl Deps {
    /// Builds the clients, from `CANARY_SECRET`, `EVENTS_TABLE`, `ENTITIES_TABLE` and `WEBHOOK_URL`.
    ///
    /// # Errors
    ///
    /// [`StartError`] naming the variable, or when the TLS library finds no trusted certificates.
    pub fn new(aws: &SdkConfig, lookup: &Lookup<'_>, clock: Clock) -> Result<Self, StartError> {
        let dynamodb = pipeline::runtime::aws::dynamodb(aws);
        let url = lookup.required("WEBHOOK_URL")?;
        let url = url.parse().map_err(|error| ConfigError::Invalid {
            name: "WEBHOOK_URL",
            reason: ErrorChain(&error).to_string(),
        })?;
        Ok(Self {
            key: CanaryKey::new(
                pipeline::runtime::aws::secrets(aws),
                lookup.required("CANARY_SECRET")?,
            ),
            endpoint: Endpoint::new(url)?,
            log: EventLog::new(dynamodb.clone(), lookup.required("EVENTS_TABLE")?),
            entities: Entities::new(dynamodb, lookup.required("ENTITIES_TABLE")?),
            clock,
            patience: PATIENCE,
        })
    }
}

/// Sends an event and follows it. A run that fails is no error of the invocation: Lambda would repeat it, and what
/// counts is whether the next one of the schedule fails as well.
pub async fn handle(deps: &Deps) -> Report {
    let (event_id, body) = canary_delivery(&Uuid::new_v4().to_string(), deps.clock.now());
    let mut report = Report::new(event_id);
    let outcome = run(deps, &mut report, body).await;
    report.finish(outcome);
    metrics::flush();
    report
}

async fn run(deps: &Deps, report: &mut Report, body: Vec<u8>) -> Result<(), CanaryError> {
    let key = deps.key.ready().await?;
    let request = deps.endpoint.sign(&key, body, deps.clock.now())?;
    let begun = Instant::now();
    deps.endpoint.post(request).await?;
    report.passed(Stage::Post, begun.elapsed());

    // One deadline for both stages: what counts is when the event is in its entity.
    let deadline = begun + deps.patience;
    let is_stored = async || deps.log.contains(&report.event_id).await;
    let stored = wait_until(deadline, is_stored).await.map_err(CanaryError::Log)?;
    if !stored {
        return Err(CanaryError::NotStored(deps.patience));
    }
    report.passed(Stage::Store, begun.elapsed());

    let entity = canary_entity();
    let is_projected = async || {
        let stored = deps.entities.load(&entity).await?;
        let last = stored.and_then(|stored| stored.projection.last);
        Ok(last.is_some_and(|last| last.occurred.event_id == report.event_id))
    };
    let projected = wait_until(deadline, is_projected).await;
    if !projected.map_err(CanaryError::Entities)? {
        return Err(CanaryError::NotProjected(deps.patience));
    }
    report.passed(Stage::Project, begun.elapsed());
    Ok(())
}

/// Looks until something is there, or the time is up.
async fn wait_until<E>(deadline: Instant, is_there: impl AsyncFn() -> Result<bool, E>) -> Result<bool, E> {
    let mut pause = FIRST_PAUSE;
    loop {
        // Looks before it asks the time: the second wait has a look even where the first took all of it.
        if is_there().await? {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        tokio::time::sleep_until(deadline.min(Instant::now() + pause)).await;
        pause = LONGEST_PAUSE.min(pause * 3 / 2);
    }
}
