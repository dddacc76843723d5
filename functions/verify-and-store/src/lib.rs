//! Proves deliveries, archives them, stores their events once and dispatches them.
//!
//! For each delivery: verify, archive, store, dispatch. Every step may be repeated, because every step may be
//! followed by a crash: the archive's object and the log's item are written only once, and what was dispatched
//! twice has one effect.

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::future::join_all;
use pipeline::envelope::attribute;
use pipeline::envelope::attributes::{DELIVERY_ID, ENCODING};
use pipeline::environment::Environment;
use pipeline::error::{ErrorChain, Failure, unwinding};
use pipeline::queues::consumer::{Patience, Records, Share, SourceQueue, report_batch};
use pipeline::queues::dead_letters::DeadLetters;
use pipeline::queues::domains::{DomainQueues, EventMessage, Routes};
use pipeline::queues::key_requests::KeyRequests;
use pipeline::runtime::clock::Clock;
use pipeline::runtime::config::{ConfigError, Lookup};
use pipeline::runtime::invocation::Invocation;
use pipeline::runtime::metrics;
use pipeline::stores::archive::Archive;
use pipeline::stores::events::EventLog;
use pipeline::stores::idempotency::attempts::Attempts;
use pipeline::stores::keys::{Keys, PinnedKeys};
use pipeline::stores::pending::Pending;
use pipeline::stores::subscriptions::Subscriptions;
use upvest::Domain;
use upvest::delivery::MAX_BODY_BYTES;
use upvest::signature::Origin;

mod delivery;
mod error;
mod events;
mod pending;
mod receipt;
mod subscription_policy;

use delivery::Received;
pub use error::DeliveryError;
pub use pipeline::policy::Policy;
pub use subscription_policy::ForUs;

/// Holds the queues, tables and bucket on the way of a delivery, made once per process.
#[derive(Debug)]
pub struct Deps {
    /// Settles the messages of the deliveries queue, from which Lambda polls.
    pub queue: SourceQueue,
    /// Gives the id of ingest's role, whose word on the time of a receipt is held against SQS's; `None` believes everybody.
    pub ingest: Option<String>,
    /// Finds the verification keys, and remembers them for a while.
    pub keys: Keys,
    /// Says where a fetch of keys is asked for when a delivery names an unknown one; `None` asks nobody.
    pub key_requests: Option<KeyRequests>,
    /// Writes deliveries into the archive, and into its quarantine.
    pub archive: Archive,
    /// Keeps the bytes of deliveries that are received again.
    pub pending: Pending,
    /// Looks into the dead-letter queue, which is drained into `pending`.
    pub dead_letters: DeadLetters,
    /// Writes events into the log, each once.
    pub log: EventLog,
    /// Sends events to the queues of their domains.
    pub domains: DomainQueues,
    /// Gives the scheme and the authority of our public URL; a signature that covers them does not hold without it.
    pub origin: Option<Origin>,
    /// Says what to do about a signature that is out of its time.
    pub freshness: Policy,
    /// Tells which events of Upvest's are for us; `None` where no subscription is looked after, so that nobody knows.
    pub for_us: Option<ForUs>,
    /// Gives the time, by which what a delivery took is measured.
    pub clock: Clock,
}

