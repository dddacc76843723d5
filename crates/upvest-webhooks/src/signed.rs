//! A receiver in process that knows a key, and deliveries signed by it, for tests of the commands.

use jiff::Timestamp;
use pipeline::runtime::clock::Clock;
use upvest::signature::{Headers, Profile, SignatureOptions, SignedRequest, SigningKey};
use verify_and_store::FreshnessPolicy;
use webhook_tests::receiver::{PATH, Receiver};
use webhook_tests::story::KeyPair;

use crate::stack::Stack;

/// A receiver, and the stack that it is.
pub(crate) struct Signed {
    pub(crate) receiver: Receiver,
    pub(crate) stack: Stack,
}

/// An event of some second of the first minute of 2026.
pub(crate) fn event(id: &str, second: u8, event_type: &str, object: &str) -> String {
    format!(
        r#"{{"id":"{id}","created_at":"2026-01-01T00:00:{second:02}Z","type":"{event_type}","object":{object}}}"#
    )
}

/// An event of the order `o1` that takes it to a status.
pub(crate) fn order(id: &str, second: u8, status: &str) -> String {
    let object = format!(r#"{{"id":"o1","status":"{status}","user_id":"u1"}}"#);
    event(id, second, &format!("ORDER.{status}"), &object)
}

impl Signed {
    /// A receiver of the first minute of 2026.
    pub(crate) async fn new() -> Self {
        let receiver = Receiver::new(1, FreshnessPolicy::Flag);
        let key = KeyPair {
            key_id: "key".to_owned(),
            jwk: serde_json::to_string(&key().to_jwk()).unwrap(),
        };
        key.import(&receiver.aws).await;
        let outputs = [
            ("KeysTableName", "keys"),
            ("EventsTableName", "events"),
            ("EntitiesTableName", "entities"),
            ("IdempotencyTableName", "idempotency"),
            ("AuditTableName", "audit"),
            ("ArchiveBucketName", "archive"),
            ("EventBusName", "changes"),
        ];
        let stack = crate::stack::deployed(receiver.aws.sdk_config().clone(), &outputs);
        Self { receiver, stack }
    }

    /// The receiver's time.
    pub(crate) fn clock(&self) -> Clock {
        let clock = self.receiver.aws.clock().clone();
        Clock::from_fn(move || clock.timestamp())
    }

    /// The receiver's time, now.
    pub(crate) fn now(&self) -> Timestamp {
        self.receiver.aws.clock().timestamp()
    }

    /// Posts a delivery of these events; gives its id.
    pub(crate) async fn post(&self, events: &[String]) -> String {
        self.post_body(&body(events), &key()).await
    }

    /// Posts a delivery of these events that somebody else signed; gives its id.
    pub(crate) async fn post_forged(&self, events: &[String]) -> String {
        let forger = SigningKey::ed25519_from_seed("key", Profile::UpvestV6, &[8; 32]).unwrap();
        self.post_body(&body(events), &forger).await
    }

    async fn post_body(&self, body: &str, key: &SigningKey) -> String {
        let mut headers: Headers = [("content-type", "application/json")].into_iter().collect();
        let request = SignedRequest {
            method: "POST",
            path: PATH,
            query: None,
            headers: &headers,
            body: body.as_bytes(),
        };
        let options = SignatureOptions::new(["@method", "@path", "digest"]);
        key.sign(&request, &options).unwrap().apply_to(&mut headers);
        let (status, answer) = self.receiver.post(&headers, body.as_bytes()).await.unwrap();
        assert_eq!(status, 200);
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        answer["delivery_id"].as_str().unwrap().to_owned()
    }

    /// Posts a delivery and lets it be stored; gives its id.
    pub(crate) async fn store(&self, events: &[String]) -> String {
        let id = self.post(events).await;
        self.receiver.verify_and_store().await.unwrap();
        id
    }

    /// Posts a delivery and lets everything run; gives its id.
    pub(crate) async fn deliver(&self, events: &[String]) -> String {
        let id = self.store(events).await;
        self.process().await;
        id
    }

    /// Lets every domain's processor run until nothing is visible in its queue.
    pub(crate) async fn process(&self) {
        let domains: Vec<_> = self.receiver.domains().collect();
        for domain in domains {
            while self.receiver.process(domain).await.is_some() {}
        }
    }

    /// The archived object of a key, as JSON.
    pub(crate) fn archived(&self, key: &str) -> serde_json::Value {
        serde_json::from_slice(&self.receiver.aws.objects("archive")[key].bytes).unwrap()
    }

    /// The key of a delivery in the archive.
    pub(crate) fn archived_at(&self, delivery_id: &str) -> String {
        let objects = self.receiver.aws.objects("archive");
        let key = objects.keys().find(|key| key.ends_with(delivery_id));
        key.expect("the delivery is archived").clone()
    }

    /// Overwrites an object of the archive.
    pub(crate) async fn put_archived(&self, key: &str, bytes: Vec<u8>) {
        let put = self.receiver.aws.s3().put_object().bucket("archive").key(key);
        put.body(bytes.into()).send().await.unwrap();
    }

    /// Deletes an object of the archive.
    pub(crate) async fn delete_archived(&self, key: &str) {
        let delete = self.receiver.aws.s3().delete_object().bucket("archive").key(key);
        delete.send().await.unwrap();
    }

    /// Sets a text attribute of an item by hand.
    pub(crate) async fn set(&self, table: &str, key: (&str, &str), attribute: (&str, &str)) {
        use aws_sdk_dynamodb::types::AttributeValue::S;
        let update = self.receiver.aws.dynamodb().update_item().table_name(table);
        update
            .key(key.0, S(key.1.to_owned()))
            .update_expression("SET #attribute = :value")
            .expression_attribute_names("#attribute", attribute.0)
            .expression_attribute_values(":value", S(attribute.1.to_owned()))
            .send()
            .await
            .unwrap();
    }
}

fn body(events: &[String]) -> String {
    format!(r#"{{"payload":[{}]}}"#, events.join(","))
}

fn key() -> SigningKey {
    SigningKey::ed25519_from_seed("key", Profile::UpvestV6, &[7; 32]).unwrap()
}
