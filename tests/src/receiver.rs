//! The whole receiver in process: the shipped handlers around the clients of a simulated account.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lambda_events::encodings::Body;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::{SignedDuration, Timestamp};
use pipeline::actions::DomainActions;
use pipeline::processor::bus::EventBus;
use pipeline::processor::{self, Processor};
use pipeline::queues::consumer::{Patience, SourceQueue};
use pipeline::queues::deliveries::DeliveriesQueue;
use pipeline::queues::domains::{DomainQueues, Routes};
use pipeline::queues::key_requests::KeyRequests;
use pipeline::runtime::clock::Clock;
use pipeline::stores::archive::Archive;
use pipeline::stores::entities::Entities;
use pipeline::stores::events::EventLog;
use pipeline::stores::idempotency::attempts::Attempts;
use pipeline::stores::idempotency::{Idempotency, Invocation};
use pipeline::stores::keys::Keys;
use pipeline::stores::pending::Pending;
use pipeline::stores::subscriptions::Subscriptions;
use pipeline::waiting::Waiting;
use serde_json::json;
use upvest::Domain;
use upvest::signature::Headers;
use verify_and_store::{Drain, ForUs, Policy};

use crate::effects::Effects;
use fake_aws::lambda::{EventSource, Settlement};
use fake_aws::{Aws, CrashError, QueueSettings, Rng};

/// The path that the simulated Upvest calls.
pub const PATH: &str = "/webhooks/upvest";
/// The deliveries queue.
pub const DELIVERIES: &str = "deliveries";
/// Its dead-letter queue.
pub const DELIVERIES_DLQ: &str = "deliveries-dlq";
/// The queue of requests to fetch keys, of a receiver that has one.
pub const KEY_REQUESTS: &str = "key-requests.fifo";
/// Its dead-letter queue.
pub const KEY_REQUESTS_DLQ: &str = "key-requests-dlq.fifo";
/// How often a request to fetch keys is received at most.
const KEY_REQUEST_RECEIVES: u32 = 5;

/// The queue that the actions of all domains have their effects in.
pub const EFFECTS: &str = "effects";
/// The bus that changes are published to.
pub const CHANGES: &str = "changes";
/// Names the attribute by which each table has its items, as the template creates them.
const TABLE_KEYS: [(&str, &str); 6] = [
    ("events", "event_id"),
    ("entities", "aggregate"),
    ("keys", "key_id"),
    ("idempotency", "id"),
    ("audit", "id"),
    ("subscriptions", "webhook_id"),
];
/// How often the queues hand a message out at most, as in the template.
const MAX_RECEIVES: u32 = 1_000;
/// How long Lambda lets a processor work.
const PROCESSOR_TIMEOUT: SignedDuration = SignedDuration::from_secs(30);
/// How long records of actions are kept.
const RECORDS_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// A receiver with tables, queues and functions of its own.
pub struct Receiver {
    /// The account that it runs in.
    pub aws: Aws,
    ingest: ingest::Deps,
    verify_and_store: verify_and_store::Deps,
    processors: BTreeMap<Domain, Processor>,
    /// The actions of all domains.
    pub effects: Effects,
    routes: Routes,
    deliveries_url: String,
    invocations: AtomicU64,
}

impl Receiver {
    /// Sets the receiver up in an account of its own; `seed` decides all chance in it.
    ///
    /// # Panics
    ///
    /// If the account cannot be set up.
    pub fn new(seed: u64, freshness: Policy) -> Self {
        let aws = account(seed);
        let now = aws.clock().clone();
        let clock = Clock::from_fn(move || now.timestamp());
        let attempts = |of| {
            Attempts::new(
                aws.dynamodb().clone(),
                "idempotency".to_owned(),
                clock.clone(),
                of,
            )
        };
        let patience = verify_and_store::patience(attempts(verify_and_store::ATTEMPTS_OF));
        let (deliveries_url, deliveries) = queue(&aws, DELIVERIES, DELIVERIES_DLQ, patience);
        let queues = Domain::ALL.map(|domain| {
            let patience = processor::patience(attempts(domain.name()));
            let (queue_name, dead) = (queue_name(domain), dead_letter_name(domain));
            (domain, queue(&aws, &queue_name, &dead, patience))
        });
        let routes = queues
            .iter()
            .map(|(domain, (url, _))| format!("{domain}={url}"))
            .collect::<Vec<_>>()
            .join(",");
        let routes: Routes = routes.parse().expect("routes are well-formed");
        let (dynamodb, sqs, s3) = (aws.dynamodb().clone(), aws.sqs().clone(), aws.s3().clone());
        let effects = Effects::new(sqs.clone(), aws.create_queue(QueueSettings::new(EFFECTS)));
        let processors = queues.into_iter().map(|(domain, (_, queue))| {
            let processor = processor(&aws, domain, queue, &effects, &clock);
            (domain, processor)
        });
        let processors = processors.collect();
        let secrets = aws_sdk_secretsmanager::Client::new(aws.sdk_config());
        Self {
            ingest: ingest(&aws, deliveries_url.clone(), clock.clone()),
            verify_and_store: verify_and_store::Deps {
                queue: deliveries,
                keys: Keys::new(dynamodb.clone(), secrets, "keys".to_owned(), clock.clone()),
                key_requests: None,
                archive: Archive::new(s3.clone(), "archive".to_owned()),
                pending: Pending::new(s3, "pending".to_owned()),
                drain: Drain {
                    client: sqs.clone(),
                    // Created above, and made again while it is empty.
                    url: aws.create_queue(QueueSettings::new(DELIVERIES_DLQ)),
                },
                log: EventLog::new(dynamodb, "events".to_owned()),
                domains: DomainQueues::new(sqs.clone(), routes.clone()),
                origin: None,
                for_us: None,
                freshness,
                clock,
            },
            processors,
            effects,
            routes,
            deliveries_url,
            invocations: AtomicU64::new(0),
            aws,
        }
    }

