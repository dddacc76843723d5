//! A stack deployed in process, as an operator's commands find one.
//!
//! [`Deployment::builder`] sets up the whole receiver in an account of its own, with a key that it knows; beside a
//! simulated Upvest it is a [`ConnectedDeployment`].
//!
//! ```
//! use upvest::Domain;
//! use webhook_tests::deliveries::order;
//! use webhook_tests::deployment::Deployment;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let deployment = Deployment::builder().start().await;
//! deployment.deliver(&[order("o1", 1, "NEW")]).await;
//! assert_eq!(deployment.entities().len(), 1);
//! assert!(deployment.waiting(Domain::Orders).is_empty());
//! # }
//! ```

mod connected;
mod moving;

use std::collections::BTreeMap;
use std::time::Duration;

use fake_aws::{Aws, QueuedMessage};
use jiff::Timestamp;
use operator::{Queue, Repair, RepairOptions, Reporter, Stack, StackFinder};
use pipeline::runtime::clock::Clock;
use serde_json::{Value, json};
use upvest::Domain;
use upvest::signature::{Headers, SigningKey};
use verify_and_store::Policy;

use crate::deliveries::{KNOWN_SEED, body_of, import_key, sign, signing_key};
use crate::receiver::{CHANGES, DELIVERIES, DELIVERIES_DLQ, EFFECTS, Receiver, dead_letter_name, queue_name};
use crate::stored::by_hand::Item;

/// Is longer than the functions remember a key, in seconds.
pub const KEY_FORGOTTEN_S: u64 = 301;

pub use connected::{ConnectedDeployment, UPVEST_SECRET};

/// Holds a receiver in an account of its own, and the outputs of its stack.
pub struct Deployment {
    /// Holds the receiver that is deployed.
    pub receiver: Receiver,
    /// Gives the stack, as commands find it.
    pub stack: Stack,
    outputs: BTreeMap<String, String>,
}

/// Says how a [`Deployment`] is to be set up.
#[derive(Debug)]
pub struct DeploymentBuilder {
    seed: u64,
    freshness: Policy,
    subscriptions: Option<Policy>,
    key_seed: Option<u8>,
}

impl DeploymentBuilder {
    /// Has `seed` decide all chance in the account, in place of 1.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Has expired signatures dealt with by this policy, in place of being flagged.
    pub fn freshness(self, freshness: Policy) -> Self {
        Self { freshness, ..self }
    }

    /// Has events of subscriptions that are not ours dealt with by this policy; without it those of any are taken.
    pub fn subscriptions(self, policy: Policy) -> Self {
        Self {
            subscriptions: Some(policy),
            ..self
        }
    }

    /// Has the receiver know no key, so that no delivery can be verified yet.
    pub fn without_key(self) -> Self {
        Self {
            key_seed: None,
            ..self
        }
    }

    /// Sets the receiver up; it has received nothing.
    ///
    /// # Panics
    ///
    /// If the account cannot be set up.
    pub async fn start(self) -> Deployment {
        let mut receiver = Receiver::new(self.seed, self.freshness);
        if let Some(policy) = self.subscriptions {
            receiver = receiver.with_subscriptions(policy);
        }
        let policies = [self.freshness, self.subscriptions.unwrap_or(Policy::Flag)];
        let outputs = outputs(&receiver.aws, policies).await;
        let stack = stack(&receiver.aws, outputs.clone());
        let deployment = Deployment {
            receiver,
            stack,
            outputs,
        };
        if let Some(seed) = self.key_seed {
            deployment.know_key(&signing_key(seed)).await;
        }
        deployment
    }

    /// Sets the receiver up beside a simulated Upvest, whose credentials the stack has; both listen on the loopback
    /// interface. The receiver knows none of Upvest's keys yet.
    ///
    /// # Panics
    ///
    /// If one of them cannot be set up.
    pub async fn connect(self) -> ConnectedDeployment {
        ConnectedDeployment::beside(self.without_key().start().await).await
    }
}

/// Names what the template puts out of the tables, buckets, queues and policies that a [`Receiver`] has.
async fn outputs(aws: &Aws, policies: [Policy; 2]) -> BTreeMap<String, String> {
    let [freshness, subscriptions] = policies.map(|policy| match policy {
        Policy::Flag => "flag",
        Policy::Strict => "strict",
    });
    let named = [
        ("KeysTableName", "keys"),
        ("EventsTableName", "events"),
        ("EntitiesTableName", "entities"),
        ("IdempotencyTableName", "idempotency"),
        ("AuditTableName", "audit"),
        ("SubscriptionsTableName", "subscriptions"),
        ("ArchiveBucketName", "archive"),
        ("QuarantineBucketName", "quarantine"),
        ("PendingBucketName", "pending"),
        ("EventBusName", CHANGES),
        ("Environment", "sandbox"),
        ("FreshnessPolicy", freshness),
        ("SubscriptionPolicy", subscriptions),
    ];
    let mut outputs: BTreeMap<String, String> = named
        .into_iter()
        .map(|(output, name)| (output.to_owned(), name.to_owned()))
        .collect();
    let of_domains = Domain::ALL.map(|domain| {
        (
            Queue::Domain(domain),
            queue_name(domain),
            dead_letter_name(domain),
        )
    });
    let deliveries = (
        Queue::Deliveries,
        DELIVERIES.to_owned(),
        DELIVERIES_DLQ.to_owned(),
    );
    for (name, queue, dead_letters) in of_domains.into_iter().chain([deliveries]) {
        outputs.insert(format!("{name}QueueUrl"), queue_url(aws, queue).await);
        outputs.insert(
            format!("{name}DeadLetterQueueUrl"),
            queue_url(aws, dead_letters).await,
        );
    }
    outputs
}

