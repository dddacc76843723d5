//! Fetches Upvest's verification keys into the keys table, and keeps the old ones.
//!
//! It is invoked by a schedule, by the key requests queue when a delivery names an unknown key, and by CloudFormation before the
//! subscription is created. Whatever Upvest serves, no key is ever overwritten or deleted: deliveries that it signed must be
//! verifiable for good.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use pipeline::error::{ErrorChain, Failure, Kind};
pub use pipeline::key_refresh::{Changes, RefreshError};
use pipeline::key_refresh::{Plan, plan};
use pipeline::queues::consumer::{Patience, SourceQueue};
use pipeline::queues::deliveries::DeliveriesQueue;
use pipeline::runtime::clock::Clock;
use pipeline::runtime::cloudformation::Request;
use pipeline::runtime::config::{ConfigError, Lookup};
use pipeline::runtime::metrics;
use pipeline::sending_on::Waiting;
use pipeline::stores::archive::Archive;
use pipeline::stores::audit::AuditLog;
use pipeline::stores::keys::{KeysTable, PinnedKeys};
use pipeline::upvest_access::UpvestAccess;
use serde_json::{Value, json};
use upvest_api::{Options, VerifyKeys};

mod deploying;

pub use deploying::Tries;

/// Bounds the time for deliveries that waited for a key: with the calls to Upvest, less than an invocation may take.
const SENDING: Duration = Duration::from_secs(20);
/// Names the member of an event that has messages; an event of the schedule has none.
const RECORDS: &str = "Records";
/// Bounds how often a request is received: the next delivery with an unknown key asks anew.
const RECEIVES: u32 = 5;

/// Holds the queue of requests, the access to Upvest and the keys table, made once per process.
#[derive(Debug)]
pub struct Deps {
    /// Settles the messages of the key requests queue, from which Lambda polls.
    pub queue: SourceQueue,
    /// Calls Upvest's API, which serves the keys.
    pub upvest: UpvestAccess,
    /// Keeps the keys that Upvest serves, and those that it served once.
    pub keys: KeysTable,
    /// Records which keys become trusted, before they do.
    pub audit: AuditLog,
    /// Sends on the deliveries that waited for a key.
    pub waiting: Waiting,
    /// Says how long the keys are asked for while the stack waits.
    pub tries: Tries,
}

