//! Nothing that was answered exists in SQS alone: what an attempt did not settle lies under `pending/`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::time::Duration;

use fake_aws::{CallFilter, Fault, Service};
use operator::{Queue, dlq};
use pipeline::queues::deliveries::DeliveriesQueue;
use pipeline::runtime::metrics;
use verify_and_store::Policy;
use webhook_tests::deployment::Deployment;
use webhook_tests::metrics::Measured;
use webhook_tests::receiver::{DELIVERIES, DELIVERIES_DLQ, Receiver};

use crate::support::{enqueue_events, event, process_all, receiver};

fn order(id: &str) -> String {
    event(id, "ORDER.NEW", &format!(r#"{{"id":"{id}","status":"NEW"}}"#))
}

fn pending(receiver: &Receiver) -> usize {
    receiver.aws.objects("pending").len()
}

/// Fails the next request of this kind, with all its attempts.
fn deny(receiver: &Receiver, service: Service, operation: &str) {
    for _ in 0..3 {
        let call = CallFilter::operation(service, operation).by("verify-and-store");
        receiver.aws.inject(Fault::FailBeforeEffect, call);
    }
}

async fn attempt(receiver: &Receiver) {
    receiver.aws.clock().advance(Duration::from_secs(900));
    receiver.verify_and_store().await.unwrap();
}

/// A delivery that the first attempt could not even read a key for.
async fn failed_once() -> Receiver {
    let receiver = receiver(Policy::Flag).await;
    enqueue_events(&receiver, &[order("o1")]).await;
    deny(&receiver, Service::DynamoDb, "GetItem");
    attempt(&receiver).await;
    assert_eq!(
        pending(&receiver),
        0,
        "the first attempt writes nothing but the archive"
    );
    receiver
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_in_s3_before_the_second_attempt_at_it_and_gone_after_it_succeeded() {
    let receiver = failed_once().await;
    deny(&receiver, Service::DynamoDb, "GetItem");
    let before = receiver.aws.calls().len();
    attempt(&receiver).await;
    assert_eq!(pending(&receiver), 1);
    let calls = receiver.aws.calls().split_off(before);
    let own = calls
        .iter()
        .filter(|call| call.invocation.as_deref() == Some("verify-and-store"));
    let put = own
        .clone()
        .position(|call| call.operation == "PutObject")
        .unwrap();
    let read = own.clone().position(|call| call.operation == "GetItem").unwrap();
    assert!(put < read, "before anything else is tried");
    attempt(&receiver).await;
    assert_eq!(pending(&receiver), 0);
    assert_eq!(receiver.stored("events"), ["o1"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_archive_has_is_not_pending_too() {
    let receiver = receiver(Policy::Flag).await;
    enqueue_events(&receiver, &[order("o1")]).await;
    for _ in 0..2 {
        deny(&receiver, Service::DynamoDb, "BatchExecuteStatement");
        attempt(&receiver).await;
        assert_eq!(receiver.aws.objects("archive").len(), 1);
        assert_eq!(pending(&receiver), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_put_that_fails_is_counted_and_the_attempt_goes_on() {
    let receiver = failed_once().await;
    let measured = Measured::default();
    let _guard = ::metrics::set_default_local_recorder(&measured);
    // The first request to S3 is the look into the archive; the put has three attempts.
    deny(&receiver, Service::S3, "PutObject");
    attempt(&receiver).await;
    assert_eq!(measured.values(metrics::PENDING_FAILED, &[]), [1.0]);
    assert_eq!(receiver.stored("events"), ["o1"]);
    assert_eq!(receiver.aws.messages(DELIVERIES).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_queue_itself_moved_to_the_dead_letters_is_drained_and_stays_there() {
    let receiver = receiver(Policy::Flag).await;
    for id in 0..25 {
        enqueue_events(&receiver, &[order(&format!("o{id}"))]).await;
        receiver.aws.clock().advance(Duration::from_millis(1));
    }
    // Nobody works on them: each receive is that of a process that died.
    while !receiver.aws.messages(DELIVERIES).is_empty() {
        let url = receiver
            .aws
            .sqs()
            .get_queue_url()
            .queue_name(DELIVERIES)
            .send()
            .await;
        let receive = receiver.aws.sqs().receive_message().max_number_of_messages(10);
        receive
            .set_queue_url(url.unwrap().queue_url)
            .send()
            .await
            .unwrap();
        receiver.aws.clock().advance(Duration::from_secs(60));
    }
    assert_eq!(receiver.aws.messages(DELIVERIES_DLQ).len(), 25);
    for _ in 0..2 {
        receiver.drain_dead_letters().await;
        assert_eq!(pending(&receiver), 25);
    }
    let visible = receiver.aws.messages(DELIVERIES_DLQ).len();
    assert_eq!(visible, 25, "a person settles them");

    // SQS has forgotten them, and each is sent again: once, whatever else is sent.
    receiver.aws.clock().advance(Duration::from_secs(14 * 24 * 3600));
    let url = receiver
        .aws
        .sqs()
        .get_queue_url()
        .queue_name(DELIVERIES)
        .send()
        .await;
    let url = url.unwrap().queue_url.unwrap();
    let queue = DeliveriesQueue::new(receiver.aws.sqs().clone(), url);
    let waiting = receiver.pending();
    for listed in waiting.list().await.unwrap() {
        let message = waiting.read(&listed.id).await.unwrap().unwrap();
        queue.send_pending(&message).await.unwrap();
        queue.send_pending(&message).await.unwrap();
    }
    while receiver.verify_and_store().await.is_some() {}
    process_all(&receiver).await;
    assert_eq!(receiver.stored("events").len(), 25);
    assert_eq!(receiver.effects.runs().len(), 25);
    assert_eq!(
        pending(&receiver),
        0,
        "a success removes it at the first receive too"
    );
}

#[tokio::test(start_paused = true)]
async fn an_operator_sends_again_what_sqs_has_forgotten_and_it_is_removed_when_it_is_handled() {
    let deployment = Deployment::new().await;
    let receiver = &deployment.receiver;
    enqueue_events(receiver, &[order("o1")]).await;
    for _ in 0..2 {
        deny(receiver, Service::DynamoDb, "GetItem");
        attempt(receiver).await;
    }
    deployment.lose(DELIVERIES).await;
    let listed = receiver.pending().list().await.unwrap();
    let clock = crate::upvest::clock(&receiver.aws);
    let shown = dlq::pending(&deployment.stack, 10, clock.now()).await.unwrap();
    assert_eq!(shown.pending[0].id, listed[0].id);
    let repair = deployment.repair(false);
    let ids = ["other".to_owned()];
    let none = dlq::resend(&repair, &ids, |_| Ok(true)).await.unwrap();
    assert_eq!((none.resent.len(), none.missing.len()), (0, 1));
    let sent = dlq::resend(&repair, &[], |count| Ok(count == 1)).await.unwrap();
    assert_eq!(sent.resent, [listed[0].id.clone()]);
    assert_eq!(pending(receiver), 1, "until it is handled");
    receiver.verify_and_store().await.unwrap();
    assert_eq!(pending(receiver), 0);
    assert_eq!(receiver.stored("events"), ["o1"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_redriven_and_handled_is_pending_no_more_though_it_is_received_for_the_first_time() {
    let deployment = Deployment::new().await;
    let receiver = &deployment.receiver;
    enqueue_events(receiver, &[order("o1")]).await;
    let message = receiver.aws.messages(DELIVERIES).remove(0);
    deployment.copy_to(DELIVERIES_DLQ, &message).await;
    deployment.lose(DELIVERIES).await;
    receiver.drain_dead_letters().await;
    assert_eq!(pending(receiver), 1);
    receiver.aws.clock().advance(Duration::from_secs(60));
    let all = dlq::Selection {
        queues: vec![Queue::Deliveries],
        ids: Vec::new(),
        filter: dlq::Filter::default(),
    };
    let sent = dlq::redrive(&deployment.repair(false), &all, |_| Ok(true))
        .await
        .unwrap();
    assert!(sent.ending.is_good());
    receiver.verify_and_store().await.unwrap();
    assert_eq!(
        (receiver.stored("events"), pending(receiver)),
        (vec!["o1".to_owned()], 0)
    );
}