fn stack(aws: &Aws, outputs: impl IntoIterator<Item = (String, String)>) -> Stack {
    Stack::new(
        aws.sdk_config().clone(),
        Some("upvest-webhooks".to_owned()),
        outputs,
    )
}

async fn queue_url(aws: &Aws, name: String) -> String {
    let found = aws.sqs().get_queue_url().queue_name(name).send().await;
    found
        .ok()
        .and_then(|found| found.queue_url)
        .expect("the queue exists")
}

impl Deployment {
    /// Begins a stack that flags expired signatures and knows the key of [`signing_key`]`(`[`KNOWN_SEED`]`)`.
    pub fn builder() -> DeploymentBuilder {
        DeploymentBuilder {
            seed: 1,
            freshness: Policy::Flag,
            subscriptions: None,
            key_seed: Some(KNOWN_SEED),
        }
    }

    /// Sets up the stack that [`Deployment::builder`] begins.
    pub async fn new() -> Self {
        Self::builder().start().await
    }

    /// Gives the stack more outputs, or other values for those that it has.
    pub fn add_outputs(&mut self, more: &[(&str, &str)]) {
        let more = more
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.outputs.extend(more);
        self.stack = stack(&self.receiver.aws, self.outputs.clone());
    }

    /// Takes an output from the stack, as one that was deployed without the part.
    pub fn remove_output(&mut self, name: &str) {
        self.outputs.remove(name);
        self.stack = stack(&self.receiver.aws, self.outputs.clone());
    }

    /// Has commands find this stack, and no other.
    pub fn finder(&self) -> StackFinder<'static> {
        StackFinder::of(stack(&self.receiver.aws, self.outputs.clone()))
    }

    /// Returns a clock that tells the time of the account.
    pub fn clock(&self) -> Clock {
        let clock = self.receiver.aws.clock().clone();
        Clock::from_fn(move || clock.timestamp())
    }

    /// Sets a repair up that sends as fast as it can.
    pub fn repair(&self, dry_run: bool) -> Repair<'_> {
        Repair {
            stack: &self.stack,
            options: RepairOptions {
                reason: "r".to_owned(),
                dry_run,
                per_second: 10_000.0,
            },
            clock: self.clock(),
            reporter: Reporter::silent(),
        }
    }

    /// Tells the time of the account, which stands still unless a test moves it.
    pub fn now(&self) -> Timestamp {
        self.receiver.aws.clock().timestamp()
    }

    /// Lets seconds pass in the account.
    pub fn pass(&self, seconds: u64) {
        self.receiver.aws.clock().advance(Duration::from_secs(seconds));
    }

    /// Has the receiver know a key, in place of the one that had its id.
    ///
    /// # Panics
    ///
    /// If it is a shared secret, which has no public half.
    pub async fn know_key(&self, key: &SigningKey) {
        import_key(&self.receiver.aws, key.to_jwk().expect("a key pair")).await;
    }
}

/// Delivers events to the stack.
impl Deployment {
    /// Posts events as one delivery, signed with the key that the receiver knows; returns the delivery's id.
    ///
    /// # Panics
    ///
    /// If ingest answers otherwise than with 200.
    pub async fn post(&self, events: &[String]) -> String {
        self.post_signed(&signing_key(KNOWN_SEED), events).await
    }

    /// Posts events as one delivery, signed with this key; returns the delivery's id.
    ///
    /// # Panics
    ///
    /// If ingest answers otherwise than with 200.
    pub async fn post_signed(&self, key: &SigningKey, events: &[String]) -> String {
        let body = body_of(events);
        self.post_body(&sign(key, body.as_bytes()), body.as_bytes()).await
    }

    /// Posts a delivery with headers of the test's own; returns its id.
    ///
    /// # Panics
    ///
    /// If ingest answers otherwise than with 200.
    pub async fn post_body(&self, headers: &Headers, body: &[u8]) -> String {
        let (status, answer) = self.receiver.post(headers, body).await.expect("ingest lives");
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
        answer["delivery_id"].as_str().expect("an id").to_owned()
    }

