//! What several of the in-process tests need: a receiver that knows the key, and deliveries that it takes in.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::time::Duration;

use fake_aws::Aws;
use jiff::Timestamp;
use pipeline::queues::domains::EventMessage;
use pipeline::runtime::clock::Clock;
use pipeline::runtime::invocation::Invocation;
use upvest::effects::Dispatch;
use upvest::signature::{Headers, SigningKey};
use upvest::{Domain, Event, Placement, Receipt};
use verify_and_store::Policy;
use webhook_tests::deliveries::{KNOWN_SEED, body_of, import_key, sign, signing_key};
use webhook_tests::receiver::Receiver;

use crate::upvest::clock;

pub(crate) use webhook_tests::deliveries::{event as event_at, sign_with};

/// Lists what the signatures of these tests cover.
pub(crate) const COVERED: [&str; 3] = ["@method", "@path", "digest"];

/// Says how long an invocation of these tests lasts at most.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// Makes the key that signs.
pub(crate) fn key() -> SigningKey {
    signing_key(KNOWN_SEED)
}

/// Sets up a receiver that knows the key.
pub(crate) async fn receiver(freshness: Policy) -> Receiver {
    let receiver = Receiver::new(1, freshness);
    import_key(&receiver.aws, key().to_jwk().unwrap()).await;
    receiver
}

/// Writes an event of the first second of 2026.
pub(crate) fn event(id: &str, event_type: &str, object: &str) -> String {
    event_at(id, 0, event_type, object)
}

/// Posts, expects 200, and lets everything run once.
pub(crate) async fn deliver(receiver: &Receiver, body: &[u8]) {
    deliver_with(receiver, &sign(&key(), body), body).await;
}

/// Delivers a body with headers of the test's own.
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
    let body = body_of(events);
    let headers = sign(&key(), body.as_bytes());
    assert_eq!(receiver.post(&headers, body.as_bytes()).await.unwrap().0, 200);
}

/// Lets every domain's processor run until nothing is visible in its queue.
pub(crate) async fn process_all(receiver: &Receiver) {
    let domains: Vec<Domain> = receiver.domains().collect();
    for domain in domains {
        while receiver.process(domain).await.is_some() {}
    }
}

/// Writes the message of an event, as if a delivery of the event's own second had brought it alone.
pub(crate) fn message_of(json: &str, dispatch: Dispatch, dispatched_at: Timestamp) -> EventMessage {
    let event = Event::parse(json).unwrap();
    let receipt = Receipt {
        received_at: event.created_at().unwrap(),
        position: 0,
    };
    EventMessage {
        event_id: event.id().to_owned(),
        domain: event.category().domain,
        aggregate: event.entity_key().unwrap(),
        occurred: Placement::of(&event, &receipt).occurred,
        json: json.to_owned(),
        sha256: event.identity().to_hex(),
        delivery_id: "d1".to_owned(),
        dispatch,
        dispatched_at,
        replay: None,
    }
}

/// Lists the reasons of what is in quarantine.
pub(crate) fn quarantine(receiver: &Receiver) -> Vec<String> {
    receiver.quarantine_reasons()
}

/// Creates an account that has an empty idempotency table and nothing else, with the clock that it shows.
pub(crate) fn idempotency_table() -> (Aws, Clock) {
    let aws = Aws::new(1);
    aws.create_table("idempotency", "id", None);
    let clock = clock(&aws);
    (aws, clock)
}

/// Makes an invocation that begins now, and holds what it claims for [`LEASE`].
pub(crate) fn invocation(aws: &Aws, request_id: &str) -> Invocation {
    Invocation {
        request_id: request_id.to_owned(),
        deadline: aws.clock().timestamp() + LEASE,
    }
}
