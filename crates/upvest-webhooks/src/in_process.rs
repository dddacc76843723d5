//! A stack in process that receives deliveries, for tests of the commands that look at what it stored and repair it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use fake_aws::QueuedMessage;
use serde_json::Value;
use upvest::Domain;
use upvest::signature::{Headers, Profile, SignatureOptions, SignedRequest, SigningKey};
use verify_and_store::FreshnessPolicy;
use webhook_tests::receiver::{PATH, Receiver, queue_name};
use webhook_tests::story::KeyPair;

use crate::stack::{Queue, Stack};

/// The id of the key that signs.
pub(crate) const KEY_ID: &str = "key";

/// A receiver, and the stack that the commands find.
pub(crate) struct Deployed {
    pub(crate) receiver: Receiver,
    pub(crate) stack: Stack,
}

impl Deployed {
    /// A receiver that has received nothing, and knows the key.
    pub(crate) async fn new() -> Self {
        let deployed = Self::without_key(1).await;
        let jwk = serde_json::to_string(&key().to_jwk()).unwrap();
        let key_id = KEY_ID.to_owned();
        KeyPair { key_id, jwk }.import(&deployed.receiver.aws).await;
        deployed
    }

    /// A receiver that knows no key; `seed` decides all chance in it.
    pub(crate) async fn without_key(seed: u64) -> Self {
        let receiver = Receiver::new(seed, FreshnessPolicy::Flag);
        let tables = [
            ("KeysTableName", "keys"),
            ("EventsTableName", "events"),
            ("EntitiesTableName", "entities"),
            ("IdempotencyTableName", "idempotency"),
            ("AuditTableName", "audit"),
            ("ArchiveBucketName", "archive"),
        ];
        let mut outputs: Vec<(String, String)> = tables
            .iter()
            .map(|(output, name)| ((*output).to_owned(), (*name).to_owned()))
            .collect();
        for domain in Domain::ALL {
            let url = receiver.aws.sqs().get_queue_url().queue_name(queue_name(domain));
            let url = url.send().await.unwrap().queue_url.unwrap();
            outputs.push((format!("{}QueueUrl", Queue::Domain(domain)), url));
        }
        let outputs: Vec<(&str, &str)> = outputs
            .iter()
            .map(|(output, value)| (output.as_str(), value.as_str()))
            .collect();
        let stack = crate::stack::deployed(receiver.aws.sdk_config().clone(), &outputs);
        Self { receiver, stack }
    }

    /// Posts events as one delivery, which is stored, and dispatched.
    pub(crate) async fn post(&self, events: &[String]) {
        self.post_signed(&key(), events).await;
    }

    /// The same, signed with another key.
    pub(crate) async fn post_signed(&self, key: &SigningKey, events: &[String]) {
        let body = format!(r#"{{"payload":[{}]}}"#, events.join(","));
        let headers = signed(key, body.as_bytes());
        assert_eq!(
            self.receiver.post(&headers, body.as_bytes()).await.unwrap().0,
            200
        );
        self.receiver.verify_and_store().await.unwrap();
    }

    /// Posts events as one delivery, which is processed.
    pub(crate) async fn deliver(&self, events: &[String]) {
        self.post(events).await;
        self.process().await;
    }

    /// Lets every domain's processor run until nothing is visible in its queue.
    pub(crate) async fn process(&self) {
        for domain in Domain::ALL {
            while self.receiver.process(domain).await.is_some() {}
        }
    }

    /// The messages that wait for a domain.
    pub(crate) fn waiting(&self, domain: Domain) -> Vec<QueuedMessage> {
        self.receiver.aws.messages(&queue_name(domain))
    }

    /// The items of the entities table.
    pub(crate) fn entities(&self) -> Vec<Value> {
        self.receiver.aws.items("entities")
    }

    /// Empties the entities table.
    pub(crate) async fn delete_entities(&self) {
        for item in self.entities() {
            let entity = item["aggregate"]["S"].as_str().unwrap();
            self.delete("entities", "aggregate", entity).await;
        }
    }

    /// Deletes an item.
    pub(crate) async fn delete(&self, table: &str, key: &str, id: &str) {
        let delete = self.receiver.aws.dynamodb().delete_item().table_name(table);
        let delete = delete.key(key, AttributeValue::S(id.to_owned()));
        delete.send().await.unwrap();
    }

    /// Gives an attribute of an item another text; the item is named by its table, and the name and value of its key.
    pub(crate) async fn change(&self, [table, key, id]: [&str; 3], attribute: &str, text: &str) {
        let mut item = self.item(table, key, id).await;
        item.insert(attribute.to_owned(), AttributeValue::S(text.to_owned()));
        let put = self.receiver.aws.dynamodb().put_item().table_name(table);
        put.set_item(Some(item)).send().await.unwrap();
    }

    /// An item.
    pub(crate) async fn item(&self, table: &str, key: &str, id: &str) -> HashMap<String, AttributeValue> {
        let get = self.receiver.aws.dynamodb().get_item().table_name(table);
        let get = get.key(key, AttributeValue::S(id.to_owned()));
        get.send().await.unwrap().item.unwrap()
    }

    /// Overwrites an object of the archive.
    pub(crate) async fn put_object(&self, key: &str, bytes: Vec<u8>) {
        let put = self.receiver.aws.s3().put_object().bucket("archive").key(key);
        put.body(bytes.into()).send().await.unwrap();
    }

    /// Deletes an object of the archive.
    pub(crate) async fn delete_object(&self, key: &str) {
        let delete = self.receiver.aws.s3().delete_object().bucket("archive").key(key);
        delete.send().await.unwrap();
    }

    /// The keys of the verified deliveries, in the order of receipt.
    pub(crate) fn verified(&self) -> Vec<String> {
        let keys = self.receiver.aws.objects("archive").into_keys();
        keys.filter(|key| key.starts_with("verified/")).collect()
    }
}

/// The key that signs.
fn key() -> SigningKey {
    SigningKey::ed25519_from_seed(KEY_ID, Profile::UpvestV6, &[7; 32]).unwrap()
}

fn signed(key: &SigningKey, body: &[u8]) -> Headers {
    let mut headers: Headers = [("content-type", "application/json")].into_iter().collect();
    let request = SignedRequest {
        method: "POST",
        path: PATH,
        query: None,
        headers: &headers,
        body,
    };
    let digest = key.profile().digest_header();
    let options = SignatureOptions::new(["@method", "@path", digest]);
    key.sign(&request, &options).unwrap().apply_to(&mut headers);
    headers
}

/// An event of some second of the first minute of 2026.
pub(crate) fn event(id: &str, second: usize, event_type: &str, object: &str) -> String {
    format!(
        r#"{{"id":"{id}","created_at":"2026-01-01T00:00:{second:02}Z","type":"{event_type}","object":{object}}}"#
    )
}

/// An event of an order.
pub(crate) fn order(order: &str, second: usize, status: &str) -> String {
    let object = format!(r#"{{"id":"{order}","status":"{status}"}}"#);
    event(
        &format!("{order}-{second}"),
        second,
        &format!("ORDER.{status}"),
        &object,
    )
}

/// An event of a payment.
pub(crate) fn topup(id: &str, second: usize, status: &str) -> String {
    let object = format!(r#"{{"id":"{id}","status":"{status}"}}"#);
    event(
        &format!("{id}-{second}"),
        second,
        &format!("TOPUP.{status}"),
        &object,
    )
}
