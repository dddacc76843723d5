//! A message that ends its process: it ends up alone, and then in the dead-letter queue, and takes nobody along.

use std::collections::BTreeSet;

use fake_aws::lambda::Settlement;
use webhook_tests::deliveries::{body_of, envelope, sign};
use webhook_tests::receiver::EFFECTS;

use super::*;

/// Is longer than a queue hides a message.
const HIDDEN: Duration = Duration::from_secs(181);

fn effects(receiver: &Receiver) -> BTreeSet<String> {
    let messages = receiver.aws.messages(EFFECTS).into_iter();
    messages.map(|message| message.body).collect()
}

fn reasons(receiver: &Receiver, dead_letters: &str) -> Vec<String> {
    let dead = receiver.aws.messages(dead_letters).into_iter();
    dead.map(|message| message.attributes[REASON].string_value.clone().unwrap())
        .collect()
}

fn ten_orders() -> Vec<String> {
    (0..10)
        .map(|number| order(&format!("e{number}"), number, &format!("o{number}")))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_action_that_ends_its_process_ends_up_alone_and_then_among_the_dead_letters() {
    let receiver = receiver(Policy::Flag).await;
    let queue = queue_name(Domain::Orders);
    receiver.effects.trouble("e4", Trouble::Kills);
    post_events(&receiver, &ten_orders()).await;
    // Together with its neighbours; then after those before it; then last, when all others are deleted.
    for _ in 0..3 {
        assert_eq!(receiver.process(Domain::Orders).await, Some(Settlement::Crashed));
        receiver.aws.clock().advance(HIDDEN);
    }
    assert_eq!(waiting(&receiver, &queue), ["e4"]);
    let neighbours: BTreeSet<String> = (0..10).filter(|id| *id != 4).map(|id| format!("e{id}")).collect();
    assert_eq!(effects(&receiver), neighbours);
    let mut deaths = 3;
    while let Some(Settlement::Crashed) = receiver.process(Domain::Orders).await {
        receiver.aws.clock().advance(HIDDEN);
        deaths += 1;
    }
    // Once without a record, and the ten attempts that count.
    assert_eq!(deaths, 11);
    assert_eq!(waiting(&receiver, &queue), [""; 0]);
    let reasons = reasons(&receiver, &dead_letter_name(Domain::Orders));
    assert!(
        matches!(&reasons[..], [reason] if reason.starts_with("process-died in 10 attempts")),
        "{reasons:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_that_ended_its_process_is_told_as_the_change_that_it_is_when_it_is_redriven() {
    let receiver = receiver(Policy::Flag).await;
    let filled = event_at("e2", 2, "ORDER.FILLED", r#"{"id":"o1","status":"FILLED"}"#);
    receiver.effects.trouble("e1", Trouble::Kills);
    post_events(&receiver, &[order("e1", 1, "o1"), filled]).await;
    while !waiting(&receiver, &queue_name(Domain::Orders)).is_empty() {
        receiver.process(Domain::Orders).await;
        receiver.aws.clock().advance(HIDDEN);
    }
    assert_eq!(effects(&receiver), ["e2".to_owned()].into());
    receiver.effects.mend();
    // The entity keeps the transitions of the last events alone.
    let settled = event_at("e3", 3, "ORDER.SETTLED", r#"{"id":"o1","status":"SETTLED"}"#);
    post_events(&receiver, &[settled]).await;
    receiver.process(Domain::Orders).await.unwrap();
    receiver.aws.redrive(&dead_letter_name(Domain::Orders));
    receiver.process(Domain::Orders).await.unwrap();
    let runs = receiver.effects.runs_of("e1");
    let told = runs.last().unwrap();
    assert_eq!((told.returned, told.late), (true, false));
    assert_eq!(told.status, (None, Some("NEW".to_owned())));
    assert_eq!(receiver.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_its_process_a_few_times_only_is_handled_and_leaves_no_record() {
    let receiver = receiver(Policy::Flag).await;
    receiver.effects.trouble("e1", Trouble::Kills);
    post_events(&receiver, &[order("e1", 1, "o1")]).await;
    for _ in 0..4 {
        receiver.process(Domain::Orders).await;
        receiver.aws.clock().advance(HIDDEN);
    }
    receiver.effects.mend();
    receiver.process(Domain::Orders).await.unwrap();
    assert_eq!(
        (effects(&receiver), receiver.waiting()),
        (["e1".to_owned()].into(), 0)
    );
    assert_eq!(receiver.stored("idempotency"), ["orders#e1"]);
}

#[tokio::test(start_paused = true)]
async fn of_several_suspects_one_is_tried_in_an_invocation() {
    let receiver = receiver(Policy::Flag).await;
    for id in ["e1", "e2"] {
        receiver.effects.trouble(id, Trouble::Kills);
        post_events(&receiver, &[order(id, 1, id)]).await;
        // Each kills its own process, once without a record and once with one.
        for _ in 0..2 {
            receiver.process(Domain::Orders).await.unwrap();
            receiver.aws.clock().advance(HIDDEN);
        }
    }
    receiver.effects.mend();
    let Some(Settlement::Partial { deleted, kept }) = receiver.process(Domain::Orders).await else {
        panic!("nothing kills it any longer");
    };
    assert_eq!((deleted.len(), kept.len()), (1, 1));
    receiver.aws.clock().advance(Duration::from_secs(10));
    receiver.process(Domain::Orders).await.unwrap();
    assert_eq!(receiver.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_suspect_is_not_tried_while_what_is_done_is_still_in_the_queue() {
    let receiver = receiver(Policy::Flag).await;
    receiver.effects.trouble("e2", Trouble::Kills);
    post_events(&receiver, &[order("e1", 1, "o1"), order("e2", 1, "o2")]).await;
    for _ in 0..2 {
        receiver.process(Domain::Orders).await;
        receiver.aws.clock().advance(HIDDEN);
    }
    let runs = receiver.effects.runs_of("e2").len();
    let delete = CallFilter::operation(Service::Sqs, "DeleteMessageBatch");
    receiver.aws.inject(Fault::Partial, delete);
    let settled = receiver.process(Domain::Orders).await;
    assert!(matches!(settled, Some(Settlement::Partial { .. })), "{settled:?}");
    assert_eq!(receiver.effects.runs_of("e2").len(), runs);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_ends_its_process_takes_no_other_along() {
    let receiver = receiver(Policy::Flag).await;
    for id in ["e1", "e2"] {
        enqueue_events(&receiver, &[order(id, 1, id)]).await;
    }
    // The second of them, once it is handled after the first.
    let dies = async |receiver: &Receiver, after| {
        let put = CallFilter::operation(Service::S3, "PutObject")
            .on("archive")
            .after(after);
        receiver.aws.inject(Fault::CrashBeforeEffect, put);
        let settled = receiver.verify_and_store().await;
        receiver.aws.clock().advance(HIDDEN);
        settled == Some(Settlement::Crashed)
    };
    for after in [1, 1, 1] {
        assert!(dies(&receiver, after).await);
    }
    assert_eq!(receiver.aws.messages(DELIVERIES).len(), 1, "the other is deleted");
    assert_eq!(receiver.stored("events"), ["e1"]);
    let mut deaths = 3;
    while dies(&receiver, 0).await {
        deaths += 1;
    }
    assert_eq!(deaths, 11);
    let reasons = reasons(&receiver, DELIVERIES_DLQ);
    assert!(
        matches!(&reasons[..], [reason] if reason.starts_with("process-died in 10 attempts")),
        "{reasons:?}"
    );
    receiver.aws.heal();
    receiver.aws.redrive(DELIVERIES_DLQ);
    receiver.verify_and_store().await.unwrap();
    assert_eq!(receiver.stored("events"), ["e1", "e2"]);
}

#[tokio::test(start_paused = true)]
async fn two_messages_of_a_delivery_that_ends_its_process_are_both_given_up() {
    let receiver = receiver(Policy::Flag).await;
    let body = body_of(&[order("poison", 1, "o1")]);
    let (headers, now) = (sign(&key(), body.as_bytes()), receiver.aws.clock().timestamp());
    let poison = envelope(&headers, body.as_bytes(), uuid::Uuid::now_v7(), now);
    // As when one operator redrives it, and another one sends it again.
    for _ in 0..2 {
        receiver.waiting_for_keys().queue.send(&poison).await.unwrap();
    }
    enqueue_events(&receiver, &[order("e1", 1, "o2")]).await;
    let put = CallFilter::operation(Service::S3, "PutObject").on("archive");
    let day = Duration::from_secs(24 * 3600);
    receiver
        .aws
        .begin_outage(Fault::CrashBeforeEffect, put.carrying("poison"), day);
    let mut deaths = 0;
    for _ in 0..100 {
        let settled = receiver.verify_and_store().await;
        deaths += usize::from(settled == Some(Settlement::Crashed));
        receiver.aws.clock().advance(HIDDEN);
        let are_alone = receiver.stored("events") == ["e1"];
        assert!(
            are_alone || deaths <= 3,
            "its neighbour is taken along for the {deaths}th time"
        );
    }
    assert_eq!(receiver.aws.messages(DELIVERIES).len(), 0);
    let reasons = reasons(&receiver, DELIVERIES_DLQ);
    let is_told = |reason: &String| reason.starts_with("process-died in 10 attempts");
    assert!(reasons.len() == 2 && reasons.iter().all(is_told), "{reasons:?}");
    assert!(deaths <= 21, "{deaths} deaths");
}