impl Deps {
    /// Builds the clients, from `DELIVERIES_QUEUE_URL`, `DEAD_LETTER_QUEUE_URL`, `IDEMPOTENCY_TABLE`, `KEYS_TABLE`,
    /// `ARCHIVE_BUCKET`, `QUARANTINE_BUCKET`, `PENDING_BUCKET`, `EVENTS_TABLE`, `DOMAIN_QUEUES`, `FRESHNESS_POLICY`,
    /// `WEBHOOK_URL`, `INGEST_ROLE_ID` (every time of receipt is believed without it), `PINNED_KEYS` (no key is held against a
    /// list without it), `CANARY_SECRET` (no canary without it), `ENVIRONMENT` (live without it), `KEY_REQUESTS_QUEUE_URL` (no
    /// keys are asked for without it), `SUBSCRIPTIONS_TABLE` (all events are for us without it) and `SUBSCRIPTION_POLICY`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable.
    pub fn new(aws: &SdkConfig, lookup: &Lookup<'_>, clock: Clock) -> Result<Self, ConfigError> {
        let (sqs, s3) = (pipeline::runtime::aws::sqs(aws), pipeline::runtime::aws::s3(aws));
        let (dynamodb, secrets) = (
            pipeline::runtime::aws::dynamodb(aws),
            pipeline::runtime::aws::secrets(aws),
        );
        let routes: Routes =
            lookup
                .required("DOMAIN_QUEUES")?
                .parse()
                .map_err(|error| ConfigError::Invalid {
                    name: "DOMAIN_QUEUES",
                    reason: ErrorChain(&error).to_string(),
                })?;
        let attempts = Attempts::new(
            dynamodb.clone(),
            lookup.required("IDEMPOTENCY_TABLE")?,
            clock.clone(),
            ATTEMPTS_OF,
        );
        Ok(Self {
            queue: SourceQueue::from_config(
                sqs.clone(),
                lookup,
                "DELIVERIES_QUEUE_URL",
                patience(attempts),
                clock.clone(),
            )?,
            ingest: lookup.optional("INGEST_ROLE_ID"),
            keys: Keys::new(
                dynamodb.clone(),
                secrets,
                lookup.required("KEYS_TABLE")?,
                clock.clone(),
            )
            .with_canary(lookup.optional("CANARY_SECRET"))
            .held_against(lookup.parsed("PINNED_KEYS", PinnedKeys::default())?)
            .in_environment(lookup.parsed("ENVIRONMENT", Environment::Live)?),
            key_requests: lookup
                .optional("KEY_REQUESTS_QUEUE_URL")
                .map(|url| KeyRequests::new(sqs.clone(), url, clock.clone())),
            archive: Archive::new(
                s3.clone(),
                lookup.required("ARCHIVE_BUCKET")?,
                lookup.required("QUARANTINE_BUCKET")?,
            ),
            pending: Pending::new(s3, lookup.required("PENDING_BUCKET")?),
            dead_letters: DeadLetters::new(sqs.clone(), lookup.required("DEAD_LETTER_QUEUE_URL")?),
            for_us: for_us(&dynamodb, lookup, &clock)?,
            log: EventLog::new(dynamodb, lookup.required("EVENTS_TABLE")?),
            domains: DomainQueues::new(sqs, routes),
            origin: lookup.parsed_optional("WEBHOOK_URL")?,
            freshness: lookup.parsed("FRESHNESS_POLICY", Policy::Flag)?,
            clock,
        })
    }
}

/// Names the messages whose attempts are recorded, in the keys of their records.
pub const ATTEMPTS_OF: &str = "delivery";

/// Says how long deliveries are tried: as the kind of their failure says, under records of their attempts.
#[must_use]
pub fn patience(attempts: Attempts) -> Patience {
    let subject = |message: &SqsMessage| attribute(message, DELIVERY_ID).map(str::to_owned);
    Patience::Records(Records {
        attempts,
        subject,
        counted_as: metrics::Subject::Delivery,
    })
}

fn for_us(
    dynamodb: &aws_sdk_dynamodb::Client,
    lookup: &Lookup<'_>,
    clock: &Clock,
) -> Result<Option<ForUs>, ConfigError> {
    let policy = lookup.parsed("SUBSCRIPTION_POLICY", Policy::Flag)?;
    let table = lookup.optional("SUBSCRIPTIONS_TABLE");
    Ok(table.map(|table| ForUs {
        subscriptions: Subscriptions::new(dynamodb.clone(), table, clock.clone()),
        policy,
    }))
}

/// Bounds the bytes of deliveries' bodies that are handled at a time. What is made of a body (its events, its archived
/// copy, the request that uploads it) takes about six times as much, which has to fit into the function's memory.
const BYTES_AT_A_TIME: usize = 16_000_000;

/// Handles a batch of the deliveries queue, or drains its dead-letter queue: that is what the schedule asks for by a batch of
/// none, which Lambda never makes of a queue's messages.
pub async fn handle(deps: &Deps, event: &SqsEvent, invocation: &Invocation) -> SqsBatchResponse {
    if event.records.is_empty() {
        if let Err(error) = Box::pin(pending::drain(&deps.dead_letters, &deps.pending)).await {
            metrics::pending_failed();
            tracing::error!(error = %ErrorChain(&error), "the dead-letter queue was not drained");
        }
        metrics::flush();
        return SqsBatchResponse::default();
    }
    let noted = receipt::with_doubts(event, deps.ingest.as_deref());
    let event = &*noted;
    let work = async |share: &Share<'_, '_>| {
        let results = Box::pin(handle_batch(deps, share.messages())).await;
        pending::remove(&deps.pending, share.messages(), &results).await;
        share.settle(results).await
    };
    // A delivery says all that there is to say of it.
    let last_words = async |_: &SqsMessage| Ok(Vec::new());
    let response = Box::pin(deps.queue.consume(event, invocation, work, last_words)).await;
    report_batch(event, &response, "handled deliveries");
    metrics::flush();
    response
}

