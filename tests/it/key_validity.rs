//! Keys that their owner does not use any longer, or that others may have.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pipeline::stores::archive::ArchivedDelivery;
use pipeline::stores::keys::attributes::{DISTRUSTED_AT, RETIRED_AT};
use verify_and_store::Policy;
use webhook_tests::deliveries::{body_of, envelope, sign};
use webhook_tests::receiver::Receiver;

use crate::support::{deliver_events, event, key, quarantine, receiver};

const A_WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// For so long a key is used without reading it again.
const KNOWN_FOR: Duration = Duration::from_secs(300);

pub(crate) async fn note(receiver: &Receiver, attribute: &str, at: Timestamp) {
    let (rows, at) = (receiver.rows("keys"), at.to_string());
    rows.set(key().key_id(), (attribute, &at)).await;
}

async fn deliver(receiver: &Receiver, id: &str) {
    let object = format!(r#"{{"id":"{id}","status":"NEW"}}"#);
    deliver_events(receiver, &[event(id, "ORDER.NEW", &object)]).await;
}

/// Sends an event's delivery to the queue as ingest does, with a receipt so long ago.
async fn send_as_received(receiver: &Receiver, id: &str, ago: SignedDuration) {
    let body = body_of(&[event(id, "ORDER.NEW", r#"{"id":"o1","status":"NEW"}"#)]);
    let headers = sign(&key(), body.as_bytes());
    let received_at = receiver.aws.clock().timestamp() - ago;
    let envelope = envelope(&headers, body.as_bytes(), uuid::Uuid::now_v7(), received_at);
    receiver.waiting_for_keys().queue.send(&envelope).await.unwrap();
    receiver.verify_and_store().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_retired_key_proves_for_a_week_more_and_no_longer() {
    let receiver = receiver(Policy::Flag).await;
    let retired = receiver.aws.clock().timestamp();
    note(&receiver, RETIRED_AT, retired).await;
    receiver.aws.clock().advance(A_WEEK - Duration::from_millis(1));
    deliver(&receiver, "e1").await;
    receiver.aws.clock().advance(Duration::from_millis(1));
    deliver(&receiver, "e2").await;
    assert_eq!(receiver.stored("events"), ["e1"]);
    assert_eq!(quarantine(&receiver), ["key-retired"]);
}

#[tokio::test(start_paused = true)]
async fn no_receipt_before_the_retirement_helps_a_retired_key_where_sqs_took_the_delivery_after_it() {
    for is_doubted in [true, false] {
        let receiver = receiver(Policy::Flag).await;
        let receiver = match is_doubted {
            true => receiver.doubting_ingest(),
            false => receiver,
        };
        note(&receiver, RETIRED_AT, receiver.aws.clock().timestamp()).await;
        receiver.aws.clock().advance(A_WEEK + Duration::from_secs(3600));
        send_as_received(&receiver, "e1", SignedDuration::from_hours(2)).await;
        // Without SQS's word, whoever stands at the door says as of when a delivery is verified.
        let expected: &[&str] = if is_doubted { &[] } else { &["e1"] };
        assert_eq!(receiver.stored("events"), expected);
        let expected: &[&str] = if is_doubted { &["key-retired"] } else { &[] };
        assert_eq!(quarantine(&receiver), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_receipt_that_is_not_believed_is_told_by_the_archive_and_verified_so_again() {
    let receiver = receiver(Policy::Flag).await.doubting_ingest();
    let sent = receiver.aws.clock().timestamp();
    send_as_received(&receiver, "e1", SignedDuration::from_mins(6)).await;
    assert_eq!(receiver.stored("events"), ["e1"]);
    let (_, object) = receiver.kept().pop_first().unwrap();
    let archived = ArchivedDelivery::parse(&object.bytes).unwrap();
    assert_eq!(archived.envelope.judged_at, Some(sent));
    assert_eq!(archived.flags, ["receipt-doubted"]);
    assert_eq!(archived.envelope.verified_as_of(), sent);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_trusted_proves_what_was_received_before_alone() {
    let receiver = receiver(Policy::Flag).await;
    deliver(&receiver, "e1").await;
    note(&receiver, DISTRUSTED_AT, receiver.aws.clock().timestamp()).await;
    receiver.aws.clock().advance(KNOWN_FOR);
    deliver(&receiver, "e2").await;
    assert_eq!(receiver.stored("events"), ["e1"]);
    assert_eq!(quarantine(&receiver), ["key-distrusted"]);
}
