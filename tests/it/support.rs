//! What several of the in-process tests need: events, signed deliveries, and a receiver that knows the key.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use upvest::Domain;
use upvest::signature::{Headers, Profile, SignatureOptions, SignedRequest, SigningKey};
use verify_and_store::FreshnessPolicy;
use webhook_tests::receiver::{PATH, Receiver};
use webhook_tests::story::KeyPair;

/// What the signatures of these tests cover.
pub(crate) const COVERED: [&str; 3] = ["@method", "@path", "digest"];

/// The key that signs.
pub(crate) fn key() -> SigningKey {
    SigningKey::ed25519_from_seed("key", Profile::UpvestV6, &[7; 32]).unwrap()
}

/// A receiver that knows the key.
pub(crate) async fn receiver(freshness: FreshnessPolicy) -> Receiver {
    let receiver = Receiver::new(1, freshness);
    let jwk = serde_json::to_string(&key().to_jwk()).unwrap();
    KeyPair {
        key_id: "key".to_owned(),
        jwk,
    }
    .import(&receiver.aws)
    .await;
    receiver
}

/// An event of the first second of 2026.
pub(crate) fn event(id: &str, event_type: &str, object: &str) -> String {
    event_at(id, 0, event_type, object)
}

/// An event of some second of the first minute of 2026.
pub(crate) fn event_at(id: &str, second: u8, event_type: &str, object: &str) -> String {
    format!(
        r#"{{"id":"{id}","created_at":"2026-01-01T00:00:{second:02}Z","type":"{event_type}","object":{object}}}"#
    )
}

/// The headers of a delivery that the key signed.
pub(crate) fn signed(key: &SigningKey, body: &[u8], options: &SignatureOptions) -> Headers {
    let mut headers: Headers = [("content-type", "application/json")].into_iter().collect();
    let request = SignedRequest {
        method: "POST",
        path: PATH,
        query: None,
        headers: &headers,
        body,
    };
    key.sign(&request, options).unwrap().apply_to(&mut headers);
    headers
}

/// Posts, expects 200, and lets everything run once.
pub(crate) async fn deliver(receiver: &Receiver, body: &[u8]) {
    let headers = signed(&key(), body, &SignatureOptions::new(COVERED));
    deliver_with(receiver, &headers, body).await;
}

/// The same with headers of the test's own.
pub(crate) async fn deliver_with(receiver: &Receiver, headers: &Headers, body: &[u8]) {
    assert_eq!(receiver.post(headers, body).await.unwrap().0, 200);
    receiver.verify_and_store().await.unwrap();
    process_all(receiver).await;
}

/// Posts events as one delivery, and lets everything run once.
pub(crate) async fn deliver_events(receiver: &Receiver, events: &[String]) {
    post_events(receiver, events).await;
    process_all(receiver).await;
}

/// Posts events as one delivery, and lets them be stored and dispatched.
pub(crate) async fn post_events(receiver: &Receiver, events: &[String]) {
    enqueue_events(receiver, events).await;
    receiver.verify_and_store().await.unwrap();
}

/// Posts events as one delivery, and leaves it in the deliveries queue.
pub(crate) async fn enqueue_events(receiver: &Receiver, events: &[String]) {
    let body = format!(r#"{{"payload":[{}]}}"#, events.join(","));
    let headers = signed(&key(), body.as_bytes(), &SignatureOptions::new(COVERED));
    assert_eq!(receiver.post(&headers, body.as_bytes()).await.unwrap().0, 200);
}

/// Lets every domain's processor run until nothing is visible in its queue.
pub(crate) async fn process_all(receiver: &Receiver) {
    let domains: Vec<Domain> = receiver.domains().collect();
    for domain in domains {
        while receiver.process(domain).await.is_some() {}
    }
}

/// The keys of a table's items, in order.
pub(crate) fn items(receiver: &Receiver, table: &str, key: &str) -> Vec<String> {
    let items = receiver.aws.items(table);
    let mut keys: Vec<_> = items
        .iter()
        .map(|item| item[key]["S"].as_str().unwrap().to_owned())
        .collect();
    keys.sort();
    keys
}