/// Stores all deliveries of a batch at a time, and then dispatches their events in the order in which they arrived, so
/// that we add no disorder to what order there is.
async fn handle_batch(deps: &Deps, batch: &[&SqsMessage]) -> Vec<Result<(), Failure>> {
    let mut received = Vec::with_capacity(batch.len());
    for together in bounded(batch) {
        received.extend(join_all(together.iter().map(|message| Box::pin(receive(deps, message)))).await);
    }
    let mut in_order: Vec<&mut Received> = received.iter_mut().flatten().collect();
    in_order.sort_by_key(|received| received.arrival);
    let events: Vec<EventMessage> = in_order
        .into_iter()
        .flat_map(|received| std::mem::take(&mut received.dispatch))
        .collect();
    report_unrecognised(&events);
    let unsent = deps.domains.send(events).await.err();
    let results = received.into_iter().map(|received| {
        let received = received?;
        // A delivery fails with the dispatch of its own events alone.
        let delivery_id = received.arrival.1.to_string();
        let Some(unsent) = unsent
            .as_ref()
            .and_then(|unsent| unsent.of_delivery(&delivery_id))
        else {
            return Ok(());
        };
        let failure = Failure::new(unsent.error.kind(), "dispatch", unsent);
        tracing::error!(
            delivery.id = %received.arrival.1,
            error = failure.reason,
            "events of a delivery were not dispatched"
        );
        Err(failure)
    });
    results.collect()
}

/// Cuts a batch into parts whose bodies have at most [`BYTES_AT_A_TIME`] together once they are decoded, by what can be told
/// before that; a message that may have more is a part by itself.
fn bounded<'p, 'm>(mut rest: &'p [&'m SqsMessage]) -> impl Iterator<Item = &'p [&'m SqsMessage]> {
    std::iter::from_fn(move || {
        let mut room = BYTES_AT_A_TIME;
        let fits = |message: &&&SqsMessage| {
            let size = largest_body(message);
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        };
        let count = rest.iter().take_while(fits).count().clamp(1, rest.len().max(1));
        let (part, others) = rest.split_at(count.min(rest.len()));
        rest = others;
        Some(part).filter(|part| !part.is_empty())
    })
}

/// Tells how large a message's body may be once it is decoded, in bytes: of a compressed one, what ingest takes at most.
fn largest_body(message: &SqsMessage) -> usize {
    match attribute(message, ENCODING) {
        Some(_) => MAX_BODY_BYTES,
        None => message.body.as_deref().map_or(0, str::len),
    }
}

/// Names the categories that this version does not know. They are names of types; what else an event holds is not named.
fn report_unrecognised(events: &[EventMessage]) {
    let unknown = events.iter().filter(|event| event.domain == Domain::Unrecognised);
    let categories: BTreeSet<&str> = unknown
        .map(|event| event.aggregate.entity_type())
        // A name of another form may hold anything, which does not belong into the log.
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .collect();
    if !categories.is_empty() {
        let ids: BTreeSet<&str> = events.iter().map(|event| event.delivery_id.as_str()).collect();
        tracing::warn!(?categories, deliveries = ?ids, "events of unknown categories go to the catch-all");
    }
}

async fn receive(deps: &Deps, message: &SqsMessage) -> Result<Received, Failure> {
    pending::keep(&deps.pending, &deps.archive, message).await;
    let error = match unwinding(delivery::receive(deps, message)).await {
        Ok(Ok(received)) => return Ok(received),
        Ok(Err(error)) => error,
        Err(panicked) => panicked.into(),
    };
    let (kind, step) = error.kind_and_step();
    let failure = Failure::new(kind, step, &error);
    tracing::error!(
        sqs.message_id = message.message_id,
        delivery.id = attribute(message, DELIVERY_ID),
        kind = kind.name(),
        step,
        error = failure.reason,
        "delivery was not handled"
    );
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize, encoding: Option<&str>) -> SqsMessage {
        let mut message = SqsMessage::default();
        message.body = Some("x".repeat(bytes));
        if let Some(encoding) = encoding {
            let json = serde_json::json!({ "stringValue": encoding, "dataType": "String" });
            let attribute = serde_json::from_value(json).unwrap();
            message.message_attributes.insert(ENCODING.to_owned(), attribute);
        }
        message
    }

    fn parts(messages: &[SqsMessage]) -> Vec<usize> {
        let batch: Vec<&SqsMessage> = messages.iter().collect();
        let parts: Vec<_> = bounded(&batch).collect();
        assert_eq!(parts.concat().len(), batch.len());
        parts.into_iter().map(<[_]>::len).collect()
    }

    #[test]
    fn what_may_be_large_once_it_is_decoded_is_not_decoded_together() {
        assert_eq!(parts(&[]), [0; 0]);
        assert_eq!(parts(&vec![message(30_000, None); 10]), [10]);
        assert_eq!(
            parts(&vec![message(28_000, Some("deflate-base64")); 10]),
            [2, 2, 2, 2, 2]
        );
        assert_eq!(parts(&vec![message(1_000_000, None); 20]), [16, 4]);
        let mixed = [
            message(10, Some("base64")),
            message(10, None),
            message(BYTES_AT_A_TIME + 1, None),
            message(10, None),
        ];
        assert_eq!(parts(&mixed), [2, 1, 1]);
    }
}
