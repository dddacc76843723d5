//! The largest delivery that is taken: what it holds at a time, in requests and in memory.

use fake_aws::Service;
use pipeline::queues::domains;
use pipeline::stores::events;
use upvest::delivery::{MAX_BODY_BYTES, MAX_EVENTS};
use upvest::signature::SignatureOptions;
use verify_and_store::Policy;
use webhook_tests::receiver::Receiver;

use crate::support::{COVERED, event, key, receiver, sign_with};

/// As many events as a delivery may have, in two domains.
fn body() -> String {
    let events: Vec<String> = (0..MAX_EVENTS)
        .map(|number| match number % 2 {
            0 => event(
                &format!("e{number}"),
                "ORDER.NEW",
                &format!(r#"{{"id":"o{}"}}"#, number % 5_000),
            ),
            _ => event(
                &format!("e{number}"),
                "USER.CREATED",
                &format!(r#"{{"id":"u{number}"}}"#),
            ),
        })
        .collect();
    format!("[{}]", events.join(","))
}

async fn handle(receiver: &Receiver, body: &str) {
    let headers = sign_with(&key(), body.as_bytes(), &SignatureOptions::new(COVERED));
    let answer = receiver.post(&headers, body.as_bytes()).await;
    assert!(answer.is_ok_and(|answer| answer.0 == 200));
    receiver.aws.clear_calls();
    assert!(receiver.verify_and_store().await.is_some());
    let (requests, bytes) = receiver.aws.most_under_way(Service::DynamoDb);
    assert!(requests <= events::AT_A_TIME, "{requests} requests at a time");
    assert!(bytes <= events::AT_A_TIME * 25 * 1_024, "{bytes} bytes at a time");
    let (requests, bytes) = receiver.aws.most_under_way(Service::Sqs);
    assert!(requests <= domains::AT_A_TIME, "{requests} requests at a time");
    assert!(
        bytes <= domains::AT_A_TIME * 20 * 1_024,
        "{bytes} bytes at a time"
    );
}

#[tokio::test(start_paused = true)]
async fn a_delivery_of_twenty_thousand_events_has_few_requests_under_way() {
    let receiver = receiver(Policy::Flag).await;
    let body = body();
    assert!(body.len() <= MAX_BODY_BYTES);
    handle(&receiver, &body).await;
    let count = |service, operation| receiver.aws.count(service, operation);
    assert_eq!(count(Service::DynamoDb, "BatchExecuteStatement"), MAX_EVENTS / 25);
    // Each lane of a queue may end with a request that is not full.
    let sends = count(Service::Sqs, "SendMessageBatch");
    assert!(
        (MAX_EVENTS / 10..=MAX_EVENTS / 10 + 16).contains(&sends),
        "{sends}"
    );
    assert_eq!(receiver.aws.messages("orders.fifo").len(), MAX_EVENTS / 2);
    assert_eq!(receiver.aws.messages("users.fifo").len(), MAX_EVENTS / 2);
    // Upvest sends it once more: now the owners of all its events are read.
    handle(&receiver, &body).await;
    assert_eq!(
        receiver.aws.count(Service::DynamoDb, "BatchGetItem"),
        MAX_EVENTS / 100
    );
    assert_eq!(receiver.aws.messages("orders.fifo").len(), MAX_EVENTS / 2);
    assert_eq!(receiver.aws.items("events").len(), MAX_EVENTS);
}
