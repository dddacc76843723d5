//! Keys that their owner does not use any longer, or that others may have.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::time::Duration;

use fake_aws::{CallFilter, Fault, Service};
use jiff::{SignedDuration, Timestamp};
use pipeline::stores::archive::ArchivedDelivery;
use pipeline::stores::keys::REFUSES_FOR;
use pipeline::stores::keys::attributes::{DISTRUSTED_AT, RETIRED_AT};
use upvest::signature::{Dialect, SigningKey};
use verify_and_store::Policy;
use webhook_tests::deliveries::{body_of, envelope, import_key, import_secret, sign, signing_key};
use webhook_tests::receiver::{DELIVERIES, Receiver};

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

/// Posts the delivery of an event, signed by this key.
async fn post_by(receiver: &Receiver, key: &SigningKey, id: &str) {
    let body = body_of(&[event(id, "ORDER.NEW", r#"{"id":"o1","status":"NEW"}"#)]);
    let headers = sign(key, body.as_bytes());
    assert_eq!(receiver.post(&headers, body.as_bytes()).await.unwrap().0, 200);
}

/// Counts the reads of the keys table since they were counted last.
fn reads_of_keys(receiver: &Receiver) -> usize {
    let calls = receiver.aws.calls().into_iter();
    let reads = calls.filter(|call| call.resource == "keys" && call.operation == "GetItem");
    let count = reads.count();
    receiver.aws.clear_calls();
    count
}

/// Delivers an event by the key that is known, and puts another one into its place.
async fn replaced() -> (Receiver, SigningKey) {
    let (receiver, other) = (receiver(Policy::Flag).await, signing_key(8));
    deliver(&receiver, "e1").await;
    import_key(&receiver.aws, other.to_jwk().unwrap()).await;
    receiver.aws.clock().advance(REFUSES_FOR);
    receiver.aws.clear_calls();
    (receiver, other)
}

#[tokio::test(start_paused = true)]
async fn a_key_proves_at_once_where_the_one_is_remembered_that_had_its_place() {
    let (receiver, other) = replaced().await;
    post_by(&receiver, &key(), "e2").await;
    receiver.verify_and_store().await.unwrap();
    assert_eq!(reads_of_keys(&receiver), 0, "what holds has no key read again");
    for id in ["e3", "e4", "e5"] {
        post_by(&receiver, &other, id).await;
    }
    receiver.verify_and_store().await.unwrap();
    assert_eq!(receiver.stored("events"), ["e1", "e2", "e3", "e4", "e5"]);
    assert_eq!(quarantine(&receiver), [""; 0]);
    assert_eq!(
        reads_of_keys(&receiver),
        2,
        "one of the row, and one of the earlier one"
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_trusted_again_proves_at_once_where_it_is_remembered_as_distrusted() {
    let receiver = receiver(Policy::Flag).await;
    note(&receiver, DISTRUSTED_AT, receiver.aws.clock().timestamp()).await;
    deliver(&receiver, "e1").await;
    assert_eq!(quarantine(&receiver), ["key-distrusted"]);
    let row = receiver.key_row(key().key_id()).await;
    assert!(receiver.keys().trust(&row).await.unwrap());
    receiver.aws.clock().advance(REFUSES_FOR);
    deliver(&receiver, "e2").await;
    assert_eq!(receiver.stored("events"), ["e2"]);
}

#[tokio::test(start_paused = true)]
async fn however_much_is_forged_by_a_known_key_it_is_read_again_every_few_seconds_at_most() {
    let receiver = receiver(Policy::Flag).await;
    deliver(&receiver, "e1").await;
    for _ in 0..3 {
        receiver.aws.clock().advance(REFUSES_FOR);
        receiver.aws.clear_calls();
        for number in 0..30 {
            post_by(&receiver, &signing_key(9), &format!("forged-{number}")).await;
        }
        while receiver.verify_and_store().await.is_some() {}
        assert_eq!(reads_of_keys(&receiver), 1);
    }
    assert_eq!(quarantine(&receiver).len(), 90);
    assert_eq!(receiver.stored("events"), ["e1"]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_hold_goes_back_while_its_key_cannot_be_read_again() {
    let (receiver, other) = replaced().await;
    post_by(&receiver, &other, "e2").await;
    let reads = CallFilter::operation(Service::DynamoDb, "GetItem").on("keys");
    for _ in 0..3 {
        receiver.aws.inject(Fault::Throttle, reads.clone());
    }
    receiver.verify_and_store().await.unwrap();
    assert_eq!(quarantine(&receiver), [""; 0]);
    assert_eq!(receiver.aws.messages(DELIVERIES).len(), 1, "it is tried again");
    receiver.drain().await;
    assert_eq!(receiver.stored("events"), ["e1", "e2"]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_cannot_be_read_is_asked_for_once_in_a_few_seconds_and_proves_all_that_waits() {
    const SECRET: &[u8] = b"a shared secret of some length";
    let receiver = receiver(Policy::Flag).await;
    import_secret(&receiver.aws, "shared", SECRET).await;
    let signer = SigningKey::hmac("shared", Dialect::UnquotedDigest, SECRET.to_vec().into()).unwrap();
    let deny = |denied: &[&str]| {
        let denied = denied.iter().map(|name| (*name).to_owned()).collect();
        receiver.aws.edit_account(|account| account.denied = denied);
    };
    deny(&["GetSecretValue"]);
    for number in 0..10 {
        let order = event(
            &format!("e{number}"),
            "ORDER.NEW",
            r#"{"id":"o1","status":"NEW"}"#,
        );
        let body = body_of(&[order]);
        receiver
            .post(&sign(&signer, body.as_bytes()), body.as_bytes())
            .await
            .unwrap();
    }
    for attempt in 1..=3 {
        receiver.verify_and_store().await.unwrap();
        let asked = receiver.aws.count(Service::SecretsManager, "GetSecretValue");
        assert_eq!(asked, attempt, "once for each batch");
        receiver.aws.clock().advance(KNOWN_FOR);
    }
    deny(&[]);
    receiver.verify_and_store().await.unwrap();
    assert_eq!(receiver.stored("events").len(), 10);
    assert!(receiver.aws.messages(DELIVERIES).is_empty() && quarantine(&receiver).is_empty());
}