    /// Adds a queue in which verify-and-store asks for keys; returns its receiving end too.
    pub fn with_key_requests(mut self) -> (Self, SourceQueue) {
        let (sqs, clock) = (self.aws.sqs().clone(), self.aws.clock().clone());
        let dead = self.aws.create_queue(QueueSettings::new(KEY_REQUESTS_DLQ));
        let settings = QueueSettings::new(KEY_REQUESTS).redrive_to(KEY_REQUESTS_DLQ, KEY_REQUEST_RECEIVES);
        let url = self
            .aws
            .create_queue(settings.visibility_timeout(Duration::from_secs(360)));
        let clock = Clock::from_fn(move || clock.timestamp());
        self.verify_and_store.key_requests = Some(KeyRequests::new(sqs.clone(), url.clone(), clock.clone()));
        let patience = Patience::Receives(KEY_REQUEST_RECEIVES);
        (self, SourceQueue::new(sqs, url, dead, patience, clock))
    }

    /// Has verify-and-store tell the time by another clock than the account's.
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.verify_and_store.clock = clock;
        self
    }

    /// Has verify-and-store hold the events' subscriptions against those that are [ours](Self::subscriptions).
    pub fn with_subscriptions(mut self, policy: Policy) -> Self {
        let subscriptions = self.subscriptions();
        self.verify_and_store.for_us = Some(ForUs {
            subscriptions,
            policy,
        });
        self
    }

    /// Returns what sends on deliveries that waited for a key, as a fetch and an import do.
    pub fn waiting_for_keys(&self) -> Waiting {
        Waiting {
            archive: Archive::new(self.aws.s3().clone(), "archive".to_owned()),
            queue: DeliveriesQueue::new(self.aws.sqs().clone(), self.deliveries_url.clone()),
            clock: self.clock(),
        }
    }

    /// Returns the subscriptions table, as register-webhook writes it.
    pub fn subscriptions(&self) -> Subscriptions {
        Subscriptions::new(
            self.aws.dynamodb().clone(),
            "subscriptions".to_owned(),
            self.clock(),
        )
    }

    /// Returns the queues of the domains, as verify-and-store dispatches to them.
    pub fn routes(&self) -> Routes {
        self.routes.clone()
    }

    /// Lists the domains that have a processor: all of them.
    pub fn domains(&self) -> impl Iterator<Item = Domain> {
        self.processors.keys().copied()
    }

    /// Posts a delivery, as the gateway hands it to ingest; gives back the status and body of the answer.
    ///
    /// # Errors
    ///
    /// [`CrashError`] when ingest was killed, so that the sender got no answer.
    ///
    /// # Panics
    ///
    /// If the answer has no text.
    pub async fn post(&self, headers: &Headers, body: &[u8]) -> Result<(i64, String), CrashError> {
        self.request(gateway_request(self.aws.clock().unix_ms(), headers, body))
            .await
    }

    /// Hands ingest a request as the gateway does; returns the status and body of the answer.
    ///
    /// # Errors
    ///
    /// [`CrashError`] when ingest was killed.
    ///
    /// # Panics
    ///
    /// If the request is none, or the answer has no text.
    pub async fn request(&self, request: serde_json::Value) -> Result<(i64, String), CrashError> {
        let request = serde_json::from_value(request).expect("a gateway request");
        let answer = self
            .aws
            .invoke("ingest", ingest::handle(&self.ingest, request))
            .await?;
        match answer.body {
            Some(Body::Text(text)) => Ok((answer.status_code, text)),
            _ => panic!("answer {} without a text", answer.status_code),
        }
    }

    /// Lets Lambda poll the deliveries queue once; `None` when nothing is visible.
    pub async fn verify_and_store(&self) -> Option<Settlement> {
        let source = EventSource::new(DELIVERIES, "verify-and-store");
        source
            .deliver(&self.aws, async |event| self.handle_deliveries(event).await)
            .await
    }

    /// Lets the schedule have the dead-letter queue of deliveries drained.
    ///
    /// # Panics
    ///
    /// If a fault ends the invocation.
    pub async fn drain_dead_letters(&self) {
        let drain = self.handle_deliveries(SqsEvent::default());
        let drained = self.aws.invoke("verify-and-store", drain).await;
        drained.expect("no crash is injected").expect("it has no error");
    }

    /// Returns what is pending, as verify-and-store writes it.
    pub fn pending(&self) -> Pending {
        Pending::new(self.aws.s3().clone(), "pending".to_owned())
    }

    /// Lets two invocations work on the same deliveries at the same time.
    pub async fn verify_and_store_twice(&self) {
        let source = EventSource::new(DELIVERIES, "verify-and-store");
        source
            .deliver_to_twins(&self.aws, async |event| self.handle_deliveries(event).await)
            .await;
    }

    /// Lets Lambda poll a domain's queue once; `None` when nothing is visible.
    pub async fn process(&self, domain: Domain) -> Option<Settlement> {
        let source = EventSource::new(queue_name(domain), domain.name());
        source
            .deliver(&self.aws, async |event| self.handle_events(domain, event).await)
            .await
    }

    /// Lets Lambda poll a domain's queue once for a processor with other actions than [`Effects`].
    pub async fn process_with(&self, domain: Domain, actions: &DomainActions) -> Option<Settlement> {
        let actions = actions.clone();
        self.process_by(Processor {
            actions,
            ..self.processor(domain)
        })
        .await
    }

    /// Returns the processor of a domain as it is set up here, to be changed and given to [`Receiver::process_by`].
    pub fn processor(&self, domain: Domain) -> Processor {
        self.processors[&domain].clone()
    }

    /// Lets Lambda poll the queue of a processor that was set up otherwise.
    pub async fn process_by(&self, processor: Processor) -> Option<Settlement> {
        let domain = processor.domain;
        let source = EventSource::new(queue_name(domain), domain.name());
        let handle = async |event| Ok::<_, Infallible>(processor.handle(&event, &self.invocation()).await);
        source.deliver(&self.aws, handle).await
    }

    /// Lets two invocations work on the same events at the same time.
    pub async fn process_twice(&self, domain: Domain) {
        let source = EventSource::new(queue_name(domain), domain.name());
        source
            .deliver_to_twins(&self.aws, async |event| self.handle_events(domain, event).await)
            .await;
    }

    async fn handle_deliveries(&self, event: SqsEvent) -> Result<SqsBatchResponse, Infallible> {
        Ok(verify_and_store::handle(&self.verify_and_store, &event, &self.invocation()).await)
    }

    async fn handle_events(&self, domain: Domain, event: SqsEvent) -> Result<SqsBatchResponse, Infallible> {
        Ok(self.processors[&domain].handle(&event, &self.invocation()).await)
    }

    fn invocation(&self) -> Invocation {
        let number = self.invocations.fetch_add(1, Ordering::Relaxed);
        Invocation {
            request_id: format!("invocation-{number}"),
            deadline: self.aws.clock().timestamp() + PROCESSOR_TIMEOUT,
        }
    }

    /// Polls every queue until all are empty, dead-letter queues redriven; time passes where nothing is visible.
    ///
    /// # Panics
    ///
    /// If messages are still there after a simulated week.
    pub async fn drain(&self) {
        for _ in 0..700 {
            let mut worked = self.verify_and_store().await.is_some();
            for domain in self.domains() {
                worked |= self.process(domain).await.is_some();
            }
            if worked {
                continue;
            }
            if self.waiting() == 0 {
                return;
            }
            self.aws.redrive(DELIVERIES_DLQ);
            for domain in self.domains() {
                self.aws.redrive(&dead_letter_name(domain));
            }
            self.aws.clock().advance(Duration::from_secs(900));
        }
        panic!("{} messages are never done", self.waiting());
    }

    /// Counts the messages in all queues, dead-letter queues included.
    pub fn waiting(&self) -> usize {
        let of = |queue: &str| self.aws.messages(queue).len();
        let domains = self
            .domains()
            .map(|domain| of(&queue_name(domain)) + of(&dead_letter_name(domain)));
        of(DELIVERIES) + of(DELIVERIES_DLQ) + domains.sum::<usize>()
    }
}

