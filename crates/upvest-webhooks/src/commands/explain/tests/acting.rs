//! Actions that ran, failed, were stopped, or ran for something else.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_failed_action_is_told() {
    let signed = Deployment::new().await;
    signed.receiver.effects.trouble("e1", Trouble::Fails);
    signed.deliver(&[order("e1", 1, "NEW")]).await;
    let explanation = explain(&signed, "e1").await;
    let failed = "entity ORDER#o1: an action for event e1, or its publication, failed";
    assert_finding(&explanation, failed);
    assert!(explanation.events[0].unfinished && explanation.events[0].actions.is_empty());
    let text = explain(&signed, "ORDER#o1").await.text();
    assert!(text.contains("✗ unfinished  e1"), "{text}");
    // Also when the event itself is not shown.
    signed.receiver.aws.clock().advance(Duration::from_secs(1));
    signed.store(&[order("e2", 2, "FILLED")]).await;
    assert_finding(&explain(&signed, "ORDER#o1 --limit 1").await, failed);
    signed.receiver.effects.mend();
    signed.receiver.drain().await;
    assert_holds(&explain(&signed, "e1").await);
}

#[tokio::test(start_paused = true)]
async fn an_action_that_was_stopped_is_in_progress_until_its_lease_ends() {
    let signed = Deployment::new().await;
    signed.store(&[order("e1", 1, "NEW")]).await;
    let complete = CallFilter::operation(Service::DynamoDb, "UpdateItem").on("idempotency");
    signed.receiver.aws.inject(Fault::CrashBeforeEffect, complete);
    signed.receiver.process(Domain::Orders).await;
    let explanation = explain(&signed, "e1").await;
    assert_eq!(
        explanation.events[0].actions[0].state,
        pipeline::stores::idempotency::RecordState::InProgress
    );
    assert_holds_but_for_lease(&explanation);
    signed.receiver.aws.clock().advance(Duration::from_secs(31));
    let explanation = explain(&signed, "e1").await;
    assert_eq!(
        explanation.events[0].actions[0].state,
        pipeline::stores::idempotency::RecordState::Abandoned
    );
    assert_finding(
        &explanation,
        "the action orders/change was stopped before its end",
    );
}

#[track_caller]
fn assert_holds_but_for_lease(explanation: &Explanation) {
    assert_holds(explanation);
    let text = explanation.text();
    assert!(
        text.contains("? action      orders/change in progress, until 2026-01-01T00:00:30Z at most"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_expired_record_says_nothing_any_more() {
    let (signed, _) = with_order().await;
    signed
        .receiver
        .aws
        .clock()
        .advance(Duration::from_secs(91 * 24 * 3600));
    let explanation = explain(&signed, "e1").await;
    assert_holds(&explanation);
    let text = explanation.text();
    assert!(
        text.contains("? action      record of orders/change expired on 2026-04-01T00:00:00Z"),
        "{text}"
    );
    for item in signed.receiver.aws.items("idempotency") {
        let delete = signed
            .receiver
            .aws
            .dynamodb()
            .delete_item()
            .table_name("idempotency");
        let id = item["id"]["S"].as_str().unwrap().to_owned();
        let id = aws_sdk_dynamodb::types::AttributeValue::S(id);
        delete.key("id", id).send().await.unwrap();
    }
    let explanation = explain(&signed, "e1").await;
    assert_holds(&explanation);
    assert!(
        explanation.text().contains("? action      no record"),
        "{}",
        explanation.text()
    );
}

#[tokio::test(start_paused = true)]
async fn an_action_that_ran_for_other_content_is_told() {
    let (signed, _) = with_order().await;
    signed
        .set("idempotency", ("id", "orders/change#e1"), ("validation", "00"))
        .await;
    assert_finding(
        &explain(&signed, "e1").await,
        "event e1: the action orders/change ran for other content than the log has",
    );
}
