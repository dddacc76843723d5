//! What becomes of a request to delete a subscription.

use super::*;

#[tokio::test]
async fn a_delete_removes_the_subscription_and_is_content_when_there_is_none() {
    let stack = Stack::new().await;
    let id = stack.created().await;
    for _ in 0..2 {
        let answer = stack.ask("Delete", Some(&id)).await;
        assert_eq!(
            (&answer["Status"], &answer["PhysicalResourceId"]),
            (&json!("SUCCESS"), &json!(id))
        );
        assert!(stack.upvest.simulator.subscriptions().is_empty());
    }
}

#[tokio::test]
async fn a_subscription_that_is_to_be_kept_survives_the_delete() {
    let stack = Stack::new().await;
    let id = stack.created().await;
    let deps = stack.deps_with(&[("KEEP_SUBSCRIPTION", "true")]);
    assert_eq!(
        stack.ask_with(&deps, "Delete", Some(&id)).await["Status"],
        "SUCCESS"
    );
    assert_eq!(stack.only().id, id);
}

#[tokio::test]
async fn a_subscription_that_outlives_its_stack_is_noted_where_that_survives() {
    // Kept by the stack's setting.
    let stack = Stack::new().await;
    let id = stack.created().await;
    let deps = stack.deps_with(&[("KEEP_SUBSCRIPTION", "true")]);
    stack.ask_with(&deps, "Delete", Some(&id)).await;
    let ours = || stack.deps().ours.unwrap();
    let noted = ours().outliving().await.unwrap();
    assert!(noted.keys().eq([&id]));
    // Taken over by a new stack with the URL.
    assert_eq!(stack.create().await["PhysicalResourceId"], json!(id));
    assert!(ours().outliving().await.unwrap().is_empty());

    // Made by a check in place of the one that CloudFormation knows.
    stack.upvest.simulator.drop_subscription(&id);
    stack.check().await;
    let other = stack.only().id;
    assert_ne!(other, id);
    assert_eq!(stack.ask("Delete", Some(&id)).await["Status"], "SUCCESS");
    assert!(ours().outliving().await.unwrap().keys().eq([&other]));

    // Upvest was not to be reached, and the resource is then retained.
    let stack = Stack::new().await;
    let id = stack.created().await;
    let deps = stack.deps_with(&[("UPVEST_SECRET", "missing")]);
    assert_eq!(
        stack.ask_with(&deps, "Delete", Some(&id)).await["Status"],
        "FAILED"
    );
    assert!(
        stack
            .deps()
            .ours
            .unwrap()
            .outliving()
            .await
            .unwrap()
            .keys()
            .eq([&id])
    );
}

#[tokio::test]
async fn a_wrong_title_does_not_keep_a_subscription_from_being_deleted() {
    let stack = Stack::new().await;
    let id = stack.created().await;
    let deps = stack.deps_with(&[("WEBHOOK_TITLE", "")]);
    assert_eq!(
        stack.ask_with(&deps, "Delete", Some(&id)).await["Status"],
        "SUCCESS"
    );
    assert!(stack.upvest.simulator.subscriptions().is_empty());
}
