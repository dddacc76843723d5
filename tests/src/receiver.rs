//! The whole receiver in process: the shipped handlers around the clients of a simulated account.

mod gateway;
mod setup;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lambda_events::encodings::Body;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::SignedDuration;
use pipeline::actions::DomainActions;
use pipeline::environment::Environment;
use pipeline::processor::{self, Processor};
use pipeline::queues::consumer::{Patience, SourceQueue};
use pipeline::queues::dead_letters::DeadLetters;
use pipeline::queues::deliveries::DeliveriesQueue;
use pipeline::queues::domains::{DomainQueues, Routes};
use pipeline::queues::key_requests::KeyRequests;
use pipeline::runtime::clock::Clock;
use pipeline::runtime::invocation::Invocation;
use pipeline::sending_on::Waiting;
use pipeline::stores::archive::Archive;
use pipeline::stores::events::EventLog;
use pipeline::stores::idempotency::attempts::Attempts;
use pipeline::stores::keys::{Keys, PinnedKeys};
use pipeline::stores::pending::Pending;
use pipeline::stores::subscriptions::Subscriptions;
use upvest::Domain;
use upvest::signature::Headers;
use verify_and_store::{ForUs, Policy};

use crate::effects::Effects;
use fake_aws::lambda::{EventSource, Settlement};
use fake_aws::{Aws, CrashError, QueueSettings, SENDER_ROLE_ID, StoredObject};

pub use gateway::gateway_request;
pub(crate) use setup::key_of;
use setup::{HostTime, account, archive, ingest, processor, queue};

/// Gives the path that the simulated Upvest calls.
pub const PATH: &str = "/webhooks/upvest";
/// Names the queue that ingest puts deliveries into.
pub const DELIVERIES: &str = "deliveries";
/// Names the dead-letter queue of [`DELIVERIES`].
pub const DELIVERIES_DLQ: &str = "deliveries-dlq";
/// Names the queue of requests to fetch keys, which not every receiver has.
pub const KEY_REQUESTS: &str = "key-requests.fifo";
/// Names the dead-letter queue of [`KEY_REQUESTS`].
pub const KEY_REQUESTS_DLQ: &str = "key-requests-dlq.fifo";
/// Bounds how often a request to fetch keys is received before it is a dead letter.
const KEY_REQUEST_RECEIVES: u32 = 5;

/// Names the queue that takes the effects of the actions of all domains, each as a message.
pub const EFFECTS: &str = "effects";
/// Names the event bus that the processors publish changes to.
pub const CHANGES: &str = "changes";
/// Bounds how long Lambda lets a processor work.
const PROCESSOR_TIMEOUT: SignedDuration = SignedDuration::from_secs(30);
/// Is a receiver with tables, queues and functions of its own, in an in-process AWS.
pub struct Receiver {
    /// Holds the account that it runs in.
    pub aws: Aws,
    ingest: ingest::Deps,
    verify_and_store: verify_and_store::Deps,
    processors: BTreeMap<Domain, Processor>,
    /// Runs as the action of every domain, and keeps what was run.
    pub effects: Effects,
    routes: Routes,
    deliveries_url: String,
    invocations: AtomicU64,
    hosts: HostTime,
}

