//! Fetches Upvest's verification keys into the keys table, and keeps the old ones.
//!
//! It is invoked by a schedule, and by the key requests queue when a delivery names an unknown key. Whatever Upvest
//! serves, no key is ever overwritten or deleted: deliveries that it signed must be verifiable for good.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use pipeline::error::Failure;
use pipeline::key_refresh::refresh;
pub use pipeline::key_refresh::{Changes, RefreshError};
use pipeline::queues::consumer::{SourceQueue, waits};
use pipeline::runtime::clock::Clock;
use pipeline::runtime::config::{ConfigError, Lookup};
use pipeline::runtime::metrics;
use pipeline::stores::keys::KeysTable;
use pipeline::upvest_api::UpvestAccess;
use serde_json::{Value, json};
use upvest_api::{Options, VerifyKeys};

/// Names the member of an event that has messages; an event of the schedule has none.
const RECORDS: &str = "Records";

/// Holds the queue of requests, the access to Upvest and the keys table, made once per process.
#[derive(Debug)]
pub struct Deps {
    /// Settles the messages of the key requests queue, from which Lambda polls.
    pub queue: SourceQueue,
    /// Calls Upvest's API, which serves the keys.
    pub upvest: UpvestAccess,
    /// Keeps the keys that Upvest serves, and those that it served once.
    pub keys: KeysTable,
}

impl Deps {
    /// Builds the clients, from `UPVEST_SECRET`, `KEYS_TABLE`, `KEY_REQUESTS_QUEUE_URL`, `DEAD_LETTER_QUEUE_URL` and
    /// `MAX_RECEIVE_COUNT`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable.
    pub fn new(aws: &SdkConfig, lookup: &Lookup<'_>, clock: Clock) -> Result<Self, ConfigError> {
        let (sqs, dynamodb) = (
            pipeline::runtime::aws::sqs(aws),
            pipeline::runtime::aws::dynamodb(aws),
        );
        Ok(Self {
            queue: SourceQueue::from_config(sqs, lookup, "KEY_REQUESTS_QUEUE_URL")?,
            upvest: UpvestAccess::from_config(aws, lookup, clock.clone(), options())?,
            keys: KeysTable::new(dynamodb, lookup.required("KEYS_TABLE")?, clock),
        })
    }
}

/// Bounds the calls to Upvest: a token and the keys, each with all its attempts, are to take less than an invocation may.
fn options() -> Options {
    Options {
        request_timeout: Some(Duration::from_secs(8)),
        total_time: Duration::from_secs(12),
        ..Options::default()
    }
}

/// Handles an event of the schedule or a batch of the key requests queue: one fetch either way.
///
/// # Errors
///
/// [`RefreshError`] when a scheduled fetch fails, so that Lambda tries again. For messages the answer says so.
pub async fn handle(deps: &Deps, event: Value) -> Result<Value, RefreshError> {
    let result = if event.get(RECORDS).is_some() {
        let event: SqsEvent = serde_json::from_value(event)?;
        Ok(serde_json::to_value(serve(deps, &event).await)?)
    } else {
        run(deps).await.map(|changes| json!(changes.count()))
    };
    metrics::flush();
    result
}

/// Serves requests of a batch by one fetch, on which they succeed or fail together.
async fn serve(deps: &Deps, event: &SqsEvent) -> SqsBatchResponse {
    let outcome = run(deps)
        .await
        .map(drop)
        .map_err(|error| Failure::new(waits::KEY_FETCH, &error));
    let same_for_all = async |round: &[&SqsMessage]| vec![outcome.clone(); round.len()];
    deps.queue.together(event, same_for_all).await
}

async fn run(deps: &Deps) -> Result<Changes, RefreshError> {
    let fetch = async || -> Result<VerifyKeys, RefreshError> {
        Ok(deps
            .upvest
            .call(async |client| client.verify_keys().await)
            .await?)
    };
    // Boxed, because it is too deep for the compiler within the runtime's own futures.
    match Box::pin(refresh(&deps.keys, fetch)).await {
        Ok(changes) => {
            report(&changes);
            Ok(changes)
        }
        Err(error) => {
            tracing::error!(error = error.explain(), "verification keys were not refreshed");
            Err(error)
        }
    }
}

/// Logs and counts the changes. Keys in conflict are an error, because deliveries signed with them are refused.
fn report(changes: &Changes) {
    metrics::keys_refreshed();
    metrics::keys_changed("new", changes.new.len());
    metrics::keys_changed("returned", changes.returned.len());
    metrics::keys_changed("retired", changes.retired.len());
    metrics::keys_conflicting(changes.conflicting.len());
    if !changes.conflicting.is_empty() {
        tracing::error!(
            keys = ?changes.conflicting,
            "Upvest serves other keys under these ids than the table has; the table's were kept"
        );
    }
    tracing::info!(
        keys.new = ?changes.new,
        keys.returned = ?changes.returned,
        keys.retired = ?changes.retired,
        keys.known = changes.known.len(),
        "refreshed the verification keys"
    );
}