/// Describes the entities table with the index of a person's entities, as the template creates it.
/// Makes an account with the tables, the buckets and the bus of a stack.
fn account(seed: u64) -> Aws {
    let aws = Aws::new(seed);
    // The two that have an index are created from a description.
    for (table, key) in &TABLE_KEYS[2..] {
        aws.create_table(table, key, None);
    }
    aws.create_table_from(events_table());
    aws.create_table_from(entities_table());
    aws.create_bucket("archive");
    aws.create_bucket("pending");
    aws.create_event_bus(CHANGES);
    aws
}

fn entities_table() -> serde_json::Value {
    json!({
        "TableName": "entities",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            { "AttributeName": "aggregate", "AttributeType": "S" },
            { "AttributeName": "user_id", "AttributeType": "S" },
        ],
        "KeySchema": [{ "AttributeName": "aggregate", "KeyType": "HASH" }],
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-user",
            "KeySchema": [
                { "AttributeName": "user_id", "KeyType": "HASH" },
                { "AttributeName": "aggregate", "KeyType": "RANGE" },
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
            { "AttributeName": "event_id", "AttributeType": "S" },
            { "AttributeName": "aggregate", "AttributeType": "S" },
            { "AttributeName": "occurred", "AttributeType": "S" },
        ],
        "KeySchema": [{ "AttributeName": "event_id", "KeyType": "HASH" }],
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-aggregate",
            "KeySchema": [
                { "AttributeName": "aggregate", "KeyType": "HASH" },
                { "AttributeName": "occurred", "KeyType": "RANGE" },
            ],
            "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": ["type"] },
        }],
    })
}

