//! What travels and what is stored, as it is written: everybody who reads a queue, a table, the archive or the bus
//! relies on these shapes. A change of one shows in its snapshot.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use fake_aws::{CallFilter, Fault, QueuedMessage, Service};
use insta::assert_snapshot;
use pipeline::stores::audit::AuditLog;
use serde_json::{Value, json};
use upvest::Domain;
use upvest::signature::Headers;
use verify_and_store::Policy;
use webhook_tests::deliveries::{body_of, sign};
use webhook_tests::effects::Trouble;
use webhook_tests::receiver::{CHANGES, DELIVERIES, KEY_REQUESTS, Receiver, dead_letter_name, queue_name};

use crate::support::{enqueue_events, event_at, key, process_all, receiver};

const ORDER: &str = r#"{"id":"o1","user_id":"u1","status":"FILLED","cash_amount":"10.00","currency":"EUR"}"#;

/// A receiver to which an order's event was posted. Its account, key and clock are the same in every run.
async fn receiver_with_delivery() -> Receiver {
    let receiver = receiver(Policy::Flag).await;
    enqueue_events(&receiver, &[event_at("e1", 1, "ORDER.FILLED", ORDER)]).await;
    receiver
}

/// A receiver that has processed the order's event.
async fn receiver_with_order() -> Receiver {
    let receiver = receiver_with_delivery().await;
    receiver.verify_and_store().await.unwrap();
    process_all(&receiver).await;
    receiver
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

/// Writes the only message of a queue, but for what SQS gives it.
fn message(receiver: &Receiver, queue: &str) -> String {
    let messages = receiver.aws.messages(queue);
    let [message] = messages.as_slice() else {
        panic!("{messages:?}")
    };
    let QueuedMessage {
        body,
        attributes,
        group,
        deduplication_id,
        ..
    } = message;
    pretty(&json!({
        "body": body,
        "attributes": attributes,
        "group": group,
        "deduplication_id": deduplication_id,
    }))
}

fn items(receiver: &Receiver, table: &str) -> String {
    pretty(&receiver.aws.items(table).into())
}

/// Writes the only object of the archive, under its key.
fn only_object(receiver: &Receiver) -> String {
    let mut objects = receiver.kept();
    let (key, object) = objects.pop_first().unwrap();
    assert!(objects.is_empty(), "{:?}", objects.keys());
    let object: Value = serde_json::from_slice(&object.bytes).unwrap();
    format!("{key}\n{}", pretty(&object))
}

#[tokio::test(start_paused = true)]
async fn an_envelope_is_the_delivery_and_attributes() {
    let receiver = receiver_with_delivery().await;
    assert_snapshot!(message(&receiver, DELIVERIES));
}

#[tokio::test(start_paused = true)]
async fn a_dispatched_event_is_its_json_and_attributes() {
    let receiver = receiver_with_delivery().await;
    receiver.verify_and_store().await.unwrap();
    assert_snapshot!(message(&receiver, &queue_name(Domain::Orders)));
}

#[tokio::test(start_paused = true)]
async fn ingest_answers_with_a_status_and_json() {
    let receiver = receiver(Policy::Flag).await;
    let body = body_of(&[event_at("e1", 1, "ORDER.FILLED", ORDER)]);
    let signed = sign(&key(), body.as_bytes());
    let mut answers = Vec::new();
    let mut post = async |headers: &Headers, body: &[u8]| {
        let (status, answer) = receiver.post(headers, body).await.unwrap();
        answers.push(format!("{status} {answer}"));
    };
    post(&signed, body.as_bytes()).await;
    post(&Headers::default(), body.as_bytes()).await;
    let sends = CallFilter::operation(Service::Sqs, "SendMessage");
    for _ in 0..3 {
        receiver.aws.inject(Fault::Throttle, sends.clone());
    }
    post(&signed, body.as_bytes()).await;
    assert_snapshot!(answers.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn a_verified_delivery_is_archived_with_how_it_was_proven() {
    assert_snapshot!(only_object(&receiver_with_order().await));
}

#[tokio::test(start_paused = true)]
async fn the_events_table_has_the_log() {
    assert_snapshot!(items(&receiver_with_order().await, "events"));
}

#[tokio::test(start_paused = true)]
async fn the_entities_table_has_the_state() {
    assert_snapshot!(items(&receiver_with_order().await, "entities"));
}

#[tokio::test(start_paused = true)]
async fn the_idempotency_table_has_the_record_of_an_action() {
    assert_snapshot!(items(&receiver_with_order().await, "idempotency"));
}

#[tokio::test(start_paused = true)]
async fn the_keys_table_has_what_verifies() {
    assert_snapshot!(items(&receiver_with_order().await, "keys"));
}

#[tokio::test(start_paused = true)]
async fn the_subscriptions_table_has_ours() {
    let receiver = Receiver::new(1, Policy::Flag).with_subscriptions(Policy::Flag);
    receiver
        .subscriptions()
        .adopt("5a3f1c1e-6b0d-4c64-9f1e-6a2f3b0f8a10")
        .await
        .unwrap();
    assert_snapshot!(items(&receiver, "subscriptions"));
}

#[tokio::test(start_paused = true)]
async fn the_audit_table_has_an_operation_with_what_came_of_it() {
    let receiver = receiver(Policy::Flag).await;
    let audit = audit_log(&receiver);
    let request = json!({"queues": ["orders"]});
    let operation = audit
        .begin("arn", "dlq redrive", "INC-42", request)
        .await
        .unwrap();
    audit
        .note_progress(operation.id, &json!({"redriven": 2}))
        .await
        .unwrap();
    audit.end(operation.id, &json!({"redriven": 3})).await.unwrap();
    // Chance outside of the account decides on the id.
    let id = operation.id.to_string();
    assert_snapshot!(items(&receiver, "audit").replace(&id, "<a UUID of version 7>"));
}

fn audit_log(receiver: &Receiver) -> AuditLog {
    AuditLog::new(
        receiver.aws.dynamodb().clone(),
        "audit".to_owned(),
        receiver.clock(),
    )
}

#[tokio::test(start_paused = true)]
async fn an_operation_begins_whose_record_was_written_and_not_answered() {
    let receiver = receiver(Policy::Flag).await;
    let insert = CallFilter::operation(Service::DynamoDb, "ExecuteStatement");
    receiver.aws.inject(Fault::LoseReply, insert);
    let audit = audit_log(&receiver);
    let begin = audit.begin("arn", "dlq redrive", "INC-42", json!({"queues": ["orders"]}));
    let operation = receiver.aws.invoke("operator", begin).await.unwrap().unwrap();
    assert_eq!(audit.operations().await.unwrap(), [operation]);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_asked_for_with_its_id() {
    let (receiver, _) = Receiver::new(1, Policy::Flag).with_key_requests();
    enqueue_events(&receiver, &[event_at("e1", 1, "ORDER.FILLED", ORDER)]).await;
    receiver.verify_and_store().await.unwrap();
    assert_snapshot!(message(&receiver, KEY_REQUESTS));
}

#[tokio::test(start_paused = true)]
async fn a_refused_delivery_is_in_quarantine_with_its_headers() {
    let receiver = receiver(Policy::Flag).await;
    let body = body_of(&[event_at("e1", 1, "ORDER.FILLED", ORDER)]);
    let signed = sign(&key(), b"another body");
    receiver.post(&signed, body.as_bytes()).await.unwrap();
    receiver.verify_and_store().await.unwrap();
    assert_snapshot!(only_object(&receiver));
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_carries_why_it_is_one() {
    let receiver = receiver_with_delivery().await;
    receiver.verify_and_store().await.unwrap();
    receiver.effects.trouble("e1", Trouble::Hopeless);
    process_all(&receiver).await;
    assert_snapshot!(message(&receiver, &dead_letter_name(Domain::Orders)));
}

#[tokio::test(start_paused = true)]
async fn a_change_is_published_with_what_it_was_before() {
    let published = receiver_with_order().await.aws.published(CHANGES);
    let [change] = published.as_slice() else {
        panic!("{published:?}")
    };
    let detail: Value = serde_json::from_str(&change.detail).unwrap();
    assert_snapshot!(pretty(&json!({
        "source": change.source,
        "detail-type": change.detail_type,
        "resources": change.resources,
        "detail": detail,
    })));
}