    /// Posts events as one delivery and has it verified once, so that the events are stored and dispatched; returns
    /// the delivery's id.
    ///
    /// # Panics
    ///
    /// If ingest answers otherwise than with 200.
    pub async fn store(&self, events: &[String]) -> String {
        self.store_signed(&signing_key(KNOWN_SEED), events).await
    }

    /// Posts events as one delivery, signed with this key, and has it verified once; returns the delivery's id.
    ///
    /// # Panics
    ///
    /// If ingest answers otherwise than with 200.
    pub async fn store_signed(&self, key: &SigningKey, events: &[String]) -> String {
        let id = self.post_signed(key, events).await;
        self.receiver.verify_and_store().await.expect("a delivery waits");
        id
    }

    /// Posts events as one delivery and has it verified and its events processed; returns the delivery's id.
    ///
    /// # Panics
    ///
    /// If ingest answers otherwise than with 200.
    pub async fn deliver(&self, events: &[String]) -> String {
        let id = self.store(events).await;
        self.process().await;
        id
    }

    /// Has every domain's processor run until nothing is visible in its queue.
    pub async fn process(&self) {
        for domain in Domain::ALL {
            while self.receiver.process(domain).await.is_some() {}
        }
    }

    /// Has everything that is visible verified and processed.
    pub async fn settle(&self) {
        while self.receiver.verify_and_store().await.is_some() {}
        self.process().await;
    }

    /// Lists the messages that wait for a domain.
    pub fn waiting(&self, domain: Domain) -> Vec<QueuedMessage> {
        self.receiver.aws.messages(&queue_name(domain))
    }

    /// Lists the actions that ran, as the idempotency keys they were given, in the order of their first run.
    pub fn effects(&self) -> Vec<String> {
        let messages = self.receiver.aws.messages(EFFECTS).into_iter();
        messages.map(|message| message.body).collect()
    }
}

/// Reads and spoils what is stored.
impl Deployment {
    /// Lists the items of the entities table.
    pub fn entities(&self) -> Vec<Value> {
        self.receiver.aws.items("entities")
    }

    /// Empties the entities table.
    pub async fn delete_entities(&self) {
        for entity in self.receiver.stored("entities") {
            self.delete("entities", &entity).await;
        }
    }

    /// Reads an item as it lies in its table, to be spoiled.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub async fn item(&self, table: &str, id: &str) -> Item {
        self.receiver.rows(table).item(id).await
    }

    /// Gives an attribute of an item another text, as somebody who edits it by hand: no store writes such a thing. What the
    /// attribute is called the store says.
    ///
    /// # Panics
    ///
    /// If there is no such item.
    pub async fn set(&self, table: &str, id: &str, changed: (&str, &str)) {
        self.receiver.rows(table).set(id, changed).await;
    }

    /// Deletes an item.
    ///
    /// # Panics
    ///
    /// If there is no such table.
    pub async fn delete(&self, table: &str, id: &str) {
        self.receiver.rows(table).delete(id).await;
    }

    /// Lists the keys of the verified deliveries in the archive, in the order of receipt.
    pub fn verified(&self) -> Vec<String> {
        self.receiver.verified()
    }

    /// Reads an object of the archive as JSON.
    ///
    /// # Panics
    ///
    /// If there is none, or it is no JSON.
    pub fn archived(&self, key: &str) -> Value {
        serde_json::from_slice(&self.receiver.kept()[key].bytes).expect("an archived object is JSON")
    }

    /// Finds the key under which the archive has a delivery.
    ///
    /// # Panics
    ///
    /// If it has none.
    pub fn archived_at(&self, delivery_id: &str) -> String {
        let objects = self.receiver.kept();
        let key = objects.into_keys().find(|key| key.ends_with(delivery_id));
        key.expect("the delivery is archived")
    }

    /// Overwrites an object of the archive.
    ///
    /// # Panics
    ///
    /// If there is no archive.
    pub async fn put_archived(&self, key: &str, bytes: Vec<u8>) {
        let put = self.receiver.aws.s3().put_object().bucket("archive").key(key);
        put.body(bytes.into())
            .send()
            .await
            .expect("the archive takes an object");
    }

    /// Deletes an object of the archive.
    ///
    /// # Panics
    ///
    /// If there is no archive.
    pub async fn delete_archived(&self, key: &str) {
        let delete = self.receiver.aws.s3().delete_object().bucket("archive").key(key);
        delete.send().await.expect("the archive deletes an object");
    }

    /// Lists what the audit table says of each operation that does not depend on chance, oldest first.
    ///
    /// # Panics
    ///
    /// If the table has something else than operations.
    pub async fn operations(&self) -> Vec<Value> {
        let operations = self.receiver.operations().await.into_iter();
        let operations = operations.map(|operation| {
            json!({
                "command": operation.command,
                "reason": operation.reason,
                "request": operation.request,
                "result": operation.result,
                "ended": operation.ended_at.is_some(),
            })
        });
        operations.collect()
    }
}
