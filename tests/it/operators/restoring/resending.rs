//! Deliveries of the archive that are sent again, because the log lacks events of theirs.

use super::*;

#[tokio::test(start_paused = true)]
async fn of_several_deliveries_of_an_event_the_first_is_sent_and_owns_it_again() {
    let deployment = Deployment::new().await;
    deployment.deliver(&[order("o1", 1, "NEW")]).await;
    deployment.pass(60);
    deployment.deliver(&[order("o1", 1, "NEW")]).await;
    deployment.pass(600);
    let log = items(&deployment, "events");
    lose(&deployment, "events").await;
    assert_eq!(resend(&deployment, Timestamp::UNIX_EPOCH).await.sent, 1);
    deployment.settle().await;
    assert_eq!(items(&deployment, "events"), log);
}

#[tokio::test(start_paused = true)]
async fn an_action_whose_record_was_lost_too_runs_again_under_the_same_key() {
    let (deployment, at) = copied().await;
    lose(&deployment, "events").await;
    lose(&deployment, "idempotency").await;
    put_back(&deployment, RestorableTable::Events).await;
    resend(&deployment, at).await;
    deployment.settle().await;
    let runs = deployment.receiver.effects.runs_of("o3-5");
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0].key, runs[1].key);
    assert_eq!(
        deployment.receiver.effects.runs_of("o1-1").len(),
        1,
        "it is not sent again"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_strict_stack_refused_is_neither_missing_nor_sent_before_it_is_ours() {
    let deployment = Deployment::builder().subscriptions(Policy::Strict).start().await;
    let subscriptions = deployment.receiver.subscriptions();
    subscriptions.adopt("ours").await.unwrap();
    let theirs = order("o1", 1, "NEW").replacen('{', r#"{"webhook_id":"theirs","#, 1);
    deployment.deliver(&[theirs, order("o2", 2, "NEW")]).await;
    deployment.settle().await;
    assert_eq!(deployment.receiver.stored("events"), ["o2-2"]);
    assert_eq!(missing(&deployment).await, [""; 0]);
    assert_eq!(resend(&deployment, Timestamp::UNIX_EPOCH).await.incomplete, 0);
    // What it did take comes back, and what it refused does not.
    lose(&deployment, "events").await;
    assert_eq!(missing(&deployment).await, ["o2-2"]);
    assert_eq!(resend(&deployment, Timestamp::UNIX_EPOCH).await.sent, 1);
    deployment.settle().await;
    assert_eq!(deployment.receiver.stored("events"), ["o2-2"]);
    subscriptions.adopt("theirs").await.unwrap();
    deployment.pass(6);
    assert_eq!(missing(&deployment).await, ["o1-1"]);
    assert_eq!(resend(&deployment, Timestamp::UNIX_EPOCH).await.sent, 1);
    deployment.settle().await;
    assert_eq!(deployment.receiver.stored("events"), ["o1-1", "o2-2"]);
}
