//! Failures of our own infrastructure: they use no message up, and end by themselves.

use webhook_tests::receiver::{CHANGES, DELIVERIES_DLQ, EFFECTS};

use super::*;
use crate::support::{deliver_events, process_all};

/// Writes of every kind.
const WRITES: [&str; 6] = [
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchExecuteStatement",
    "PutObject",
    "PutEvents",
];

fn deny(receiver: &Receiver, operations: &[&str]) {
    receiver.aws.edit_account(|account| {
        account.denied = operations
            .iter()
            .map(|operation| (*operation).to_owned())
            .collect();
    });
}

/// Lets everything run for so long, every ten seconds.
async fn run_for(receiver: &Receiver, seconds: u64) {
    for _ in 0..seconds / 10 {
        while receiver.verify_and_store().await.is_some() {}
        process_all(receiver).await;
        receiver.aws.clock().advance(Duration::from_secs(10));
    }
}

fn dead_letters(receiver: &Receiver) -> usize {
    let of_domains = receiver
        .domains()
        .map(|domain| receiver.aws.messages(&dead_letter_name(domain)).len());
    of_domains.sum::<usize>() + receiver.aws.messages(DELIVERIES_DLQ).len()
}

#[tokio::test(start_paused = true)]
async fn writes_that_are_denied_for_twenty_minutes_bury_nothing_and_all_is_applied_once() {
    let receiver = receiver(Policy::Flag).await;
    // Some events wait for their processor, some for verify-and-store.
    post_events(&receiver, &[order("e1", 1, "o1"), order("e2", 2, "o1")]).await;
    for (id, entity) in [("e3", "o1"), ("e4", "o2")] {
        enqueue_events(&receiver, &[order(id, 3, entity)]).await;
    }
    deny(&receiver, &WRITES);
    run_for(&receiver, 20 * 60).await;
    assert_eq!(
        (dead_letters(&receiver), receiver.aws.messages(EFFECTS).len()),
        (0, 0)
    );
    deny(&receiver, &[]);
    // The longest wait.
    run_for(&receiver, 310).await;
    assert_eq!((receiver.waiting(), dead_letters(&receiver)), (0, 0));
    assert_eq!(receiver.stored("events"), ["e1", "e2", "e3", "e4"]);
    let mut effects: Vec<String> = receiver
        .aws
        .messages(EFFECTS)
        .into_iter()
        .map(|message| message.body)
        .collect();
    effects.sort();
    assert_eq!(effects, ["e1", "e2", "e3", "e4"], "each acted once");
    assert_eq!(receiver.aws.published(CHANGES).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn failures_of_our_own_infrastructure_count_as_no_attempt() {
    let receiver = receiver(Policy::Flag).await;
    deny(&receiver, &["PutItem"]);
    deliver_events(&receiver, &[order("e1", 1, "o1")]).await;
    run_for(&receiver, 12 * 3600).await;
    let waiting = receiver.aws.messages(&queue_name(Domain::Orders));
    assert!(waiting[0].receive_count > 100, "{}", waiting[0].receive_count);
    receiver.effects.trouble("e1", Trouble::Fails);
    deny(&receiver, &[]);
    run_for(&receiver, 2 * 3600).await;
    let attempts = receiver.effects.runs_of("e1").len();
    assert_eq!((dead_letters(&receiver), attempts), (1, 10));
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_more_than_a_day_leaves_its_reason_with_the_message() {
    let receiver = receiver(Policy::Flag).await;
    deny(&receiver, &["PutEvents"]);
    deliver_events(&receiver, &[order("e1", 1, "o1")]).await;
    run_for(&receiver, 23 * 3600).await;
    assert_eq!(dead_letters(&receiver), 0);
    run_for(&receiver, 2 * 3600).await;
    let dead = receiver.aws.messages(&dead_letter_name(Domain::Orders));
    let reason = dead[0].attributes[REASON].string_value.clone().unwrap();
    assert!(
        reason.starts_with("publish-failed for 24 hours: change by event e1 was not published"),
        "{reason}"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_tried_again_while_its_attempt_cannot_be_recorded() {
    let receiver = receiver(Policy::Flag).await;
    receiver.effects.trouble("e1", Trouble::Fails);
    deliver_events(&receiver, &[order("e1", 1, "o1")]).await;
    deny(&receiver, &["UpdateItem"]);
    run_for(&receiver, 3600).await;
    assert_eq!(receiver.effects.runs_of("e1").len(), 1);
    deny(&receiver, &[]);
    receiver.effects.mend();
    run_for(&receiver, 310).await;
    assert_eq!((receiver.waiting(), receiver.effects.runs_of("e1").len()), (0, 2));
}
