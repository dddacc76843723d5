//! A receiver in process with a stack around it, for tests of the commands that repair.

use std::time::Duration;

use clap::Parser;
use pipeline::runtime::clock::Clock;
use serde_json::Value;
use upvest::Domain;
use upvest::signature::{Headers, Profile, SignatureOptions, SignedRequest, SigningKey};
use verify_and_store::FreshnessPolicy;
use webhook_tests::receiver::{DELIVERIES, DELIVERIES_DLQ, PATH, Receiver, dead_letter_name, queue_name};
use webhook_tests::story::KeyPair;

use crate::stack::{Queue, Stack};

/// A receiver, and the stack that a command works on.
pub(crate) struct Site {
    pub(crate) receiver: Receiver,
    pub(crate) stack: Stack,
}

/// The key `key` that signs, made of a seed.
pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::ed25519_from_seed("key", Profile::UpvestV6, &[seed; 32]).unwrap()
}

/// An event of some second of the first minute of 2026.
pub(crate) fn event(id: &str, second: u8, event_type: &str, object: &str) -> String {
    format!(
        r#"{{"id":"{id}","created_at":"2026-01-01T00:00:{second:02}Z","type":"{event_type}","object":{object}}}"#
    )
}

/// The headers of a delivery that the key signed.
pub(crate) fn signed(key: &SigningKey, body: &[u8]) -> Headers {
    let mut headers: Headers = [("content-type", "application/json")].into_iter().collect();
    let request = SignedRequest {
        method: "POST",
        path: PATH,
        query: None,
        headers: &headers,
        body,
    };
    let options = SignatureOptions::new(["@method", "@path", "digest"]);
    key.sign(&request, &options).unwrap().apply_to(&mut headers);
    headers
}

/// Parses the arguments of a command.
pub(crate) fn parsed<C: clap::Subcommand>(words: &[&str]) -> C {
    #[derive(Parser)]
    struct Line<C: clap::Subcommand> {
        #[command(subcommand)]
        command: C,
    }
    Line::<C>::try_parse_from(std::iter::once(&"test").chain(words))
        .unwrap_or_else(|error| panic!("{error}"))
        .command
}

impl Site {
    /// A receiver that knows no key.
    pub(crate) async fn new(freshness: FreshnessPolicy) -> Self {
        let receiver = Receiver::new(1, freshness);
        let url = |name: &str| format!("https://sqs.eu-central-1.amazonaws.com/123456789012/{name}");
        let policy = match freshness {
            FreshnessPolicy::Flag => "flag",
            FreshnessPolicy::Strict => "strict",
        };
        let mut outputs = vec![
            ("KeysTableName".to_owned(), "keys".to_owned()),
            ("EventsTableName".to_owned(), "events".to_owned()),
            ("EntitiesTableName".to_owned(), "entities".to_owned()),
            ("AuditTableName".to_owned(), "audit".to_owned()),
            ("ArchiveBucketName".to_owned(), "archive".to_owned()),
            ("FreshnessPolicy".to_owned(), policy.to_owned()),
            ("DeliveriesQueueUrl".to_owned(), url(DELIVERIES)),
            ("DeliveriesDeadLetterQueueUrl".to_owned(), url(DELIVERIES_DLQ)),
        ];
        for domain in Domain::ALL {
            let name = Queue::Domain(domain);
            outputs.push((format!("{name}QueueUrl"), url(&queue_name(domain))));
            outputs.push((
                format!("{name}DeadLetterQueueUrl"),
                url(&dead_letter_name(domain)),
            ));
        }
        let outputs: Vec<_> = outputs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let stack = crate::stack::deployed(receiver.aws.sdk_config().clone(), &outputs);
        Self { receiver, stack }
    }

    /// A receiver that knows the key of seed 7.
    pub(crate) async fn with_key(freshness: FreshnessPolicy) -> Self {
        let site = Self::new(freshness).await;
        site.import(7).await;
        site
    }

    /// Puts the public key of a seed into the keys table, in place of the one that was there.
    pub(crate) async fn import(&self, seed: u8) {
        let jwk = serde_json::to_string(&key(seed).to_jwk()).unwrap();
        let key_id = "key".to_owned();
        KeyPair { key_id, jwk }.import(&self.receiver.aws).await;
    }

    /// The clock of the account.
    pub(crate) fn clock(&self) -> Clock {
        let clock = self.receiver.aws.clock().clone();
        Clock::from_fn(move || clock.timestamp())
    }

    /// Lets seconds pass.
    pub(crate) fn pass(&self, seconds: u64) {
        self.receiver.aws.clock().advance(Duration::from_secs(seconds));
    }

    /// Posts events as one delivery, signed with the key of seed 7, and lets it be verified once.
    pub(crate) async fn post(&self, events: &[String]) {
        let body = format!(r#"{{"payload":[{}]}}"#, events.join(","));
        self.post_body(&signed(&key(7), body.as_bytes()), body.as_bytes())
            .await;
    }

    /// Posts a delivery, and lets it be verified once.
    pub(crate) async fn post_body(&self, headers: &Headers, body: &[u8]) {
        assert_eq!(self.receiver.post(headers, body).await.unwrap().0, 200);
        self.receiver.verify_and_store().await.unwrap();
        self.pass(1);
    }

    /// Lets everything that is visible be verified and processed.
    pub(crate) async fn settle(&self) {
        while self.receiver.verify_and_store().await.is_some() {}
        let domains: Vec<Domain> = self.receiver.domains().collect();
        for domain in domains {
            while self.receiver.process(domain).await.is_some() {}
        }
    }

    /// The operations of the audit table, oldest first, with their JSON read.
    pub(crate) fn operations(&self) -> Vec<Value> {
        let mut items = self.receiver.aws.items("audit");
        items.sort_by_key(|item| item["id"]["S"].to_string());
        let text = |item: &Value, name: &str| item[name]["S"].as_str().map(str::to_owned);
        let json = |item: &Value, name: &str| {
            text(item, name).map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
        };
        let operations = items.iter().map(|item| {
            serde_json::json!({
                "command": text(item, "command"),
                "reason": text(item, "reason"),
                "request": json(item, "request"),
                "result": json(item, "result"),
                "ended": item.get("ended_at").is_some(),
            })
        });
        operations.collect()
    }

    /// The actions that ran, as their events' ids in the order of their first run.
    pub(crate) fn effects(&self) -> Vec<String> {
        let messages = self.receiver.aws.messages(webhook_tests::receiver::EFFECTS);
        messages.into_iter().map(|message| message.body).collect()
    }
}