impl Receiver {
    /// Sets the receiver up in an account of its own; `seed` decides all chance in it.
    ///
    /// # Panics
    ///
    /// If the account cannot be set up.
    pub fn new(seed: u64, freshness: Policy) -> Self {
        let aws = account(seed);
        let hosts = HostTime::of(&aws);
        let clock = hosts.clock();
        let attempts = |of| {
            Attempts::new(
                aws.dynamodb().clone(),
                "idempotency".to_owned(),
                clock.clone(),
                of,
            )
        };
        let patience = verify_and_store::patience(attempts(verify_and_store::ATTEMPTS_OF));
        let (deliveries_url, deliveries) = queue(&aws, DELIVERIES, DELIVERIES_DLQ, patience, &clock);
        let queues = Domain::ALL.map(|domain| {
            let patience = processor::patience(attempts(domain.name()));
            let (queue_name, dead) = (queue_name(domain), dead_letter_name(domain));
            (domain, queue(&aws, &queue_name, &dead, patience, &clock))
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
        Self {
            ingest: ingest(&aws, deliveries_url.clone(), clock.clone()),
            verify_and_store: verify_and_store::Deps {
                queue: deliveries,
                ingest: None,
                keys: keys(&aws, &clock).with_canary(None),
                key_requests: None,
                archive: archive(&aws),
                pending: Pending::new(s3, "pending".to_owned()),
                dead_letters: DeadLetters::new(
                    sqs.clone(),
                    // Created above, and made again while it is empty.
                    aws.create_queue(QueueSettings::new(DELIVERIES_DLQ)),
                ),
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
            hosts,
            aws,
        }
    }

    /// Makes the clocks of the machines that the functions run on wrong by so much, or right again by zero.
    pub fn jump_clocks(&self, ahead: SignedDuration) {
        self.hosts.jump(ahead);
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

    /// Has verify-and-store know the canary's key by this secret; `None` where no canary runs.
    #[must_use]
    pub fn with_canary(mut self, secret_arn: Option<&str>) -> Self {
        self.verify_and_store.keys = self.verifying_keys().with_canary(secret_arn.map(str::to_owned));
        self
    }

    /// Has verify-and-store take what a stack of this environment takes, and know of no canary.
    #[must_use]
    pub fn in_environment(mut self, environment: Environment) -> Self {
        self.verify_and_store.keys = self
            .verifying_keys()
            .with_canary(None)
            .in_environment(environment);
        self
    }

    /// Has verify-and-store take public keys of this list alone, and know of no canary.
    #[must_use]
    pub fn with_pinned(mut self, pinned: PinnedKeys) -> Self {
        self.verify_and_store.keys = self.verifying_keys().with_canary(None).held_against(pinned);
        self
    }

    /// Has verify-and-store hold what ingest says of the time of a receipt against what SQS says.
    #[must_use]
    pub fn doubting_ingest(mut self) -> Self {
        self.verify_and_store.ingest = Some(SENDER_ROLE_ID.to_owned());
        self
    }

    /// Opens the keys, of which nothing is remembered yet.
    pub fn verifying_keys(&self) -> Keys {
        keys(&self.aws, &self.hosts.clock())
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

    /// Returns the archive with its quarantine, as every function and command opens it.
    pub fn archive(&self) -> Archive {
        archive(&self.aws)
    }

    /// Lists the objects of the archive and of the quarantine, by key.
    pub fn kept(&self) -> BTreeMap<String, StoredObject> {
        let buckets = ["archive", "quarantine"].into_iter();
        buckets.flat_map(|bucket| self.aws.objects(bucket)).collect()
    }

    /// Returns what sends on deliveries that waited for a key, as a fetch and an import do.
    pub fn waiting_for_keys(&self) -> Waiting {
        Waiting {
            archive: self.archive(),
            queue: DeliveriesQueue::new(self.aws.sqs().clone(), self.deliveries_url.clone()),
            pinned: PinnedKeys::default(),
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
        let drained = self.try_to_drain_dead_letters().await;
        drained.expect("no crash is injected");
    }

    /// Returns what is pending, as verify-and-store writes it.
    pub fn pending(&self) -> Pending {
        Pending::new(self.aws.s3().clone(), "pending".to_owned())
    }

    /// Lets the schedule have the dead-letter queue drained, whatever becomes of it.
    ///
    /// # Errors
    ///
    /// [`CrashError`] when the function was killed.
    pub async fn try_to_drain_dead_letters(&self) -> Result<(), CrashError> {
        let drain = self.handle_deliveries(SqsEvent::default());
        self.aws.invoke("verify-and-store", drain).await.map(drop)
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

    /// Lets Lambda poll a domain's queue once for a version of its processor that gives its categories to `other`, as
    /// while a deployment replaces one function after another.
    pub async fn process_by_version_of(&self, domain: Domain, other: Domain) -> Option<Settlement> {
        let processor = Processor {
            domain: other,
            ..self.processor(domain)
        };
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
            deadline: self.hosts.now() + PROCESSOR_TIMEOUT,
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

/// Opens the keys, of which nothing is remembered yet.
fn keys(aws: &Aws, clock: &Clock) -> Keys {
    let secrets = aws_sdk_secretsmanager::Client::new(aws.sdk_config());
    Keys::new(aws.dynamodb().clone(), secrets, "keys".to_owned(), clock.clone())
}

/// Names the queue of a domain.
pub fn queue_name(domain: Domain) -> String {
    format!("{domain}.fifo")
}

/// Names the dead-letter queue of a domain.
pub fn dead_letter_name(domain: Domain) -> String {
    format!("{domain}-dlq.fifo")
}
