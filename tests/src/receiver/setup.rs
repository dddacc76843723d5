//! What a receiver is made of: tables, queues and buckets as the template creates them, and its functions around them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use fake_aws::{Aws, QueueSettings, Rng};
use jiff::{SignedDuration, Timestamp};
use pipeline::actions::DomainActions;
use pipeline::policy::Policy;
use pipeline::processor::Processor;
use pipeline::processor::bus::EventBus;
use pipeline::queues::consumer::{Patience, SourceQueue};
use pipeline::queues::deliveries::DeliveriesQueue;
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::Archive;
use pipeline::stores::entities::Entities;
use pipeline::stores::idempotency::Idempotency;
use pipeline::stores::{audit, entities, events, idempotency, keys, subscriptions};
use serde_json::json;
use upvest::Domain;

use super::{CHANGES, PATH};
use crate::effects::Effects;

/// Names the attribute by which each table has its items, as the template creates them.
const TABLE_KEYS: [(&str, &str); 6] = [
    ("events", events::attributes::EVENT_ID),
    ("entities", entities::attributes::AGGREGATE),
    ("keys", keys::attributes::KEY_ID),
    ("idempotency", idempotency::attributes::ID),
    ("audit", audit::attributes::ID),
    ("subscriptions", subscriptions::attributes::WEBHOOK_ID),
];
/// Bounds how often the queues hand a message out, as in the template.
const MAX_RECEIVES: u32 = 1_000;
/// Says how long records of actions are kept: the default of `ActionRecordDays`.
const RECORDS_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// Tells the time on the machines that the functions run on: that of AWS, unless theirs is wrong.
#[derive(Clone, Debug)]
pub(super) struct HostTime {
    aws: fake_aws::Clock,
    ahead_ms: Arc<AtomicI64>,
}

impl HostTime {
    pub(super) fn of(aws: &Aws) -> Self {
        Self {
            aws: aws.clock().clone(),
            ahead_ms: Arc::default(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.aws.timestamp() + SignedDuration::from_millis(self.ahead_ms.load(Ordering::Relaxed))
    }

    pub(super) fn jump(&self, ahead: SignedDuration) {
        let ahead_ms = i64::try_from(ahead.as_millis()).unwrap_or_default();
        self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
    }

    pub(super) fn clock(&self) -> Clock {
        let time = self.clone();
        Clock::from_fn(move || time.now())
    }
}

/// Makes an account with the tables, the buckets and the bus of a stack.
pub(super) fn account(seed: u64) -> Aws {
    let aws = Aws::new(seed);
    // The two that have an index are created from a description.
    for (table, key) in &TABLE_KEYS[2..] {
        aws.create_table(table, key, None);
    }
    aws.create_table_from(events_table());
    aws.create_table_from(entities_table());
    aws.create_bucket("archive");
    aws.create_bucket("quarantine");
    aws.create_bucket("pending");
    aws.create_event_bus(CHANGES);
    aws
}

/// Describes the entities table with the index of a person's entities, as the template creates it.
fn entities_table() -> serde_json::Value {
    json!({
        "TableName": "entities",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            { "AttributeName": entities::attributes::AGGREGATE, "AttributeType": "S" },
            { "AttributeName": entities::attributes::USER_ID, "AttributeType": "S" },
        ],
        "KeySchema": [{ "AttributeName": entities::attributes::AGGREGATE, "KeyType": "HASH" }],
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-user",
            "KeySchema": [
                { "AttributeName": entities::attributes::USER_ID, "KeyType": "HASH" },
                { "AttributeName": entities::attributes::AGGREGATE, "KeyType": "RANGE" },
            ],
            "Projection": { "ProjectionType": "KEYS_ONLY" },
        }],
    })
}

/// Describes the event log with the index that is an entity's time line, as the template creates it.
fn events_table() -> serde_json::Value {
    json!({
        "TableName": "events",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            { "AttributeName": events::attributes::EVENT_ID, "AttributeType": "S" },
            { "AttributeName": events::attributes::AGGREGATE, "AttributeType": "S" },
            { "AttributeName": events::attributes::OCCURRED, "AttributeType": "S" },
        ],
        "KeySchema": [{ "AttributeName": events::attributes::EVENT_ID, "KeyType": "HASH" }],
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-aggregate",
            "KeySchema": [
                { "AttributeName": events::attributes::AGGREGATE, "KeyType": "HASH" },
                { "AttributeName": events::attributes::OCCURRED, "KeyType": "RANGE" },
            ],
            "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": [events::attributes::EVENT_TYPE] },
        }],
    })
}

/// Creates a queue with its dead-letter queue; returns its URL and its receiving end.
pub(super) fn queue(
    aws: &Aws,
    name: &str,
    dead: &str,
    patience: Patience,
    clock: &Clock,
) -> (String, SourceQueue) {
    let settings = QueueSettings::new(name).redrive_to(dead, MAX_RECEIVES);
    let dead = aws.create_queue(QueueSettings::new(dead));
    let url = aws.create_queue(settings.visibility_timeout(Duration::from_secs(180)));
    let queue = SourceQueue::new(aws.sqs().clone(), url.clone(), dead, patience, clock.clone());
    (url, queue)
}

pub(super) fn processor(
    aws: &Aws,
    domain: Domain,
    queue: SourceQueue,
    effects: &Effects,
    clock: &Clock,
) -> Processor {
    let dynamodb = aws.dynamodb();
    Processor {
        domain,
        queue,
        entities: Entities::new(dynamodb.clone(), "entities".to_owned()),
        idempotency: Idempotency::new(
            dynamodb.clone(),
            "idempotency".to_owned(),
            clock.clone(),
            RECORDS_KEPT,
        ),
        bus: Some(EventBus::new(aws.event_bridge().clone(), CHANGES.to_owned())),
        actions: DomainActions::new(effects.clone()),
        clock: clock.clone(),
    }
}

pub(super) fn ingest(aws: &Aws, queue_url: String, clock: Clock) -> ingest::Deps {
    let config = ingest::Config {
        queue_url: queue_url.clone(),
        path: PATH.to_owned(),
        public_path: None,
        allowed: ingest::AllowList::default(),
        source_policy: Policy::Flag,
    };
    let rng = std::sync::Mutex::new(aws.rng().fork("delivery ids"));
    ingest::Deps {
        queue: DeliveriesQueue::new(aws.sqs().clone(), queue_url),
        config,
        clock,
        new_id: Box::new(move |at: Timestamp| delivery_id(at, &mut rng.lock().expect("nobody panics"))),
    }
}

fn delivery_id(at: Timestamp, rng: &mut Rng) -> uuid::Uuid {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&rng.draw().to_be_bytes());
    let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
}

/// Names the attribute by which a table has its items.
pub(crate) fn key_of(table: &str) -> &'static str {
    let found = TABLE_KEYS.iter().find(|(name, _)| *name == table);
    found.expect("a table of the receiver").1
}

/// Opens the archive with its quarantine.
pub(super) fn archive(aws: &Aws) -> Archive {
    Archive::new(aws.s3().clone(), "archive".to_owned(), "quarantine".to_owned())
}
