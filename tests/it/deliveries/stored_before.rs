//! Deliveries that an earlier attempt proved and stored, and that do not hold any longer when they are received again.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use pipeline::stores::keys::attributes::DISTRUSTED_AT;
use webhook_tests::deliveries::signing_key;
use webhook_tests::receiver::queue_name;

use super::*;
use crate::key_validity::note;
use crate::support::enqueue_events;

/// For so long a key is used without reading it again.
const KNOWN_FOR: Duration = Duration::from_secs(300);

/// Fails the next request of this kind on its way to `on`, with all its attempts.
fn fail(receiver: &Receiver, (service, operation): (Service, &str), on: &str) {
    for _ in 0..3 {
        let call = CallFilter::operation(service, operation).on(on);
        receiver.aws.inject(Fault::FailBeforeEffect, call);
    }
}

/// A receiver that has stored two events of a delivery and dispatched one of them, when their key is distrusted from before the
/// receipt on.
async fn half_dispatched() -> Receiver {
    let receiver = receiver(Policy::Flag).await;
    let distrusted = receiver.aws.clock().timestamp();
    receiver.aws.clock().advance(Duration::from_secs(60));
    let user = event("e1", "USER.CREATED", r#"{"id":"u1"}"#);
    let order = event("e2", "ORDER.NEW", r#"{"id":"o1","status":"NEW"}"#);
    enqueue_events(&receiver, &[user, order]).await;
    let send = (Service::Sqs, "SendMessageBatch");
    fail(&receiver, send, &queue_name(Domain::Orders));
    receiver.verify_and_store().await.unwrap();
    assert_eq!(receiver.stored("events"), ["e1", "e2"]);
    note(&receiver, DISTRUSTED_AT, distrusted).await;
    receiver.aws.clock().advance(KNOWN_FOR);
    receiver
}

fn waiting(receiver: &Receiver, domain: Domain) -> usize {
    receiver.aws.messages(&queue_name(domain)).len()
}

#[tokio::test(start_paused = true)]
async fn what_a_delivery_stored_is_dispatched_though_its_key_was_distrusted_between_two_receives() {
    let receiver = half_dispatched().await;
    assert_eq!(waiting(&receiver, Domain::Orders), 0);
    receiver.verify_and_store().await.unwrap();
    // Five minutes later SQS takes it for another message; the processor has its transition.
    assert_eq!(waiting(&receiver, Domain::Users), 2);
    assert_eq!(waiting(&receiver, Domain::Orders), 1);
    assert_eq!(quarantine(&receiver), [""; 0]);
    assert!(receiver.aws.messages(DELIVERIES).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_delivery_stored_is_dispatched_though_its_key_is_not_on_the_list_any_longer() {
    let other = signing_key(8).to_jwk().unwrap().thumbprint();
    let receiver = half_dispatched().await.with_pinned(other.parse().unwrap());
    receiver.verify_and_store().await.unwrap();
    assert_eq!(waiting(&receiver, Domain::Orders), 1);
    assert_eq!(quarantine(&receiver), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_not_refused_while_what_it_stored_before_cannot_be_found_out() {
    for call in [
        (Service::S3, "ListObjectsV2"),
        (Service::DynamoDb, "BatchGetItem"),
    ] {
        let receiver = half_dispatched().await;
        let on = match call.0 {
            Service::S3 => "archive",
            _ => "events",
        };
        // The first look into the archive is for what is pending.
        fail(&receiver, call, on);
        fail(&receiver, call, on);
        receiver.verify_and_store().await.unwrap();
        assert_eq!(quarantine(&receiver), [""; 0], "{call:?}");
        assert_eq!(receiver.aws.messages(DELIVERIES).len(), 1, "{call:?}");
        receiver.aws.heal();
        receiver.aws.clock().advance(KNOWN_FOR);
        receiver.verify_and_store().await.unwrap();
        assert_eq!(waiting(&receiver, Domain::Orders), 1, "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_proven_and_not_stored_is_refused_beside_what_is_dispatched() {
    let receiver = receiver(Policy::Flag).await;
    let distrusted = receiver.aws.clock().timestamp();
    receiver.aws.clock().advance(Duration::from_secs(60));
    let order = |number: u32| {
        let object = format!(r#"{{"id":"o{number}","status":"NEW"}}"#);
        event(&format!("e{number:02}"), "ORDER.NEW", &object)
    };
    // One more than are written at a time.
    enqueue_events(&receiver, &(0..26).map(order).collect::<Vec<_>>()).await;
    let insert = CallFilter::operation(Service::DynamoDb, "BatchExecuteStatement").on("events");
    receiver.aws.inject(Fault::CrashAfterEffect, insert);
    receiver.verify_and_store().await;
    let stored = receiver.stored("events").len();
    assert!((1..26).contains(&stored), "{stored}");
    note(&receiver, DISTRUSTED_AT, distrusted).await;
    receiver.aws.clock().advance(KNOWN_FOR);
    receiver.verify_and_store().await.unwrap();
    assert_eq!(waiting(&receiver, Domain::Orders), stored);
    assert_eq!(quarantine(&receiver), ["key-distrusted"]);
    assert_eq!(
        receiver.stored("events").len(),
        stored,
        "and nothing is stored now"
    );
}