/// Names the attribute by which a table has its items.
pub(crate) fn key_of(table: &str) -> &'static str {
    let found = TABLE_KEYS.iter().find(|(name, _)| *name == table);
    found.expect("a table of the receiver").1
}

/// Names the queue of a domain.
pub fn queue_name(domain: Domain) -> String {
    format!("{domain}.fifo")
}

/// Names the dead-letter queue of a domain.
pub fn dead_letter_name(domain: Domain) -> String {
    format!("{domain}-dlq.fifo")
}

/// Creates a queue with its dead-letter queue; returns its URL and its receiving end.
fn queue(aws: &Aws, name: &str, dead: &str, patience: Patience) -> (String, SourceQueue) {
    let settings = QueueSettings::new(name).redrive_to(dead, MAX_RECEIVES);
    let dead = aws.create_queue(QueueSettings::new(dead));
    let url = aws.create_queue(settings.visibility_timeout(Duration::from_secs(180)));
    let now = aws.clock().clone();
    let clock = Clock::from_fn(move || now.timestamp());
    let queue = SourceQueue::new(aws.sqs().clone(), url.clone(), dead, patience, clock);
    (url, queue)
}

fn processor(aws: &Aws, domain: Domain, queue: SourceQueue, effects: &Effects, clock: &Clock) -> Processor {
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

fn ingest(aws: &Aws, queue_url: String, clock: Clock) -> ingest::Deps {
    let config = ingest::Config {
        queue_url: queue_url.clone(),
        path: PATH.to_owned(),
        allowed: ingest::AllowList::default(),
        source_policy: ingest::SourcePolicy::Flag,
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

/// Writes a request as an HTTP API hands it to a function (payload 2.0).
pub fn gateway_request(unix_ms: u64, headers: &Headers, body: &[u8]) -> serde_json::Value {
    use base64::Engine;
    let headers: BTreeMap<_, _> = headers.iter().collect();
    json!({
        "version": "2.0",
        "routeKey": format!("ANY {PATH}"),
        "rawPath": PATH,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "api",
            "domainName": "api.execute-api.eu-central-1.amazonaws.com",
            "http": {
                "method": "POST",
                "path": PATH,
                "protocol": "HTTP/1.1",
                "sourceIp": "34.90.198.99",
                "userAgent": "",
            },
            "requestId": "request",
            "routeKey": format!("ANY {PATH}"),
            "stage": "$default",
            "time": "",
            "timeEpoch": unix_ms,
        },
        "body": base64::engine::general_purpose::STANDARD.encode(body),
        "isBase64Encoded": true,
    })
}
