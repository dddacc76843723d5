//! Actions that ran, failed, were stopped, or ran for something else.

use pipeline::stores::idempotency::attributes::VALIDATION;
use webhook_tests::effects::Trouble;

use super::*;

#[tokio::test(start_paused = true)]
async fn an_action_that_failed_leaves_no_record_and_its_change_is_kept_to_be_resumed() {
    let signed = Deployment::new().await;
    signed.receiver.effects.trouble("e1", Trouble::Fails);
    signed.deliver(&[order("e1", 1, "NEW")]).await;
    let explanation = explain(&signed, "e1").await;
    let event = &explanation.events[0];
    assert!(event.actions.is_empty());
    assert_eq!(event.step.as_ref().unwrap().sent_again, Effect::Resume);
    assert_eq!(explanation.entity.as_ref().unwrap().transitions, ["e1"]);
    let text = explanation.text();
    for expected in [
        "  keeps       the changes of e1",
        "? action      no record",
        "not so while its attempt is under way, or its message is in the queue",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    signed.receiver.effects.mend();
    signed.receiver.drain().await;
    assert!(
        explain(&signed, "e1")
            .await
            .text()
            .contains("✓ action      orders completed")
    );
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
    assert_finding(&explanation, "the action orders was stopped before its end");
}

#[track_caller]
fn assert_holds_but_for_lease(explanation: &Explanation) {
    assert_holds(explanation);
    let text = explanation.text();
    assert!(
        text.contains("? action      orders in progress, until 2026-01-01T00:00:30Z at most"),
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
        text.contains("? action      record of orders expired on 2026-04-01T00:00:00Z"),
        "{text}"
    );
    for id in signed.receiver.stored("idempotency") {
        signed.delete("idempotency", &id).await;
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
    signed.set("idempotency", "orders#e1", (VALIDATION, "00")).await;
    assert_finding(
        &explain(&signed, "e1").await,
        "event e1: the action orders ran for other content than the log has",
    );
}