impl Deps {
    /// Builds the clients, from `UPVEST_SECRET`, `KEYS_TABLE`, `AUDIT_TABLE`, `KEY_REQUESTS_QUEUE_URL`, `DEAD_LETTER_QUEUE_URL`,
    /// `MAX_RECEIVE_COUNT`, `ARCHIVE_BUCKET`, `QUARANTINE_BUCKET`, `DELIVERIES_QUEUE_URL` and `PINNED_KEYS` (no key is held
    /// against a list without it).
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable.
    pub fn new(aws: &SdkConfig, lookup: &Lookup<'_>, clock: Clock) -> Result<Self, ConfigError> {
        let (sqs, dynamodb) = (
            pipeline::runtime::aws::sqs(aws),
            pipeline::runtime::aws::dynamodb(aws),
        );
        let s3 = pipeline::runtime::aws::s3(aws);
        let patience = Patience::Receives(lookup.parsed("MAX_RECEIVE_COUNT", RECEIVES)?);
        Ok(Self {
            queue: SourceQueue::from_config(
                sqs.clone(),
                lookup,
                "KEY_REQUESTS_QUEUE_URL",
                patience,
                clock.clone(),
            )?,
            upvest: UpvestAccess::from_config(aws, lookup, clock.clone(), options())?,
            audit: AuditLog::new(dynamodb.clone(), lookup.required("AUDIT_TABLE")?, clock.clone()),
            keys: KeysTable::new(dynamodb, lookup.required("KEYS_TABLE")?, clock.clone()),
            waiting: Waiting {
                archive: Archive::new(
                    s3,
                    lookup.required("ARCHIVE_BUCKET")?,
                    lookup.required("QUARANTINE_BUCKET")?,
                ),
                queue: DeliveriesQueue::new(sqs, lookup.required("DELIVERIES_QUEUE_URL")?),
                pinned: lookup.parsed("PINNED_KEYS", PinnedKeys::default())?,
                clock,
            },
            tries: Tries::default(),
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

/// Names the function as who changed the keys, in the audit table, where an operator is named by the ARN.
const ITSELF: &str = "refresh-keys";
/// Names the operation in the audit table, as the command that does the same.
const COMMAND: &str = "keys refresh";

/// Handles an event of the schedule, a batch of the key requests queue or a request of CloudFormation: one fetch each.
///
/// # Errors
///
/// [`RefreshError`] when a scheduled fetch fails or CloudFormation cannot be answered, so that Lambda tries again. For messages
/// the answer says so.
pub async fn handle(deps: &Deps, event: Value) -> Result<Value, RefreshError> {
    let result = if event.get(RECORDS).is_some() {
        let event: SqsEvent = serde_json::from_value(event)?;
        Ok(serde_json::to_value(serve(deps, &event).await)?)
    } else if let Some(request) = Request::of(&event) {
        // Boxed, because it is too deep for the compiler within the runtime's own futures.
        Box::pin(deploying::serve(deps, &request))
            .await
            .map(|status| json!({ "answered": status }))
    } else {
        run(deps, "on schedule")
            .await
            .map(|changes| json!(changes.count()))
    };
    metrics::flush();
    result
}

/// Handles an event of a function that is not configured: CloudFormation is answered, because the stack would wait for ten
/// minutes otherwise, and nothing else is done.
///
/// # Errors
///
/// [`RefreshError`] that names the variable, or says that CloudFormation cannot be answered.
pub async fn refuse(error: &ConfigError, event: &Value) -> Result<Value, RefreshError> {
    tracing::error!(error = %ErrorChain(error), "the function is not configured");
    match Request::of(event) {
        Some(request) => Ok(json!({ "answered": deploying::answer(&request).await? })),
        None => Err(error.clone().into()),
    }
}

/// Serves requests of a batch by one fetch, on which they succeed or fail together.
async fn serve(deps: &Deps, event: &SqsEvent) -> SqsBatchResponse {
    let outcome = run(deps, "a delivery asked for them")
        .await
        .map(drop)
        .map_err(|error| Failure::new(Kind::Infrastructure, "fetch", &error));
    let same_for_all = async |round: &[&SqsMessage]| vec![outcome.clone(); round.len()];
    deps.queue.together(event, same_for_all).await
}

async fn run(deps: &Deps, reason: &str) -> Result<Changes, RefreshError> {
    let fetch = async || -> Result<VerifyKeys, RefreshError> {
        Ok(deps
            .upvest
            .call(async |client| client.verify_keys().await)
            .await?)
    };
    // Boxed, because it is too deep for the compiler within the runtime's own futures.
    match Box::pin(refresh(deps, reason, fetch)).await {
        Ok(changes) => {
            report(&changes);
            send_on(deps).await?;
            Ok(changes)
        }
        Err(error) => {
            tracing::error!(error = error.explain(), "verification keys were not refreshed");
            // What waits for a key that is there by now need not wait for Upvest.
            if let Err(also) = send_on(deps).await {
                tracing::warn!(
                    error = also.explain(),
                    "nor was all sent on that waited for a key"
                );
            }
            Err(error)
        }
    }
}

/// Fetches the keys, and brings the table up to date: with a record of it, made before, where it changes which are trusted.
async fn refresh(
    deps: &Deps,
    reason: &str,
    fetch: impl AsyncFnOnce() -> Result<VerifyKeys, RefreshError>,
) -> Result<Changes, RefreshError> {
    let plan: Plan = plan(&deps.keys, &deps.waiting.pinned, fetch).await?;
    if !plan.changes_trust() {
        return plan.apply(&deps.keys).await;
    }
    let operation = deps.audit.begin(ITSELF, COMMAND, reason, plan.record()).await?;
    let changes = plan.apply(&deps.keys).await?;
    deps.audit.end(operation.id, &json!(changes.count())).await?;
    Ok(changes)
}

/// Sends on what waited for any key of the table: after each fetch, because an import or one that was cut short may have
/// left some behind.
async fn send_on(deps: &Deps) -> Result<(), RefreshError> {
    let rows = deps.keys.rows().await?;
    let sent = Box::pin(deps.waiting.send_on(deps.waiting.folders(&rows), SENDING)).await?;
    if sent.sent > 0 || sent.is_unfinished {
        tracing::info!(
            deliveries = sent.sent,
            unfinished = sent.is_unfinished,
            "sent on what waited for a key"
        );
    }
    Ok(())
}

/// Logs and counts the changes. Keys in conflict are an error, because deliveries signed with them are refused; so are
/// keys that all disappear at once, because somebody else may have answered.
fn report(changes: &Changes) {
    metrics::keys_refreshed();
    metrics::keys_changed("new", changes.new.len());
    metrics::keys_changed("returned", changes.returned.len());
    metrics::keys_changed("retired", changes.retired.len());
    metrics::keys_changed("changed", changes.changed.len());
    metrics::keys_conflicting(changes.conflicting.len() + changes.spared.len() + changes.unpinned.len());
    if !changes.conflicting.is_empty() {
        tracing::error!(
            keys = ?changes.conflicting,
            "Upvest serves other keys under these ids than the table has; the table's were kept"
        );
    }
    if !changes.unpinned.is_empty() {
        tracing::error!(
            keys = ?changes.unpinned,
            "Upvest serves keys that are not pinned; they prove nothing until PinnedKeys lists them"
        );
    }
    if !changes.changed.is_empty() {
        tracing::warn!(
            keys = ?changes.changed,
            "Upvest serves other keys under these ids than before; the earlier ones were kept"
        );
    }
    if !changes.spared.is_empty() {
        tracing::error!(
            keys = ?changes.spared,
            "Upvest serves none of the keys that it served before; no key was retired"
        );
    }
    // What did not happen is not written: the line is paid for by the byte.
    let some = |keys: &Vec<String>| (!keys.is_empty()).then(|| format!("{keys:?}"));
    tracing::info!(
        keys.new = some(&changes.new),
        keys.returned = some(&changes.returned),
        keys.retired = some(&changes.retired),
        keys.known = changes.known.len(),
        "refreshed the verification keys"
    );
}
