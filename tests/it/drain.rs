//! Emptying a stack before it is deleted: deliveries wait at Upvest, and what is in the stack runs out.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::cell::RefCell;
use std::time::Duration;

use operator::drain::{Drained, QueueRemains, drain, resume};
use operator::repair::Repair;
use operator::{Progress, Queue, Reporter};
use upvest::Domain;
use webhook_tests::deployment::Deployment;
use webhook_tests::receiver::DELIVERIES_DLQ;

use crate::support::{enqueue_events, event, process_all};

const INGEST: &str = "upvest-webhooks-IngestFunction-1";

async fn deployed() -> Deployment {
    let deployment = Deployment::new().await;
    deployment.receiver.aws.edit_account(|account| {
        let names = ("IngestFunction".to_owned(), INGEST.to_owned());
        account
            .stack_resources
            .push(("AWS::Lambda::Function", names.0, names.1));
    });
    for id in ["o1", "o2"] {
        let object = format!(r#"{{"id":"{id}","status":"NEW"}}"#);
        enqueue_events(&deployment.receiver, &[event(id, "ORDER.NEW", &object)]).await;
    }
    deployment
}

fn is_stopped(deployment: &Deployment) -> bool {
    let mut stopped = false;
    let aws = &deployment.receiver.aws;
    aws.edit_account(|account| stopped = account.switched_off.contains(INGEST));
    stopped
}

fn remains(queue: Queue, messages: u64) -> Vec<QueueRemains> {
    vec![QueueRemains { queue, messages }]
}

async fn drained(deployment: &Deployment, seconds: u64) -> Drained {
    let patience = Duration::from_secs(seconds);
    drain(&deployment.repair(false), patience, |_| Ok(true))
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn deliveries_are_stopped_and_what_is_left_is_told_until_nothing_is() {
    let deployment = deployed().await;
    let dry_run = drain(&deployment.repair(true), Duration::ZERO, |_| Ok(true))
        .await
        .unwrap();
    assert_eq!(dry_run.queues, remains(Queue::Deliveries, 2));
    assert!(!is_stopped(&deployment), "a dry run stops nothing");

    let report = drained(&deployment, 30).await;
    assert!(is_stopped(&deployment));
    assert_eq!(
        (report.queues.clone(), report.is_empty()),
        (remains(Queue::Deliveries, 2), false)
    );

    deployment.receiver.verify_and_store().await.unwrap();
    assert_eq!(
        drained(&deployment, 30).await.queues,
        remains(Queue::Domain(Domain::Orders), 2)
    );

    // It runs out while the command waits.
    let begin = tokio::time::Instant::now();
    let work = async {
        tokio::time::sleep(Duration::from_secs(25)).await;
        process_all(&deployment.receiver).await;
    };
    let (report, ()) = tokio::join!(drained(&deployment, 3_600), work);
    assert!(report.is_empty() && report.ending.is_good());
    let took = begin.elapsed().as_secs();
    assert!(
        (80..120).contains(&took),
        "all queues look empty for a minute: {took} s"
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_interrupts_the_wait_was_shown_how_to_have_deliveries_taken_again() {
    let deployment = deployed().await;
    let notes = RefCell::new(Vec::new());
    let take = |progress: Progress<'_>| {
        if let Progress::Note(note) = progress {
            notes.borrow_mut().push(note.to_owned());
        }
    };
    let repair = Repair {
        reporter: Reporter::new(&take),
        ..deployment.repair(false)
    };
    let wait = drain(&repair, Duration::from_secs(3_600), |_| Ok(true));
    let interrupted = tokio::time::timeout(Duration::from_secs(5), wait).await;
    assert!(interrupted.is_err(), "there is something to wait for");
    assert!(is_stopped(&deployment));
    let notes = notes.borrow();
    assert!(
        notes
            .iter()
            .any(|note| note.contains("upvest-webhooks drain --resume")),
        "{notes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn dead_letters_and_what_is_pending_are_left_too() {
    let deployment = deployed().await;
    let receiver = &deployment.receiver;
    let message = receiver
        .aws
        .messages(webhook_tests::receiver::DELIVERIES)
        .remove(0);
    deployment.copy_to(DELIVERIES_DLQ, &message).await;
    receiver.drain_dead_letters().await;
    receiver.verify_and_store().await.unwrap();
    process_all(receiver).await;
    let report = drained(&deployment, 3_600).await;
    assert_eq!((&report.queues, report.pending), (&Vec::new(), 1));
    assert_eq!(report.dead_letters, remains(Queue::Deliveries, 1));
    assert!(!report.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_does_not_name_a_queue_is_not_taken_for_empty() {
    let mut deployment = deployed().await;
    deployment.receiver.verify_and_store().await.unwrap();
    deployment.remove_output("OrdersQueueUrl");
    let looked = drain(&deployment.repair(true), Duration::ZERO, |_| Ok(true)).await;
    let error = looked.unwrap_err().to_string();
    assert!(error.contains("has no output OrdersQueueUrl"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn deliveries_are_given_back_and_both_are_audited() {
    let deployment = deployed().await;
    drained(&deployment, 0).await;
    let resumed = resume(&deployment.repair(false), None, |ingest| Ok(ingest == INGEST)).await;
    assert!(resumed.unwrap().ending.is_good());
    assert!(!is_stopped(&deployment));
    assert_eq!(deployment.receiver.operations().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_second_drain_forgets_no_reserved_concurrency() {
    let deployment = deployed().await;
    let aws = &deployment.receiver.aws;
    let reserved = || {
        let mut reserved = None;
        aws.edit_account(|account| reserved = account.reserved_concurrency.get(INGEST).copied());
        reserved
    };
    aws.edit_account(|account| {
        let parameter = "IngestReservedConcurrency".to_owned();
        account.stack_parameters.insert(parameter, "50".to_owned());
        account.reserved_concurrency.insert(INGEST.to_owned(), 50);
    });
    for time in ["first", "second"] {
        let report = drained(&deployment, 0).await;
        assert_eq!(report.concurrency, Some(50), "{time}");
        assert!(
            report.resumption().contains("--resume --concurrency 50"),
            "{time}"
        );
        assert_eq!((is_stopped(&deployment), reserved()), (true, None), "{time}");
    }
    let resumed = resume(&deployment.repair(false), None, |_| Ok(true)).await;
    assert_eq!(resumed.unwrap().concurrency, Some(50));
    assert_eq!((is_stopped(&deployment), reserved()), (false, Some(50)));
}
